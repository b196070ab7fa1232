package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/jobs"
)

type countArgs struct {
	N int64 `json:"n"`
}

func (countArgs) Kind() string { return "test_count" }

var errRefused = errors.New("refused")

// soon is a backoff for tests.
func soon(int) time.Duration { return time.Millisecond }

// newClient makes a client that is stopped at the test's end.
func newClient(t *testing.T, d *db.DB, log *slog.Logger) *jobs.Client {
	t.Helper()
	c := jobs.New(d, log)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

func start(t *testing.T, d *db.DB, w jobs.Work, fn func(ctx context.Context, a countArgs) error) *jobs.Client {
	t.Helper()
	c := newClient(t, d, slog.New(slog.DiscardHandler))
	jobs.Handle(c, w, fn)
	must(t, c.Start(t.Context()))
	return c
}

func enqueue(t *testing.T, d *db.DB, c *jobs.Client, n int64) {
	t.Helper()
	must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return c.Enqueue(ctx, tx, countArgs{N: n}) }))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// count is how many jobs are in a state.
func count(t *testing.T, d *db.DB, state string) int64 {
	t.Helper()
	n, _, err := db.One(t.Context(), d, db.Scan1[int64], "SELECT COUNT(*) FROM river_job WHERE state = '"+state+"'")
	must(t, err)
	return n
}

// eventually waits until a row's state is written, which River does a moment after the work.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestJobCommitsWithTheAct(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var ran atomic.Int64
		c := start(t, d, jobs.Work{}, func(_ context.Context, a countArgs) error { ran.Add(a.N); return nil })
		for i, want := range []error{nil, errRefused, nil} {
			err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				must(t, c.Enqueue(ctx, tx, countArgs{N: []int64{1, 10, 100}[i]}))
				return want
			})
			if !errors.Is(err, want) {
				t.Fatal(err)
			}
		}
		must(t, c.Wait(t.Context()))
		if got := ran.Load(); got != 101 {
			t.Errorf("sum of what ran = %d, want 101: the undone act's job must not run", got)
		}
	})
}

// A statement that fails after Enqueue takes the job with it, and so does a neighbour's failure in the same batch.
func TestManyActsWithJobsEachRunOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var mu sync.Mutex
		ran := map[int64]int{}
		c := start(t, d, jobs.Work{}, func(_ context.Context, a countArgs) error {
			mu.Lock()
			defer mu.Unlock()
			ran[a.N]++
			return nil
		})
		var authors sync.WaitGroup
		for a := range int64(16) {
			authors.Go(func() {
				for i := range int64(20) {
					n := a*100 + i
					err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
						if err := c.Enqueue(ctx, tx, countArgs{N: n}); err != nil {
							return err
						}
						if n%3 == 0 {
							_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, 1, NULL)", []byte("k"))
							return err
						}
						return nil
					})
					if (err != nil) != (n%3 == 0) {
						t.Errorf("act %d: %v", n, err)
					}
				}
			})
		}
		authors.Wait()
		must(t, c.Wait(t.Context()))
		mu.Lock()
		defer mu.Unlock()
		for a := range int64(16) {
			for i := range int64(20) {
				n, want := a*100+i, 1
				if n%3 == 0 {
					want = 0
				}
				if ran[n] != want {
					t.Errorf("job %d ran %d times, want %d", n, ran[n], want)
				}
			}
		}
	})
}

// A job's own acts, and River's writes, share the writing connection with other people's acts.
func TestWorkersWriteWhileOthersAct(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := start(t, d, jobs.Work{}, func(ctx context.Context, a countArgs) error {
			return d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, $2, 1)", []byte("job"), a.N)
				return err
			})
		})
		var authors sync.WaitGroup
		for a := range int64(8) {
			authors.Go(func() {
				for i := range int64(25) {
					enqueue(t, d, c, a*100+i)
				}
			})
		}
		authors.Wait()
		must(t, c.Wait(t.Context()))
		n, _, err := db.One(t.Context(), d, db.Scan1[int64], "SELECT COUNT(*) FROM limit_hit")
		if err != nil || n != 200 {
			t.Errorf("%d rows by jobs, %v, want 200", n, err)
		}
	})
}

func TestJobIsTriedAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var tries atomic.Int64
		done := make(chan struct{})
		asked := make(chan int, 10)
		w := jobs.Work{Tries: 4, Backoff: func(try int) time.Duration { asked <- try; return time.Millisecond }}
		c := start(t, d, w, func(context.Context, countArgs) error {
			switch tries.Add(1) {
			case 1:
				return errors.New("down")
			case 2:
				panic("boom")
			}
			close(done)
			return nil
		})
		enqueue(t, d, c, 1)
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("gave up after %d tries", tries.Load())
		}
		eventually(t, "the job to be completed", func() bool { return count(t, d, "completed") == 1 })
		if a, b := <-asked, <-asked; a != 1 || b != 2 || len(asked) > 0 {
			t.Errorf("waits were asked for after tries %d, %d and %d more, want 1 and 2", a, b, len(asked))
		}
	})
}

func TestJobStaysVisibleWhenItFinallyFails(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var tries atomic.Int64
		c := start(t, d, jobs.Work{Tries: 2, Backoff: soon}, func(context.Context, countArgs) error { tries.Add(1); return errRefused })
		enqueue(t, d, c, 1)
		eventually(t, "the job to be given up", func() bool { return count(t, d, "discarded") == 1 })
		if n := tries.Load(); n != 2 {
			t.Errorf("tries = %d, want 2", n)
		}
	})
}

func TestDiscardEndsTheJob(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var tries atomic.Int64
		c := start(t, d, jobs.Work{Backoff: soon}, func(context.Context, countArgs) error {
			tries.Add(1)
			return fmt.Errorf("gone: %w", jobs.ErrDiscard)
		})
		enqueue(t, d, c, 1)
		must(t, c.Wait(t.Context()))
		if n := tries.Load(); n != 1 {
			t.Errorf("tries = %d, want 1", n)
		}
		eventually(t, "the job to be ended", func() bool { return count(t, d, "cancelled") == 1 })
	})
}

func TestTryHasATimeout(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ended := make(chan error, 1)
		c := start(t, d, jobs.Work{Tries: 1, Timeout: 20 * time.Millisecond}, func(ctx context.Context, _ countArgs) error {
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		})
		enqueue(t, d, c, 1)
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestEnqueueAtWaits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var ran atomic.Int64
		c := start(t, d, jobs.Work{}, func(_ context.Context, a countArgs) error { ran.Add(a.N); return nil })
		must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			must(t, c.EnqueueAt(ctx, tx, countArgs{N: 1}, time.Now().Add(-time.Minute)))
			return c.EnqueueAt(ctx, tx, countArgs{N: 10}, time.Now().Add(time.Hour))
		}))
		must(t, c.Wait(t.Context()))
		if got := ran.Load(); got != 1 {
			t.Errorf("ran = %d, want the due job alone", got)
		}
		if n := count(t, d, "scheduled"); n != 1 {
			t.Errorf("%d jobs wait for their time, want 1", n)
		}
	})
}

func TestUnknownKindIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newClient(t, d, slog.New(slog.DiscardHandler))
		jobs.Handle(c, jobs.Work{}, func(context.Context, otherArgs) error { return nil })
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_ = c.Enqueue(ctx, tx, countArgs{}) // ignored on purpose: it ends the act all the same
			return nil
		})
		if err == nil {
			t.Error("a job that nobody handles was taken")
		}
	})
}

type otherArgs struct{}

func (otherArgs) Kind() string { return "test_other" }

// A process that dies leaves its jobs marked as running; the next one runs them.
func TestJobsOfAKilledProcess(t *testing.T) {
	d := dbtest.SQLite(t)
	first := newClient(t, d, slog.New(slog.DiscardHandler))
	jobs.Handle(first, jobs.Work{}, func(context.Context, countArgs) error { return nil })
	enqueue(t, d, first, 7)
	must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = scheduled_at")
		if err == nil {
			_, err = tx.Exec(ctx, "INSERT INTO river_leader (elected_at, expires_at, leader_id, name) VALUES ('2020-01-01', '2099-01-01', 'dead', 'default')")
		}
		return err
	}))
	var ran atomic.Int64
	second := start(t, d, jobs.Work{}, func(_ context.Context, a countArgs) error { ran.Add(a.N); return nil })
	must(t, second.Wait(t.Context()))
	if got := ran.Load(); got != 7 {
		t.Errorf("ran = %d, want the killed process's job", got)
	}
}

