package attach_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/jobs"
	"securepractice/internal/scan"
)

// portal answers for the room as mail does: the header "By" says who asks.
func portal(t *testing.T, w *world) *httptest.Server {
	t.Helper()
	tus := w.NewTus("/up/")
	people := map[string]actor.Actor{"ann": ann, "pat": pat, "bea": {Kind: actor.User, ID: "bea", PracticeID: "practice-1", OwnerID: "practice-1"}}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		by := people[r.Header.Get("By")]
		if r.Method == http.MethodPost {
			_ = tus.Create(rw, r, by, holder)
			return
		}
		_ = tus.Serve(rw, r, by)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// say sends one request of the protocol.
func say(t *testing.T, method, url, by string, head map[string]string, body io.Reader) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Tus-Resumable", "1.0.0")
	r.Header.Set("By", by)
	for k, v := range head {
		r.Header.Set(k, v)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { _ = got.Body.Close() })
	return got
}

func begin(t *testing.T, srv *httptest.Server, by, name string, size int) *http.Response {
	t.Helper()
	return say(t, http.MethodPost, srv.URL+"/up/", by, map[string]string{"Upload-Length": strconv.Itoa(size),
		"Upload-Metadata": "filename " + base64.StdEncoding.EncodeToString([]byte(name))}, nil)
}

func patch(t *testing.T, at, by string, offset int, body io.Reader) *http.Response {
	t.Helper()
	return say(t, http.MethodPatch, at, by, map[string]string{"Upload-Offset": strconv.Itoa(offset), "Content-Type": "application/offset+octet-stream"}, body)
}

func offset(t *testing.T, at, by string) int {
	t.Helper()
	r := say(t, http.MethodHead, at, by, nil, nil)
	n, err := strconv.Atoi(r.Header.Get("Upload-Offset"))
	if err != nil {
		t.Fatalf("HEAD answers %d, offset %q", r.StatusCode, r.Header.Get("Upload-Offset"))
	}
	return n
}

func idOf(at string) string { return at[strings.LastIndexByte(at, '/')+1:] }

// cutting is a body whose connection breaks after so many bytes.
type cutting struct {
	r    io.Reader
	left int
}

func (c *cutting) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errors.New("cut")
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// arrive sends a file over connections that break at odd places, asks each time where to go on, and finishes it.
func arrive(t *testing.T, w *world, srv *httptest.Server, at string, data []byte, cuts int) attach.File {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(len(data)), uint64(cuts)))
	for {
		from := offset(t, at, "ann")
		if from == len(data) {
			break
		}
		var body io.Reader = bytes.NewReader(data[from:])
		if cuts > 0 {
			cuts--
			body = &cutting{body, r.IntN(len(data) - from)}
		}
		patch(t, at, "ann", from, body)
	}
	sum := sha256.Sum256(data)
	f, err := w.FinishUpload(t.Context(), ann, idOf(at), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestResumedUpload: a file that comes in pieces, over connections that break anywhere, is the file that was sent. What a
// piece took the place of is put aside, and nothing else is left.
func TestResumedUpload(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		srv := portal(t, w)
		data := unknownBytes(3*partSize + 12_345)
		r := begin(t, srv, "ann", "scan.ds2", len(data))
		if r.StatusCode != http.StatusCreated {
			t.Fatalf("begin: %d", r.StatusCode)
		}
		at := r.Header.Get("Location")
		f := arrive(t, w, srv, at, data, 12)
		w.run(t)
		if got, err := w.get(t, f.LinkID, w.owner(t, ann.OwnerID), nil); err != nil || !bytes.Equal(got.Body.Bytes(), data) {
			t.Errorf("it is another file: %v", err)
		}
		for what, n := range map[string]int64{"attach_upload": 0, "attach_link": 1, "attach_part": 4} {
			if got := w.count(t, "SELECT COUNT(*) FROM "+what); got != n {
				t.Errorf("%d rows of %s, want %d", got, what, n)
			}
		}
		w.whole(t)
		if r := say(t, http.MethodHead, at, "ann", nil, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("a finished upload answers %d", r.StatusCode)
		}
	})
}

// TestUploadAfterRestart: another program over the same database and files goes on where the first was killed.
func TestUploadAfterRestart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		srv := portal(t, w)
		data := unknownBytes(2*partSize + 777)
		at := begin(t, srv, "ann", "scan.ds2", len(data)).Header.Get("Location")
		patch(t, at, "ann", 0, &cutting{bytes.NewReader(data), partSize + 500_000})
		srv.Close()
		queue := jobs.New(w.d, slog.New(slog.DiscardHandler))
		next := &world{d: w.d, keys: w.keys, clock: w.clock, blobs: w.blobs, dir: w.dir, jobs: queue, Service: attach.New(attach.Options{
			DB: w.d, Keys: w.keys, Clock: w.clock, Jobs: queue, Blobs: w.blobs, Scanner: scan.Demo{}, Audit: audit.New(audit.Options{DB: w.d, Keys: w.keys, Clock: w.clock})})}
		srv = portal(t, next)
		at = srv.URL + "/up/" + idOf(at)
		if n := offset(t, at, "ann"); n < partSize || n > partSize+500_000 {
			t.Errorf("it goes on at %d", n)
		}
		arrive(t, next, srv, at, data, 3)
	})
}

