package invite_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
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
	"securepractice/internal/invite"
	"securepractice/internal/jobs"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

const (
	terms    = "November 1, 2026"
	helpdesk = "help@portal.example"
	pass     = "River-Cedar-9041"
)

// world is the room with all rooms below it, a web server in front, and two practices with a paid person each.
type world struct {
	t        *testing.T
	d        *db.DB
	clock    *clock.Clock
	keys     *crypt.Keys
	jobs     *jobs.Client
	notify   *notify.Service
	account  *account.Service
	invite   *invite.Service
	server   *httptest.Server
	ann, bob actor.Actor // of practice Harbor and of practice Lakeside
	accepted []invite.Accepted
	refuse   error // what OnAccepted answers
}

func newWorld(t *testing.T, d *db.DB, change ...func(*account.Settings)) *world {
	t.Helper()
	w := &world{t: t, d: d, clock: clock.Fixed(time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC))}
	keys := crypttest.Keys(t, d)
	w.keys = keys
	base, _ := url.Parse("http://127.0.0.1")
	w.jobs = jobs.New(d, slog.New(slog.DiscardHandler))
	w.notify = notify.New(notify.Options{DB: d, Keys: keys, Jobs: w.jobs, Clock: w.clock, Carrier: notify.Outbox{DB: d, Clock: w.clock}, From: "notify@portal.example", Product: "Portal", BaseURL: base})
	trail := audit.New(audit.Options{DB: d, Keys: keys, Clock: w.clock})
	lim := &limit.Limiter{Keys: keys, Clock: w.clock}
	practices := practice.New(practice.Options{DB: d, Keys: keys, Clock: w.clock, Audit: trail})
	ver := verify.New(verify.Options{DB: d, Keys: keys, Clock: w.clock, Notify: w.notify, Limit: lim, Audit: trail})
	set := account.Settings{ArgonMemory: 64, ForgotTime: 1, TermsVersion: terms, TermsText: "Be kind."}
	for _, c := range change {
		c(&set)
	}
	w.account = account.New(account.Options{DB: d, Keys: keys, Clock: w.clock, Notify: w.notify, Limit: lim, Audit: trail, Practice: practices, Verify: ver,
		Settings: set})
	w.invite = invite.New(invite.Options{DB: d, Keys: keys, Clock: w.clock, Notify: w.notify, Limit: lim, Audit: trail, Practice: practices, Verify: ver, Account: w.account,
		Settings: invite.Settings{TermsVersion: terms, TermsText: "Be kind.", SupportEmail: helpdesk}})
	w.account.OnUnknown = w.invite.Remind
	w.invite.OnAccepted = func(_ context.Context, _ *db.Tx, a invite.Accepted) error {
		w.accepted = append(w.accepted, a)
		return w.refuse
	}
	rt := web.New(web.Options{Clock: w.clock, BaseURL: "http://127.0.0.1", Session: w.account.Session, Touch: w.account.Touch, MAC: keys.MAC, PlainCookies: true,
		Shell: func(_ context.Context, by actor.Actor) (ui.Shell, error) {
			return ui.Shell{Product: "Portal", Notify: "notify@portal.example", SignedIn: by.SignedIn(), Name: by.Name(), Now: w.clock.Now()}, nil
		}})
	w.account.Mount(rt)
	w.invite.Mount(rt)
	rt.Get(web.User, "/mail", func(rw http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(rw, "the mailbox")
		return err
	})
	w.server = httptest.NewServer(rt.Handler())
	if err := w.jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.server.Close(); _ = w.jobs.Stop(context.Background()) })
	w.ann, w.bob = w.member(practices, "Harbor Dental", "ann@harbor.example", "Ann"), w.member(practices, "Lakeside Dental", "bob@lakeside.example", "Bob")
	return w
}

// tx runs one act of the test.
func (w *world) tx(fn func(ctx context.Context, tx *db.Tx) error) {
	w.t.Helper()
	if err := w.d.InTx(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) member(practices *practice.Service, name, email, first string) (a actor.Actor) {
	w.t.Helper()
	hash, err := w.account.Hash(w.t.Context(), pass)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		id, err := practices.Create(ctx, tx, actor.ByProgram("test"), practice.Practice{Name: name, Phone: "(206) 555-0100"})
		if err != nil {
			return err
		}
		u, err := w.account.Create(ctx, tx, actor.ByProgram("test"), account.NewUser{Email: email, PracticeID: id, First: first, Last: "Miller", Phone: "+12065550111", Role: actor.Doctor,
			Manager: true, Paid: true, TwoStep: true, PasswordHash: hash, TermsVersion: terms})
		a = actor.Actor{Kind: actor.User, ID: u.ID, PracticeID: id, OwnerID: id, Role: actor.Doctor, Paid: true, Email: email}
		return err
	})
	return a
}

// invited makes and sends an invitation.
func (w *world) invited(by actor.Actor, n invite.NewInvitation) (inv invite.Invitation) {
	w.t.Helper()
	n.PracticeID = by.PracticeID
	w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
		if inv, err = w.invite.Create(ctx, tx, by, n); err != nil {
			return err
		}
		return w.invite.Send(ctx, tx, by, inv.ID)
	})
	return inv
}

// last is the newest notice of a kind, after all jobs have run.
func (w *world) last(kind notify.Kind, to string) notify.OutboxItem {
	w.t.Helper()
	if err := w.jobs.Wait(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	all, err := w.notify.Outbox(w.t.Context(), 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range all {
		if i.Kind == kind && i.To == to {
			return i
		}
	}
	w.t.Fatalf("no %s to %s among %d", kind, to, len(all))
	return notify.OutboxItem{}
}

func (w *world) sent() int {
	w.t.Helper()
	if err := w.jobs.Wait(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	all, err := w.notify.Outbox(w.t.Context(), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all)
}

// path is the last link's path of a notice.
func path(w *world, i notify.OutboxItem) string {
	u, err := url.Parse(i.Links[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return u.Path
}

// rows counts what a table holds.
func (w *world) rows(query string, args ...any) int64 {
	w.t.Helper()
	n, _, err := db.One(w.t.Context(), w.d, db.Scan1[int64], query, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// browser is somebody with a cookie jar.
type browser struct {
	*world
	http *http.Client
	at   string
	code int
	doc  *goquery.Document
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{world: w, http: &http.Client{Jar: jar}}
}

func (b *browser) do(method, path string, form url.Values) *browser {
	b.t.Helper()
	req, err := http.NewRequest(method, b.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	if b.doc, err = goquery.NewDocumentFromReader(r.Body); err != nil {
		b.t.Fatal(err)
	}
	b.at, b.code = r.Request.URL.RequestURI(), r.StatusCode
	return b
}

func (b *browser) get(path string) *browser { return b.do(http.MethodGet, path, nil) }

// post sends field, value pairs.
func (b *browser) post(path string, pairs ...string) *browser {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

func (b *browser) text() string { return strings.Join(strings.Fields(b.doc.Find("body").Text()), " ") }

// want checks where the browser is, the status, and words on the page.
func (b *browser) want(code int, at string, words ...string) *browser {
	b.t.Helper()
	if b.code != code || at != "" && b.at != at {
		b.t.Fatalf("at %s with %d, want %s with %d:\n%s", b.at, b.code, at, code, b.text())
	}
	for _, w := range words {
		if !strings.Contains(b.text(), w) {
			b.t.Errorf("the page at %s does not say %q:\n%s", b.at, w, b.text())
		}
	}
	return b
}

func (b *browser) signIn(email string) *browser {
	b.t.Helper()
	return b.post("/signin", "email", email, "password", pass)
}
