package verify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/jobs"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

var start = time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)

const (
	kind    = "reset"
	subject = "u-ann"
	ttl     = 24 * time.Hour
)

var (
	visitor = actor.Actor{Kind: actor.Visitor, IP: "192.0.2.1"}
	ann     = verify.Phones{Phone: "+12065550110", Cell: "+12065550142"}
	toCell  = verify.Send{Method: verify.Methods(ann)[2], Name: "Harbor Dental", Field: "method"}
	byCall  = verify.Send{Method: verify.Methods(ann)[0], Name: "Harbor Dental", Field: "method"}
)

type world struct {
	*verify.Service
	t      *testing.T
	d      *db.DB
	clock  *clock.Clock
	jobs   *jobs.Client
	notify *notify.Service
	keys   *crypt.Keys
	site   http.Handler
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	return newWorldBy(t, d, nil)
}

// newWorldBy is the room whose texts and calls go by a phone service; nil is the outbox.
func newWorldBy(t *testing.T, d *db.DB, twilio *notify.Twilio) *world {
	t.Helper()
	w := &world{t: t, d: d, clock: clock.Fixed(start), jobs: jobs.New(d, slog.New(slog.DiscardHandler))}
	box := notify.Outbox{DB: d, Clock: w.clock}
	by := notify.Carriers{Mailer: box, Phone: box}
	var signed func(path, signature string, form url.Values) bool
	if twilio != nil {
		by.Phone, signed = twilio, twilio.Signed
	}
	keys := crypttest.Keys(t, d)
	w.keys = keys
	w.notify = notify.New(notify.Options{DB: d, Keys: keys, Jobs: w.jobs, Clock: w.clock, Carrier: by, Backoff: func(int) time.Duration { return time.Millisecond },
		From: "notify@portal.example", Product: "SecurePractice", BaseURL: &url.URL{Scheme: "https", Host: "portal.example"}})
	w.Service = verify.New(verify.Options{DB: d, Keys: keys, Clock: w.clock, Notify: w.notify, Limit: &limit.Limiter{Keys: keys, Clock: w.clock},
		Audit: audit.New(audit.Options{DB: d, Keys: keys, Clock: w.clock})})
	rt := web.New(web.Options{Clock: w.clock, BaseURL: "https://portal.example", MAC: keys.MAC, Plain: ui.Shell{Product: "SecurePractice"}})
	w.MountPhone(rt, signed)
	w.MountSteps(rt, verify.Host{
		Kind: kind, Prefix: "/t/{token}", Role: web.Flow,
		Open: func(r *http.Request) (verify.Subject, error) {
			l, err := w.CheckToken(r.Context(), d, kind, r.PathValue("token"))
			return verify.Subject{ID: l.Subject, Generation: l.Generation, Phones: ann, Contact: "Dana Whitfield", Name: "Harbor Dental"}, err
		},
		Next: func(r *http.Request) string { return "/t/" + r.PathValue("token") + "/next" },
	})
	w.site = rt.Handler()
	return w
}

// start lets the jobs run until the test ends.
func (w *world) start() {
	w.t.Helper()
	must(w.t, w.jobs.Start(w.t.Context()))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.jobs.Stop(ctx); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) outbox() []notify.OutboxItem {
	w.t.Helper()
	must(w.t, w.jobs.Wait(w.t.Context()))
	items, err := w.notify.Outbox(w.t.Context(), 100)
	must(w.t, err)
	return items
}

func (w *world) tx(fn func(ctx context.Context, tx *db.Tx) error) error {
	return w.d.InTx(w.t.Context(), fn)
}

// link makes a new link and gives its token.
func (w *world) link() string {
	w.t.Helper()
	must(w.t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.NewLink(ctx, tx, kind, subject, ttl) }))
	token, err := w.Token(w.t.Context(), w.d, kind, subject)
	must(w.t, err)
	return token
}

func (w *world) check(token string) verify.Link {
	w.t.Helper()
	l, err := w.CheckToken(w.t.Context(), w.d, kind, token)
	must(w.t, err)
	return l
}

