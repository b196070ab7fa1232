package attach_test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"securepractice/internal/attach"
	"securepractice/internal/db/dbtest"
)

// shelf is a real server with one file of two parts and a bit, and the file's bytes.
type shelf struct {
	*httptest.Server
	w    *world
	f    attach.File
	data []byte
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	w := newWorld(t, dbtest.SQLite(t), nil)
	s := &shelf{w: w, data: unknownBytes(2*partSize + 1000)}
	s.f = w.receive(t, "scan.ds2", s.data)
	w.run(t)
	k := w.owner(t, ann.OwnerID)
	s.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := w.Serve(rw, r, s.f.LinkID, k); err != nil {
			panic(http.ErrAbortHandler) // what package web does with an error after the answer has begun
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shelf) ask(t *testing.T, method string, header map[string]string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range header {
		r.Header.Set(name, v)
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%v: %v", header, err)
	}
	return res, b
}

// Ranges, conditions and HEAD as RFC 9110 has them, over a real connection.
func TestServeConditions(t *testing.T) {
	s := newShelf(t)
	n := len(s.data)
	res, _ := s.ask(t, http.MethodHead, nil)
	etag := res.Header.Get("ETag")
	if res.StatusCode != 200 || res.ContentLength != int64(n) || !strings.HasPrefix(etag, `"`) {
		t.Fatalf("HEAD: %d, %d bytes, ETag %s", res.StatusCode, res.ContentLength, etag)
	}
	for _, c := range []struct {
		name   string
		header map[string]string
		status int
		want   []byte
		ranged string
	}{
		{"same ETag", map[string]string{"If-None-Match": etag}, 304, nil, ""},
		{"weak ETag", map[string]string{"If-None-Match": "W/" + etag}, 304, nil, ""},
		{"one of several", map[string]string{"If-None-Match": `"other", ` + etag}, 304, nil, ""},
		{"another ETag", map[string]string{"If-None-Match": `"other"`}, 200, s.data, ""},
		{"must be another", map[string]string{"If-Match": `"other"`}, 412, nil, ""},
		{"must be this", map[string]string{"If-Match": etag}, 200, s.data, ""},
		{"range if same", map[string]string{"Range": "bytes=10-19", "If-Range": etag}, 206, s.data[10:20], fmt.Sprintf("bytes 10-19/%d", n)},
		{"range if other", map[string]string{"Range": "bytes=10-19", "If-Range": `"other"`}, 200, s.data, ""},
		{"range if weak", map[string]string{"Range": "bytes=10-19", "If-Range": "W/" + etag}, 200, s.data, ""},
		{"range if date", map[string]string{"Range": "bytes=10-19", "If-Range": "Mon, 02 Jan 2006 15:04:05 GMT"}, 200, s.data, ""},
		{"suffix", map[string]string{"Range": "bytes=-7"}, 206, s.data[n-7:], fmt.Sprintf("bytes %d-%d/%d", n-7, n-1, n)},
		{"suffix longer than the file", map[string]string{"Range": fmt.Sprintf("bytes=-%d", n+1)}, 206, s.data, fmt.Sprintf("bytes 0-%d/%d", n-1, n)},
		{"open end", map[string]string{"Range": fmt.Sprintf("bytes=%d-", 2*partSize)}, 206, s.data[2*partSize:], fmt.Sprintf("bytes %d-%d/%d", 2*partSize, n-1, n)},
		{"end beyond the end", map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", n-5, n+5)}, 206, s.data[n-5:], fmt.Sprintf("bytes %d-%d/%d", n-5, n-1, n)},
		{"begin beyond the end", map[string]string{"Range": fmt.Sprintf("bytes=%d-", n)}, 416, nil, fmt.Sprintf("bytes */%d", n)},
		{"another unit", map[string]string{"Range": "lines=1-2"}, 416, nil, ""},
		{"backwards", map[string]string{"Range": "bytes=9-3"}, 416, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, b := s.ask(t, http.MethodGet, c.header)
			if res.StatusCode != c.status || c.want != nil && !bytes.Equal(b, c.want) {
				t.Errorf("%d with %d bytes, want %d with %d", res.StatusCode, len(b), c.status, len(c.want))
			}
			if got := res.Header.Get("Content-Range"); c.ranged != "" && got != c.ranged {
				t.Errorf("Content-Range %q, want %q", got, c.ranged)
			}
			if got := res.Header.Get("Cache-Control"); got != "private, no-store" {
				t.Errorf("Cache-Control %q", got)
			}
			if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options %q", got)
			}
		})
	}
}

