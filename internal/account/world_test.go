package account_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/jobs"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

var start = time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)

const (
	password = "Sea7-horse!kelp" // of everybody
	better   = "Tide9-pool?moss"
	notRight = "Your email address or password is not right."
	lockRule = "After 5 wrong tries in a row an account is locked."
)

// world is the room with everything below it real, behind the router, with three people in it: Ann, a doctor with
// two-step on, Pat, a patient with it off, and Sam of Support.
type world struct {
	*account.Service
	t             *testing.T
	d             *db.DB
	clock         *clock.Clock
	jobs          *jobs.Client
	notify        *notify.Service
	verify        *verify.Service
	practices     *practice.Service
	keys          *crypt.Keys
	site          http.Handler
	log           bytes.Buffer
	logMu         sync.Mutex
	ann, pat, sam account.User
	unknown       []string // addresses OnUnknown was told of
	moved         []string // addresses OnAddress was told of, "left > taken"
}

func (w *world) Write(p []byte) (int, error) {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	return w.log.Write(p)
}

func each(t *testing.T, fn func(t *testing.T, w *world), change ...func(*account.Settings)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newWorld(t, d, change...)) })
}

func newWorld(t *testing.T, d *db.DB, change ...func(*account.Settings)) *world {
	t.Helper()
	w := &world{t: t, d: d, clock: clock.Fixed(start)}
	log := slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.jobs = jobs.New(d, log)
	keys := crypttest.Keys(t, d)
	w.keys = keys
	limits := &limit.Limiter{Keys: keys, Clock: w.clock}
	trail := audit.New(audit.Options{DB: d, Keys: keys, Clock: w.clock})
	w.notify = notify.New(notify.Options{DB: d, Keys: keys, Jobs: w.jobs, Clock: w.clock, Carrier: notify.Outbox{DB: d, Clock: w.clock},
		From: "notify@portal.example", Product: "SecurePractice", BaseURL: &url.URL{Scheme: "https", Host: "portal.example"}})
	w.practices = practice.New(practice.Options{DB: d, Keys: keys, Clock: w.clock, Audit: trail})
	w.verify = verify.New(verify.Options{DB: d, Keys: keys, Clock: w.clock, Notify: w.notify, Limit: limits, Audit: trail})
	set := account.Settings{ArgonMemory: 64, ArgonTime: 1, ForgotTime: 1, TermsVersion: "2026-01-01", TermsText: "# Terms\n\nBe kind."}
	for _, c := range change {
		c(&set)
	}
	w.Service = account.New(account.Options{DB: d, Keys: keys, Clock: w.clock, Notify: w.notify, Limit: limits, Audit: trail, Practice: w.practices, Verify: w.verify, Settings: set})
	w.OnAddress = func(_ context.Context, _ *db.Tx, left, taken string) error {
		w.moved = append(w.moved, left+" > "+taken)
		return nil
	}
	w.OnUnknown = func(_ context.Context, _ *db.Tx, canon string) error {
		w.unknown = append(w.unknown, canon)
		return nil
	}
	w.mount(log, keys)
	must(t, w.jobs.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.jobs.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	w.people()
	return w
}

func (w *world) mount(log *slog.Logger, keys *crypt.Keys) {
	rt := web.New(web.Options{Log: log, Clock: w.clock, BaseURL: "https://portal.example", MAC: keys.MAC, Session: w.Session, Touch: w.Touch,
		Plain: ui.Shell{Product: "SecurePractice", Notify: "notify@portal.example", Zone: time.UTC},
		Shell: func(_ context.Context, by actor.Actor) (ui.Shell, error) {
			return ui.Shell{Product: "SecurePractice", Notify: "notify@portal.example", Zone: time.UTC, Name: by.Name(), SignedIn: by.SignedIn(), Theme: by.Look.Theme, Compact: by.Look.Compact, NoShortcuts: by.Look.NoShortcuts}, nil
		}})
	w.Mount(rt)
	rt.Get(web.User, "/{$}", func(rw http.ResponseWriter, r *http.Request) error {
		_, err := rw.Write([]byte("home of " + web.Actor(r).Email))
		return err
	})
	rt.Quiet(web.User, "/poll", func(rw http.ResponseWriter, _ *http.Request) error { return web.SendJSON(rw, http.StatusOK, 1) })
	rt.Get(web.Staff, "/support", func(rw http.ResponseWriter, r *http.Request) error {
		_, err := rw.Write([]byte("support of " + web.Actor(r).Email))
		return err
	})
	w.site = rt.Handler()
}

func (w *world) people() {
	w.t.Helper()
	hash, err := w.Hash(w.t.Context(), password)
	must(w.t, err)
	by := actor.ByProgram("test")
	must(w.t, w.d.InTx(w.t.Context(), func(ctx context.Context, tx *db.Tx) error {
		id, err := w.practices.Create(ctx, tx, by, practice.Practice{Name: "Harbor Dental", Phone: "(206) 555-0100"})
		if err != nil {
			return err
		}
		if w.ann, err = w.Create(ctx, tx, by, account.NewUser{Email: "Ann.Lee@harbor.example", PracticeID: id, First: "Annabel", Last: "Lee", Phone: "+12065550110", Cell: "+12065550142",
			PasswordHash: hash, TermsVersion: "2026-01-01", Role: actor.Doctor, TwoStep: true, Paid: true}); err != nil {
			return err
		}
		if w.pat, err = w.Create(ctx, tx, by, account.NewUser{Email: "pat@people.example", First: "Pat", Last: "Quinn", Cell: "+12065550177", PasswordHash: hash, TermsVersion: "2026-01-01", Role: actor.Patient}); err != nil {
			return err
		}
		w.sam, err = w.Create(ctx, tx, by, account.NewUser{Email: "sam@support.example", First: "Sam", Last: "Reed", Cell: "+12065550188", PasswordHash: hash, Role: actor.Support, TwoStep: true})
		return err
	}))
}

func (w *world) tx(fn func(ctx context.Context, tx *db.Tx) error) {
	w.t.Helper()
	must(w.t, w.d.InTx(w.t.Context(), fn))
}

// mail are the notices that have left, newest first.
func (w *world) mail() []notify.OutboxItem {
	w.t.Helper()
	must(w.t, w.jobs.Wait(w.t.Context()))
	items, err := w.notify.Outbox(w.t.Context(), 100)
	must(w.t, err)
	return items
}

// mailed is the newest notice with a subject, and how many there were.
func (w *world) mailed(subject string) (newest notify.OutboxItem, n int) {
	w.t.Helper()
	for _, m := range w.mail() {
		if m.Subject == subject {
			if n++; n == 1 {
				newest = m
			}
		}
	}
	return newest, n
}

// code is the newest code that was sent.
func (w *world) code() string {
	w.t.Helper()
	for _, m := range w.mail() {
		if m.Code != "" {
			return m.Code
		}
	}
	w.t.Fatal("no code was sent")
	return ""
}

func (w *world) number(query string, args ...any) int64 {
	w.t.Helper()
	n, _, err := db.One(w.t.Context(), w.d, db.Scan1[int64], query, args...)
	must(w.t, err)
	return n
}

// standing is a person's state.
func (w *world) standing(u account.User) string {
	w.t.Helper()
	u, err := w.Find(w.t.Context(), w.d, u.ID)
	must(w.t, err)
	return u.State
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// browser visits the site as one person's browser does, without following redirects.
type browser struct {
	w   *world
	jar http.CookieJar
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	return &browser{w, jar}
}

type page struct {
	*goquery.Document
	t      *testing.T
	path   string
	status int
	to     string
	raw    string
	header http.Header
}

func (b *browser) do(r *http.Request) page {
	b.w.t.Helper()
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	b.w.site.ServeHTTP(rec, r)
	b.jar.SetCookies(r.URL, rec.Result().Cookies())
	raw := rec.Body.String()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(raw))
	must(b.w.t, err)
	return page{doc, b.w.t, r.URL.Path, rec.Code, rec.Header().Get("Location"), raw, rec.Header()}
}

func (b *browser) request(method, path string, form url.Values) *http.Request {
	r := httptest.NewRequestWithContext(b.w.t.Context(), method, "https://portal.example"+path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (b *browser) get(path string) page {
	b.w.t.Helper()
	return b.do(b.request(http.MethodGet, path, nil))
}

func (b *browser) post(path string, form ...string) page {
	b.w.t.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Add(form[i], form[i+1])
	}
	return b.do(b.request(http.MethodPost, path, v))
}

func (b *browser) signIn(email, pass string) page {
	b.w.t.Helper()
	return b.post("/signin", "email", email, "password", pass)
}

// session is the browser's session token, "" when it has none.
func (b *browser) session() string {
	for _, c := range b.jar.Cookies(&url.URL{Scheme: "https", Host: "portal.example", Path: "/"}) {
		if c.Name == "__Host-sp_session" {
			return c.Value
		}
	}
	return ""
}

func (b *browser) signedIn() bool { return b.get("/").status == http.StatusOK }

func (p page) goesTo(to string) page {
	p.t.Helper()
	if p.status != http.StatusSeeOther || p.to != to {
		p.t.Fatalf("%s: %d to %q, want 303 to %q: %s", p.path, p.status, p.to, to, p.text())
	}
	return p
}

func (p page) text() string { return strings.Join(strings.Fields(p.Find("body").Text()), " ") }

func (p page) says(status int, wants ...string) page {
	p.t.Helper()
	for _, want := range wants {
		if p.status != status || !strings.Contains(p.text(), want) {
			p.t.Fatalf("%s: %d %q, want %d with %q", p.path, p.status, p.text(), status, want)
		}
	}
	return p
}

// beside is the sentence next to a field.
func (p page) beside(field, want string) page {
	p.t.Helper()
	input := p.Find("[name=" + field + "]")
	by, _ := input.Attr("aria-describedby")
	said := ""
	for id := range strings.FieldsSeq(by) {
		said += " " + p.Find("#"+id).Text()
	}
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(strings.Join(strings.Fields(said), " "), want) {
		p.t.Errorf("%s: %d, beside %s %q, want %q", p.path, p.status, field, said, want)
	}
	return p
}

// staffCode is how a member of Support gets a code.
func staffCode(u account.User) verify.Send {
	return verify.Send{Method: verify.Methods(u.Phones())[1], Name: "SecurePractice", Field: "method"}
}
