// Package dbtest gives tests a migrated database of their own, on both engines.
//
// A process migrates once into a template and copies it for each test. PostgreSQL is started on first use, in a
// temporary folder on a unix socket, and goes with the process, however that ends; SECUREPRACTICE_TEST_POSTGRES names a
// running server (a superuser's address) to use instead. A test never skips: without PostgreSQL it fails and says what
// to install.
package dbtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"securepractice/internal/db"
)

// Each runs fn as subtests "sqlite" and "postgres", each on a fresh migrated database that is closed at the end. On
// PostgreSQL it is open as the program's lesser role, as in production, so every test of the house runs behind that
// wall.
func Each(t *testing.T, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t)) })
}

// SQLite opens a fresh migrated SQLite database in a folder of its own.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	return open(t, SQLiteURL(t))
}

// SQLiteURL makes a fresh migrated SQLite database in a folder of its own and returns its address, for tests that open
// it themselves, or more than once.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	file, err := liteTemplate()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "securepractice.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// Postgres opens a fresh migrated PostgreSQL database as the program's lesser role.
func Postgres(t testing.TB) *db.DB {
	t.Helper()
	return open(t, PostgresURL(t))
}

// PostgresURL makes a fresh migrated PostgreSQL database and returns the program role's address of it.
func PostgresURL(t testing.TB) string {
	t.Helper()
	_, program := PostgresURLs(t)
	return program
}

// PostgresURLs makes a fresh migrated PostgreSQL database and returns two addresses of it: the owner's and the
// program role's.
func PostgresURLs(t testing.TB) (owner, program string) {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	name, err := s.copyTemplate(t.Context())
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
	d, err := db.Open(t.Context(), url, db.Options{Conns: 12})
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// liteTemplate is the file of an empty migrated database, made once a process.
var liteTemplate = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "securepractice-sqlite-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "template.db")
	if err := migrate(context.Background(), "sqlite:"+path, nil); err != nil {
		return nil, err
	}
	return os.ReadFile(path) // closing the last connection has merged the write-ahead log into it
})

// migrate migrates a database, calls then with it, and closes it.
func migrate(ctx context.Context, url string, then func(d *db.DB) error) error {
	d, err := db.Open(ctx, url, db.Options{Conns: 4})
	if err != nil {
		return err
	}
	err = db.Migrate(ctx, d)
	if err == nil && then != nil {
		err = then(d)
	}
	return errors.Join(err, d.Close())
}
