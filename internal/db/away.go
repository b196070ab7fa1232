package db

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Away says whether an error means that the database cannot be reached or serves nobody just now, rather than that a
// statement was wrong: it was closed or restarted, its connections are cut or all taken.
func Away(err error) bool {
	var connect *pgconn.ConnectError
	var network *net.OpError
	var answer *pgconn.PgError
	switch {
	case err == nil:
		return false
	case strings.HasSuffix(err.Error(), "sql: database is closed"): // database/sql has no name for it
		return true
	case errors.Is(err, ErrClosed), errors.As(err, &connect), errors.As(err, &network), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	case errors.As(err, &answer):
		// Class 08: connection; 53: no resources left; 57P: the server goes down, comes up or cut us off.
		return strings.HasPrefix(answer.Code, "08") || strings.HasPrefix(answer.Code, "53") || strings.HasPrefix(answer.Code, "57P")
	}
	return false
}
