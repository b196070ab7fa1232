package db_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

// One text read twice at once, as River may do inside an act, must not share its prepared statement.
func TestPreparedStatementInUse(t *testing.T) {
	d := dbtest.SQLite(t)
	must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		for i := range int64(3) {
			must(t, put(ctx, tx, i))
		}
		return nil
	}))
	conn, err := d.Writer().Conn(t.Context())
	must(t, err)
	defer conn.Close()
	const text = "SELECT window_at FROM limit_hit ORDER BY window_at"
	var pairs []string
	outer, err := conn.QueryContext(t.Context(), text)
	must(t, err)
	defer outer.Close()
	for outer.Next() {
		var a, b int64
		must(t, outer.Scan(&a))
		inner, err := conn.QueryContext(t.Context(), text)
		must(t, err)
		for inner.Next() {
			must(t, inner.Scan(&b))
			pairs = append(pairs, fmt.Sprintf("%d%d", a, b))
		}
		must(t, inner.Err())
		must(t, inner.Close())
	}
	must(t, outer.Err())
	if want := []string{"00", "01", "02", "10", "11", "12", "20", "21", "22"}; !slices.Equal(pairs, want) {
		t.Errorf("pairs = %v, want %v", pairs, want)
	}
}

// A connection that has seen more texts than it keeps goes on working, also while one of them is being read.
func TestManyTexts(t *testing.T) {
	d := dbtest.SQLite(t)
	conn, err := d.Writer().Conn(t.Context())
	must(t, err)
	defer conn.Close()
	rows, err := conn.QueryContext(t.Context(), "SELECT 1 UNION ALL SELECT 2")
	must(t, err)
	defer rows.Close()
	for i := range 1200 {
		var n int
		must(t, conn.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d", i)).Scan(&n))
		if n != i {
			t.Fatalf("SELECT %d = %d", i, n)
		}
	}
	left := 0
	for rows.Next() {
		left++
	}
	if err := rows.Err(); err != nil || left != 2 {
		t.Errorf("%d rows left, %v", left, err)
	}
}

// The schema may change under a prepared statement.
func TestPreparedStatementOutlivesTheSchema(t *testing.T) {
	d := dbtest.SQLite(t)
	w := d.Writer()
	for _, statement := range []string{
		"CREATE TABLE a (x INTEGER)", "INSERT INTO a VALUES (1)", "SELECT * FROM a", "ALTER TABLE a ADD COLUMN y INTEGER", "SELECT * FROM a",
		"DROP TABLE a", "CREATE TABLE a (x INTEGER)", "INSERT INTO a VALUES (1)", "SELECT * FROM a",
	} {
		if _, err := w.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
