package db

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"regexp"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrateLock is the PostgreSQL advisory lock under which migrations run; any fixed number serves.
const migrateLock = 7305831902244

// Migrate brings the schema, and the tables of the jobs, to this program's version. Several processes may call it at
// once: on PostgreSQL one works and the others wait, on SQLite only one can have the folder open.
func Migrate(ctx context.Context, d *DB) error {
	if d.pg != nil {
		return d.pg.migrate(ctx)
	}
	if err := up(ctx, goose.DialectSQLite3, d.lite.writes, liteFS{migrations}); err != nil {
		return err
	}
	return upJobs(ctx, func(c *rivermigrate.Config) (migrator, error) {
		return rivermigrate.New(riversqlite.New(d.lite.writes), c)
	})
}

func (p *postgres) migrate(ctx context.Context) (err error) {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrateLock)); err != nil {
		return fmt.Errorf("lock the migrations: %w", err)
	}
	defer func() {
		_, e := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrateLock))
		err = errors.Join(err, e)
	}()
	if err := up(ctx, goose.DialectPostgres, p.sql, migrations); err != nil {
		return err
	}
	return upJobs(ctx, func(c *rivermigrate.Config) (migrator, error) {
		return rivermigrate.New(riverpgxv5.New(p.pool), c)
	})
}

func provider(dialect goose.Dialect, pool *sql.DB, files fs.FS) (*goose.Provider, error) {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, pool, sub, goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
}

func up(ctx context.Context, dialect goose.Dialect, pool *sql.DB, files fs.FS) error {
	p, err := provider(dialect, pool, files)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// migrator is what the job library's migrators for the two databases have in common.
type migrator interface {
	Migrate(ctx context.Context, direction rivermigrate.Direction, opts *rivermigrate.MigrateOpts) (*rivermigrate.MigrateResult, error)
}

func upJobs(ctx context.Context, open func(*rivermigrate.Config) (migrator, error)) error {
	m, err := open(&rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the job tables: %w", err)
	}
	return nil
}

// Versions tells the schema's version, 0 for an empty database, and the one this program wants. The program's lesser
// role may call it.
func Versions(ctx context.Context, d *DB) (have, want int64, err error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, 0, err
	}
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return 0, 0, err
		}
		want = max(want, n)
	}
	exists, err := d.hasTable(ctx, "goose_db_version")
	if err != nil || !exists {
		return 0, want, err
	}
	have, _, err = One(ctx, d, Scan1[int64], "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied")
	return have, want, err
}

func (d *DB) hasTable(ctx context.Context, name string) (bool, error) {
	query := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1"
	if d.pg != nil {
		query = "SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass($1)"
	}
	n, _, err := One(ctx, d, Scan1[int64], query, name)
	return n > 0, err
}

// liteFS serves the migrations in words that SQLite's STRICT tables accept.
type liteFS struct{ fs.FS }

var liteWords = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(` COLLATE "C"`), ""}, // SQLite compares bytes anyway
	{regexp.MustCompile(`\bBYTEA\b`), "BLOB"},
	{regexp.MustCompile(`\b(BIGINT|BOOLEAN)\b`), "INTEGER"},
	{regexp.MustCompile(`(?m)^\);\s*$`), ") STRICT;"},
}

type liteFile struct {
	fs.File
	text *bytes.Reader
}

func (f liteFile) Read(p []byte) (int, error) { return f.text.Read(p) }

func (l liteFS) Open(name string) (fs.File, error) {
	f, err := l.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	for _, w := range liteWords {
		text = w.from.ReplaceAll(text, []byte(w.to))
	}
	return liteFile{f, bytes.NewReader(text)}, nil
}