// On a database of several nodes a job of a dead one is run by another two minutes after it began, however long other
// kinds may take; one of a kind that may still be running is left alone.
func TestJobsOfADeadNode(t *testing.T) {
	d := dbtest.Postgres(t)
	for kind, want := range map[string]struct {
		limit time.Duration
		ran   int64
	}{"short": {0, 7}, "long": {time.Hour, 0}} {
		t.Run(kind, func(t *testing.T) {
			dead := newClient(t, d, slog.New(slog.DiscardHandler))
			jobs.Handle(dead, jobs.Work{}, func(context.Context, countArgs) error { return nil })
			enqueue(t, d, dead, 7)
			must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - INTERVAL '2 minutes'")
				return err
			}))
			var ran atomic.Int64
			other := newClient(t, d, slog.New(slog.DiscardHandler))
			jobs.Handle(other, jobs.Work{Timeout: want.limit, Backoff: soon}, func(_ context.Context, a countArgs) error { ran.Add(a.N); return nil })
			jobs.Handle(other, jobs.Work{Timeout: time.Hour}, func(context.Context, otherArgs) error { return nil })
			must(t, other.Start(t.Context()))
			if want.ran > 0 {
				eventually(t, "the dead node's job to be run", func() bool { return ran.Load() == want.ran })
			} else {
				time.Sleep(2 * time.Second)
			}
			if got := ran.Load(); got != want.ran {
				t.Errorf("ran = %d, want %d", got, want.ran)
			}
			must(t, other.Stop(t.Context()))
			must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, "DELETE FROM river_job")
				return err
			}))
		})
	}
}

func TestStopCutsOffWhatDoesNotEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		running := make(chan struct{})
		c := start(t, d, jobs.Work{}, func(ctx context.Context, _ countArgs) error { close(running); <-ctx.Done(); return ctx.Err() })
		enqueue(t, d, c, 1)
		<-running
		hurry, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := c.Stop(hurry); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop = %v, want to be told that a job was cut off", err)
		}
		if n := count(t, d, "completed") + count(t, d, "discarded"); n != 0 {
			t.Error("the job that was cut off is not going to run again")
		}
	})
}

func TestWaitNeedsStart(t *testing.T) {
	c := jobs.New(dbtest.SQLite(t), slog.New(slog.DiscardHandler))
	if err := c.Wait(t.Context()); err == nil {
		t.Error("Wait would wait for ever")
	}
}

func TestPeriodicWorkRunsAndSurvivesPanic(t *testing.T) {
	var log bytes.Buffer
	c := jobs.New(dbtest.SQLite(t), slog.New(slog.NewJSONHandler(&log, nil)))
	twice := make(chan struct{})
	var n atomic.Int64
	c.Every("test_tick", time.Millisecond, func(context.Context) error {
		if n.Add(1) == 2 {
			close(twice)
		}
		panic("patient Whitfield")
	})
	must(t, c.Start(t.Context())) // without any kind of job
	<-twice
	must(t, c.Stop(t.Context()))
	if s := log.String(); !strings.Contains(s, "test_tick") || strings.Contains(s, "Whitfield") {
		t.Errorf("log = %.300s, want the name and not the panic's value", s)
	}
}

// secretArgs stands for arguments and errors that quote what nobody may read in a log.
type secretArgs struct {
	To string `json:"to"`
}

func (secretArgs) Kind() string { return "test_secret" }

func TestLogHasKindAndNumberOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var mu sync.Mutex
		var out bytes.Buffer
		log := slog.New(slog.NewJSONHandler(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return out.Write(p)
		}), &slog.HandlerOptions{Level: slog.LevelDebug}))
		c := newClient(t, d, log)
		var tries atomic.Int64
		jobs.Handle(c, jobs.Work{Tries: 3, Backoff: soon}, func(_ context.Context, a secretArgs) error {
			switch tries.Add(1) {
			case 1:
				return fmt.Errorf("550 no such user <%s>", a.To)
			case 2:
				panic("Whitfield is not there")
			}
			_, _, err := db.One(t.Context(), d, db.Scan1[int64], "SELECT no_such_column")
			return fmt.Errorf("to %s: %w", a.To, err)
		})
		must(t, c.Start(t.Context()))
		must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			return c.Enqueue(ctx, tx, secretArgs{To: "ann.whitfield@clinic.test"})
		}))
		eventually(t, "the job to be given up", func() bool { return count(t, d, "discarded") == 1 })
		mu.Lock()
		defer mu.Unlock()
		text := out.String()
		if strings.Contains(strings.ToLower(text), "whitfield") || strings.Contains(text, "no_such_column") {
			t.Errorf("the log quotes what it must not:\n%s", text)
		}
		failed := 0
		for line := range strings.Lines(text) {
			var v struct {
				Msg, Kind string
				Job       int64
				Try       int
			}
			must(t, json.Unmarshal([]byte(line), &v))
			if v.Msg == "job failed" {
				failed++
				if v.Kind != "test_secret" || v.Job == 0 || v.Try != failed {
					t.Errorf("line = %s", line)
				}
			}
		}
		if failed != 3 {
			t.Errorf("%d lines for 3 failed tries", failed)
		}
	})
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
