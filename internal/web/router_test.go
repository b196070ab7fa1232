package web_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

// site is a router with the people of the tests behind it. Session tokens are the people's names.
type site struct {
	*web.Router
	log     bytes.Buffer
	touched []string
	clock   *clock.Clock
}

func people() map[string]actor.Actor {
	return map[string]actor.Actor{
		"ann":   {Kind: actor.User, ID: "u-ann", First: "Ann", Last: "Lee"},
		"dana":  {Kind: actor.User, ID: "u-dana", Manager: true},
		"staff": {Kind: actor.Staff, ID: "u-staff"},
	}
}

func newSite(t *testing.T, change ...func(*web.Options)) *site {
	t.Helper()
	s := &site{clock: clock.Fixed(time.Date(2026, 11, 23, 22, 40, 0, 0, time.UTC))}
	o := web.Options{
		Log: slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Clock: s.clock, BaseURL: "https://portal.example",
		Session: func(_ context.Context, token string) (actor.Actor, bool, error) {
			if token == "broken" {
				return actor.Actor{}, false, errors.New("database is away")
			}
			a, ok := people()[token]
			return a, ok, nil
		},
		Touch: func(_ context.Context, by actor.Actor) error {
			s.touched = append(s.touched, by.ID)
			return nil
		},
		Plain: ui.Shell{Product: "SecurePractice", SupportPhone: "(800) 555-0100"},
	}
	for _, c := range change {
		c(&o)
	}
	s.Router = web.New(o)
	return s
}

type ask struct {
	method, path, as, body string
	header                 map[string]string
}

func (s *site) do(a ask) *http.Response {
	if a.method == "" {
		a.method = http.MethodGet
	}
	r := httptest.NewRequest(a.method, "https://portal.example"+a.path, strings.NewReader(a.body))
	if a.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range a.header {
		r.Header.Set(k, v)
	}
	if a.as != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-sp_session", Value: a.as})
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func said(text string) web.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// TestWhoMay is the whole table of roles against people.
func TestWhoMay(t *testing.T) {
	s := newSite(t)
	roles := map[web.Role]string{web.Public: "/public", web.Flow: "/flow", web.User: "/user", web.Manager: "/manager", web.Staff: "/staff", web.Dev: "/dev"}
	for role, path := range roles {
		s.Get(role, path, said("in"))
	}
	const in, signin, no, forbidden = 200, 303, 404, 403
	for _, c := range []struct {
		role                     web.Role
		nobody, ann, dana, staff int
	}{
		{web.Public, in, in, in, in},
		{web.Flow, in, in, in, in},
		{web.User, signin, in, in, no},
		{web.Manager, signin, forbidden, in, no},
		{web.Staff, signin, no, no, in},
		{web.Dev, no, no, no, no},
	} {
		for as, want := range map[string]int{"": c.nobody, "unknown": c.nobody, "ann": c.ann, "dana": c.dana, "staff": c.staff} {
			if got := s.do(ask{path: roles[c.role], as: as}).StatusCode; got != want {
				t.Errorf("%s as %q: %d, want %d", c.role, as, got, want)
			}
		}
	}
}

func TestWhereSignedOutPeopleGo(t *testing.T) {
	s := newSite(t)
	s.Get(web.User, "/mail/t/{id}", said("in"))
	s.Get(web.User, "/", said("in"))
	s.Get(web.Staff, "/support/u/{id}", said("in"))
	s.Form(web.User, "/mail/send", said("in"))
	s.JSON(web.User, "/mail/recipient", said("in"))
	s.Quiet(web.User, "/mail/news", said("in"))
	for path, want := range map[string]string{
		"/mail/t/7?x=1": "/signin?next=%2Fmail%2Ft%2F7%3Fx%3D1", "/": "/signin", "/support/u/9": "/support/signin?next=%2Fsupport%2Fu%2F9",
	} {
		if r := s.do(ask{path: path}); r.StatusCode != 303 || r.Header.Get("Location") != want {
			t.Errorf("%s leads to %d %s", path, r.StatusCode, r.Header.Get("Location"))
		}
	}
	if r := s.do(ask{method: "POST", path: "/mail/send"}); r.StatusCode != 303 || r.Header.Get("Location") != "/signin" {
		t.Errorf("form: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	for _, a := range []ask{{method: "POST", path: "/mail/recipient"}, {path: "/mail/news"}} {
		if r := s.do(a); r.StatusCode != 401 || !strings.Contains(body(t, r), `"error":"Sign in to continue."`) {
			t.Errorf("script at %s: %d", a.path, r.StatusCode)
		}
	}
	r := s.do(ask{path: "/mail/t/7", header: map[string]string{"HX-Request": "true"}})
	if got := r.Header.Get("HX-Redirect"); got != "/signin?next=%2Fmail%2Ft%2F7" {
		t.Errorf("swap: %d %s", r.StatusCode, got)
	}
}

func TestDevIsForThisMachineOnly(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Dev = true })
	s.Get(web.Dev, "/dev/outbox", said("in"))
	for from, want := range map[string]int{"127.0.0.1:9": 200, "[::1]:9": 200, "192.0.2.1:9": 404} {
		r := httptest.NewRequest("GET", "/dev/outbox", nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %s: %d", from, w.Code)
		}
	}
}

