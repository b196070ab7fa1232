package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"securepractice/internal/blob"
	"securepractice/internal/blob/s3"
	"securepractice/internal/blob/s3/s3test"
)

// between is a store on a new bucket, with a proxy in between that does to requests and answers what a test says.
func between(t *testing.T, handle func(next http.Handler) http.Handler, change func(o *s3.Options)) (*s3.Store, string) {
	t.Helper()
	o, dir := s3test.Between(t, handle)
	if change != nil {
		change(&o)
	}
	s, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// handler makes a handler of what happens to a request with the real service behind it.
func handler(fn func(w http.ResponseWriter, r *http.Request, next http.Handler)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fn(w, r, next) })
	}
}

func read(t *testing.T, s *s3.Store, key string) ([]byte, error) {
	t.Helper()
	r, err := s.Get(t.Context(), key)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	if closeErr := r.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	return b, err
}

func big(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(b) // never fails
	return b
}

// answer sends an S3 error.
func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>planted</Message></Error>", code)
}

// A put whose answer was lost is told as done: the object is its own, not another's.
func TestPutWhoseAnswerWasLost(t *testing.T) {
	var lost atomic.Int64
	s, _ := between(t, handler(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut && lost.Add(1) <= 2 {
			next.ServeHTTP(httptest.NewRecorder(), r) // stored
			panic(http.ErrAbortHandler)               // and nobody hears of it
		}
		next.ServeHTTP(w, r)
	}), nil)
	data := big(4<<20 + 100)
	if err := s.Put(t.Context(), "ab/f/0-x", data); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, s, "ab/f/0-x"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := s.Put(t.Context(), "ab/f/0-x", data); !errors.Is(err, blob.ErrExists) {
		t.Errorf("the same bytes under a taken key: %v, want ErrExists", err)
	}
}

// A service that is busy or broken for a while is asked again; one that stays so is an error.
func TestServiceThatFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		code   string
	}{{"slow down", 503, "SlowDown"}, {"internal", 500, "InternalError"}, {"gateway", 502, ""}, {"throttled", 429, "Throttling"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it mostly waits
			var left atomic.Int64
			s, _ := between(t, handler(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if left.Add(-1) >= 0 {
					answer(w, c.status, c.code) // before the body was read
					return
				}
				next.ServeHTTP(w, r)
			}), nil)
			data := big(1 << 20)
			left.Store(3)
			if err := s.Put(t.Context(), "ab/f/0-x", data); err != nil {
				t.Fatalf("put: %v", err)
			}
			left.Store(3)
			if got, err := read(t, s, "ab/f/0-x"); err != nil || !bytes.Equal(got, data) {
				t.Errorf("get: %d bytes, %v", len(got), err)
			}
			left.Store(3)
			if err := s.Del(t.Context(), "ab/f/0-x"); err != nil {
				t.Errorf("del: %v", err)
			}
			left.Store(1 << 30)
			if err := s.Put(t.Context(), "ab/f/1-x", data); err == nil || errors.Is(err, blob.ErrExists) {
				t.Errorf("put to a service that stays broken: %v", err)
			}
			if _, err := s.Get(t.Context(), "ab/f/0-x"); err == nil || errors.Is(err, blob.ErrNotFound) {
				t.Errorf("get from a service that stays broken: %v; it must not look like a missing object", err)
			}
		})
	}
}

// cutWriter ends the connection after so many bytes of a body.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left]) // the connection ends with or without it
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func (c *cutWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// A read that breaks off goes on at the same byte; one that breaks off for ever ends in an error, never as if whole.
func TestReadThatBreaksOff(t *testing.T) {
	var cuts atomic.Int64
	s, _ := between(t, handler(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && cuts.Add(-1) >= 0 {
			w = &cutWriter{w, 1 + rand.IntN(700_000)}
		}
		next.ServeHTTP(w, r)
	}), nil)
	data := big(4<<20 + 1064)
	if err := s.Put(t.Context(), "ab/f/0-x", data); err != nil {
		t.Fatal(err)
	}
	for n := range 6 {
		cuts.Store(int64(n))
		if got, err := read(t, s, "ab/f/0-x"); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d cuts: %d bytes, %v", n, len(got), err)
		}
	}
	cuts.Store(1 << 30)
	if got, err := read(t, s, "ab/f/0-x"); err == nil {
		t.Errorf("cut for ever: %d bytes without an error", len(got))
	}
}

