package dbtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// supervise runs the server beside a pipe from this process. When the process is gone, even killed, the pipe ends; then
// the server is stopped and its folder removed.
const supervise = `
dir=$1; shift
"$@" >"$dir/log" 2>&1 </dev/null &
server=$!
read -r _
kill -QUIT $server
wait $server
rm -rf "$dir"`

// settings make the server quick and forgetful: its data is not worth a sync. Autovacuum would open the template, which
// then could not be copied.
var settings = []string{
	"fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off",
	"checkpoint_timeout=1h", "max_connections=300", "shared_buffers=32MB", "jit=off", "log_min_messages=fatal",
}

// startServer starts PostgreSQL in a temporary folder, on a unix socket alone, and returns the socket's folder. The
// server runs for as long as life is not closed.
func startServer(ctx context.Context) (socket string, life io.Closer, err error) {
	account, err := unprivileged()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "securepractice-postgres-")
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if life == nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if account != nil {
		if err := os.Chown(dir, int(account.Uid), int(account.Gid)); err != nil {
			return "", nil, err
		}
	}
	if err := newCluster(ctx, dir, account); err != nil {
		return "", nil, err
	}
	if life, err = runServer(dir, account); err != nil {
		return "", nil, err
	}
	return dir, life, waitForServer(ctx, dir)
}

// binary finds a PostgreSQL program where Debian puts it, newest first, or on the PATH.
func binary(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return found[len(found)-1], nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("PostgreSQL is not installed (no %s), and the tests need it: apt-get install postgresql", name)
	}
	return path, nil
}

// unprivileged is the account to run PostgreSQL as, because it refuses root; nil when this process is not root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // documented: no change of account
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
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it as")
}

// newCluster makes dir/data, as a copy of one that initdb made before where possible: initdb takes over a second.
func newCluster(ctx context.Context, dir string, account *syscall.Credential) error {
	initdb, err := binary("initdb")
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	args := []string{"-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--wal-segsize=1", "--no-sync", "--no-instructions"}
	cached, err := cacheFolder(ctx, initdb, args)
	if err != nil {
		return err
	}
	if cached != "" && copyCluster(cached, data, account) == nil {
		return nil
	}
	if err := os.RemoveAll(data); err != nil { // what an unusable copy left
		return err
	}
	cmd := exec.CommandContext(ctx, initdb, append(args, "-D", data)...)
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: account}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if cached != "" {
		keepCluster(data, cached)
	}
	return nil
}

// cacheFolder is where a cluster made by this initdb with these arguments is kept; empty when there is no place.
func cacheFolder(ctx context.Context, initdb string, args []string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", nil //nolint:nilerr // without a home everything works, a second slower
	}
	version, err := exec.CommandContext(ctx, initdb, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask initdb for its version: %w", err)
	}
	sum := sha256.Sum256(fmt.Append(nil, string(version), args))
	return filepath.Join(cache, "securepractice-test", "postgres-"+hex.EncodeToString(sum[:8])), nil
}

// keepCluster puts a new cluster into the cache. Whoever comes first wins; failing costs the next run a second.
func keepCluster(data, cached string) {
	if err := os.MkdirAll(filepath.Dir(cached), 0o700); err != nil {
		return
	}
	half, err := os.MkdirTemp(filepath.Dir(cached), "half-")
	if err != nil {
		return
	}
	defer func() { _ = os.RemoveAll(half) }() // what is left of it after the rename: nothing, or a useless copy
	whole := filepath.Join(half, "data")
	if copyCluster(data, whole, nil) == nil {
		_ = os.Rename(whole, cached) // another process may have been first
	}
}

func copyCluster(from, to string, account *syscall.Credential) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700 // the server insists
		}
		if err := os.Chmod(path, mode); err != nil || account == nil {
			return err
		}
		return os.Lchown(path, int(account.Uid), int(account.Gid))
	})
}

func runServer(dir string, account *syscall.Credential) (io.Closer, error) {
	postgres, err := binary("postgres")
	if err != nil {
		return nil, err
	}
	args := []string{"-c", supervise, "sh", dir, postgres, "-D", filepath.Join(dir, "data"), "-k", dir, "-h", ""}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	if os.Getenv("SECUREPRACTICE_TEST_DURABLE") != "" { // measurements count only what a power cut would leave, with the memory a server has
		args = append(args, "-c", "fsync=on", "-c", "full_page_writes=on", "-c", "shared_buffers=1GB")
	}
	cmd := exec.Command("sh", args...) //nolint:noctx // it ends with the pipe, not with a context
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account, Setpgid: true} // Ctrl-C reaches the tests, not the clean-up
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return life, nil
}

func waitForServer(ctx context.Context, dir string) error {
	for {
		conn, err := pgx.Connect(ctx, "host="+dir+" user="+superuser+" dbname=postgres")
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(dir, "log")) // without it the error says less
			return fmt.Errorf("PostgreSQL did not start: %w: %s", err, strings.TrimSpace(string(log)))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
