package notify_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/jobs"
	"securepractice/internal/notify"
)

var start = time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)

// relay stands in for the mail server: it answers what it is told to and keeps what it got.
type relay struct {
	notify.Outbox
	mu      sync.Mutex
	answers []error // of the next tries; then nil
	got     []notify.Mail
}

func (r *relay) Email(ctx context.Context, m notify.Mail) error {
	r.mu.Lock()
	r.got = append(r.got, m)
	var err error
	if len(r.answers) > 0 {
		err, r.answers = r.answers[0], r.answers[1:]
	}
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.Outbox.Email(ctx, m)
}

// log is a buffer that jobs may write to while a test reads.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type world struct {
	*notify.Service
	d     *db.DB
	clock *clock.Clock
	jobs  *jobs.Client
	relay *relay
	log   *log
}

// newWorld is the room with its job running once started.
func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{d: d, clock: clock.Fixed(start), log: &log{}}
	w.jobs = jobs.New(d, slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	w.relay = &relay{Outbox: notify.Outbox{DB: d, Clock: w.clock}}
	w.Service = notify.New(notify.Options{
		DB: d, Keys: crypttest.Keys(t, d), Jobs: w.jobs, Clock: w.clock, Carrier: w.relay, From: "notify@portal.example", Product: "SecurePractice",
		BaseURL: &url.URL{Scheme: "https", Host: "portal.example"}, SupportPhone: "(800) 555-0100", Backoff: func(int) time.Duration { return time.Millisecond },
	})
	return w
}

func (w *world) start(t *testing.T) {
	t.Helper()
	must(t, w.jobs.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.jobs.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

func (w *world) send(t *testing.T, m notify.Message) {
	t.Helper()
	must(t, w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.Send(ctx, tx, m) }))
}

// settle waits until every job has run, tries again included.
func (w *world) settle(t *testing.T) {
	t.Helper()
	must(t, w.jobs.Wait(t.Context()))
}

func (w *world) outbox(t *testing.T) []notify.OutboxItem {
	t.Helper()
	items, err := w.Outbox(t.Context(), 100)
	must(t, err)
	return items
}

func (w *world) text(t *testing.T, query string, args ...any) string {
	t.Helper()
	s, found, err := db.One(t.Context(), w.d, db.Scan1[string], query, args...)
	must(t, err)
	if !found {
		t.Fatalf("nothing for %s", query)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
