package db

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables to this program's version, ours and the job queue's. Two processes at once wait for each
// other. On PostgreSQL it needs the owner's address.
func Migrate(ctx context.Context, d *DB) error {
	p, err := d.provider()
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return d.migrateJobs(ctx)
}

// Versions are the migration the database has and the one this program wants.
func Versions(ctx context.Context, d *DB) (have, want int64, err error) {
	p, err := d.provider()
	if err != nil {
		return 0, 0, err
	}
	sources := p.ListSources()
	want = sources[len(sources)-1].Version
	have, _, err = One(ctx, d, Scan1[int64], "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied")
	if err != nil { // the table is not there: nothing was ever migrated
		return 0, want, nil //nolint:nilerr // an empty database is an answer, not a failure
	}
	return have, want, nil
}

func (d *DB) provider() (*goose.Provider, error) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	if !d.postgres {
		return goose.NewProvider(goose.DialectSQLite3, d.write, liteFS{sub}, goose.WithDisableGlobalRegistry(true))
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("migration lock: %w", err)
	}
	return goose.NewProvider(goose.DialectPostgres, d.write, sub, goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
}

func (d *DB) migrateJobs(ctx context.Context) error {
	var err error
	if d.postgres {
		m, e := rivermigrate.New(riverpgxv5.New(d.pool), nil)
		if e == nil {
			_, e = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		}
		err = e
	} else {
		m, e := rivermigrate.New(riversqlite.New(d.write), nil)
		if e == nil {
			_, e = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		}
		err = e
	}
	if err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	return nil
}

// liteFS serves the migrations, written for PostgreSQL, with types that SQLite's STRICT tables accept.
type liteFS struct{ fs.FS }

var liteTypes = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`\bBYTEA\b`), "BLOB"},
	{regexp.MustCompile(`\b(BIGINT|BOOLEAN)\b`), "INTEGER"},
	{regexp.MustCompile(` COLLATE "C"`), ""}, // SQLite compares bytes anyway
	{regexp.MustCompile(`(?m)^\);\s*$`), ") STRICT;"},
}

type liteFile struct {
	fs.File
	*bytes.Reader
}

func (f liteFile) Read(p []byte) (int, error) { return f.Reader.Read(p) }

// Open rewrites a migration as it is read.
func (l liteFS) Open(name string) (fs.File, error) {
	f, err := l.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || st.IsDir() {
		return f, err
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	for _, t := range liteTypes {
		b = t.re.ReplaceAll(b, []byte(t.to))
	}
	return liteFile{f, bytes.NewReader(b)}, nil
}
