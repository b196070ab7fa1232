package app

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestLookReachesEveryPage: what a person saves in their profile is on the pages of all rooms, and on nobody else's.
func TestLookReachesEveryPage(t *testing.T) {
	a := newApp(t)
	if _, err := a.seedPeople(t.Context()); err != nil {
		t.Fatal(err)
	}
	one, other := &walker{t, a.Handler(), map[string]*http.Cookie{}}, &walker{t, a.Handler(), map[string]*http.Cookie{}}
	one.signIn(a, "/signin", 0)
	other.signIn(a, "/signin", 1)
	const marks = `data-theme="dark"`
	page := one.do(http.MethodGet, "/profile/account", nil).Body.String()
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(page)
	if version == nil || strings.Contains(page, marks) {
		t.Fatal("no version on the page, or a theme before one was chosen")
	}
	to := one.do(http.MethodPost, "/profile/account", url.Values{"version": {version[1]}, "first_name": {"Dana"}, "last_name": {"Whitfield"}, "time_zone": {"America/Los_Angeles"},
		"theme": {"dark"}, "compact_lists": {"yes"}}).Header().Get("Location")
	if to != "/profile/account" {
		t.Fatalf("saving leads to %q", to)
	}
	for _, path := range []string{"/", "/mail/inbox", "/profile/account", "/profile/messaging", "/password"} {
		page := one.do(http.MethodGet, path, nil).Body.String()
		if !strings.Contains(page, marks) || !strings.Contains(page, "data-compact") || strings.Contains(page, "data-keys") {
			t.Errorf("%s is not as it was chosen", path)
		}
		if strings.Contains(other.do(http.MethodGet, path, nil).Body.String(), marks) {
			t.Errorf("%s: another person's page is dark", path)
		}
	}
}
