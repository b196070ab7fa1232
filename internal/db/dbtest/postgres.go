package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"securepractice/internal/db"
)

const (
	superuser   = "postgres"
	programRole = "securepractice_program"
	password    = "securepractice" // for servers that ask; it guards empty tables
	prefix      = "securepractice_test_"
)

// pgServer is a PostgreSQL in which this process makes databases.
type pgServer struct {
	admin    *url.URL  // a superuser's address
	life     io.Closer // what keeps our own server running; nil for a given one
	template string
	mu       sync.Mutex // one CREATE DATABASE at a time: two copies of one template get in each other's way
}

// server is started, or found, on first use.
var server = sync.OnceValues(func() (*pgServer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s := &pgServer{template: newName()}
	address := os.Getenv("SECUREPRACTICE_TEST_POSTGRES")
	if address == "" {
		socket, life, err := startServer(ctx)
		if err != nil {
			return nil, err
		}
		s.life = life
		address = "postgres://" + superuser + "@/postgres?host=" + url.QueryEscape(socket)
	}
	var err error
	if s.admin, err = url.Parse(address); err != nil {
		return nil, errors.New("SECUREPRACTICE_TEST_POSTGRES is not an address") // the cause repeats it
	}
	return s, s.prepare(ctx)
})

// newName is a database name that tells when it was made, for dropOld.
func newName() string {
	return prefix + strconv.FormatInt(time.Now().Unix(), 10) + "_" + strings.ToLower(rand.Text()[:10])
}

// prepare makes the program's role and the migrated template.
func (s *pgServer) prepare(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.admin.String())
	if err != nil {
		return fmt.Errorf("reach PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is left undone on it
	if err := dropOld(ctx, conn); err != nil {
		return err
	}
	// Another process may make the same role at the same moment, which is as good.
	if _, err := conn.Exec(ctx, "CREATE ROLE "+programRole+" LOGIN PASSWORD '"+password+"'"); err != nil && !isCode(err, "42710", "23505") {
		return fmt.Errorf("make the program's role: %w", err)
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+s.template+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		return fmt.Errorf("make the template: %w", err)
	}
	return migrate(ctx, s.url(superuser, s.template), func(d *db.DB) error { return db.Grant(ctx, d, programRole) })
}

// dropOld removes what killed test processes left on a lasting server more than an hour ago.
func dropOld(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE datname LIKE $1", prefix+"%")
	if err != nil {
		return fmt.Errorf("list old test databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list old test databases: %w", err)
	}
	for _, name := range names {
		made, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "_")
		at, err := strconv.ParseInt(made, 10, 64)
		if err != nil || time.Since(time.Unix(at, 0)) < time.Hour {
			continue
		}
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("drop an old test database: %w", err)
		}
	}
	return nil
}

func (s *pgServer) url(role, name string) string {
	u := *s.admin
	u.Path = "/" + name
	if role != superuser {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

func (s *pgServer) copyTemplate(ctx context.Context) (string, error) {
	name := newName()
	return name, s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+s.template)
}

func (s *pgServer) drop(ctx context.Context, name string) error {
	return s.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

func (s *pgServer) exec(ctx context.Context, statement string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn, err := pgx.Connect(ctx, s.admin.String())
	if err != nil {
		return fmt.Errorf("reach PostgreSQL: %w", err)
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func isCode(err error, codes ...string) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}