func TestHeaders(t *testing.T) {
	s := newSite(t)
	s.Get(web.Public, "/help", said("in"))
	for _, path := range []string{"/help", "/nowhere"} {
		h := s.do(ask{path: path}).Header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Strict-Transport-Security": "max-age=63072000; includeSubDomains",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s = %q", path, name, h.Get(name))
			}
		}
	}
	plain := newSite(t, func(o *web.Options) { o.BaseURL = "http://localhost:8080" })
	if got := plain.do(ask{path: "/x"}).Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("promised HTTPS without it: %q", got)
	}
}

// TestCrossOrigin sends the same form as browsers of all kinds would, from here and from elsewhere.
func TestCrossOrigin(t *testing.T) {
	s := newSite(t)
	s.Form(web.User, "/send", said("sent"))
	s.Get(web.User, "/page", said("page"))
	for _, c := range []struct {
		name   string
		header map[string]string
		want   int
	}{
		{"same origin", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"typed", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		{"another site", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"a neighbour", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"old browser here", map[string]string{"Origin": "https://portal.example"}, 200},
		{"old browser elsewhere", map[string]string{"Origin": "https://evil.example"}, 403},
		{"hidden origin", map[string]string{"Origin": "null"}, 403},
		{"no word", nil, 200}, // allowed because the cookie is SameSite: see TestCookies
	} {
		if got := s.do(ask{method: "POST", path: "/send", as: "ann", header: c.header}).StatusCode; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if got := s.do(ask{path: "/page", as: "ann", header: map[string]string{"Sec-Fetch-Site": "cross-site"}}).StatusCode; got != 200 {
		t.Errorf("a link from elsewhere: %d", got)
	}
}

func TestUnknownAndWrongMethod(t *testing.T) {
	s := newSite(t)
	s.Get(web.Public, "/help", said("in"))
	s.Form(web.Public, "/signout", said("in"))
	s.Get(web.Public, "/", said("root"))
	for _, c := range []struct {
		method, path, allow string
		want                int
	}{
		{"GET", "/nowhere", "", 404}, {"GET", "/help/x", "", 404}, {"POST", "/help", "GET", 405}, {"GET", "/signout", "POST", 405}, {"DELETE", "/help", "GET", 405},
		{"PUT", "/nowhere", "", 404}, {"GET", "/help%00", "", 404}, {"GET", "/help?q=%00", "", 404}, {"GET", "/help?q=%ff", "", 404}, {"GET", "/help?q=%E2%82%AC", "", 200},
		{"GET", "/", "", 200}, {"HEAD", "/help", "", 200}, {"HEAD", "/nowhere", "", 404},
	} {
		r := s.do(ask{method: c.method, path: c.path})
		if r.StatusCode != c.want || r.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d Allow %q", c.method, c.path, r.StatusCode, r.Header.Get("Allow"))
		}
	}
	r := s.do(ask{path: "/nowhere", as: "ann"})
	doc, err := goquery.NewDocumentFromReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Find("h1").Text() != "Page not found" || doc.Find(".who").Length() != 1 {
		t.Error("the 404 page is not in the shell of the person who asked")
	}
}

func TestFaultPages(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		words  string
	}{
		{fault.Field("subject", "Enter a subject"), 422, "Enter a subject"},
		{fault.ErrNotFound(), 404, "Page not found"},
		{fault.New(fault.Forbidden, ""), 403, "You do not have access to this page"},
		{fault.New(fault.Conflict, "This message was sent."), 409, "This message was sent."},
		{fault.New(fault.Gone, ""), 410, "expired or was already used"},
		{fault.New(fault.TooLarge, ""), 413, "too large"},
		{fault.New(fault.Type, ""), 415, "another kind of file"},
		{fault.New(fault.TooMany, ""), 429, "Too many tries. Try again in 15 minutes."},
		{fault.New(fault.Busy, ""), 503, "Wait a minute"},
		{errors.New("secret words"), 500, "Something went wrong"},
	} {
		s := newSite(t)
		s.Get(web.User, "/x", func(http.ResponseWriter, *http.Request) error { return c.err })
		r := s.do(ask{path: "/x", as: "ann"})
		page := body(t, r)
		if r.StatusCode != c.status || !strings.Contains(page, c.words) || strings.Contains(page, "secret words") {
			t.Errorf("%v: %d\n%s", c.err, r.StatusCode, page)
		}
		r = s.do(ask{path: "/x", as: "ann", header: map[string]string{"Accept": "application/json"}})
		if got := body(t, r); r.StatusCode != c.status || !strings.HasPrefix(got, `{"error":"`) || strings.Contains(got, "secret words") {
			t.Errorf("%v as JSON: %d %s", c.err, r.StatusCode, got)
		}
	}
}