func TestServeSeveralRanges(t *testing.T) {
	s := newShelf(t)
	res, b := s.ask(t, http.MethodGet, map[string]string{"Range": fmt.Sprintf("bytes=0-9,%d-%d,-3", partSize-5, partSize+5)})
	kind, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" || res.StatusCode != 206 {
		t.Fatalf("%d %s, %v", res.StatusCode, kind, err)
	}
	mr := multipart.NewReader(bytes.NewReader(b), params["boundary"])
	for _, want := range [][]byte{s.data[:10], s.data[partSize-5 : partSize+6], s.data[len(s.data)-3:]} {
		p, err := mr.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, want) || p.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%d bytes as %s, want %d, %v", len(got), p.Header.Get("Content-Type"), len(want), err)
		}
	}
	// A thousand ranges would be a thousand parts opened: the file comes whole instead, once.
	many := "bytes=0-0" + strings.Repeat(fmt.Sprintf(",%d-%d", partSize-1, partSize-1), 1000)
	if res, b := s.ask(t, http.MethodGet, map[string]string{"Range": many}); res.StatusCode != 200 || !bytes.Equal(b, s.data) {
		t.Errorf("a thousand ranges: %d, %d bytes", res.StatusCode, len(b))
	}
}

// Damage behind the first of several ranges ends the connection too, and whoever leaves in between disturbs nothing.
func TestSeveralRangesThatEndEarly(t *testing.T) {
	s := newShelf(t)
	ranges := fmt.Sprintf("bytes=0-%d,%d-%d", partSize-1, partSize, len(s.data)-1)
	for range 5 { // gone in the middle: the race detector sees who still reads
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Range", ranges)
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, res.Body, 100_000); err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	keys := s.w.partPaths(t, s.f)
	edit(t, keys[1], func(b []byte) []byte { b[500_000] ^= 1; return b })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Range", ranges)
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%d bytes came without an error", len(b))
	}
}

// hostileNames are file names as nobody should send them.
var hostileNames = []string{
	`plain.pdf`, `Röntgen Übersicht.pdf`, `牙科 X光.pdf`, `a"b.pdf`, `a\b.pdf`, `a;filename=evil.exe;.pdf`, `a%20b.pdf`, `a'b''c.pdf`,
	"a\r\nSet-Cookie: x=1.pdf", "a\x00b.pdf", `../../etc/passwd.pdf`, `CON.pdf`, `.pdf`, `a*b?.pdf`, "a\u202efdp.exe.pdf", `"; filename*=UTF-8''evil.exe.pdf`,
	"=?utf-8?Q?evil?=.pdf", "\xff\xfe.pdf", "𝔞.pdf", strings.Repeat("é", 120) + ".pdf",
}

// Whatever a file is called, the header has one line, says attachment, and gives a careful reader the very name.
func TestDisposition(t *testing.T) {
	for _, name := range hostileNames {
		checkDisposition(t, name)
	}
}

func FuzzDisposition(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name)
	}
	f.Fuzz(checkDisposition)
}

func checkDisposition(t *testing.T, name string) {
	t.Helper()
	header := attach.Disposition(name)
	for _, c := range []byte(header) {
		if c < ' ' || c > '~' {
			t.Fatalf("%q: byte %#x in %s", name, c, header)
		}
	}
	ascii, extended, found := strings.Cut(header, "; filename*=UTF-8''")
	if !found || !strings.HasPrefix(ascii, `attachment; filename="`) || strings.Count(ascii, `"`) != 2 || strings.ContainsAny(extended, `"; '`) {
		t.Fatalf("%q: %s", name, header)
	}
	kind, params, err := mime.ParseMediaType("attachment; filename*=UTF-8''" + extended)
	if err != nil || kind != "attachment" || params["filename"] != name {
		t.Fatalf("%q came back as %q, %v", name, params["filename"], err)
	}
}
