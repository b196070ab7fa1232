package preview_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"securepractice/internal/preview"
)

// runner has limits that a test can reach.
func runner(t testing.TB, change func(*preview.Limits)) *preview.Runner {
	t.Helper()
	l := preview.DefaultLimits
	l.Time = 20
	if change != nil {
		change(&l)
	}
	return preview.NewRunner(l, slog.New(slog.DiscardHandler))
}

// pages renders data in a worker and gives what it answered.
func pages(t testing.TB, r *preview.Runner, ext string, data []byte) ([]preview.Page, error) {
	t.Helper()
	var all []preview.Page
	err := r.Render(t.Context(), ext, bytes.NewReader(data), int64(len(data)), func(p preview.Page) error { all = append(all, p); return nil })
	return all, err
}

// TestWalls: a worker that belongs to somebody else gets nowhere. Namespaces may be forbidden on the machine; Landlock and the
// filter of calls need no rights, so these must hold wherever the kernel has them.
func TestWalls(t *testing.T) {
	t.Setenv("PLANTED", "a secret of the program")
	r := runner(t, nil)
	f, err := r.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("walls here: %+v", f)
	all, err := pages(t, r, "look", []byte("x"))
	if err != nil || len(all) != 1 {
		t.Fatalf("pages %d, err %v", len(all), err)
	}
	var s inside
	if err := json.Unmarshal(all[0].Data, &s); err != nil {
		t.Fatal(err)
	}
	if s.Env != 0 || !s.NoNew || s.Core != 0 || os.Geteuid() == 0 && s.UID == 0 {
		t.Errorf("environment %d, no new rights %v, core %d, user %d", s.Env, s.NoNew, s.Core, s.UID)
	}
	if s.Writing == "" {
		t.Error("it wrote a file")
	}
	for path, err := range s.Files {
		if f.Files && err == "" {
			t.Errorf("it opened %s", path)
		}
	}
	if f.Calls && (s.Socket == "" || s.Unshare == "") {
		t.Errorf("it made a socket (%q) or name spaces (%q)", s.Socket, s.Unshare)
	}
	if f.Network && s.Others == "" {
		t.Error("it could send a signal to the program that started it")
	}
}

// TestWithoutNameSpaces: where the kernel grants none the other walls hold, and the log says which do not.
func TestWithoutNameSpaces(t *testing.T) {
	var said bytes.Buffer
	r := preview.NewRunner(preview.Limits{}, slog.New(slog.NewTextHandler(&said, nil)))
	r.Plain()
	if !r.LogCheck(t.Context()) || !strings.Contains(said.String(), "fewer walls") || !strings.Contains(said.String(), "network=false") {
		t.Errorf("the log says %q", said.String())
	}
	all, err := pages(t, r, "look", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	var s inside
	if err := json.Unmarshal(all[0].Data, &s); err != nil {
		t.Fatal(err)
	}
	f, err := r.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Files && s.Files["/etc/passwd"] == "" || f.Calls && s.Socket == "" || s.Writing == "" || os.Geteuid() == 0 && s.UID == 0 {
		t.Errorf("from the inside: %+v", s)
	}
}

// TestWorkersEnd: whatever a worker does, its file cannot be shown, in the time that is set, and nothing of it stays.
func TestWorkersEnd(t *testing.T) {
	for _, ext := range []string{"hang", "spin", "exit", "crash", "eat", "flood", "many", "spawn"} {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			if ext == "eat" && preview.Raced {
				t.Skip("memory is not limited under the race detector")
			}
			r := runner(t, func(l *preview.Limits) { l.Time, l.Memory = 3, 300<<20 })
			begin := time.Now()
			_, err := pages(t, r, ext, []byte("x"))
			if !errors.Is(err, preview.ErrStopped) {
				t.Errorf("err = %v, want stopped", err)
			}
			if took := time.Since(begin); took > 8*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	t.Run("panic", func(t *testing.T) {
		_, err := pages(t, runner(t, nil), "panic", []byte("x"))
		if !errors.Is(err, preview.ErrBroken) || strings.Contains(err.Error(), "planted") {
			t.Errorf("err = %v, want broken without its words", err)
		}
	})
}

// TestNothingOutlivesAWorker: the tools it started end with it.
func TestNothingOutlivesAWorker(t *testing.T) {
	_, err := pages(t, runner(t, func(l *preview.Limits) { l.Time = 1 }), "spawn", []byte("x"))
	if !errors.Is(err, preview.ErrStopped) {
		t.Fatalf("err = %v", err)
	}
	for range 50 {
		if !running(t, "30.4242") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the tool of a worker that was ended still runs")
}

func running(t *testing.T, word string) bool {
	t.Helper()
	list, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline"); err == nil && strings.Contains(string(line), "sleep\x00"+word) {
			return true
		}
	}
	return false
}

// TestCancelled: a render that its caller gives up says so, and not that the file cannot be shown.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	err := runner(t, nil).Render(ctx, "hang", strings.NewReader("x"), 1, func(preview.Page) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want that of the context", err)
	}
}

