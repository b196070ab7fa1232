// Package dbtest gives tests a migrated database of their own, on both engines.
//
// A process migrates once into a template and copies it for each test. PostgreSQL is started on first use, in a
// folder of its own on a unix socket, and goes when the process goes; SECUREPRACTICE_TEST_POSTGRES names a running
// server (a superuser's address) to use instead. A test never skips: without PostgreSQL it fails and says what to
// install.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"securepractice/internal/db"
)

// Each runs fn as subtests "sqlite" and "postgres", each on a fresh migrated database that is closed at the end. On
// PostgreSQL the database is opened as the program's lesser role, as in production.
func Each(t *testing.T, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t)) })
}

var lite struct {
	once sync.Once
	file []byte
	err  error
}

// SQLite opens a fresh migrated SQLite database in a temporary folder.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	lite.once.Do(func() { lite.file, lite.err = liteTemplate() })
	if lite.err != nil {
		t.Fatal(lite.err)
	}
	path := filepath.Join(t.TempDir(), "securepractice.db")
	if err := os.WriteFile(path, lite.file, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, "sqlite:"+path)
}

func liteTemplate() ([]byte, error) {
	dir, err := os.MkdirTemp("", "dbtest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	d, err := db.Open(context.Background(), "sqlite:"+path, db.Options{})
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(context.Background(), d); err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path) // closing the last connection has merged the WAL into it
}

// Postgres opens a fresh migrated PostgreSQL database as the program's lesser role.
func Postgres(t testing.TB) *db.DB {
	t.Helper()
	return open(t, PostgresURL(t))
}

// PostgresURL makes a fresh migrated PostgreSQL database and returns the program role's address of it.
func PostgresURL(t testing.TB) string {
	t.Helper()
	_, app := PostgresURLs(t)
	return app
}

// PostgresURLs is like PostgresURL and also returns the owner's address, for tests of what the program may not do.
func PostgresURLs(t testing.TB) (owner, app string) {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	name, err := s.fresh(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.drop(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return s.url(superuser, name), s.url(programRole, name)
}

func open(t testing.TB, url string) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), url, db.Options{Conns: 12})
	if err != nil {
		t.Fatal(fmt.Errorf("open the test database: %w", err))
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
