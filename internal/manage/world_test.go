package manage_test

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

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/invite"
	"securepractice/internal/jobs"
	"securepractice/internal/limit"
	"securepractice/internal/manage"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

const (
	site = "https://portal.example"
	pass = "River-Cedar-9041"
)

// world is Manage Users with all rooms below it and two practices: Harbor Dental with its User Managers Ann, paid, and
// Fay, free, and its staff Ed; Lakeside Dental with its User Manager Bob. A session's
// cookie is the name of whose it is; any other is a real session.
type world struct {
	t        *testing.T
	d        *db.DB
	clock    *clock.Clock
	jobs     *jobs.Client
	notify   *notify.Service
	account  *account.Service
	invite   *invite.Service
	practice *practice.Service
	room     *manage.Service
	mac      func(purpose string, parts ...string) []byte
	router   *web.Router
	harbor   string // the practices' ids
	lakeside string
	people   map[string]actor.Actor
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, d: d, clock: clock.Fixed(time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)), jobs: jobs.New(d, slog.New(slog.DiscardHandler)), people: map[string]actor.Actor{}}
	keys := crypttest.Keys(t, d)
	lim := &limit.Limiter{Keys: keys, Clock: w.clock}
	trail := audit.New(audit.Options{DB: d, Keys: keys, Clock: w.clock})
	w.notify = notify.New(notify.Options{DB: d, Keys: keys, Jobs: w.jobs, Clock: w.clock, Carrier: notify.Outbox{DB: d, Clock: w.clock}, From: "notify@portal.example",
		Product: "Portal", BaseURL: &url.URL{Scheme: "https", Host: "portal.example"}})
	w.practice = practice.New(practice.Options{DB: d, Keys: keys, Clock: w.clock, Audit: trail})
	ver := verify.New(verify.Options{DB: d, Keys: keys, Clock: w.clock, Notify: w.notify, Limit: lim, Audit: trail})
	w.account = account.New(account.Options{DB: d, Keys: keys, Clock: w.clock, Notify: w.notify, Limit: lim, Audit: trail, Practice: w.practice, Verify: ver, Settings: account.Settings{ArgonMemory: 64}})
	w.invite = invite.New(invite.Options{DB: d, Keys: keys, Clock: w.clock, Notify: w.notify, Limit: lim, Audit: trail, Practice: w.practice, Verify: ver, Account: w.account})
	w.room = manage.New(manage.Options{DB: d, Keys: keys, Audit: trail, Practice: w.practice, Account: w.account, Invite: w.invite})
	w.mac = keys.MAC
	w.router = w.newRouter(false)
	w.settle()
	w.start()
	return w
}

// newRouter serves the room; plain is for a browser on this machine without HTTPS.
func (w *world) newRouter(plain bool) *web.Router {
	rt := web.New(web.Options{Clock: w.clock, BaseURL: site, MAC: w.mac, PlainCookies: plain, Session: w.session, Touch: w.account.Touch,
		Shell: func(_ context.Context, by actor.Actor) (ui.Shell, error) {
			return ui.Shell{Product: "Portal", SignedIn: by.SignedIn(), Staff: by.Kind == actor.Staff, Name: by.Name(), Now: w.clock.Now()}, nil
		}})
	w.room.Mount(rt)
	return rt
}

func (w *world) session(ctx context.Context, token string) (actor.Actor, bool, error) {
	if a, ok := w.people[token]; ok {
		return a, true, nil
	}
	return w.account.Session(ctx, token)
}

// settle makes the practices and their people, a patient, and a member of Support.
func (w *world) settle() {
	w.t.Helper()
	hash, err := w.account.Hash(w.t.Context(), pass)
	must(w.t, err)
	by := actor.ByProgram("test")
	w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
		if w.harbor, err = w.practice.Create(ctx, tx, by, practice.Practice{Name: "Harbor Dental", Phone: "(206) 555-0100", City: "Seattle"}); err != nil {
			return err
		}
		if w.lakeside, err = w.practice.Create(ctx, tx, by, practice.Practice{Name: "Lakeside Dental"}); err != nil {
			return err
		}
		for name, n := range map[string]account.NewUser{
			"ann":     {Email: "ann@harbor.example", PracticeID: w.harbor, First: "Ann", Last: "Miller", Phone: "+12065550111", Role: actor.Doctor, Manager: true, Paid: true},
			"fay":     {Email: "fay@harbor.example", PracticeID: w.harbor, First: "Fay", Last: "Olsen", Role: actor.Helper, Manager: true},
			"ed":      {Email: "ed@harbor.example", PracticeID: w.harbor, First: "Ed", Last: "Zimmer", Phone: "+12065550112", Role: actor.Helper, Paid: true},
			"bob":     {Email: "bob@lakeside.example", PracticeID: w.lakeside, First: "Bob", Last: "Lake", Role: actor.Doctor, Manager: true, Paid: true},
			"patient": {Email: "pat@home.example", First: "Pat", Last: "Brook", Cell: "+12065550143", Role: actor.Patient},
			"staff":   {Email: "sam@portal.example", First: "Sam", Last: "Stone", Cell: "+12065550144", Role: actor.Support},
		} {
			n.PasswordHash, n.TwoStep = hash, true
			u, err := w.account.Create(ctx, tx, by, n)
			if err != nil {
				return err
			}
			a := actor.Actor{Kind: actor.User, ID: u.ID, PracticeID: u.PracticeID, OwnerID: u.OwnerID, Role: u.Role, Manager: u.Manager, Paid: u.Paid, SessionID: "s-" + name, Email: u.Email, First: u.First, Last: u.Last}
			if u.Role == actor.Support {
				a.Kind = actor.Staff
			}
			w.people[name] = a
		}
		return nil
	})
}

