// Package s3test runs a real S3 service for tests: versitygw on a folder, on a port of this machine.
//
// It ends with the test process, however that ends. A test never skips: without the program it fails and says how to
// install it.
package s3test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"securepractice/internal/blob/s3"
)

// The keys that the service knows.
const (
	AccessKey = "portal-tests"
	SecretKey = "only-guards-empty-buckets" //nolint:gosec // G101: of a service that lives as long as the test
	version   = "versitygw-v1.8.0"
)

// supervise runs the service beside a pipe from this process; when the pipe ends, so does the service.
const supervise = `
dir=$1; shift
"$@" >"$dir/log" 2>&1 </dev/null &
server=$!
read -r _
kill -TERM $server
wait $server
rm -rf "$dir"`

// service is a running versitygw.
type service struct {
	endpoint, dir string
	life          io.Closer
}

// running starts the service once a process.
var running = sync.OnceValues(start)

// Endpoint is the service's address.
func Endpoint(t testing.TB) string {
	t.Helper()
	s, err := running()
	if err != nil {
		t.Fatal(err)
	}
	return s.endpoint
}

// Options are those of a new empty bucket, and the folder in which the service keeps its objects as files.
func Options(t testing.TB) (o s3.Options, dir string) {
	t.Helper()
	endpoint := Endpoint(t)
	s, _ := running() // Endpoint has looked
	bucket := "t-" + strings.ToLower(rand.Text())
	dir = filepath.Join(s.dir, "data", bucket)
	if err := os.Mkdir(dir, 0o700); err != nil { // a folder is a bucket
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s3.Options{Endpoint: endpoint, Bucket: bucket, Region: "us-east-1", Prefix: "portal/files", AccessKey: AccessKey, SecretKey: SecretKey,
		Stall: 5 * time.Second}, filepath.Join(dir, "portal", "files")
}

// Open opens a store in a new empty bucket. dir is where the service keeps its objects as files.
func Open(t testing.TB) (store *s3.Store, dir string) {
	t.Helper()
	o, dir := Options(t)
	store, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return store, dir
}

// program finds versitygw where the Makefile puts it, or on the PATH.
func program() (string, error) {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		path := filepath.Join(dir, "bin", "tools", version)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		dir = filepath.Dir(dir)
	}
	path, err := exec.LookPath("versitygw")
	if err != nil {
		return "", errors.New("the S3 service is not installed, and the tests need it: make bin/tools/" + version)
	}
	return path, nil
}

func start() (*service, error) {
	path, err := program()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "securepractice-s3-")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	address, err := freeAddress()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &service{endpoint: "http://" + address, dir: dir}
	cmd := exec.Command("sh", "-c", supervise, "sh", dir, path, "--port", address, "--quiet", "posix", filepath.Join(dir, "data")) //nolint:gosec,noctx // it ends with the pipe
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the tests, not the clean-up
	if s.life, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	return s, s.wait()
}

// freeAddress is one that nobody listens on just now.
func freeAddress() (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// wait returns when the service takes connections.
func (s *service) wait() error {
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		c, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(s.endpoint, "http://"))
		if err == nil {
			return c.Close()
		}
		if ctx.Err() != nil {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log")) // without it the error says less
			return fmt.Errorf("versitygw did not start: %w: %s", err, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