// What is read on is the object that was begun, not one that took its place.
func TestReadDoesNotGoOnInAnotherObject(t *testing.T) {
	cut := true
	var s *s3.Store
	s, _ = between(t, handler(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && cut {
			cut = false
			defer func() {
				if err := errors.Join(s.Del(context.Background(), "ab/f/0-x"), s.Put(context.Background(), "ab/f/0-x", big(300_001))); err != nil {
					t.Error(err)
				}
				panic(http.ErrAbortHandler)
			}()
			w = &cutWriter{w, 100_000}
		}
		next.ServeHTTP(w, r)
	}), nil)
	if err := s.Put(t.Context(), "ab/f/0-x", big(300_000)); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, s, "ab/f/0-x"); err == nil {
		t.Errorf("%d bytes of two objects", len(got))
	}
}

// A service that takes a request and says nothing, or stops in the middle of its answer, holds nobody for long.
func TestServiceThatHangs(t *testing.T) {
	var hang atomic.Bool
	end := make(chan struct{})
	s, _ := between(t, handler(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if hang.Load() && r.Method == http.MethodGet {
			w.Header().Set("Content-Length", "100")
			w.Header().Set("ETag", `"x"`)
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		if hang.Load() {
			<-end
			return
		}
		next.ServeHTTP(w, r)
	}), func(o *s3.Options) { o.Stall, o.Tries = 200*time.Millisecond, 2 })
	t.Cleanup(func() { close(end) })
	if err := s.Put(t.Context(), "ab/f/0-x", big(100)); err != nil {
		t.Fatal(err)
	}
	hang.Store(true)
	start := time.Now()
	if _, err := read(t, s, "ab/f/0-x"); err == nil {
		t.Error("get: no error")
	}
	if err := s.Put(t.Context(), "ab/f/1-x", big(100)); err == nil {
		t.Error("put: no error")
	}
	if err := s.List(t.Context(), func(blob.Object) error { return nil }); err == nil {
		t.Error("list: no error")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// Of services that do not know conditional puts, one says so and one does not. Neither has an object replaced.
func TestServiceWithoutConditionalPuts(t *testing.T) {
	for _, silent := range []bool{true, false} {
		t.Run(fmt.Sprintf("silent=%v", silent), func(t *testing.T) {
			s, _ := between(t, handler(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodPut && r.Header.Get("If-None-Match") != "" {
					if !silent {
						answer(w, http.StatusNotImplemented, "NotImplemented")
						return
					}
					store(t, w, r, next)
					return
				}
				next.ServeHTTP(w, r)
			}), nil)
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Put(t.Context(), "ab/f/0-x", []byte("first")); err != nil {
				t.Fatal(err)
			}
			if err := s.Put(t.Context(), "ab/f/0-x", []byte("second")); !errors.Is(err, blob.ErrExists) {
				t.Errorf("second put: %v, want ErrExists", err)
			}
			if got, err := read(t, s, "ab/f/0-x"); err != nil || string(got) != "first" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// store stores a put as a service does that ignores its condition: the object that is there goes first.
func store(t *testing.T, w http.ResponseWriter, r *http.Request, next http.Handler) {
	t.Helper()
	rec := httptest.NewRecorder()
	var sent bytes.Buffer
	r.Body = io.NopCloser(io.TeeReader(r.Body, &sent))
	next.ServeHTTP(rec, r)
	if rec.Code == http.StatusPreconditionFailed {
		w.WriteHeader(http.StatusOK) // it says that it has stored it
		return
	}
	for name, v := range rec.Header() {
		w.Header()[name] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // a test's answer
}

// A listing of several pages tells every object once, though a page in the middle fails.
func TestListOfManyPages(t *testing.T) {
	var pages, fail atomic.Int64
	s, dir := between(t, handler(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Query().Get("list-type") == "2" && pages.Add(1) == 2 && fail.Add(-1) >= 0 {
			answer(w, http.StatusServiceUnavailable, "SlowDown")
			return
		}
		next.ServeHTTP(w, r)
	}), nil)
	const n = 2300
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("%02d", i%50), fmt.Sprintf("file-%d", i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "README.txt"), nil, 0o600); err != nil { // no object of ours
		t.Fatal(err)
	}
	fail.Store(1)
	seen := map[string]int{}
	if err := s.List(t.Context(), func(o blob.Object) error { seen[o.Key]++; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != n {
		t.Errorf("%d objects, want %d", len(seen), n)
	}
	for key, times := range seen {
		if times != 1 {
			t.Errorf("%s was told %d times", key, times)
		}
	}
	if pages.Load() < 3 {
		t.Errorf("%d pages: the test tests nothing", pages.Load())
	}
}

// A put that ends early must not read its caller's buffer any more, which is another's by then.
func TestBufferIsFreeAfterPut(t *testing.T) {
	s, _ := between(t, handler(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		answer(w, http.StatusForbidden, "AccessDenied")
	}), nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			buf := big(4 << 20)
			for i := range 10 {
				if err := s.Put(t.Context(), "ab/f/0-x", buf); err == nil {
					t.Error("a forbidden put succeeded")
				}
				clear(buf) // the race detector sees who still reads
				buf[0] = byte(i)
			}
		})
	}
	wg.Wait()
}

// The settings are checked with sentences that name the one that is wrong.
func TestCheckSaysWhatIsWrong(t *testing.T) {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		change     func(o *s3.Options)
	}{
		{"no such bucket", "s3_bucket: there is no bucket nowhere", func(o *s3.Options) { o.Bucket = "nowhere" }},
		{"wrong secret", "s3_access_key", func(o *s3.Options) { o.SecretKey = "wrong-wrong-wrong" }},
		{"unknown key", "s3_access_key", func(o *s3.Options) { o.AccessKey = "nobody" }},
		{"nobody answers", "s3_endpoint: " + nobody + " does not answer", func(o *s3.Options) { o.Endpoint = nobody }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, _ := s3test.Options(t)
			o.Stall, o.Tries = time.Second, 2
			c.change(&o)
			s, err := s3.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("said %v, want %q", err, c.want)
			}
		})
	}
	for _, bad := range []s3.Options{{Endpoint: "no address"}, {Endpoint: "https://s3.example", Bucket: "b", Prefix: "Not/../a key"}} {
		if _, err := s3.Open(bad); err == nil {
			t.Errorf("opened %+v", bad)
		}
	}
}

