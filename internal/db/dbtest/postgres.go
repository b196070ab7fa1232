package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"securepractice/internal/db"
)

const (
	superuser   = "postgres"
	programRole = "securepractice_program"
	template    = "securepractice_template"
)

// pgServer is a running PostgreSQL that this process makes databases in.
type pgServer struct {
	base     *url.URL
	template string
	n        atomic.Int64
}

var pg struct {
	once sync.Once
	s    *pgServer
	err  error
}

func server() (*pgServer, error) {
	pg.once.Do(func() { pg.s, pg.err = startServer(context.Background()) })
	return pg.s, pg.err
}

func startServer(ctx context.Context) (*pgServer, error) {
	s := &pgServer{template: fmt.Sprintf("%s_%d", template, os.Getpid())}
	if given := os.Getenv("SECUREPRACTICE_TEST_POSTGRES"); given != "" {
		u, err := url.Parse(given)
		if err != nil {
			return nil, errors.New("SECUREPRACTICE_TEST_POSTGRES is not an address")
		}
		s.base = u
	} else {
		socket, err := runServer(ctx)
		if err != nil {
			return nil, err
		}
		s.base = &url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/postgres", RawQuery: "host=" + url.QueryEscape(socket)}
	}
	return s, s.makeTemplate(ctx)
}

// binary finds a PostgreSQL program on the PATH or where Debian puts it.
func binary(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err == nil && len(found) > 0 {
		return found[len(found)-1], nil
	}
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	return "", fmt.Errorf("PostgreSQL (%s) is not installed: apt-get install postgresql", name)
}

// unprivileged is the account the server runs as: it refuses root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // no change of user is needed, and none is the answer
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("no account to run PostgreSQL as: it refuses root")
}

// runServer starts PostgreSQL in a temporary folder, on a unix socket alone. It ends with this process.
func runServer(ctx context.Context) (socket string, err error) {
	initdb, err := binary("initdb")
	if err != nil {
		return "", err
	}
	postgres, err := binary("postgres")
	if err != nil {
		return "", err
	}
	cred, err := unprivileged()
	if err != nil {
		return "", err
	}
	sweepOld()
	dir, err := os.MkdirTemp("", fmt.Sprintf("sp-pg-%d-", os.Getpid()))
	if err != nil {
		return "", err
	}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return "", err
		}
	}
	data := filepath.Join(dir, "data")
	init := exec.CommandContext(ctx, initdb, "-D", data, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	init.Dir, init.SysProcAttr = dir, &syscall.SysProcAttr{Credential: cred}
	if out, err := init.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	started := make(chan error, 1)
	go func() {
		// The death signal is tied to the thread that starts the child, so the thread is kept for as long as the process lives.
		runtime.LockOSThread()
		cmd := exec.Command(postgres, "-D", data, "-k", dir, "-h", "", "-F", "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "synchronous_commit=off", "-c", "shared_buffers=64MB", "-c", "log_min_messages=fatal")
		var stderr bytes.Buffer
		cmd.Dir, cmd.Stderr = dir, &stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Pdeathsig: syscall.SIGQUIT}
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		_ = cmd.Wait() // ends with the process; nobody is left to tell
	}()
	if err := <-started; err != nil {
		return "", fmt.Errorf("start postgres: %w", err)
	}
	return dir, waitFor(ctx, dir)
}

// sweepOld removes the folders of test processes that have gone.
func sweepOld() {
	old, err := filepath.Glob(filepath.Join(os.TempDir(), "sp-pg-*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		var pid int
		if n, err := fmt.Sscanf(filepath.Base(dir), "sp-pg-%d-", &pid); err != nil || n != 1 {
			continue
		}
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = os.RemoveAll(dir) // another process may be removing it too
		}
	}
}

func waitFor(ctx context.Context, socket string) error {
	var last error
	for range 200 {
		conn, err := pgx.Connect(ctx, "host="+socket+" user="+superuser+" dbname=postgres")
		if err == nil {
			return conn.Close(ctx)
		}
		last = err
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("postgres did not start: %w", last)
}

func (s *pgServer) url(role, name string) string {
	u := *s.base
	u.Path = "/" + name
	if s.base.User == nil || role != superuser {
		u.User = url.User(role)
	}
	return u.String()
}

// makeTemplate migrates once; fresh databases are copies of it.
func (s *pgServer) makeTemplate(ctx context.Context) error {
	if err := s.exec(ctx, "CREATE DATABASE "+s.template); err != nil {
		return err
	}
	if err := s.exec(ctx, "CREATE ROLE "+programRole+" LOGIN"); err != nil && !duplicate(err) {
		return err
	}
	d, err := db.Open(ctx, s.url(superuser, s.template), db.Options{Conns: 4})
	if err != nil {
		return err
	}
	err = db.Migrate(ctx, d)
	if err == nil {
		err = db.Grant(ctx, d, programRole)
	}
	return errors.Join(err, d.Close())
}

func (s *pgServer) fresh(ctx context.Context) (string, error) {
	name := fmt.Sprintf("t%d_%d", os.Getpid(), s.n.Add(1))
	return name, s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+s.template)
}

func (s *pgServer) drop(ctx context.Context, name string) error {
	return s.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

func (s *pgServer) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.base.String())
	if err != nil {
		return fmt.Errorf("reach PostgreSQL: %w", err)
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

func duplicate(err error) bool {
	var pgErr interface{ SQLState() string }
	return errors.As(err, &pgErr) && pgErr.SQLState() == "42710"
}
