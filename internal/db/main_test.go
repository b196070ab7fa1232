package db_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"securepractice/internal/db"
)

// The tests need rows of their own and no rules of a room: limit_hit is the plainest table there is.

var errRefused = errors.New("refused")

// put stores a row that is found again by n.
func put(ctx context.Context, tx *db.Tx, n int64) error {
	_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, $2, 1)", []byte("k"), n)
	return err
}

// stored lists the rows in order.
func stored(t *testing.T, d *db.DB) []int64 {
	t.Helper()
	list, err := db.All(t.Context(), d, db.Scan1[int64], "SELECT window_at FROM limit_hit ORDER BY window_at")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// gate is an act that has the writing connection and waits, so that others queue behind it.
type gate struct {
	open chan struct{}
	done chan error
}

func hold(t *testing.T, d *db.DB, n int64) *gate {
	t.Helper()
	d.Patient()
	g := &gate{make(chan struct{}), make(chan error, 1)}
	inside := make(chan struct{}, 10) // room for its repetitions
	go func() {
		g.done <- d.InTx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *db.Tx) error {
			inside <- struct{}{}
			<-g.open
			return put(ctx, tx, n)
		})
	}()
	<-inside
	return g
}

// queue starts acts one after the other, so that they wait in this order, and returns where their results will come.
func queue(t *testing.T, d *db.DB, acts ...func(ctx context.Context, tx *db.Tx) error) []chan error {
	t.Helper()
	results := make([]chan error, len(acts))
	for i, fn := range acts {
		results[i] = make(chan error, 1)
		before := d.Waiting()
		go func() { results[i] <- d.InTx(context.WithoutCancel(t.Context()), fn) }()
		waitFor(d, before+1)
	}
	return results
}

// waitFor returns when so many acts wait.
func waitFor(d *db.DB, acts int) {
	for d.Waiting() < acts {
		runtime.Gosched()
	}
}

// release lets the act go on and returns its result.
func (g *gate) release() error {
	close(g.open)
	return <-g.done
}
