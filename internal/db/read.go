package db

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Row scans the current row into dest, as database/sql does.
type Row func(dest ...any) error

// Reader is what can be read from: a *DB, or the *Tx of an act.
type Reader interface {
	// read calls each for every row until it returns false.
	read(ctx context.Context, query string, args []any, each func(Row) (bool, error)) error
}

// All reads every row. It returns nil, not an error, when there are none. Queries without a limit of their own must be
// bounded by what they select.
func All[T any](ctx context.Context, r Reader, scan func(Row) (T, error), query string, args ...any) ([]T, error) {
	var list []T
	err := r.read(ctx, query, args, func(row Row) (bool, error) {
		v, err := scan(row)
		list = append(list, v)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// One reads the first row and says whether there was one. On a *Tx it also serves INSERT, UPDATE and DELETE … RETURNING.
func One[T any](ctx context.Context, r Reader, scan func(Row) (T, error), query string, args ...any) (T, bool, error) {
	var v, zero T
	found := false
	err := r.read(ctx, query, args, func(row Row) (bool, error) {
		var err error
		v, err = scan(row)
		found = true
		return false, err
	})
	if err != nil {
		return zero, false, err
	}
	return v, found, nil
}

// Scan1 scans a row of a single column: db.One(ctx, r, db.Scan1[int64], "SELECT COUNT(*) …").
func Scan1[T any](row Row) (T, error) {
	var v T
	err := row(&v)
	return v, err
}

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// readRows owns the one loop over *sql.Rows in the house.
func readRows(ctx context.Context, q queryer, query string, args []any, each func(Row) (bool, error)) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		// PostgreSQL reports what a statement met after its first row here.
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	for rows.Next() {
		more, err := each(rows.Scan)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return rows.Err()
}

// NewID makes an id: a UUID v7 as text, so that ids made later sort later and pages of an index are filled in order.
// It panics only if the system has no random numbers.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// steps are the lengths to which In pads, so that a query has few texts and its plan is found again.
var steps = [...]int{1, 10, 50, 200}

// In makes the list of an IN clause, "($3,$4,…)", for ids whose first placeholder is $first, and its arguments. It is
// padded to 1, 10, 50, 200 or the next full 200 by repeating the last id. ids must not be empty.
func In(first int, ids []string) (list string, args []any) {
	n := (len(ids) + 199) / 200 * 200
	for _, s := range steps {
		if len(ids) <= s {
			n = s
			break
		}
	}
	var b strings.Builder
	b.WriteByte('(')
	args = make([]any, n)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
		args[i] = ids[min(i, len(ids)-1)]
	}
	b.WriteByte(')')
	return b.String(), args
}