// TestUploadOfOthers: nobody sees, continues, finishes or ends somebody else's upload, a colleague's neither; to them it
// does not exist.
func TestUploadOfOthers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		srv := portal(t, w)
		data := unknownBytes(100_000)
		at := begin(t, srv, "ann", "scan.ds2", len(data)).Header.Get("Location")
		for _, by := range []string{"pat", "bea", ""} {
			for _, r := range []*http.Response{say(t, http.MethodHead, at, by, nil, nil), patch(t, at, by, 0, bytes.NewReader(data)), say(t, http.MethodDelete, at, by, nil, nil)} {
				if r.StatusCode != http.StatusNotFound {
					t.Errorf("%q %s: %d", by, r.Request.Method, r.StatusCode)
				}
			}
		}
		sum := sha256.Sum256(data)
		if _, err := w.FinishUpload(t.Context(), pat, idOf(at), sum[:]); !fault.Is(err, fault.NotFound) {
			t.Errorf("finished by somebody else: %v", err)
		}
		if n := offset(t, at, "ann"); n != 0 {
			t.Errorf("somebody else wrote %d bytes", n)
		}
	})
}

// TestUploadRefused: what can be known is refused before a byte is sent, in the words of a form; what is not spoken is
// not taken for something else.
func TestUploadRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		srv := portal(t, w)
		w.receive(t, "here.txt", []byte("x"))
		for name, tc := range map[string]struct {
			size int
			want string
		}{
			"run.exe":  {10, "run.exe: this file type is not accepted"},
			"here.txt": {10, "here.txt is already attached"},
			"none.txt": {0, "none.txt is empty"},
			"most.txt": {300_000_000, "most.txt is too large. All attachments together can be up to 300 MB; 300 MB are left."},
		} {
			r := begin(t, srv, "ann", name, tc.size)
			b, _ := io.ReadAll(r.Body)
			if r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(b), tc.want) {
				t.Errorf("%s: %d %s", name, r.StatusCode, b)
			}
		}
		if r := begin(t, srv, "ann", "vast.txt", 300_000_001); r.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("beyond all: %d", r.StatusCode)
		}
		half := begin(t, srv, "ann", "half.txt", 200_000_000)
		if half.StatusCode != http.StatusCreated {
			t.Fatalf("half: %d", half.StatusCode)
		}
		if r := begin(t, srv, "ann", "other.txt", 150_000_000); r.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("what is on its way does not count: %d", r.StatusCode)
		}
		if r := begin(t, srv, "ann", "half.txt", 150_000_000); r.StatusCode != http.StatusCreated || say(t, http.MethodHead, half.Header.Get("Location"), "ann", nil, nil).StatusCode != http.StatusNotFound {
			t.Errorf("begun anew: %d; the first must give way", r.StatusCode)
		}
		for head, value := range map[string]string{"Upload-Defer-Length": "1", "Upload-Concat": "final;/up/a /up/b"} {
			r := say(t, http.MethodPost, srv.URL+"/up/", "ann", map[string]string{head: value}, nil)
			if r.StatusCode < 400 {
				t.Errorf("%s: %d", head, r.StatusCode)
			}
		}
	})
}

// TestUploadOtherContent: what is not what its sender has, is given up.
func TestUploadOtherContent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		srv := portal(t, w)
		at := begin(t, srv, "ann", "scan.ds2", 100).Header.Get("Location")
		if _, err := w.FinishUpload(t.Context(), ann, idOf(at), nil); !fault.Is(err, fault.Conflict) {
			t.Errorf("finished before its end: %v", err)
		}
		patch(t, at, "ann", 0, bytes.NewReader(unknownBytes(100)))
		sum := sha256.Sum256([]byte("something else"))
		_, err := w.FinishUpload(t.Context(), ann, idOf(at), sum[:])
		if fault.From(err).For("attachments") != "Upload of scan.ds2 failed. Check your connection, then attach it again." {
			t.Errorf("err = %v", err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_link") + w.count(t, "SELECT COUNT(*) FROM attach_upload") + w.count(t, "SELECT COUNT(*) FROM attach_part"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE wrapped_dek IS NOT NULL"); n != 0 {
			t.Error("its key is left")
		}
	})
}

