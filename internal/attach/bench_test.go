package attach_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"securepractice/internal/attach"
	"securepractice/internal/db/dbtest"
)

const benchSize = attach.MaxTotal

// The machine's own limit: the same bytes written to a plain file and made durable once.
func BenchmarkPlainWrite(b *testing.B) {
	b.SetBytes(benchSize)
	for b.Loop() {
		writePlain(b, filepath.Join(b.TempDir(), "plain"))
	}
}

func writePlain(b *testing.B, path string) {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, &pattern{left: benchSize}, make([]byte, 1<<20)); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkReceive(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b), nil)
	b.SetBytes(benchSize)
	n := 0
	for b.Loop() {
		n++
		receiveBench(b, w, fmt.Sprintf("mail:%d", n))
		b.StopTimer()
		if err := os.RemoveAll(w.dir); err != nil { // room for the next
			b.Fatal(err)
		}
		w = newWorld(b, dbtest.SQLite(b), nil)
		b.StartTimer()
	}
}

func receiveBench(b *testing.B, w *world, holder string) attach.File {
	b.Helper()
	f, err := w.Receive(b.Context(), ann, attach.In{Holder: holder, Name: "scan.ds2", Left: benchSize, Body: &pattern{left: benchSize}})
	if err != nil {
		b.Fatal(err)
	}
	return f
}

func BenchmarkPlainServe(b *testing.B) {
	path := filepath.Join(b.TempDir(), "plain")
	writePlain(b, path)
	download(b, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
}

func BenchmarkServe(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b), nil)
	f := receiveBench(b, w, holder)
	w.exec(b, "UPDATE attach_file SET state = 'clean'")
	k := w.owner(b, ann.OwnerID)
	download(b, func(rw http.ResponseWriter, r *http.Request) {
		if err := w.Serve(rw, r, f.LinkID, k); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
}

// download fetches the whole file over a loopback connection.
func download(b *testing.B, h http.HandlerFunc) {
	s := httptest.NewServer(h)
	defer s.Close()
	b.SetBytes(benchSize)
	for b.Loop() {
		res, err := s.Client().Get(s.URL)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 1<<20))
		res.Body.Close()
		if err != nil || n != benchSize {
			b.Fatalf("%d bytes, %v", n, err)
		}
	}
}
