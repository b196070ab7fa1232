package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"securepractice/internal/web"
)

// walker is a browser without pages: it keeps cookies.
type walker struct {
	t       *testing.T
	h       http.Handler
	cookies map[string]*http.Cookie
}

func (w *walker) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = "127.0.0.1:4711"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, c := range w.cookies {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		w.cookies[c.Name] = c
	}
	return rec
}

// signIn gives the password at a form, and the code when one is asked for.
func (w *walker) signIn(a *App, form string, who int) {
	w.t.Helper()
	p := demoPeople()[who]
	to := w.do(http.MethodPost, form, url.Values{"email": {p.email}, "password": {p.password}}).Header().Get("Location")
	if to == "/support/method" {
		w.do(http.MethodPost, to, url.Values{"method": {"text_cell"}})
		if err := a.Jobs.Wait(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		sent, err := a.Notify.Outbox(w.t.Context(), 1)
		if err != nil || len(sent) != 1 {
			w.t.Fatalf("no code: %v", err)
		}
		to = w.do(http.MethodPost, "/support/code", url.Values{"code": {sent[0].Code}}).Header().Get("Location")
	}
	if strings.Contains(to, "signin") || to == "" {
		w.t.Fatalf("%s is not signed in: %q", p.email, to)
	}
}

// Every page answers a signed-in person and a member of Support with what their role may see, and none with an error
// of ours.
func TestPagesByRole(t *testing.T) {
	a := newApp(t)
	if _, err := a.seedPeople(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Jobs.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	user := &walker{t, a.Handler(), map[string]*http.Cookie{}}
	user.signIn(a, "/signin", 0)
	staff := &walker{t, a.Handler(), map[string]*http.Cookie{}}
	staff.signIn(a, "/support/signin", len(demoPeople())-1)
	for _, r := range a.Router.Routes() {
		if r.Method != http.MethodGet || r.Kind == web.Events {
			continue
		}
		path := strings.NewReplacer("{token}", "x", "{query}", "x", "{id}", "018f0000-0000-7000-8000-000000000000", "{template}", "018f0000-0000-7000-8000-000000000000").Replace(r.Path)
		byUser, byStaff := user.do(http.MethodGet, path, nil).Code, staff.do(http.MethodGet, path, nil).Code
		if byUser >= 500 || byStaff >= 500 {
			t.Errorf("GET %s: %d to a user, %d to Support", r.Path, byUser, byStaff)
		}
		if r.Role == web.Staff && byUser != http.StatusNotFound || r.Role == web.User && byStaff != http.StatusNotFound {
			t.Errorf("GET %s (%s) exists for the wrong role: %d to a user, %d to Support", r.Path, r.Role, byUser, byStaff)
		}
		whole := path == r.Path && byUser != http.StatusOK && byUser != http.StatusSeeOther
		if r.Role == web.User && whole || r.Role == web.Staff && path == r.Path && byStaff != http.StatusOK && byStaff != http.StatusSeeOther {
			t.Errorf("GET %s (%s): %d to a user, %d to Support", r.Path, r.Role, byUser, byStaff)
		}
	}
}

// Manage Users is a tile and in the name menu of User Managers alone.
func TestManagersFindManageUsers(t *testing.T) {
	a := newApp(t)
	if _, err := a.seedPeople(t.Context()); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[int]int{0: 2, 1: 0, 4: 0} {
		w := &walker{t, a.Handler(), map[string]*http.Cookie{}}
		w.signIn(a, "/signin", who)
		if n := strings.Count(w.do(http.MethodGet, "/", nil).Body.String(), `href="/users"`); n != want {
			t.Errorf("%s is led to Manage Users from %d places, want %d", demoPeople()[who].email, n, want)
		}
		if code := w.do(http.MethodGet, "/users", nil).Code; (code == http.StatusOK) != (want > 0) {
			t.Errorf("%s opens Manage Users: %d", demoPeople()[who].email, code)
		}
	}
}
