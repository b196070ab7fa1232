package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

type actFunc = func(ctx context.Context, tx *db.Tx) error

func putting(n int64) actFunc {
	return func(ctx context.Context, tx *db.Tx) error { return put(ctx, tx, n) }
}

func TestFailedActHurtsNoNeighbour(t *testing.T) {
	d := dbtest.SQLite(t)
	g := hold(t, d, 0)
	acts := make([]actFunc, 20)
	for i := range acts {
		acts[i] = func(ctx context.Context, tx *db.Tx) error {
			if err := put(ctx, tx, int64(i+1)); err != nil {
				return err
			}
			switch i % 4 {
			case 1:
				return errRefused
			case 2:
				_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, 0, 1)", []byte("k")) // the first act's row
				return err
			}
			return nil
		}
	}
	results := queue(t, d, acts...)
	must(t, g.release())
	want := []int64{0}
	for i, r := range results {
		err := <-r
		if ok := i%4 == 0 || i%4 == 3; ok {
			want = append(want, int64(i+1))
			must(t, err)
		} else if err == nil {
			t.Errorf("act %d failed and was told it is stored", i)
		}
	}
	if got := stored(t, d); !slices.Equal(got, want) {
		t.Errorf("stored = %v, want %v", got, want)
	}
}

func TestFirstActOfABatchFails(t *testing.T) {
	d := dbtest.SQLite(t)
	d.Patient()
	inside, open := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- d.InTx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *db.Tx) error {
			close(inside)
			<-open
			return errors.Join(put(ctx, tx, 1), errRefused)
		})
	}()
	<-inside
	results := queue(t, d, putting(2), putting(3))
	close(open)
	if err := <-first; !errors.Is(err, errRefused) {
		t.Errorf("first act: %v", err)
	}
	for _, r := range results {
		must(t, <-r)
	}
	if got := stored(t, d); !slices.Equal(got, []int64{2, 3}) {
		t.Errorf("stored = %v, want what came after the refused act", got)
	}
}

func TestPanicInABatch(t *testing.T) {
	d := dbtest.SQLite(t)
	g := hold(t, d, 1)
	before := queue(t, d, putting(2))
	panicked := make(chan any, 1)
	go func() {
		defer func() { panicked <- recover() }()
		_ = d.InTx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *db.Tx) error {
			must(t, put(ctx, tx, 3))
			panic("boom")
		})
	}()
	waitFor(d, 2)
	results := append(before, queue(t, d, putting(4))...)
	must(t, g.release())
	for _, r := range results {
		must(t, <-r)
	}
	if v := <-panicked; v != "boom" {
		t.Errorf("recovered %v, want the author's panic", v)
	}
	if got := stored(t, d); !slices.Equal(got, []int64{1, 2, 4}) {
		t.Errorf("stored = %v, want all but the panicked act", got)
	}
}

func TestCallerLeavesTheQueue(t *testing.T) {
	d := dbtest.SQLite(t)
	g := hold(t, d, 1)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		left <- d.InTx(ctx, func(context.Context, *db.Tx) error { t.Error("the act ran"); return nil })
	}()
	waitFor(d, 1)
	results := queue(t, d, putting(2))
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) { // before its turn has come
		t.Errorf("err = %v, want canceled", err)
	}
	must(t, g.release())
	must(t, <-results[0])
	if got := stored(t, d); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("stored = %v", got)
	}
}

// An act that loses the shared transaction takes its neighbours down; they run again and are stored once.
func TestLostBatchIsRepeated(t *testing.T) {
	d := dbtest.SQLite(t)
	g := hold(t, d, 1)
	hooks := 0
	results := queue(t, d, putting(2),
		func(ctx context.Context, tx *db.Tx) error {
			if err := put(ctx, tx, 3); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "ROLLBACK") // what SQLite does by itself on a full disk
			return err
		},
		func(ctx context.Context, tx *db.Tx) error {
			tx.AfterCommit(func() { hooks++ })
			return put(ctx, tx, 4)
		})
	must(t, g.release())
	must(t, <-results[0])
	if err := <-results[1]; err == nil {
		t.Error("the act that lost the transaction was told it is stored")
	}
	must(t, <-results[2])
	if got := stored(t, d); !slices.Equal(got, []int64{1, 2, 4}) {
		t.Errorf("stored = %v, want the innocent acts, once each", got)
	}
	if hooks != 1 {
		t.Errorf("the hook ran %d times, want once", hooks)
	}
}

