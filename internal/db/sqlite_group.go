package db

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A batch is committed at whichever of these comes first, or when nobody is waiting.
const (
	batchActs = 64
	batchTime = 5 * time.Millisecond
)

// group lends one SQLite transaction to many acts in turn, so that they share one fsync.
type group struct {
	db    *sql.DB
	limit time.Duration // of one act
	span  time.Duration // of one batch

	mu     sync.Mutex
	closed bool
	busy   bool            // somebody has the turn
	queue  []chan struct{} // who waits for it, first come first served; closed to hand it over

	open *batch // touched only by whoever has the turn
}

// batch is one SQLite transaction with the acts that are in it so far.
type batch struct {
	conn  *sql.Conn
	tx    *sql.Tx
	began time.Time
	acts  int
	done  chan struct{} // closed when err is final
	err   error
}

func (g *group) act(ctx context.Context, fn actFunc) (*Tx, error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	b, tx, err := g.turn(ctx, fn)
	if err != nil {
		return nil, err
	}
	<-b.done // another act's author may do the commit; there is no leaving before its result is known
	return tx, b.err
}

// enter waits for the turn. It returns an error only if the turn was not taken.
func (g *group) enter(ctx context.Context) error {
	g.mu.Lock()
	if g.closed || !g.busy {
		defer g.mu.Unlock()
		if g.closed {
			return ErrClosed
		}
		g.busy = true
		return nil
	}
	turn := make(chan struct{})
	g.queue = append(g.queue, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.queue, turn); i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
		return ctx.Err()
	}
	return nil // the turn came at the same moment and must be passed on
}

// turn runs fn in the open batch, or in a new one, and always passes the turn on, even when fn panics.
func (g *group) turn(ctx context.Context, fn actFunc) (*batch, *Tx, error) {
	defer g.leave()
	b, err := g.join(ctx)
	if err != nil {
		return nil, nil, err
	}
	kept := false
	defer func() {
		if !kept {
			g.undo(b)
		}
	}()
	tx, err := lend(ctx, g.limit, b.conn, b.tx, fn)
	if err != nil {
		return nil, nil, err
	}
	kept = true
	if b.acts > 0 {
		if err := b.exec("RELEASE act"); err != nil {
			g.lose(b, err)
			return nil, nil, fmt.Errorf("keep the act: %w", err) // it is to blame, so it does not run again
		}
	}
	b.acts++
	return b, tx, nil
}

// join sets a savepoint in the open batch, or begins one. The first act of a batch needs no savepoint: if it fails, the
// transaction holds nothing else.
func (g *group) join(ctx context.Context) (*batch, error) {
	if err := g.admits(ctx); err != nil {
		return nil, err
	}
	if b := g.open; b != nil {
		if err := b.exec("SAVEPOINT act"); err != nil {
			g.lose(b, err)
			return nil, again(err)
		}
		return b, nil
	}
	wait, cancel := context.WithTimeout(ctx, waitForConn)
	defer cancel()
	conn, err := g.db.Conn(wait)
	if err != nil {
		return nil, fmt.Errorf("wait for the writing connection: %w", err)
	}
	// Without a context of its own, database/sql never rolls back behind our back.
	tx, err := conn.BeginTx(context.Background(), nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	g.open = &batch{conn: conn, tx: tx, began: time.Now(), done: make(chan struct{})}
	return g.open, nil
}

// admits looks, at the last moment, whether the act may still begin.
func (g *group) admits(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	return ctx.Err()
}

// undo takes the act that just failed out of the batch again.
func (g *group) undo(b *batch) {
	if b.acts == 0 {
		g.lose(b, errOver)
		return
	}
	err := b.exec("ROLLBACK TO act")
	if err == nil {
		err = b.exec("RELEASE act")
	}
	if err != nil {
		g.lose(b, err)
	}
}

// lose ends a batch whose transaction cannot be trusted any more: nothing of it is stored, and its acts may run again.
func (g *group) lose(b *batch, why error) {
	g.open = nil
	b.end(b.tx.Rollback())
	b.err = again(why)
	close(b.done)
}

// close waits for its turn and lets nobody in afterwards.
func (g *group) close() {
	if err := g.enter(context.Background()); err != nil {
		return // closed before
	}
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.leave()
}

// leave commits the batch if it is due, and passes the turn on.
func (g *group) leave() {
	for {
		g.mu.Lock()
		if g.open == nil || (len(g.queue) > 0 && !g.due(g.open)) {
			g.pass()
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		b := g.open
		g.open = nil
		if err := b.tx.Commit(); err != nil {
			b.err = fmt.Errorf("commit: %w", err)
		}
		b.end(b.err)
		close(b.done)
	}
}

func (g *group) pass() {
	if len(g.queue) == 0 {
		g.busy = false
		return
	}
	next := g.queue[0]
	g.queue = slices.Delete(g.queue, 0, 1)
	close(next)
}

func (g *group) due(b *batch) bool { return b.acts >= batchActs || time.Since(b.began) >= g.span }

func (b *batch) exec(query string) error {
	_, err := b.tx.ExecContext(context.Background(), query)
	return err
}

// end gives the connection back. After a failed COMMIT or ROLLBACK nobody knows what is open on it, so it is closed,
// which undoes whatever there was.
func (b *batch) end(err error) {
	if err != nil {
		_ = b.conn.Raw(func(any) error { return sqldriver.ErrBadConn }) // closes the connection; that is its whole result
	}
	_ = b.conn.Close() // only "already closed" is possible
}

func again(err error) error { return fmt.Errorf("%w: %w", errAgain, err) }
