package db_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

func TestActIsStoredWhole(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			return errors.Join(put(ctx, tx, 1), put(ctx, tx, 2))
		}))
		if got := stored(t, d); !slices.Equal(got, []int64{1, 2}) {
			t.Errorf("stored = %v, want both rows", got)
		}
	})
}

func TestRefusedActLeavesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		hooks := 0
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			tx.AfterCommit(func() { hooks++ })
			return errors.Join(put(ctx, tx, 1), errRefused)
		})
		if !errors.Is(err, errRefused) {
			t.Errorf("err = %v, want the function's own", err)
		}
		if got := stored(t, d); len(got) != 0 || hooks != 0 {
			t.Errorf("stored = %v and %d hooks ran, want nothing of a refused act", got, hooks)
		}
	})
}

// A failing statement, wherever in the act and whether or not its error is looked at, undoes all of it.
func TestFailedStatementClosesTheAct(t *testing.T) {
	bad := map[string]func(ctx context.Context, tx *db.Tx) error{
		"constraint": func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, $2, NULL)", []byte("k"), int64(99))
			return err
		},
		"syntax": func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO nothing_at_all")
			return err
		},
		"query": func(ctx context.Context, tx *db.Tx) error {
			_, _, err := db.One(ctx, tx, db.Scan1[int64], "SELECT no_such_column FROM limit_hit")
			return err
		},
		"scan": func(ctx context.Context, tx *db.Tx) error {
			_, _, err := db.One(ctx, tx, db.Scan1[int64], "SELECT 'not a number'")
			return err
		},
	}
	for name, fail := range bad {
		for at := range 4 {
			t.Run(fmt.Sprintf("%s/%d", name, at), func(t *testing.T) {
				dbtest.Each(t, func(t *testing.T, d *db.DB) { failAt(t, d, at, fail) })
			})
		}
	}
}

func failAt(t *testing.T, d *db.DB, at int, fail func(ctx context.Context, tx *db.Tx) error) {
	var first error
	err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		for i := range 4 {
			if i == at {
				first = fail(ctx, tx)
				continue // the author forgot to look
			}
			if err := put(ctx, tx, int64(i)); i > at && !errors.Is(err, first) {
				t.Errorf("statement %d after the failed one: err = %v, want %v again", i, err, first)
			}
		}
		return nil
	})
	if first == nil || !errors.Is(err, first) {
		t.Errorf("InTx = %v, want the failed statement's error %v", err, first)
	}
	if got := stored(t, d); len(got) != 0 {
		t.Errorf("stored = %v, want nothing", got)
	}
	must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return put(ctx, tx, 7) }))
	if got := stored(t, d); !slices.Equal(got, []int64{7}) {
		t.Errorf("after the failed act: stored = %v, want the next act's row alone", got)
	}
}

func TestNestedIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if err := d.InTx(ctx, func(context.Context, *db.Tx) error { return nil }); !errors.Is(err, db.ErrNested) {
				t.Errorf("InTx inside InTx = %v, want ErrNested", err)
			}
			if _, _, err := db.One(ctx, d, db.Scan1[int64], "SELECT 1"); !errors.Is(err, db.ErrNested) {
				t.Errorf("One past the tx = %v, want ErrNested", err)
			}
			if _, err := db.All(ctx, d, db.Scan1[int64], "SELECT 1"); !errors.Is(err, db.ErrNested) {
				t.Errorf("All past the tx = %v, want ErrNested", err)
			}
			return put(ctx, tx, 1) // being refused does not end the act
		}))
	})
}

