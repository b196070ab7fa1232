package db

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

type actKey struct{}

func inAct(ctx context.Context) bool { return ctx.Value(actKey{}) != nil }

// Tx is the transaction of one act. It is given by InTx and is worthless after InTx's function has returned. It is not
// for several goroutines: a second statement while one is running closes it.
type Tx struct {
	ctx     context.Context // the act's own: its limit, without the caller's cancellation
	sql     *sql.Tx
	conn    *sql.Conn
	running sync.Mutex // held by the statement that is running

	mu    sync.Mutex // guards what follows
	err   error
	hooks []func()
}

// lend runs fn on an open transaction and says how the act ended: nil means it is to be committed. The Tx is closed
// afterwards, so that a goroutine that fn left behind cannot write into somebody else's act.
func lend(ctx context.Context, limit time.Duration, conn *sql.Conn, t *sql.Tx, fn actFunc) (*Tx, error) {
	own, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), actKey{}, true), limit)
	defer cancel()
	tx := &Tx{ctx: own, sql: t, conn: conn}
	defer func() { _ = tx.finish() }() // for when fn panics, which has no error to hand on
	err := fn(own, tx)
	if cause := tx.finish(); cause != nil && err == nil {
		err = cause
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = own.Err()
	}
	return tx, err
}

// finish closes the Tx after waiting for a statement that is still running, and returns the error that closed it before.
func (tx *Tx) finish() error {
	tx.running.Lock()
	defer tx.running.Unlock()
	tx.mu.Lock()
	defer tx.mu.Unlock()
	err := tx.err
	if err == nil {
		tx.err = errOver
	}
	return err
}

func (tx *Tx) fail(err error) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.err == nil {
		tx.err = err
	}
	return tx.err
}

// cause is the statement error that closed the Tx, nil when there was none.
func (tx *Tx) cause() error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.err == errOver { //nolint:errorlint // the variable itself, never wrapped
		return nil
	}
	return tx.err
}

// run lets one statement through, unless an earlier one failed, and closes the Tx if this one does.
func (tx *Tx) run(fn func(ctx context.Context) error) error {
	if !tx.running.TryLock() {
		return tx.fail(errOverlap)
	}
	defer tx.running.Unlock()
	tx.mu.Lock()
	err := tx.err
	tx.mu.Unlock()
	if err != nil {
		return err
	}
	if err := fn(tx.ctx); err != nil {
		return tx.fail(err)
	}
	return nil
}

// Exec runs one statement and returns how many rows it touched. Any error ends the act. ctx is there for the shape of
// the call: the statement runs under the act's own limit, not under the caller's cancellation.
func (tx *Tx) Exec(_ context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := tx.run(func(ctx context.Context) error {
		res, err := tx.sql.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

func (tx *Tx) read(_ context.Context, query string, args []any, each func(Row) (bool, error)) error {
	return tx.run(func(ctx context.Context) error {
		more := true
		return readRows(ctx, tx.sql, query, args, func(row Row) (bool, error) {
			var err error
			if more {
				more, err = each(row)
			}
			return true, err // to the end: the statement may be one that writes
		})
	})
}

// AfterCommit has fn run once the act is on disk, before InTx returns; never if the act is undone. fn must not fail
// the act any more: it may wake, count or forget, nothing that has to happen.
func (tx *Tx) AfterCommit(fn func()) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.hooks = append(tx.hooks, fn)
}

func (tx *Tx) committed() {
	for _, fn := range tx.hooks {
		fn()
	}
}

// OnSQLite is for package jobs only: it gives fn the transaction under the act on SQLite, under the rules of Exec. fn
// must not begin, commit or roll back.
func (tx *Tx) OnSQLite(fn func(ctx context.Context, t *sql.Tx) error) error {
	return tx.run(func(ctx context.Context) error { return fn(ctx, tx.sql) })
}

// OnPostgres is for package jobs only: it gives fn the connection on which the act's transaction is open, under the
// rules of Exec. fn must not begin, commit or roll back.
func (tx *Tx) OnPostgres(fn func(ctx context.Context, c *pgx.Conn) error) error {
	return tx.run(func(ctx context.Context) error {
		return tx.conn.Raw(func(dc any) error {
			c, ok := dc.(*stdlib.Conn)
			if !ok {
				return fmt.Errorf("db: not a PostgreSQL connection: %T", dc)
			}
			return fn(ctx, c.Conn())
		})
	})
}
