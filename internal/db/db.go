package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// What callers can react to.
var (
	// ErrNested is returned by InTx, and by reads through *DB, inside an act. It is a bug in the caller: on SQLite the
	// call would wait for itself.
	ErrNested = errors.New("db: inside an act use its tx")
	// ErrInUse is returned by Open when another process holds the SQLite data folder.
	ErrInUse = errors.New("db: the data folder is in use by another process")

	// ErrClosed is returned for acts that come after Close.
	ErrClosed = errors.New("db: closed")

	errOver    = errors.New("db: the act is over")
	errOverlap = errors.New("db: two statements at once in one act")
	// errAgain marks an act that was undone through no fault of its own and may run again.
	errAgain = errors.New("db: undone by a conflict")
)

const (
	repeats = 3 // how often an act runs again after errAgain

	// waitForConn bounds an act's wait for a connection, on top of its caller's patience. On SQLite jobs hold the one there
	// is for a short statement at a time; on PostgreSQL all may be busy.
	waitForConn = 10 * time.Second
)

// Options are what an operator may tune. The zero value is right for almost everybody.
type Options struct {
	Readers  int           // SQLite: reading connections; 0 is 4
	Conns    int           // PostgreSQL: connections in all, jobs included; 0 is 24, or pool_max_conns of the URL
	ActLimit time.Duration // how long the statements of one act may take together; 0 is five seconds
	Beside   bool          // SQLite: open beside a running program, for a short command with an act or two; takes no lock
}

func (o Options) withDefaults() Options {
	if o.Readers == 0 {
		o.Readers = 4
	}
	if o.ActLimit == 0 {
		o.ActLimit = 5 * time.Second
	}
	return o
}

// engine is what differs between the two databases.
type engine interface {
	// act runs fn in one transaction and returns when it is durable or undone. The Tx is returned for its hooks.
	act(ctx context.Context, fn actFunc) (*Tx, error)
	readers() *sql.DB
	close() error
}

type actFunc func(ctx context.Context, tx *Tx) error

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	engine engine
	lite   *sqlite // one of these two is set
	pg     *postgres
	closed sync.Once
	endErr error
}

// Open opens "sqlite:/path/file.db" (made when missing, its folder too) or a "postgres://" URL. It migrates nothing.
// On SQLite it returns ErrInUse when another process, or another DB of this process, has the same folder open.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	o = o.withDefaults()
	switch scheme, rest, _ := strings.Cut(url, ":"); scheme {
	case "sqlite":
		s, err := openSQLite(ctx, strings.TrimPrefix(rest, "//"), o)
		if err != nil {
			return nil, fmt.Errorf("open SQLite: %w", err)
		}
		return &DB{engine: s, lite: s}, nil
	case "postgres", "postgresql":
		p, err := openPostgres(ctx, url, o)
		if err != nil {
			return nil, fmt.Errorf("open PostgreSQL: %w", err)
		}
		return &DB{engine: p, pg: p}, nil
	}
	return nil, errors.New(`db: the address must begin with "sqlite:" or "postgres:"`) // it is not repeated: it may hold a password
}

// Close waits for the acts that run and closes all connections; acts that come later get an error. A second call does
// nothing and returns the same.
func (d *DB) Close() error {
	d.closed.Do(func() { d.endErr = d.engine.close() })
	return d.endErr
}

// Ping says whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.engine.readers().PingContext(ctx) }

// Postgres says whether the engine is PostgreSQL. Rooms need it for nothing but tests and operators' messages.
func (d *DB) Postgres() bool { return d.pg != nil }

// InTx runs fn as one act: everything fn does through tx is stored together, durably, before InTx returns nil; otherwise
// nothing is stored and the error says why. The promises are in the package documentation.
//
// fn must use the ctx it is given, touch nothing outside but tx, and may be run up to four times. A panic in fn undoes
// the act and goes on to the caller.
func (d *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if inAct(ctx) {
		return ErrNested
	}
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		tx, err := d.engine.act(ctx, fn)
		if err == nil {
			tx.committed()
			return nil
		}
		if try == repeats || !errors.Is(err, errAgain) {
			return err
		}
		pause(ctx, try)
	}
}

// pause waits a few milliseconds, at random, so that two acts in each other's way do not meet again.
func pause(ctx context.Context, try int) {
	t := time.NewTimer(time.Duration(1+rand.IntN(8<<try)) * time.Millisecond) //nolint:gosec // no secret: it only spreads retries
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (d *DB) read(ctx context.Context, query string, args []any, each func(Row) (bool, error)) error {
	if inAct(ctx) {
		return ErrNested
	}
	return readRows(ctx, d.engine.readers(), query, args, each)
}

// Writer is for package jobs only: the pool of SQLite's single writing connection, nil on PostgreSQL. Whoever takes the
// connection holds up every act, and must never ask for it inside one.
func (d *DB) Writer() *sql.DB {
	if d.lite == nil {
		return nil
	}
	return d.lite.writes
}

// Pool is for package jobs only: the pool under everything on PostgreSQL, nil on SQLite.
func (d *DB) Pool() *pgxpool.Pool {
	if d.pg == nil {
		return nil
	}
	return d.pg.pool
}