func TestCallerWhoHasGone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Run("before", func(t *testing.T) {
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			err := d.InTx(gone, func(context.Context, *db.Tx) error { t.Error("the act ran"); return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, want canceled", err)
			}
		})
		t.Run("in the middle", func(t *testing.T) {
			caller, cancel := context.WithCancel(t.Context())
			err := d.InTx(caller, func(ctx context.Context, tx *db.Tx) error {
				must(t, put(ctx, tx, 1))
				cancel()
				must(t, put(caller, tx, 2)) // statements go on, even with the caller's context
				return ctx.Err()
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, want canceled", err)
			}
			if got := stored(t, d); len(got) != 0 {
				t.Errorf("stored = %v, want nothing for a caller who has gone", got)
			}
		})
	})
}

func TestActLimit(t *testing.T) {
	urls := map[string]string{"sqlite": dbtest.SQLiteURL(t), "postgres": dbtest.PostgresURL(t)}
	slow := map[string]string{
		"sqlite": `INSERT INTO limit_hit (key_mac, window_at, n)
			WITH RECURSIVE c (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM c) SELECT $1, i, 1 FROM c`,
		"postgres": `INSERT INTO limit_hit (key_mac, window_at, n) SELECT $1, i, 1 FROM generate_series(100, 1000000000) i`,
	}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			d, err := db.Open(t.Context(), url, db.Options{ActLimit: 50 * time.Millisecond})
			must(t, err)
			defer d.Close()
			err = d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				must(t, put(ctx, tx, 1))
				if _, err := tx.Exec(ctx, slow[name], []byte("slow")); err == nil {
					t.Error("an endless statement ended well")
				}
				if err := put(ctx, tx, 2); err == nil {
					t.Error("a statement after the interrupted one was taken")
				}
				return nil
			})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v, want the limit", err)
			}
			if got := stored(t, d); len(got) != 0 {
				t.Errorf("stored = %v, want nothing half", got)
			}
			must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return put(ctx, tx, 3) }))
		})
	}
}

func TestAfterCommit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var seen []int64
		must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			tx.AfterCommit(func() { seen = stored(t, d) })
			return put(ctx, tx, 5)
		}))
		if !slices.Equal(seen, []int64{5}) {
			t.Errorf("the hook saw %v, want the committed row, before InTx returns", seen)
		}
	})
}

func TestPanicUndoesTheActAndNoOther(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		func() {
			defer func() {
				if v := recover(); v != "boom" {
					t.Errorf("recovered %v, want the author's panic", v)
				}
			}()
			_ = d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				must(t, put(ctx, tx, 1))
				panic("boom")
			})
		}()
		exited := make(chan struct{})
		go func() {
			defer close(exited)
			_ = d.InTx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *db.Tx) error {
				_ = put(ctx, tx, 2)
				runtime.Goexit() // what t.Fatal does
				return nil
			})
		}()
		<-exited
		must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return put(ctx, tx, 3) }))
		if got := stored(t, d); !slices.Equal(got, []int64{3}) {
			t.Errorf("stored = %v, want the last act's row alone", got)
		}
	})
}

func TestTxIsWorthlessAfterTheAct(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var kept *db.Tx
		must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { kept = tx; return put(ctx, tx, 1) }))
		must(t, d.InTx(t.Context(), func(ctx context.Context, _ *db.Tx) error {
			if err := put(ctx, kept, 2); err == nil {
				t.Error("a Tx wrote after its act was over")
			}
			return nil
		}))
	})
}

func TestManyActsAreDurableInOrder(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const authors, each = 32, 10
		var all sync.WaitGroup
		for a := range int64(authors) {
			all.Go(func() {
				for i := range int64(each) {
					n := a*1000 + i
					err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return put(ctx, tx, n) })
					if err != nil {
						t.Error(err)
						return
					}
					// What was answered is there at once, and so is what this author did before.
					got, _, err := db.One(t.Context(), d, db.Scan1[int64],
						"SELECT COUNT(*) FROM limit_hit WHERE window_at BETWEEN $1 AND $2", a*1000, n)
					if err != nil || got != i+1 {
						t.Errorf("author %d after act %d: %d rows, %v", a, i, got, err)
						return
					}
				}
			})
		}
		all.Wait()
		if got := stored(t, d); len(got) != authors*each {
			t.Errorf("%d rows, want %d", len(got), authors*each)
		}
	})
}

