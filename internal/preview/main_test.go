package preview_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"securepractice/internal/preview"
)

// TestMain lets the test program be its own worker, as the portal is.
func TestMain(m *testing.M) {
	for ext, r := range bad {
		preview.AddRenderer(ext, 1<<30, r)
	}
	if preview.IsWorker() {
		os.Exit(preview.Worker())
	}
	os.Exit(m.Run())
}

// inside is what the renderer "look" finds out from the inside.
type inside struct {
	Files   map[string]string
	Socket  string
	Unshare string
	Writing string
	Env     int
	UID     int
	NoNew   bool
	Core    uint64
	Others  string // what it can do to the program that started it
}

// bad are renderers as a taken-over worker might behave.
var bad = map[string]preview.Renderer{
	"hang": func(io.ReadSeeker, int64, func(preview.Page) error) error { time.Sleep(time.Hour); return nil },
	"spin": func(io.ReadSeeker, int64, func(preview.Page) error) error { spin(); return nil },
	"exit": func(io.ReadSeeker, int64, func(preview.Page) error) error { os.Exit(0); return nil },
	"crash": func(io.ReadSeeker, int64, func(preview.Page) error) error {
		return syscall.Kill(os.Getpid(), syscall.SIGSEGV)
	},
	"panic": func(io.ReadSeeker, int64, func(preview.Page) error) error { panic("a planted word") },
	"eat":   eat,
	"flood": flood,
	"many":  many,
	"spawn": spawn,
	"look":  look,
	"echo":  echo,
}

func spin() {
	for i := 0; ; i++ {
		if i == -1 {
			runtime.Gosched()
		}
	}
}

func eat(_ io.ReadSeeker, _ int64, _ func(preview.Page) error) error {
	var all [][]byte
	for {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
		if len(all) > 1<<20 {
			return nil
		}
	}
}

func flood(_ io.ReadSeeker, _ int64, _ func(preview.Page) error) error {
	b := make([]byte, 1<<20)
	for {
		if _, err := os.Stdout.Write(b); err != nil {
			return err
		}
	}
}

func many(_ io.ReadSeeker, _ int64, emit func(preview.Page) error) error {
	for n := 0; ; n++ {
		if err := emit(preview.Page{Kind: "info", N: 0, Type: "application/json", Data: []byte("{}")}); err != nil {
			return err
		}
	}
}

// spawn starts a tool that outlives its worker if nobody ends it.
func spawn(_ io.ReadSeeker, _ int64, emit func(preview.Page) error) error {
	cmd := exec.Command("/usr/bin/sleep", "30.4242")
	cmd.Stderr, cmd.Stdout, cmd.Stdin = os.Stderr, os.Stdout, os.Stdin
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := emit(preview.Page{Kind: "info", Type: "application/json", Data: []byte("{}")}); err != nil {
		return err
	}
	time.Sleep(time.Hour)
	return nil
}

func look(_ io.ReadSeeker, _ int64, emit func(preview.Page) error) error {
	s := inside{Files: map[string]string{}, Env: len(os.Environ()), UID: os.Getuid()}
	for _, path := range []string{"/etc/passwd", "/etc/shadow", "/root", "/tmp", "/home", "/proc/1/environ", "/var/lib", "/dev/null"} {
		_, err := os.Open(path)
		s.Files[path] = text(err)
	}
	_, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	s.Socket = text(err)
	s.Unshare = text(unix.Unshare(unix.CLONE_NEWUSER))
	s.Writing = text(os.WriteFile("/tmp/preview-was-here", []byte("x"), 0o600))
	if s.Others = "no process of others"; os.Getppid() != 0 {
		s.Others = text(syscall.Kill(os.Getppid(), 0))
	}
	n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	s.NoNew = err == nil && n == 1
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return err
	}
	s.Core = limit.Max
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return emit(preview.Page{Kind: "info", Type: "application/json", Data: b})
}

// echo tries to change the file it was given, and says how long it is.
func echo(src io.ReadSeeker, size int64, emit func(preview.Page) error) error {
	_, err := src.(*os.File).WriteAt([]byte("changed"), 0)
	b, err := json.Marshal(map[string]any{"size": size, "write": text(err)})
	if err != nil {
		return err
	}
	return emit(preview.Page{Kind: "info", Type: "application/json", Data: b})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
