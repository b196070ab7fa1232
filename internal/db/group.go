package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Bounds of one batch: as many acts as this, or this long, then it is committed.
const (
	batchActs = 64
	batchTime = 5 * time.Millisecond
)

// ErrClosed is returned to acts that come after Close.
var ErrClosed = errors.New("db: closed")

// request is an act that waits for the writing connection.
type request struct {
	ctx  context.Context //nolint:containedctx // it belongs to the waiting caller, and ends with it
	fn   func(ctx context.Context, tx *Tx) error
	done chan error
	tx   *Tx
}

// queue lends SQLite's one transaction to the waiting acts in turn and commits them together.
type queue struct {
	db    *sql.DB
	acts  chan *request
	stop  chan struct{}
	ended chan struct{}
	once  sync.Once
}

func newQueue(db *sql.DB) *queue {
	q := &queue{db: db, acts: make(chan *request, batchActs), stop: make(chan struct{}), ended: make(chan struct{})}
	go q.loop()
	return q
}

// close lets the acts that wait finish and refuses later ones.
func (q *queue) close() {
	q.once.Do(func() { close(q.stop) })
	<-q.ended
}

func (q *queue) run(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan error, 1)}
	select {
	case q.acts <- r:
	case <-q.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done: // an act that was taken is always answered: the caller must know whether it happened
		return err
	case <-q.ended:
		select { // it may have been answered as the loop ended
		case err := <-r.done:
			return err
		default:
			return ErrClosed
		}
	}
}

func (q *queue) loop() {
	defer close(q.ended)
	for {
		select {
		case r := <-q.acts:
			q.batch(r)
		case <-q.stop:
			for {
				select {
				case r := <-q.acts:
					q.batch(r)
				default:
					return
				}
			}
		}
	}
}

// batch runs first and whatever waits behind it in one transaction, and answers all after its COMMIT.
func (q *queue) batch(first *request) {
	std, err := q.db.BeginTx(context.Background(), nil)
	if err != nil {
		first.done <- fmt.Errorf("begin: %w", err)
		return
	}
	stored := make([]*request, 0, batchActs)
	start := time.Now()
	alone := len(q.acts) == 0 // a batch of one needs no savepoint
	for r := first; r != nil; r = q.next(alone, start, len(stored)) {
		ok, err := q.one(std, r, alone)
		if err != nil { // the connection can no longer tell one act from another: the whole batch fails
			fail(std, append(stored, r), err)
			return
		}
		if ok {
			stored = append(stored, r)
		}
		if alone && !ok {
			return // rolled back and answered by one
		}
	}
	q.commit(std, stored)
}

// next is the act that still fits into the batch, or nil.
func (q *queue) next(alone bool, start time.Time, have int) *request {
	if alone || have >= batchActs || time.Since(start) > batchTime {
		return nil
	}
	select {
	case r := <-q.acts:
		return r
	default:
		return nil
	}
}

// one runs an act inside the batch. ok: it waits for the COMMIT. Not ok: it was undone alone and has been answered.
func (q *queue) one(std *sql.Tx, r *request, alone bool) (ok bool, broken error) {
	if err := r.ctx.Err(); err != nil {
		r.done <- err
		if alone {
			return false, rollback(std)
		}
		return false, nil
	}
	if !alone {
		if _, err := std.ExecContext(context.Background(), "SAVEPOINT act"); err != nil {
			return false, fmt.Errorf("savepoint: %w", err)
		}
	}
	r.tx = &Tx{std: std}
	err := act(r.ctx, r.tx, r.fn)
	switch {
	case err == nil && alone:
		return true, nil
	case err == nil:
		if _, err := std.ExecContext(context.Background(), "RELEASE act"); err != nil {
			return false, fmt.Errorf("release: %w", err)
		}
		return true, nil
	case alone:
		if rb := rollback(std); rb != nil {
			err = errors.Join(err, rb)
		}
		r.done <- err
		return false, nil
	}
	if _, rb := std.ExecContext(context.Background(), "ROLLBACK TO act"); rb != nil {
		return false, errors.Join(err, fmt.Errorf("roll back to savepoint: %w", rb))
	}
	if _, rb := std.ExecContext(context.Background(), "RELEASE act"); rb != nil {
		return false, errors.Join(err, fmt.Errorf("release: %w", rb))
	}
	r.done <- err
	return false, nil
}

func (q *queue) commit(std *sql.Tx, stored []*request) {
	if err := std.Commit(); err != nil {
		fail(std, stored, fmt.Errorf("commit: %w", err))
		return
	}
	for _, r := range stored {
		for _, f := range r.tx.after {
			f()
		}
		r.done <- nil
	}
}

// fail undoes the transaction and tells every act in it.
func fail(std *sql.Tx, all []*request, err error) {
	if rb := rollback(std); rb != nil {
		err = errors.Join(err, rb)
	}
	for _, r := range all {
		r.done <- err
	}
}

func rollback(std *sql.Tx) error {
	if err := std.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}
