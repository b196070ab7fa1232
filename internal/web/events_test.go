package web_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"securepractice/internal/web"
)

func TestHub(t *testing.T) {
	h := web.NewHub()
	a, endA := h.Subscribe("ann")
	b, endB := h.Subscribe("bob")
	defer endB()
	for range 100 {
		h.Wake("ann", "nobody") // a page that does not look must not hold anybody up
	}
	<-a
	select {
	case <-a:
		t.Error("told twice before looking")
	case <-b:
		t.Error("somebody else was told")
	default:
	}
	endA()
	endA()
	h.Wake("ann")
	var ends []func()
	for range 20 {
		c, end := h.Subscribe("ann")
		if c == nil {
			t.Fatal("refused too early")
		}
		ends = append(ends, end)
	}
	if c, _ := h.Subscribe("ann"); c != nil {
		t.Error("streams of one person are not limited")
	}
	ends[0]()
	if c, _ := h.Subscribe("ann"); c == nil {
		t.Error("an ended stream still counts")
	}
}

// TestFollow keeps a stream open past the server's write timeout, and ends it when the server stops.
func TestFollow(t *testing.T) {
	rt := web.New(web.Options{})
	wake := make(chan struct{}, 1)
	rt.Events(web.Public, "/events", func(w http.ResponseWriter, r *http.Request) error { return web.Follow(w, r, wake, "mail") })
	s := httptest.NewUnstartedServer(rt.Handler())
	s.Config.WriteTimeout = 50 * time.Millisecond
	s.Start()
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
		t.Errorf("type %q", r.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(r.Body)
	next := func(want string) {
		for lines.Scan() {
			if lines.Text() == want {
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
	}
	next("retry: 3000")
	<-time.After(120 * time.Millisecond) // longer than the server's own timeout for an answer
	wake <- struct{}{}
	next("event: mail")
	rt.Drain()
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event:") {
			t.Error("an event after the end")
		}
	}
}

func TestSendEventKeepsItsFrame(t *testing.T) {
	w := httptest.NewRecorder()
	if err := web.SendEvent(w, "a\nb", "one\r\ntwo\n\nevent: evil"); err != nil {
		t.Fatal(err)
	}
	if got := w.Body.String(); got != "event: a b\ndata: one\ndata: two\ndata: \ndata: event: evil\n\n" {
		t.Errorf("%q", got)
	}
}

// TestPatientUpload sends a file for longer than the server's own deadlines allow a request.
func TestPatientUpload(t *testing.T) {
	rt := web.New(web.Options{})
	rt.Upload(web.Public, "/up", func(w http.ResponseWriter, r *http.Request) error {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return err
		}
		return web.SendJSON(w, http.StatusOK, n)
	})
	s := httptest.NewUnstartedServer(rt.Handler())
	s.Config.ReadTimeout, s.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	s.Start()
	defer s.Close()
	out, in := io.Pipe()
	go func() {
		for range 3 {
			_, _ = in.Write([]byte("part"))
			<-time.After(60 * time.Millisecond)
		}
		_ = in.Close()
	}()
	r, err := http.Post(s.URL+"/up", "application/octet-stream", out)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, r); got != "12" {
		t.Errorf("answer %q", got)
	}
}