func (w *world) dead(token, why string) {
	w.t.Helper()
	if _, err := w.CheckToken(w.t.Context(), w.d, kind, token); !fault.Is(err, fault.Gone) {
		w.t.Errorf("%s: %v, want Gone", why, err)
	}
}

// begin is a flow of the present link in one browser.
func (w *world) begin(browser string) verify.Flow {
	w.t.Helper()
	f, err := w.tryBegin(browser, w.generation())
	must(w.t, err)
	return f
}

func (w *world) tryBegin(browser string, generation int64) (f verify.Flow, err error) {
	err = w.tx(func(ctx context.Context, tx *db.Tx) error {
		f, err = w.Begin(ctx, tx, verify.Start{Kind: kind, Subject: subject, Generation: generation, Browser: browser})
		return err
	})
	return f, err
}

func (w *world) generation() int64 {
	w.t.Helper()
	return w.number("SELECT generation FROM verify_link WHERE kind = $1 AND subject_id = $2", kind, subject)
}

// code sends a code and reads it from the phone.
func (w *world) code(f verify.Flow, m verify.Send) string {
	w.t.Helper()
	must(w.t, w.SendCode(w.t.Context(), visitor, f, m))
	return w.outbox()[0].Code
}

func (w *world) finish(f verify.Flow, n verify.Need) error {
	return w.tx(func(ctx context.Context, tx *db.Tx) error { return w.Finish(ctx, tx, f, n) })
}

func (w *world) number(query string, args ...any) int64 {
	w.t.Helper()
	n, _, err := db.One(w.t.Context(), w.d, db.Scan1[int64], query, args...)
	must(w.t, err)
	return n
}

// state is everything the room keeps, to see whether anything changed.
func (w *world) state() string {
	w.t.Helper()
	all := func(query string) string {
		s, err := db.All(w.t.Context(), w.d, db.Scan1[string], query)
		must(w.t, err)
		return fmt.Sprint(s)
	}
	return all("SELECT kind || subject_id || CAST(generation AS TEXT) || CAST(expires_at AS TEXT) || COALESCE(CAST(used_at AS TEXT), '') FROM verify_link ORDER BY kind, subject_id") +
		all("SELECT id || CAST(version AS TEXT) || state FROM verify_flow ORDER BY id") + all("SELECT id || state FROM notify_message ORDER BY id")
}

// wrong is a code that is not code.
func wrong(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// sentence is what a refusal says beside the field.
func sentence(t *testing.T, err error, field, want string) {
	t.Helper()
	if got := fault.From(err).For(field); err == nil || got != want {
		t.Errorf("%s: %q (%v), want %q", field, got, err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// browser visits the site as one person's browser does, without following redirects.
type browser struct {
	t    *testing.T
	site http.Handler
	jar  http.CookieJar
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	return &browser{w.t, w.site, jar}
}

type page struct {
	*goquery.Document
	status int
	to     string
	cookie []*http.Cookie
}

func (b *browser) do(method, path string, form url.Values) page {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, "https://portal.example"+path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	b.site.ServeHTTP(rec, r)
	res := rec.Result()
	b.jar.SetCookies(r.URL, res.Cookies())
	doc, err := goquery.NewDocumentFromReader(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		b.t.Fatal(err)
	}
	return page{doc, res.StatusCode, res.Header.Get("Location"), res.Cookies()}
}

func (b *browser) get(path string) page { b.t.Helper(); return b.do(http.MethodGet, path, nil) }

func (b *browser) post(path string, form url.Values) page {
	b.t.Helper()
	return b.do(http.MethodPost, path, form)
}

func (p page) goesTo(t *testing.T, to string) {
	t.Helper()
	if p.status != http.StatusSeeOther || p.to != to {
		t.Errorf("%d to %q, want 303 to %q: %s", p.status, p.to, to, p.Find("main").Text())
	}
}

func (p page) says(t *testing.T, status int, want string) {
	t.Helper()
	if text := strings.Join(strings.Fields(p.Find("body").Text()), " "); p.status != status || !strings.Contains(text, want) {
		t.Errorf("%d %q, want %d with %q", p.status, text, status, want)
	}
}