// TestLogs plants words everywhere a request can carry them and looks for them in the log.
func TestLogs(t *testing.T) {
	s := newSite(t)
	s.Form(web.User, "/t/{id}", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := web.ReadForm(w, r); err != nil {
			return err
		}
		return errors.New(`insert into "PLANTED7": value 'PLANTED8' of PLANTED9@example.org at https://h/PLANTED10 in /var/PLANTED11/x 2065550142`)
	})
	s.Get(web.User, "/panic/{id}", func(_ http.ResponseWriter, r *http.Request) error { panic("PLANTED12 " + r.PathValue("id")) })
	r := s.do(ask{method: "POST", path: "/t/PLANTED1?q=PLANTED2", as: "ann", body: "body=PLANTED3", header: map[string]string{"User-Agent": "PLANTED4", "X-Other": "PLANTED5", "Cookie": "a=PLANTED6; __Host-sp_session=ann"}})
	page := body(t, r)
	s.do(ask{path: "/panic/PLANTED1", as: "ann"})
	s.do(ask{path: "/PLANTED1", as: "PLANTED6"})
	s.do(ask{method: "PLANTED13", path: "/PLANTED1"})
	lines := s.log.String()
	if strings.Contains(lines, "PLANTED") || strings.Contains(lines, "2065550142") {
		t.Errorf("the log repeats what a request carried:\n%s", lines)
	}
	if n := strings.Count(lines, `"level":"ERROR"`); n != 2 {
		t.Errorf("%d errors logged, want each once:\n%s", n, lines)
	}
	for _, want := range []string{`"route":"/t/{id}"`, `"user":"u-ann"`, `"status":500`, `"method":"POST"`} {
		if !strings.Contains(lines, want) {
			t.Errorf("missing %s in\n%s", want, lines)
		}
	}
	i := strings.Index(lines, `"reference":"`) + len(`"reference":"`)
	if ref := lines[i : i+9]; !strings.Contains(page, ref) {
		t.Errorf("the page does not show the reference %s", ref)
	}
}

