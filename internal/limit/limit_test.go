package limit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/limit"
)

var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func allow(t *testing.T, d *db.DB, l *limit.Limiter, key string) bool {
	t.Helper()
	var ok bool
	err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
		ok, err = l.Allow(ctx, tx, limit.Rule{Name: "codes", Max: 3, Window: time.Hour}, key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestAllow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := clock.Fixed(start)
		l := &limit.Limiter{Keys: crypttest.Keys(t, d), Clock: now}
		for i := range 5 {
			if got, want := allow(t, d, l, "+12065550142"), i < 3; got != want {
				t.Errorf("act %d allowed = %v, want %v", i+1, got, want)
			}
		}
		if !allow(t, d, l, "+12065550143") {
			t.Error("another number is counted for itself")
		}
		now.Advance(time.Hour)
		if !allow(t, d, l, "+12065550142") {
			t.Error("a new window begins from nothing")
		}
	})
}

func TestRolledBackIsNotCounted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := &limit.Limiter{Keys: crypttest.Keys(t, d), Clock: clock.Fixed(start)}
		stop := errors.New("stop")
		for range 10 {
			err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if _, err := l.Allow(ctx, tx, limit.Rule{Name: "codes", Max: 3, Window: time.Hour}, "k"); err != nil {
					return err
				}
				return stop
			})
			if !errors.Is(err, stop) {
				t.Fatal(err)
			}
		}
		if !allow(t, d, l, "k") {
			t.Error("acts that did not happen were counted")
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := &limit.Limiter{Keys: crypttest.Keys(t, d), Clock: clock.Fixed(start)}
		var mu sync.Mutex
		var wg sync.WaitGroup
		passed := 0
		for range 20 {
			wg.Go(func() {
				if allow(t, d, l, "k") {
					mu.Lock()
					passed++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if passed != 3 {
			t.Errorf("%d acts at once were allowed, want 3", passed)
		}
	})
}

func TestSweep(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := clock.Fixed(start)
		l := &limit.Limiter{Keys: crypttest.Keys(t, d), Clock: now}
		allow(t, d, l, "k")
		now.Advance(72 * time.Hour)
		allow(t, d, l, "k")
		if err := l.Sweep(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		n, _, err := db.One(t.Context(), d, db.Scan1[int64], "SELECT COUNT(*) FROM limit_hit")
		if err != nil || n != 1 {
			t.Fatalf("%d counters left (%v), want the present one", n, err)
		}
	})
}
