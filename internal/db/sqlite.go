package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	driver "modernc.org/sqlite"
)

// sqlite is the embedded engine: one writing connection, lent to acts in turn (sqlite_group.go) and shared with the
// jobs, and readers that cannot write.
type sqlite struct {
	writes *sql.DB
	reads  *sql.DB
	lock   *os.File
	group  group
}

// pragmas of every connection. The file keeps a write-ahead log and every commit is synced, because an act that was
// answered must survive a power cut. Sorting happens in memory: no piece of a table is left in a temporary file. The
// cache is in KiB, the limit of the log's file in bytes. What is deleted is overwritten in its page: a wiped key is gone.
const pragmas = "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" +
	"&_pragma=temp_store(2)&_pragma=cache_size(-8000)&_pragma=journal_size_limit(67108864)&_pragma=secure_delete(fast)"

func openSQLite(ctx context.Context, path string, o Options) (*sqlite, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s := &sqlite{}
	if !o.Beside {
		if s.lock, err = lockFolder(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	if err := s.open(ctx, path, o); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *sqlite) open(ctx context.Context, path string, o Options) error {
	// SQLite would make the file readable to everybody on the machine.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	base := "file:" + (&url.URL{Path: path}).EscapedPath() + pragmas
	if s.writes, err = openPool(base+"&_txlock=immediate", 1); err != nil {
		return err
	}
	if s.reads, err = openPool(base+"&_pragma=query_only(1)", o.Readers); err != nil {
		return err
	}
	s.group = group{db: s.writes, limit: o.ActLimit, span: batchTime}
	return s.writes.PingContext(ctx) // makes the file a WAL database before the first reader comes
}

func openPool(dsn string, conns int) (*sql.DB, error) {
	c, err := driver.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(preparing{c})
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool, nil
}

// lockFolder takes the folder for this process. The lock goes with the process, however it ends.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "securepractice.lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the folder
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%w: %s", ErrInUse, dir)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *sqlite) readers() *sql.DB { return s.reads }

func (s *sqlite) act(ctx context.Context, fn actFunc) (*Tx, error) { return s.group.act(ctx, fn) }

func (s *sqlite) close() error {
	s.group.close()
	var errs []error
	for _, pool := range []*sql.DB{s.reads, s.writes} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