// A check leaves nothing, and stores in other places than its own see nothing of it.
func TestCheckLeavesNothing(t *testing.T) {
	s, _ := s3test.Open(t)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.List(t.Context(), func(o blob.Object) error { t.Errorf("left %s", o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
}

// What changes on the way is not stored: over TLS nothing but its checksum tells the service. Another try may bring it.
func TestBytesThatChangeOnTheWay(t *testing.T) {
	var damage atomic.Int64
	o, _ := s3test.BetweenTLS(t, handler(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut && damage.Add(-1) >= 0 {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			b[len(b)/2] ^= 1
			r.Body = io.NopCloser(bytes.NewReader(b))
		}
		next.ServeHTTP(w, r)
	}))
	s, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	data := big(1 << 20)
	damage.Store(1)
	if err := s.Put(t.Context(), "ab/f/0-x", data); err != nil {
		t.Errorf("changed once: %v", err)
	} else if got, err := read(t, s, "ab/f/0-x"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("changed once: %d bytes, %v", len(got), err)
	}
	damage.Store(1 << 30)
	if err := s.Put(t.Context(), "ab/f/1-x", data); err == nil {
		t.Error("changed bytes were taken")
	}
	if _, err := s.Get(t.Context(), "ab/f/1-x"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("they are stored: %v", err)
	}
}