// TestTheFileIsSealed: the worker gets all of it and cannot change it.
func TestTheFileIsSealed(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 3<<20)
	all, err := pages(t, runner(t, nil), "echo", data)
	if err != nil {
		t.Fatal(err)
	}
	var is struct {
		Size  int
		Write string
	}
	if err := json.Unmarshal(all[0].Data, &is); err != nil {
		t.Fatal(err)
	}
	if is.Size != len(data) || is.Write == "" {
		t.Errorf("size %d of %d, writing %q", is.Size, len(data), is.Write)
	}
}

// errFull is what somebody says who takes no more.
var errFull = errors.New("full")

// TestTakersAndSources: their failures are theirs, not the file's.
func TestTakersAndSources(t *testing.T) {
	r := runner(t, nil)
	err := r.Render(t.Context(), "many", strings.NewReader("x"), 1, func(preview.Page) error { return errFull })
	if !errors.Is(err, errFull) || errors.Is(err, preview.ErrStopped) {
		t.Errorf("err = %v", err)
	}
	for _, size := range []int64{1, 3} {
		if err := r.Render(t.Context(), "echo", strings.NewReader("xx"), size, nil); err == nil || preview.Reason(err) != "broken" {
			t.Errorf("a source that does not have its %d bytes: %v", size, err)
		}
	}
	if err := r.Render(t.Context(), "exe", strings.NewReader("x"), 1, nil); !errors.Is(err, preview.ErrKind) {
		t.Errorf("unknown kind: %v", err)
	}
}

// TestAnswers: what no honest worker sends is refused, before it is stored or held in memory.
func TestAnswers(t *testing.T) {
	l := preview.Limits{Pages: 3, Page: 1000, Bytes: 1500, Pixels: 100}
	png := small(t, 5, 5)
	good := preview.Page{Kind: "page", Type: "image/png", W: 5, H: 5, Data: png}
	for name, write := range map[string]func(b *bytes.Buffer) error{
		"no end":       func(b *bytes.Buffer) error { return preview.WritePage(b, good) },
		"cut":          func(b *bytes.Buffer) error { b.Write([]byte{1, 0, 0}); return nil },
		"kind":         func(b *bytes.Buffer) error { return preview.WriteFrame(b, 9, 0, [3]int{0, 5, 5}, png) },
		"type":         func(b *bytes.Buffer) error { return preview.WriteFrame(b, 1, 9, [3]int{0, 5, 5}, png) },
		"number":       func(b *bytes.Buffer) error { return preview.WriteFrame(b, 1, 0, [3]int{99, 5, 5}, png) },
		"another size": func(b *bytes.Buffer) error { return preview.WriteFrame(b, 1, 0, [3]int{0, 5, 6}, png) },
		"no picture": func(b *bytes.Buffer) error {
			return preview.WriteFrame(b, 1, 0, [3]int{0, 5, 5}, []byte("<svg onload=alert(1)>"))
		},
		"html as jpeg":   func(b *bytes.Buffer) error { return preview.WriteFrame(b, 1, 1, [3]int{0, 5, 5}, []byte("<html>")) },
		"another type":   func(b *bytes.Buffer) error { return preview.WriteFrame(b, 1, 1, [3]int{0, 5, 5}, png) },
		"not JSON":       func(b *bytes.Buffer) error { return preview.WriteFrame(b, 3, 2, [3]int{}, []byte("{")) },
		"too many pixel": func(b *bytes.Buffer) error { return preview.WriteFrame(b, 1, 0, [3]int{0, 11, 11}, small(t, 11, 11)) },
		"too long": func(b *bytes.Buffer) error {
			return preview.WriteFrame(b, 3, 2, [3]int{}, bytes.Repeat([]byte(" "), 1001))
		},
		"lying length": func(b *bytes.Buffer) error {
			b.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff})
			return nil
		},
		"too many": func(b *bytes.Buffer) error {
			for range 4 {
				if err := preview.WriteFrame(b, 3, 2, [3]int{}, []byte("{}")); err != nil {
					return err
				}
			}
			return preview.WriteEnd(b, nil)
		},
		"too much": func(b *bytes.Buffer) error {
			for range 2 {
				if err := preview.WriteFrame(b, 3, 2, [3]int{}, bytes.Repeat([]byte(" "), 900)); err != nil {
					return err
				}
			}
			return preview.WriteEnd(b, nil)
		},
		"long word": func(b *bytes.Buffer) error {
			return preview.WriteFrame(b, 0xff, 0, [3]int{}, bytes.Repeat([]byte("x"), 65))
		},
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if err := preview.ReadPages(&b, l, func(preview.Page) error { return nil }); !errors.Is(err, preview.ErrStopped) {
			t.Errorf("%s: err = %v, want stopped", name, err)
		}
	}
	var b bytes.Buffer
	if err := errors.Join(preview.WritePage(&b, good), preview.WriteEnd(&b, preview.ErrEncrypted)); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := preview.ReadPages(&b, l, func(preview.Page) error { n++; return nil }); !errors.Is(err, preview.ErrEncrypted) || n != 1 {
		t.Errorf("an honest answer: %d pages, err = %v", n, err)
	}
}
