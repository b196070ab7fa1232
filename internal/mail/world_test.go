package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/blob"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/jobs"
	"securepractice/internal/limit"
	"securepractice/internal/mail"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/scan"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

var start = time.Date(2026, 11, 23, 22, 40, 0, 0, time.UTC)

// world is the room with everything below it real.
type world struct {
	*mail.Service
	t       testing.TB
	d       *db.DB
	keys    *crypt.Keys
	clock   *clock.Clock
	jobs    *jobs.Client
	notify  *notify.Service
	account *account.Service
	invite  *invite.Service
	attach  *attach.Service
	hub     *web.Hub
	router  *web.Router
	site    http.Handler
	dir     string
	people  map[string]actor.Actor // by the name that is their session's token
	running bool
	idle    time.Duration // after which pages end a session; 0 = they do not watch
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newWorld(t, d)) })
}

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, d: d, keys: crypttest.Keys(t, d), clock: clock.Fixed(start), hub: web.NewHub(), dir: t.TempDir(), people: map[string]actor.Actor{}}
	blobs, err := blob.OpenDisk(filepath.Join(w.dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	w.jobs = jobs.New(d, log)
	trail := audit.New(audit.Options{DB: d, Keys: w.keys, Clock: w.clock})
	counters := &limit.Limiter{Keys: w.keys, Clock: w.clock}
	w.notify = notify.New(notify.Options{DB: d, Keys: w.keys, Jobs: w.jobs, Clock: w.clock, Carrier: notify.Outbox{DB: d, Clock: w.clock}, From: "notify@portal.example",
		Product: "SecurePractice", BaseURL: &url.URL{Scheme: "https", Host: "portal.example"}, Log: log})
	practices := practice.New(practice.Options{DB: d, Keys: w.keys, Clock: w.clock, Audit: trail})
	proofs := verify.New(verify.Options{DB: d, Keys: w.keys, Clock: w.clock, Notify: w.notify, Limit: counters, Audit: trail})
	w.account = account.New(account.Options{DB: d, Keys: w.keys, Clock: w.clock, Notify: w.notify, Limit: counters, Audit: trail, Practice: practices, Verify: proofs})
	w.invite = invite.New(invite.Options{DB: d, Keys: w.keys, Clock: w.clock, Notify: w.notify, Limit: counters, Audit: trail, Practice: practices, Verify: proofs, Account: w.account})
	w.attach = attach.New(attach.Options{DB: d, Keys: w.keys, Clock: w.clock, Jobs: w.jobs, Audit: trail, Blobs: blobs, Scanner: scan.Demo{}})
	w.Service = mail.New(mail.Options{DB: d, Keys: w.keys, Clock: w.clock, Notify: w.notify, Limit: counters, Audit: trail, Practice: practices, Account: w.account, Invite: w.invite, Attach: w.attach, Hub: w.hub, Jobs: w.jobs, Product: "SecurePractice"})
	w.invite.OnAccepted, w.attach.OnVerdict = w.Claim, w.Verdict
	w.mount(log)
	w.populate(practices)
	return w
}

func (w *world) mount(log *slog.Logger) {
	w.router = w.newRouter(log, false)
	w.site = w.router.Handler()
}

// newRouter serves the room; plain is for a browser on this machine without HTTPS.
func (w *world) newRouter(log *slog.Logger, plain bool) *web.Router {
	rt := web.New(web.Options{Log: log, Clock: w.clock, BaseURL: "https://portal.example", MAC: w.keys.MAC, PlainCookies: plain,
		Session: func(_ context.Context, token string) (actor.Actor, bool, error) {
			a, ok := w.people[token]
			return a, ok, nil
		},
		Shell: func(ctx context.Context, by actor.Actor) (ui.Shell, error) {
			zone, err := time.LoadLocation("America/Los_Angeles")
			if err != nil {
				return ui.Shell{}, err
			}
			n, err := w.Unread(ctx, w.d, by.ID)
			return ui.Shell{Product: "SecurePractice", Name: by.Name(), SignedIn: by.SignedIn(), Zone: zone, Practice: "Harbor Point Dental", Idle: w.idle, Warn: w.idle / 6,
				Tabs: []ui.Tab{{Key: "mail", Label: "SecureMail", Icon: "mail", Href: "/mail", Count: n}}}, err
		}})
	w.Mount(rt)
	return rt
}

// populate makes two practices and their people: dana, a paid doctor; mel, her practice's manager; gus, free in hers;
// santos, paid in another; fred, free there; ruth and theo, patients; sup, of Support.
func (w *world) populate(practices *practice.Service) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		for _, p := range []practice.Practice{{ID: "p-harbor", Name: "Harbor Point Dental", Phone: "(206) 555-0142"}, {ID: "p-eastlake", Name: "Eastlake Oral Surgery"}} {
			if _, err := practices.Create(ctx, tx, program, p); err != nil {
				return err
			}
		}
		for _, n := range []account.NewUser{
			{ID: "u-dana", First: "Dana", Last: "Whitfield", PracticeID: "p-harbor", Role: actor.Doctor, Paid: true},
			{ID: "u-mel", First: "Mel", Last: "Ito", PracticeID: "p-harbor", Role: actor.Helper, Paid: true, Manager: true},
			{ID: "u-gus", First: "Gus", Last: "Lind", PracticeID: "p-harbor", Role: actor.Helper},
			{ID: "u-santos", First: "Miguel", Last: "Santos", PracticeID: "p-eastlake", Role: actor.Doctor, Paid: true},
			{ID: "u-fred", First: "Fred", Last: "Free", PracticeID: "p-eastlake", Role: actor.Helper},
			{ID: "u-ruth", First: "Ruth", Last: "Okafor", Role: actor.Patient},
			{ID: "u-theo", First: "Theo", Last: "Brandt", Role: actor.Patient},
		} {
			if err := w.join(ctx, tx, n); err != nil {
				return err
			}
		}
		return nil
	})
	w.people["sup"] = actor.Actor{Kind: actor.Staff, ID: "u-sup", Role: actor.Support, SessionID: "s-sup", First: "Sue", Last: "Port"}
}