// TestUploadDrips: bytes that come one by one make no object each.
func TestUploadDrips(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		srv := portal(t, w)
		data := unknownBytes(200_000)
		at := begin(t, srv, "ann", "scan.ds2", len(data)).Header.Get("Location")
		for range 5 {
			patch(t, at, "ann", 0, &cutting{bytes.NewReader(data), 1000})
		}
		if n := offset(t, at, "ann"); n != 0 {
			t.Errorf("%d bytes were kept", n)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_part") + w.count(t, "SELECT COUNT(*) FROM attach_trash"); n != 0 {
			t.Errorf("%d objects for drops", n)
		}
		arrive(t, w, srv, at, data, 0)
	})
}

// TestUploadTwice: two connections that send the same bytes at once make one file.
func TestUploadTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		data := unknownBytes(2*partSize + 5)
		first, second := portal(t, w), portal(t, w) // two nodes: they share no lock
		at := begin(t, first, "ann", "scan.ds2", len(data)).Header.Get("Location")
		var both sync.WaitGroup
		for _, srv := range []*httptest.Server{first, second} {
			both.Go(func() { patch(t, srv.URL+"/up/"+idOf(at), "ann", 0, bytes.NewReader(data)) })
		}
		both.Wait()
		f := arrive(t, w, first, at, data, 0)
		w.run(t)
		if got, err := w.get(t, f.LinkID, w.owner(t, ann.OwnerID), nil); err != nil || !bytes.Equal(got.Body.Bytes(), data) {
			t.Errorf("it is another file: %v", err)
		}
		w.whole(t)
	})
}

// TestUploadGoesStale: an upload of which nothing is heard for a day is given up; one that is discarded with its draft at once.
func TestUploadGoesStale(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		srv := portal(t, w)
		at := begin(t, srv, "ann", "a.ds2", 5_000_000).Header.Get("Location")
		patch(t, at, "ann", 0, &cutting{bytes.NewReader(unknownBytes(5_000_000)), 4_500_000})
		srv.Close() // waits for the request that was cut
		srv = portal(t, w)
		at = srv.URL + "/up/" + idOf(at)
		kept := offset(t, at, "ann")
		list, err := w.Uploads(t.Context(), ann, holder)
		if err != nil || len(list) != 1 || list[0].Name != "a.ds2" || list[0].Size != 5_000_000 || list[0].Received != int64(kept) {
			t.Errorf("%+v, %v", list, err)
		}
		for _, c := range []struct {
			after time.Duration
			here  bool
		}{{9 * time.Minute, true}, {2 * time.Minute, false}} {
			w.clock.Advance(c.after)
			if here, err := w.Arriving(t.Context(), w.d, holder); err != nil || here != c.here {
				t.Errorf("after %v it is arriving: %v, %v", c.after, here, err)
			}
		}
		w.clock.Advance(25 * time.Hour)
		if err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := say(t, http.MethodHead, at, "ann", nil, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("after a day: %d", r.StatusCode)
		}
		at = begin(t, srv, "ann", "b.ds2", 100_000).Header.Get("Location")
		w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.RemoveAll(ctx, tx, ann, holder) })
		if r := say(t, http.MethodHead, at, "ann", nil, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("of a discarded draft: %d", r.StatusCode)
		}
		w.clock.Advance(25 * time.Hour)
		if err := w.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

// TestUploadOrder: files stand in the order in which they were chosen, whichever was here first.
func TestUploadOrder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		srv := portal(t, w)
		w.receive(t, "0.txt", []byte("x"))
		long := begin(t, srv, "ann", "1.ds2", 100_000).Header.Get("Location")
		time.Sleep(2 * time.Millisecond)
		short := begin(t, srv, "ann", "2.ds2", 1000).Header.Get("Location")
		arrive(t, w, srv, short, unknownBytes(1000), 0)
		arrive(t, w, srv, long, unknownBytes(100_000), 0)
		w.receive(t, "3.txt", []byte("x"))
		var order string
		for _, f := range w.list(t, holder, w.owner(t, ann.OwnerID)) {
			order += f.Name[:1]
		}
		if order != "0123" {
			t.Errorf("order %s", order)
		}
	})
}

// TestManyUnfinished: nobody fills the house with beginnings.
func TestManyUnfinished(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		srv := portal(t, w)
		for i := range 20 {
			if r := begin(t, srv, "ann", fmt.Sprintf("%d.txt", i), 10); r.StatusCode != http.StatusCreated {
				t.Fatalf("%d: %d", i, r.StatusCode)
			}
		}
		if r := begin(t, srv, "ann", "more.txt", 10); r.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("one more: %d", r.StatusCode)
		}
	})
}

// whole says that every object is a part or put aside.
func (w *world) whole(t *testing.T) {
	t.Helper()
	for _, key := range w.objects(t) {
		if w.count(t, "SELECT (SELECT COUNT(*) FROM attach_part WHERE key = $1) + (SELECT COUNT(*) FROM attach_trash WHERE key = $1)", key) != 1 {
			t.Errorf("object %s is neither a part nor put aside", key)
		}
	}
}