// invited is an invitation of a practice's, made by one of its people and sent.
func (w *world) invited(by, first, last, email string, role invite.Role) (inv invite.Invitation) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
		a := w.people[by]
		inv, err = w.invite.Create(ctx, tx, a, invite.NewInvitation{PracticeID: a.PracticeID, Email: email, First: first, Last: last, Cell: "+12065550131", Role: role})
		if err != nil {
			return err
		}
		return w.invite.Send(ctx, tx, a, inv.ID)
	})
	return inv
}

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

// tx runs one act of the test.
func (w *world) tx(fn func(ctx context.Context, tx *db.Tx) error) {
	w.t.Helper()
	must(w.t, w.d.InTx(w.t.Context(), fn))
}

// outbox is what has left the house, newest first, after all jobs have run.
func (w *world) outbox() []notify.OutboxItem {
	w.t.Helper()
	must(w.t, w.jobs.Wait(w.t.Context()))
	all, err := w.notify.Outbox(w.t.Context(), 100)
	must(w.t, err)
	return all
}

// sentTo counts what went to an address or number.
func (w *world) sentTo(to string) (n int) {
	w.t.Helper()
	for _, i := range w.outbox() {
		if i.To == to {
			n++
		}
	}
	return n
}

// rows counts.
func (w *world) rows(query string, args ...any) int64 {
	w.t.Helper()
	n, _, err := db.One(w.t.Context(), w.d, db.Scan1[int64], query, args...)
	must(w.t, err)
	return n
}

// word reads one text.
func (w *world) word(query string, args ...any) string {
	w.t.Helper()
	s, _, err := db.One(w.t.Context(), w.d, db.Scan1[string], query, args...)
	must(w.t, err)
	return s
}

// trail counts the trail's lines of an action about a subject.
func (w *world) trail(action, subject string) int64 {
	w.t.Helper()
	return w.rows("SELECT COUNT(*) FROM audit_event WHERE action = $1 AND subject_id = $2", action, subject)
}

// browser is somebody's browser; it does not follow redirects.
type browser struct {
	*world
	jar http.CookieJar
}

// as is a browser with somebody's session, or with none for "".
func (w *world) as(name string) *browser {
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	b := &browser{w, jar}
	if name != "" {
		b.jar.SetCookies(b.url("/"), []*http.Cookie{{Name: "__Host-sp_session", Value: name, Path: "/", Secure: true}})
	}
	return b
}

func (b *browser) url(path string) *url.URL {
	u, err := url.Parse(site + path)
	must(b.t, err)
	return u
}

// page is an answer.
type page struct {
	*goquery.Document
	t      *testing.T
	path   string
	status int
	to     string
}

func (b *browser) do(method, path string, form url.Values) page {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, site+path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range b.jar.Cookies(b.url(path)) {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	b.router.Handler().ServeHTTP(rec, r)
	res := rec.Result()
	b.jar.SetCookies(b.url(path), res.Cookies())
	doc, err := goquery.NewDocumentFromReader(res.Body)
	must(b.t, errors.Join(err, res.Body.Close()))
	return page{doc, b.t, path, res.StatusCode, res.Header.Get("Location")}
}

func (b *browser) get(path string) page { b.t.Helper(); return b.do(http.MethodGet, path, nil) }

// post sends field, value pairs.
func (b *browser) post(path string, pairs ...string) page {
	b.t.Helper()
	return b.do(http.MethodPost, path, fields(pairs...))
}

func fields(pairs ...string) url.Values {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// with is a form with some fields changed.
func with(form url.Values, pairs ...string) url.Values {
	other := url.Values{}
	for k, v := range form {
		other[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		other.Set(pairs[i], pairs[i+1])
	}
	return other
}

func (p page) text() string { return strings.Join(strings.Fields(p.Find("body").Text()), " ") }

// says checks the status and words on the page.
func (p page) says(status int, words ...string) page {
	p.t.Helper()
	if p.status != status {
		p.t.Fatalf("%s: %d to %q, want %d: %s", p.path, p.status, p.to, status, p.text())
	}
	for _, w := range words {
		if !strings.Contains(p.text(), w) {
			p.t.Errorf("%s does not say %q: %s", p.path, w, p.text())
		}
	}
	return p
}

// hides checks that words are nowhere in the page, its attributes included.
func (p page) hides(words ...string) page {
	p.t.Helper()
	html, err := p.Html()
	must(p.t, err)
	for _, w := range words {
		if strings.Contains(html, w) {
			p.t.Errorf("%s shows %q", p.path, w)
		}
	}
	return p
}

// goes checks that the answer leads to an address beginning so, and gives it.
func (p page) goes(to string) string {
	p.t.Helper()
	if p.status != http.StatusSeeOther || !strings.HasPrefix(p.to, to) {
		p.t.Fatalf("%s: %d to %q, want 303 to %q: %s", p.path, p.status, p.to, to, p.text())
	}
	return p.to
}

// wrong checks that a form came back with a sentence at a field and in the summary.
func (p page) wrong(field, sentence string) page {
	p.t.Helper()
	if p.status != http.StatusUnprocessableEntity {
		p.t.Fatalf("%s: %d, want 422: %s", p.path, p.status, p.text())
	}
	if got := p.Find("#" + field + "-e").Text(); !strings.Contains(got, sentence) {
		p.t.Errorf("%s: at %s %q, want %q: %s", p.path, field, got, sentence, p.text())
	}
	if got := p.Find(fmt.Sprintf(`.summary a[href="#%s"]`, field)).Text(); got != sentence || p.Find("#"+field).Length() != 1 {
		p.t.Errorf("%s: the summary leads to %s with %q, want %q", p.path, field, got, sentence)
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