var program = actor.ByProgram("test")

// join makes an account; its person's session is called by the id without "u-".
func (w *world) join(ctx context.Context, tx *db.Tx, n account.NewUser) error {
	name := strings.TrimPrefix(n.ID, "u-")
	n.Email, n.Zone = name+"@example.org", "America/Los_Angeles"
	u, err := w.account.Create(ctx, tx, program, n)
	if err != nil {
		return err
	}
	w.people[name] = actor.Actor{Kind: actor.User, ID: u.ID, PracticeID: u.PracticeID, OwnerID: u.OwnerID, Role: u.Role, Manager: u.Manager, Paid: u.Paid,
		SessionID: "s-" + name, Email: u.Email, First: u.First, Last: u.Last, Zone: u.Zone}
	return nil
}

func (w *world) tx(fn func(ctx context.Context, tx *db.Tx) error) {
	w.t.Helper()
	if err := w.d.InTx(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

func (w *world) count(query string, args ...any) int64 {
	w.t.Helper()
	n, _, err := db.One(w.t.Context(), w.d, db.Scan1[int64], query, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) want(n int64, query string, args ...any) {
	w.t.Helper()
	if got := w.count(query, args...); got != n {
		w.t.Errorf("%s %v: %d, want %d", query, args, got, n)
	}
}

// work lets every job that is due run.
func (w *world) work() {
	w.t.Helper()
	if !w.running {
		w.running = true
		if err := w.jobs.Start(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() {
			if err := w.jobs.Stop(context.Background()); err != nil {
				w.t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := w.jobs.Wait(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// outbox lists what left for an address, newest first.
func (w *world) outbox(to string) []notify.OutboxItem {
	w.t.Helper()
	w.work()
	all, err := w.notify.Outbox(w.t.Context(), 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []notify.OutboxItem
	for _, i := range all {
		if i.To == to {
			list = append(list, i)
		}
	}
	return list
}

func (w *world) send(from, to, subject, body string) mail.Sent {
	w.t.Helper()
	sent, err := w.Send(w.t.Context(), w.people[from], mail.Compose{DraftID: db.NewID(), To: to, Subject: subject, Body: body})
	if err != nil {
		w.t.Fatalf("%s sends to %s: %v", from, to, err)
	}
	return sent
}

func (w *world) reply(from, threadID, body string) mail.Sent {
	w.t.Helper()
	sent, err := w.Reply(w.t.Context(), w.people[from], mail.Reply{DraftID: db.NewID(), ThreadID: threadID, Body: body})
	if err != nil {
		w.t.Fatalf("%s replies: %v", from, err)
	}
	return sent
}

// draftWith stores a draft with one file and returns the draft's id.
func (w *world) draftWith(by, threadID, name string, data []byte) string {
	w.t.Helper()
	d, err := w.SaveDraft(w.t.Context(), w.people[by], mail.Draft{ID: db.NewID(), ThreadID: threadID})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Attach(w.t.Context(), w.people[by], mail.AttachIn{DraftID: d.ID, Name: name, Body: bytes.NewReader(data)}); err != nil {
		w.t.Fatal(err)
	}
	return d.ID
}

// page is an answer, read as HTML.
type page struct {
	*goquery.Document
	code int
	head http.Header
	raw  string
}

func (w *world) do(r *http.Request, as string) page {
	w.t.Helper()
	if as != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-sp_session", Value: as})
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	rec := httptest.NewRecorder()
	w.site.ServeHTTP(rec, r)
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(rec.Body.String()))
	if err != nil {
		w.t.Fatal(err)
	}
	return page{doc, rec.Code, rec.Header(), rec.Body.String()}
}

func (w *world) get(as, path string) page {
	w.t.Helper()
	return w.do(httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "https://portal.example"+path, nil), as)
}

func (w *world) post(as, path string, form url.Values) page {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "https://portal.example"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.do(r, as)
}

// upload is a file of a multipart form.
type upload struct {
	name string
	data []byte
}

// postFiles sends a form as a browser without scripts does: text fields in order, then files.
func (w *world) postFiles(as, path string, fields [][2]string, files ...upload) page {
	w.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, f := range fields {
		must(w.t, m.WriteField(f[0], f[1]))
	}
	for _, f := range files {
		part, err := m.CreateFormFile("attachments", f.name)
		must(w.t, err)
		_, err = part.Write(f.data)
		must(w.t, err)
	}
	must(w.t, m.Close())
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "https://portal.example"+path, &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return w.do(r, as)
}

func (p page) text(selector string) string {
	return strings.Join(strings.Fields(p.Find(selector).Text()), " ")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that an error is a fault of a kind, standing on a field when one is named.
func refused(t testing.TB, err error, kind fault.Kind, field string) {
	t.Helper()
	if !fault.Is(err, kind) || field != "" && fault.From(err).For(field) == "" {
		t.Fatalf("err = %v (%+v), want %s on %q", err, fault.From(err), kind, field)
	}
}

// pdf is a file that passes its check.
func pdf(words string) []byte { return []byte("%PDF-1.4\n" + words + "\n%%EOF\n") }

// virus joins the scanners' test string at run time, so that scanners leave this source alone.
func virus() []byte {
	return []byte(strings.Join([]string{`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR`, `STANDARD`, `ANTIVIRUS`, `TEST`, `FILE!$H+H*`}, "-"))
}

var errTest = errors.New("test")

// selection is a part of a page.
type selection = goquery.Selection

func (w *world) postJSON(as, path, body string) page {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "https://portal.example"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return w.do(r, as)
}

// plainGet asks for a page without reading it as HTML.
func (w *world) plainGet(as, path string) error {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "https://portal.example"+path, nil)
	r.AddCookie(&http.Cookie{Name: "__Host-sp_session", Value: as})
	rec := httptest.NewRecorder()
	w.site.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		return fmt.Errorf("%s: %d", path, rec.Code)
	}
	return nil
}