// A batch holds no more than 64 acts.
func TestBatchIsBounded(t *testing.T) {
	d := dbtest.SQLite(t)
	g := hold(t, d, 0)
	acts := make([]actFunc, 70)
	var seen int
	for i := range acts {
		acts[i] = putting(int64(i + 1))
	}
	acts[69] = func(ctx context.Context, tx *db.Tx) error { // by then the first 64 are committed
		list, err := db.All(context.WithoutCancel(t.Context()), d, db.Scan1[int64], "SELECT n FROM limit_hit")
		seen = len(list)
		return errors.Join(err, put(ctx, tx, 70))
	}
	results := queue(t, d, acts...)
	must(t, g.release())
	for _, r := range results {
		must(t, <-r)
	}
	if seen != 64 {
		t.Errorf("%d acts were committed while the others waited, want 64", seen)
	}
}

func TestDiskFull(t *testing.T) {
	for _, neighbours := range []bool{false, true} {
		t.Run(fmt.Sprintf("neighbours=%v", neighbours), func(t *testing.T) {
			d := dbtest.SQLite(t)
			must(t, d.InTx(t.Context(), putting(1)))
			var pages int
			must(t, d.Writer().QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
			_, err := d.Writer().ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+20))
			must(t, err)
			fill := func(ctx context.Context, tx *db.Tx) error {
				for i := range int64(1000) {
					_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, $2, 1)", make([]byte, 4000), 100+i)
					if err != nil {
						return put(ctx, tx, 99) // SQLite would store this one
					}
				}
				return errRefused // the disk was not full: refuse all the same, and fail below
			}
			want := []int64{1}
			if neighbours {
				g := hold(t, d, 2)
				results := queue(t, d, fill, putting(3))
				must(t, g.release())
				if err = <-results[0]; err == nil {
					t.Error("the disk was full and the act is said to be stored")
				}
				must(t, <-results[1])
				want = []int64{1, 2, 3}
			} else {
				err = d.InTx(t.Context(), fill)
			}
			if err == nil || !strings.Contains(err.Error(), "full") {
				t.Errorf("err = %v, want a full disk", err)
			}
			if got := stored(t, d); !slices.Equal(got, want) {
				t.Errorf("stored = %v, want %v and nothing half", got, want)
			}
			must(t, d.InTx(t.Context(), putting(7)))
		})
	}
}

func TestReadersCannotWrite(t *testing.T) {
	d := dbtest.SQLite(t)
	_, err := db.All(t.Context(), d, db.Scan1[int64], "INSERT INTO limit_hit (key_mac, window_at, n) VALUES (x'00', 1, 1) RETURNING n")
	if err == nil {
		t.Error("a read wrote")
	}
}

func TestSettingsOfTheFile(t *testing.T) {
	url := dbtest.SQLiteURL(t)
	d, err := db.Open(t.Context(), url, db.Options{})
	must(t, err)
	defer d.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "temp_store": "2", "secure_delete": "2"} {
		var got string
		must(t, d.Writer().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s = %s, want %s", pragma, got, want)
		}
	}
	loose, err := db.All(t.Context(), d, db.Scan1[string], `
		SELECT name FROM pragma_table_list
		WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'river_%' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'`)
	if err != nil || len(loose) > 0 {
		t.Errorf("tables that are not STRICT: %v, %v", loose, err)
	}
}

func TestFolderIsLocked(t *testing.T) {
	url := dbtest.SQLiteURL(t)
	d, err := db.Open(t.Context(), url, db.Options{})
	must(t, err)
	if _, err := db.Open(t.Context(), url, db.Options{}); !errors.Is(err, db.ErrInUse) || !strings.Contains(err.Error(), filepath.Dir(strings.TrimPrefix(url, "sqlite:"))) {
		t.Errorf("second Open = %v, want ErrInUse and the folder's name", err)
	}
	must(t, d.Close())
	if err := d.InTx(t.Context(), putting(1)); !errors.Is(err, db.ErrClosed) {
		t.Errorf("InTx after Close = %v, want ErrClosed", err)
	}
	again, err := db.Open(t.Context(), url, db.Options{})
	must(t, err)
	must(t, again.Close())
	must(t, again.Close())
}

func TestOpenMakesAPrivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new folder", "a#b?c.db")
	d, err := db.Open(t.Context(), "sqlite:"+path, db.Options{})
	must(t, err)
	defer d.Close()
	must(t, db.Migrate(t.Context(), d))
	for name, want := range map[string]os.FileMode{path: 0o600, path + "-wal": 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", filepath.Base(name), got, want)
		}
	}
}

func TestCloseWaitsForTheActs(t *testing.T) {
	d := dbtest.SQLite(t)
	g := hold(t, d, 1)
	results := queue(t, d, putting(2))
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	for d.Waiting() < 2 {
		select {
		case err := <-closed:
			t.Fatalf("closed with acts waiting: %v", err)
		default:
		}
	}
	must(t, g.release())
	must(t, <-results[0])
	must(t, <-closed)
}
