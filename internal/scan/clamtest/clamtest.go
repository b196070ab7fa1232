// Package clamtest starts real scanners for tests: Debian's clamd with one signature, that of the EICAR test file.
package clamtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Settings that hold files of 300 MB, as docs/operations.md has them.
const Settings = `StreamMaxLength 310M
MaxFileSize 310M
MaxScanSize 1200M
MaxScanTime 240000
AlertExceedsMax yes
`

// Clamd is a running scanner.
type Clamd struct {
	Address string // as the setting takes it
	dir     string
	conf    string
	cmd     *exec.Cmd
	ended   chan struct{}
}

// Start runs a clamd on a socket of its own until the test ends. Without the program the test fails.
func Start(t *testing.T, settings string) *Clamd {
	t.Helper()
	if _, err := exec.LookPath("clamd"); err != nil {
		t.Fatal("clamd is not installed: apt-get install clamav-daemon")
	}
	dir, err := os.MkdirTemp("", "clamd-") // the name of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	c := &Clamd{Address: "unix:" + filepath.Join(dir, "s"), dir: dir, conf: filepath.Join(dir, "conf")}
	c.Sign(t, "44d88612fea8a8f36de82e1278abb02f:68:Portal.Test.EICAR")
	conf := fmt.Sprintf("LocalSocket %s/s\nDatabaseDirectory %s/db\nTemporaryDirectory %s/tmp\nForeground yes\n%s", dir, dir, dir, settings)
	for _, err := range []error{os.Mkdir(filepath.Join(dir, "tmp"), 0o700), os.WriteFile(c.conf, []byte(conf), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c.Run(t)
	t.Cleanup(func() { c.Kill(); _ = os.RemoveAll(dir) })
	return c
}

// Sign makes these the signatures, each a line of an .hdb file. A running clamd takes them when it starts anew.
func (c *Clamd) Sign(t *testing.T, signatures ...string) {
	t.Helper()
	db := filepath.Join(c.dir, "db")
	if err := os.MkdirAll(db, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(db, "portal.hdb"), []byte(strings.Join(signatures, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Run starts it, again if it was killed, and waits until it answers.
func (c *Clamd) Run(t *testing.T) {
	t.Helper()
	_ = os.Remove(filepath.Join(c.dir, "s"))
	c.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), "clamd", "-c", c.conf) //nolint:gosec // the path is of our own making
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out strings.Builder
	c.cmd.Stdout, c.cmd.Stderr = &out, &out
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.ended = make(chan struct{})
	go func() { defer close(c.ended); _ = c.cmd.Wait() }()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(c.dir, "s")); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-c.ended:
			t.Fatalf("clamd ended: %s", out.String())
		default:
		}
	}
	t.Fatal("clamd does not answer")
}

// Kill ends it at once, whatever it does.
func (c *Clamd) Kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}