func TestLostRaceIsRepeated(t *testing.T) {
	d := dbtest.Postgres(t)
	raise := `DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40P01'; END $$`
	for _, c := range []struct {
		lost, runs int
		ok         bool
	}{{0, 1, true}, {3, 4, true}, {9, 4, false}} {
		runs := 0
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			runs++
			if err := put(ctx, tx, int64(c.lost)); err != nil {
				return err
			}
			if runs <= c.lost {
				_, err := tx.Exec(ctx, raise)
				return fmt.Errorf("hidden from the caller: %v", err) //nolint:errorlint // on purpose: the code must be found all the same
			}
			return nil
		})
		if runs != c.runs || (err == nil) != c.ok {
			t.Errorf("lost %d races: %d runs, err = %v; want %d runs, ok = %v", c.lost, runs, err, c.runs, c.ok)
		}
	}
}

func TestOneReturning(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			for i := range int64(3) {
				must(t, put(ctx, tx, i))
			}
			n, found, err := db.One(ctx, tx, db.Scan1[int64], "UPDATE limit_hit SET n = n + 1 WHERE window_at >= $1 RETURNING n", int64(1))
			if err != nil || !found || n != 2 {
				t.Errorf("One = %d, %v, %v", n, found, err)
			}
			_, found, err = db.One(ctx, tx, db.Scan1[int64], "UPDATE limit_hit SET n = n + 1 WHERE window_at = $1 RETURNING n", int64(9))
			if err != nil || found {
				t.Errorf("no row: found = %v, %v", found, err)
			}
			return nil
		}))
		list, err := db.All(t.Context(), d, db.Scan1[int64], "SELECT n FROM limit_hit ORDER BY window_at")
		if err != nil || !slices.Equal(list, []int64{1, 2, 2}) {
			t.Errorf("n = %v, %v; want every row that matched changed", list, err)
		}
	})
}

func TestReadInsideReadInsideAct(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			must(t, put(ctx, tx, 1))
			_, err := db.All(ctx, tx, func(db.Row) (int64, error) { return 0, put(ctx, tx, 2) }, "SELECT n FROM limit_hit")
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "two statements") {
			t.Errorf("err = %v, want a refusal instead of a deadlock", err)
		}
		if got := stored(t, d); len(got) != 0 {
			t.Errorf("stored = %v, want nothing", got)
		}
	})
}

func TestIn(t *testing.T) {
	ids := func(n int) []string {
		l := make([]string, n)
		for i := range l {
			l[i] = db.NewID()
		}
		return l
	}
	for have, want := range map[int]int{1: 1, 2: 10, 10: 10, 11: 50, 51: 200, 200: 200, 201: 400} {
		l := ids(have)
		list, args := db.In(3, l)
		if len(args) != want || strings.Count(list, "$") != want || args[want-1] != l[have-1] {
			t.Errorf("%d ids: %d args, list %.20s…", have, len(args), list)
		}
	}
	if list, _ := db.In(3, ids(1)); list != "($3)" {
		t.Errorf("list = %s", list)
	}
	if list, _ := db.In(1, ids(2)); !strings.HasPrefix(list, "($1,$2,$3") {
		t.Errorf("list = %s", list)
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		list, args := db.In(1, ids(60))
		if _, err := db.All(t.Context(), d, db.Scan1[string], "SELECT event_id FROM audit_pending WHERE event_id IN "+list, args...); err != nil {
			t.Error(err)
		}
	})
}

func TestNewIDSortsByTime(t *testing.T) {
	l := make([]string, 1000)
	for i := range l {
		l[i] = db.NewID()
	}
	if !slices.IsSorted(l) {
		t.Error("ids made one after the other do not sort that way")
	}
}
