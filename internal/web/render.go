package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzip"

	"securepractice/internal/actor"
	"securepractice/internal/ui"
)

// Render shows a page in the shell of whoever asks. Nothing is sent before the whole page is made.
func Render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	st := stateOf(r)
	if st == nil {
		return c.Render(r.Context(), w)
	}
	shell, err := st.shell(r)
	if err != nil {
		return fmt.Errorf("shell of the page: %w", err)
	}
	st.readFlash(w, r, &shell)
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := c.Render(ui.WithShell(r.Context(), shell), buf); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	st.send(r, status, buf)
	return nil
}

// Pages are made in buffers and packed by writers that are used again: they are the two large allocations of a page.
var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	packers = sync.Pool{New: func() any {
		z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		if err != nil {
			return gzip.NewWriter(io.Discard) // never: the level is a constant that exists
		}
		return z
	}}
)

// shell is what the page around the content shows, with what only this room knows.
func (st *state) shell(r *http.Request) (ui.Shell, error) {
	if st.rt.o.Shell == nil {
		s := st.plainShell()
		s.SignedIn, s.Name, s.Staff = st.by.SignedIn(), st.by.Name(), st.by.Kind == actor.Staff
		return s, nil
	}
	s, err := st.rt.o.Shell(r.Context(), st.by)
	if err != nil {
		return ui.Shell{}, err
	}
	return st.complete(s), nil
}

// plainShell is the shell that needs nothing but settings.
func (st *state) plainShell() ui.Shell { return st.complete(st.rt.o.Plain) }

func (st *state) complete(s ui.Shell) ui.Shell {
	s.Assets = st.rt.assets.links
	s.Dev = st.rt.o.Dev
	if s.Now.IsZero() {
		s.Now = st.rt.o.Clock.Now()
	}
	return s
}

// smallest is the size in bytes from which packing a page is worth its work.
const smallest = 1024

// send gives out a finished page, packed when the browser takes that.
func (st *state) send(r *http.Request, status int, page *bytes.Buffer) {
	h := st.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "Accept-Encoding")
	if r.Method == http.MethodHead {
		st.w.WriteHeader(status)
		return
	}
	if page.Len() < smallest || !takesGzip(r) {
		h.Set("Content-Length", strconv.Itoa(page.Len()))
		st.w.WriteHeader(status)
		_, _ = st.w.Write(page.Bytes()) // a browser that went away is nobody's error
		return
	}
	h.Set("Content-Encoding", "gzip")
	st.w.WriteHeader(status)
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(st.w)
	_, _ = z.Write(page.Bytes())
	_ = z.Close()
}

func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}

// Redirect answers 303 to a page of this site. An address that leads anywhere else becomes "/".
func Redirect(w http.ResponseWriter, r *http.Request, to string) error {
	local, ok := LocalPath(to)
	if !ok {
		local = "/"
	}
	http.Redirect(w, r, local, http.StatusSeeOther)
	return nil
}

// LocalPath checks that an address from outside (next=…) is a path of this site, and gives it in the form to
// redirect to. Browsers read "//host", "/\host" and control characters as other sites, so all of these are refused.
func LocalPath(s string) (string, bool) {
	if len(s) > 2000 || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") {
		return "", false
	}
	for _, c := range s {
		if c < 0x20 || c == 0x7f || c == '\\' {
			return "", false
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || strings.ContainsRune(u.Path, '\\') {
		return "", false
	}
	return u.String(), true
}

// SendJSON answers a script.
func SendJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a browser that went away is nobody's error
	return nil
}
