package db_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

func TestAway(t *testing.T) {
	for _, c := range []struct {
		err  error
		away bool
	}{
		{db.ErrClosed, true}, {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true}, {io.ErrUnexpectedEOF, true},
		{&pgconn.PgError{Code: "57P01"}, true}, {&pgconn.PgError{Code: "53300"}, true}, {&pgconn.PgError{Code: "08006"}, true},
		{&pgconn.PgError{Code: "23505"}, false}, {&pgconn.PgError{Code: "57014"}, false}, {errors.New("anything else"), false}, {context.Canceled, false}, {nil, false},
	} {
		if got := db.Away(c.err); got != c.away {
			t.Errorf("%v: %v", c.err, got)
		}
		if c.err != nil && db.Away(fmt.Errorf("read: %w", c.err)) != c.away {
			t.Errorf("%v wrapped", c.err)
		}
	}
}

// A database that is not there, or was there, is away for acts and reads alike.
func TestAwayWithoutAServer(t *testing.T) {
	if _, err := db.Open(t.Context(), "postgres://nobody@127.0.0.1:1/none?connect_timeout=2", db.Options{}); !db.Away(err) {
		t.Errorf("no server: %v", err)
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return nil })
		_, _, read := db.One(t.Context(), d, db.Scan1[int64], "SELECT 1")
		if !db.Away(err) || !db.Away(read) {
			t.Errorf("closed: act %v, read %v", err, read)
		}
	})
}
