package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

type txKey struct{}

func inTx(ctx context.Context) bool { return ctx.Value(txKey{}) != nil }

// Tx is one act. It is used by one goroutine and not after its function has returned.
type Tx struct {
	std    *sql.Tx
	conn   *sql.Conn // PostgreSQL only: the connection under std
	err    error     // the first error; closes the act
	after  []func()
	closed bool
}

// Exec runs a statement and returns how many rows it changed.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if tx.err != nil {
		return 0, tx.err
	}
	res, err := tx.std.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, tx.Fail(fmt.Errorf("exec: %w", err))
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, tx.Fail(fmt.Errorf("rows affected: %w", err))
	}
	return n, nil
}

func (tx *Tx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if tx.err != nil {
		return nil, tx.err
	}
	return tx.std.QueryContext(ctx, query, args...)
}

func (tx *Tx) done(err error) error { return tx.Fail(err) }

// Fail closes the act with err: nothing of it will be stored. It returns the error that closed it first.
func (tx *Tx) Fail(err error) error {
	if tx.err == nil {
		tx.err = err
	}
	return tx.err
}

// AfterCommit runs fn once the act is on disk, and never when it is not. It must not block.
func (tx *Tx) AfterCommit(fn func()) { tx.after = append(tx.after, fn) }

// SQL is the transaction under the act on SQLite, for package jobs only.
func (tx *Tx) SQL() *sql.Tx { return tx.std }

// PgxConn lends the connection under the act on PostgreSQL, already inside its transaction. For package jobs only.
func (tx *Tx) PgxConn(fn func(*pgx.Conn) error) error {
	if tx.err != nil {
		return tx.err
	}
	err := tx.conn.Raw(func(dc any) error { return fn(dc.(*stdlib.Conn).Conn()) })
	if err != nil {
		return tx.Fail(err)
	}
	return nil
}

// InTx runs fn as one act: stored whole when fn returns nil, not at all otherwise. fn gets a context that marks the
// act and has its own time limit; fn reads and writes through tx alone, touches nothing outside, and may be run again
// from the start, so it only overwrites what it captured.
func (d *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if inTx(ctx) {
		return ErrNested
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.postgres {
		return d.queue.run(ctx, fn)
	}
	for try := 0; ; try++ {
		err := d.inPostgres(ctx, fn)
		if err == nil || try == 2 || !lostRace(err) {
			return err
		}
		time.Sleep(time.Duration(1<<try) * 2 * time.Millisecond) // let the winner finish
	}
}

// act runs fn on tx and says whether it may be committed.
func act(ctx context.Context, tx *Tx, fn func(ctx context.Context, tx *Tx) error) (err error) {
	inner, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), txKey{}, true), actLimit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("db: panic inside a transaction: %v", p)
		}
		tx.closed = true
		if err != nil && tx.err == nil {
			tx.err = err
		}
	}()
	if err := fn(inner, tx); err != nil {
		return err
	}
	if tx.err != nil { // a caught error is still an error
		return tx.err
	}
	return ctx.Err() // the caller has gone before the commit: nobody was told it happened
}

func (d *DB) inPostgres(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("get a connection: %w", err)
	}
	defer conn.Close() //nolint:errcheck // gives the connection back to the pool; a broken one is dropped there
	std, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := &Tx{std: std, conn: conn}
	if err := act(ctx, tx, fn); err != nil {
		if rb := std.Rollback(); rb != nil && !errors.Is(rb, sql.ErrTxDone) {
			return errors.Join(err, fmt.Errorf("roll back: %w", rb))
		}
		return err
	}
	if err := std.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, f := range tx.after {
		f()
	}
	return nil
}

// lostRace says that PostgreSQL ended the act in favour of another: repeating it may succeed.
func lostRace(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}
