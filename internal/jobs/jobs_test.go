package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/jobs"
)

type countArgs struct {
	N int `json:"n"`
}

func (countArgs) Kind() string { return "test_count" }

func start(t *testing.T, d *db.DB, w jobs.Work, fn func(ctx context.Context, a countArgs) error) *jobs.Client {
	t.Helper()
	c := jobs.New(d, slog.New(slog.DiscardHandler))
	jobs.Handle(c, w, fn)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestJobCommitsWithTheAct(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var ran atomic.Int64
		c := start(t, d, jobs.Work{}, func(_ context.Context, a countArgs) error { ran.Add(int64(a.N)); return nil })
		refused := errors.New("refused")
		for i, want := range []error{nil, refused, nil} {
			err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if err := c.Enqueue(ctx, tx, countArgs{N: []int{1, 10, 100}[i]}); err != nil {
					return err
				}
				return want
			})
			if !errors.Is(err, want) {
				t.Fatal(err)
			}
		}
		if err := c.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := ran.Load(); got != 101 {
			t.Errorf("sum of what ran = %d, want 101: the rolled back act's job must not run", got)
		}
	})
}

func TestJobIsTriedAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var tries atomic.Int64
		w := jobs.Work{Tries: 4, Backoff: func(int) time.Duration { return time.Millisecond }}
		done := make(chan struct{})
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
		if err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return c.Enqueue(ctx, tx, countArgs{}) }); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("gave up after %d tries", tries.Load())
		}
	})
}

func TestDiscardEndsTheJob(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var tries atomic.Int64
		w := jobs.Work{Backoff: func(int) time.Duration { return time.Millisecond }}
		c := start(t, d, w, func(context.Context, countArgs) error { tries.Add(1); return jobs.ErrDiscard })
		if err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return c.Enqueue(ctx, tx, countArgs{}) }); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := tries.Load(); n != 1 {
			t.Errorf("tries = %d, want 1", n)
		}
	})
}

func TestPeriodicWorkRunsAndSurvivesPanic(t *testing.T) {
	d := dbtest.SQLite(t)
	c := jobs.New(d, slog.New(slog.DiscardHandler))
	twice := make(chan struct{})
	var n atomic.Int64
	c.Every("test", time.Millisecond, func(context.Context) error {
		if n.Add(1) == 2 {
			close(twice)
		}
		panic("boom")
	})
	jobs.Handle(c, jobs.Work{}, func(context.Context, countArgs) error { return nil })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-twice
	if err := c.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}
