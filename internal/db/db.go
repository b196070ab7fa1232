package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the SQLite driver
)

// ErrNested is returned by InTx inside InTx, and by a read through *DB there.
var ErrNested = errors.New("db: used inside a transaction of its own caller; pass the tx")

// ErrInUse says that another process has the data folder.
var ErrInUse = errors.New("db: the data folder is in use by another process; stop it first")

// actLimit bounds one act. A statement that takes longer is stuck, and holding locks for it helps nobody.
const actLimit = 5 * time.Second

// Options tune a database. The zero value is right for the program.
type Options struct {
	Readers int // connections that read at once on SQLite; 0 = twice the processors, at least 4
	Conns   int // pool size on PostgreSQL; 0 = 32
}

// DB is an open database.
type DB struct {
	postgres bool
	read     *sql.DB // SQLite: query_only readers; PostgreSQL: the pool
	write    *sql.DB // SQLite: the one writing connection; PostgreSQL: the pool
	pool     *pgxpool.Pool
	queue    *queue   // SQLite only
	lock     *os.File // SQLite only
}

// Open opens "sqlite:/path/file.db" or "postgres://…". It changes nothing; see Migrate.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return openSQLite(ctx, path, o)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgres(ctx, url, o)
	}
	return nil, errors.New("db: the database address must begin with sqlite: or postgres://")
}

func openSQLite(ctx context.Context, path string, o Options) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	base := "file:" + path + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=temp_store(2)&_pragma=cache_size(-16000)"
	d := &DB{lock: lock}
	if d.write, err = sql.Open("sqlite", base+"&_txlock=immediate"); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.write.SetMaxOpenConns(1)
	d.write.SetConnMaxLifetime(0)
	if d.read, err = sql.Open("sqlite", base+"&_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	readers := o.Readers
	if readers == 0 {
		readers = max(4, 2*runtime.NumCPU())
	}
	d.read.SetMaxOpenConns(readers)
	d.read.SetMaxIdleConns(readers)
	if err := d.write.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	d.queue = newQueue(d.write)
	return d, nil
}

// lockFile keeps a second process off the same data folder: two writers with caches of their own would not hurt
// SQLite, but the outbox, the jobs and live arrival assume one process.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // G304: the operator's own data folder
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { //nolint:gosec // G115: a file descriptor fits an int
		return nil, errors.Join(ErrInUse, f.Close())
	}
	return f, nil
}

func openPostgres(ctx context.Context, url string, o Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("db: the PostgreSQL address cannot be read") // the error would repeat the password
	}
	cfg.MaxConns = 32
	if o.Conns > 0 {
		cfg.MaxConns = int32(min(o.Conns, 1000)) //nolint:gosec // G115: bounded on this line
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach PostgreSQL: %w", err)
	}
	std := stdlib.OpenDBFromPool(pool)
	return &DB{postgres: true, pool: pool, read: std, write: std}, nil
}

// Close waits for the acts that run and closes all connections.
func (d *DB) Close() error {
	var errs []error
	if d.queue != nil {
		d.queue.close()
	}
	if d.read != nil {
		errs = append(errs, d.read.Close())
	}
	if d.write != nil && d.write != d.read {
		errs = append(errs, d.write.Close())
	}
	if d.pool != nil {
		d.pool.Close()
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// Postgres says which engine it is.
func (d *DB) Postgres() bool { return d.postgres }

// Ping says whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.read.PingContext(ctx) }

// Pool is PostgreSQL's pool, for package jobs only (its own tables, LISTEN).
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// Writer is SQLite's writing connection, for package jobs only: its own tables, between acts.
func (d *DB) Writer() *sql.DB { return d.write }

// NewID makes an id: a UUID of version 7, so that ids made later sort later.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// In makes the placeholders of a list, "($3,$4,…)" from $first on, and its arguments, padded to 1, 10, 50 or 200 (or
// a multiple of that) by repeating the last, so that few statement texts exist. ids must not be empty.
func In(first int, ids []string) (string, []any) {
	n := len(ids)
	for _, size := range []int{1, 10, 50, 200} {
		if len(ids) <= size {
			n = size
			break
		}
	}
	if len(ids) > 200 {
		n = (len(ids) + 199) / 200 * 200
	}
	var b strings.Builder
	args := make([]any, n)
	for i := range n {
		args[i] = ids[min(i, len(ids)-1)]
		fmt.Fprintf(&b, ",$%d", first+i)
	}
	return "(" + b.String()[1:] + ")", args
}
