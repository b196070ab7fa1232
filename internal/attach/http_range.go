package attach

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
)

// maxRanges is how many ranges of a file one request gets. Each opens a part of 4 MiB from its beginning, however few bytes
// are wanted, so a header full of them would be hours of work. Players and download programs ask for one or two.
const maxRanges = 8

// bounded is the request without its ranges when it asks for too many; the file is then sent whole, as RFC 9110 (14.2)
// leaves to a server.
func bounded(r *http.Request) *http.Request {
	if strings.Count(r.Header.Get("Range"), ",") < maxRanges {
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	return r
}

// errOver is the answer to whoever reads on after the answer has ended.
var errOver = errors.New("attach: the answer has ended")

// guarded is a file that several goroutines may hold: net/http reads the parts of a many-ranged answer in one of its own,
// which may still read when the answer has ended.
type guarded struct {
	mu   sync.Mutex
	file io.ReadSeeker
	over bool
}

func (g *guarded) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return 0, errOver
	}
	return g.file.Read(p) //nolint:wrapcheck // the file says which it is
}

// Seek goes to another place.
func (g *guarded) Seek(offset int64, whence int) (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return 0, errOver
	}
	return g.file.Seek(offset, whence) //nolint:wrapcheck // the file says which it is
}

// end returns when nobody reads any more, and nobody will.
func (g *guarded) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
}

// WriteHeader keeps an answer that refuses ranges private as well; net/http takes that header off it.
func (w aheadWriter) WriteHeader(status int) {
	if h := w.Header(); status == http.StatusRequestedRangeNotSatisfiable {
		h.Set("Cache-Control", "private, no-store")
		h.Del("Content-Disposition") // there is no file in it
	}
	w.ResponseWriter.WriteHeader(status)
}