func TestBrokenSessionStoreLetsNobodyIn(t *testing.T) {
	s := newSite(t)
	s.Get(web.User, "/mail", said("in"))
	s.Get(web.Public, "/help", said("in"))
	for _, path := range []string{"/mail", "/help", "/nowhere"} {
		if r := s.do(ask{path: path, as: "broken"}); r.StatusCode != 500 || strings.Contains(body(t, r), "database") {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// TestActs checks which requests keep a session alive.
func TestActs(t *testing.T) {
	s := newSite(t)
	s.Get(web.User, "/page", said(""))
	s.Quiet(web.User, "/news", said(""))
	s.Events(web.User, "/events", said(""))
	s.Form(web.User, "/form", said(""))
	s.JSON(web.User, "/json", said(""))
	s.Upload(web.User, "/upload", said(""))
	s.Download(web.User, "/file", said(""))
	for _, c := range []struct {
		ask  ask
		acts bool
	}{
		{ask{path: "/page"}, true}, {ask{path: "/news"}, false}, {ask{path: "/events"}, false},
		{ask{method: "POST", path: "/form"}, true}, {ask{method: "POST", path: "/json"}, true}, {ask{method: "POST", path: "/upload"}, true}, {ask{path: "/file"}, true},
		{ask{path: "/page", header: map[string]string{"Sec-Purpose": "prefetch;prerender"}}, false},
		{ask{path: "/page", header: map[string]string{"X-Background": "1"}}, false},
	} {
		s.touched = nil
		c.ask.as = "ann"
		s.do(c.ask)
		if (len(s.touched) == 1) != c.acts {
			t.Errorf("%s %s %v: touched %v", c.ask.method, c.ask.path, c.ask.header, s.touched)
		}
	}
	s.touched = nil
	s.do(ask{path: "/page"})
	if len(s.touched) != 0 {
		t.Error("a visitor was noted as acting")
	}
}

func TestClientAddress(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	s.Get(web.Public, "/ip", func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, web.Actor(r).IP)
		return err
	})
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.7:1", "", "192.0.2.7"},
		{"192.0.2.7:1", "203.0.113.9", "192.0.2.7"}, // not from a proxy of ours
		{"10.1.1.1:1", "203.0.113.9", "203.0.113.9"},
		{"10.1.1.1:1", "203.0.113.9, 10.2.2.2", "203.0.113.9"},
		{"10.1.1.1:1", "6.6.6.6, 203.0.113.9", "203.0.113.9"}, // what the client wrote itself
		{"10.1.1.1:1", "garbage", "10.1.1.1"},
		{"[2001:db8::1]:1", "", "2001:db8::1"},
	} {
		r := httptest.NewRequest("GET", "/ip", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Body.String() != c.want {
			t.Errorf("%+v: %s", c, w.Body)
		}
	}
}

func TestBegunAnswersAreCut(t *testing.T) {
	s := newSite(t)
	s.Download(web.Public, "/file", func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, strings.Repeat("half of a file", 1000))
		return errors.New("the disk went away")
	})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	r, err := http.Get(server.URL + "/file")
	if err == nil {
		_, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	if err == nil {
		t.Error("half a file looked whole")
	}
}

func TestRoutesAreListed(t *testing.T) {
	s := newSite(t)
	s.Get(web.User, "/mail/t/{id}", said(""))
	s.Upload(web.User, "/mail/uploads", said(""))
	var lines []string
	for _, r := range s.Routes() {
		lines = append(lines, r.String())
	}
	if got := strings.Join(lines, "\n"); got != "GET /mail/t/{id} page user\nPOST /mail/uploads upload user" {
		t.Error(got)
	}
}
