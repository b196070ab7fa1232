package db

import (
	"context"
	"database/sql"
	"fmt"
)

// Row scans the current row into its destinations.
type Row func(dest ...any) error

// Reader is what a read can run on: a *DB (committed data) or a *Tx (the act's own view).
type Reader interface {
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
	done(err error) error
}

func (d *DB) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if inTx(ctx) {
		return nil, ErrNested
	}
	return d.read.QueryContext(ctx, query, args...)
}

func (d *DB) done(err error) error { return err }

// All reads every row. No row is an empty list, not an error.
func All[T any](ctx context.Context, r Reader, scan func(Row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := r.query(ctx, query, args)
	if err != nil {
		return nil, r.done(fmt.Errorf("query: %w", err))
	}
	defer rows.Close() //nolint:errcheck // the error that matters is rows.Err below
	var all []T
	for rows.Next() {
		v, err := scan(rows.Scan)
		if err != nil {
			return nil, r.done(fmt.Errorf("scan: %w", err))
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, r.done(fmt.Errorf("rows: %w", err))
	}
	return all, nil
}

// One reads the first row; found is false when there is none. On a *Tx it also serves INSERT and UPDATE … RETURNING.
func One[T any](ctx context.Context, r Reader, scan func(Row) (T, error), query string, args ...any) (v T, found bool, err error) {
	all, err := All(ctx, r, scan, query, args...)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// Scan1 scans a single column.
func Scan1[T any](row Row) (T, error) {
	var v T
	err := row(&v)
	return v, err
}
