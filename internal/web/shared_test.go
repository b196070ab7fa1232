package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

// TestSharedPages looks at the pages of PAGES 5.13 as a visitor, a person and a member of Support see them: the status,
// the heading, the sentence, where it leads from there, and that nothing of the inside stands on them.
func TestSharedPages(t *testing.T) {
	for _, c := range []struct {
		err                error
		status             int
		title, text, again string
	}{
		{fault.ErrNotFound(), 404, "Page not found", "If you typed the address, check it.", ""},
		{fault.New(fault.Forbidden, ""), 403, "You do not have access to this page", "Your practice's User Manager or Support can tell you who may open it.", ""},
		{fault.New(fault.TooLarge, ""), 413, "That was too large", "Go back and send less at once.", ""},
		{fault.New(fault.TooMany, ""), 429, "Too many tries", "Too many tries. Try again in 15 minutes.", "900"},
		{fmt.Errorf("read: %w", errors.New("secret words")), 500, "Something went wrong", "call Support and read them this number:", ""},
		{fault.New(fault.Busy, ""), 503, "Very busy at the moment", "Wait a minute, then try again.", "60"},
		{fmt.Errorf("secret words: %w", db.ErrClosed), 503, "Down for maintenance", "The portal is being worked on. Try again in a few minutes.", "60"},
	} {
		s := newSite(t, func(o *web.Options) { o.Away = db.Away })
		s.Get(web.Public, "/x", func(http.ResponseWriter, *http.Request) error { return c.err })
		s.Form(web.Public, "/x", func(http.ResponseWriter, *http.Request) error { return c.err })
		for as, onward := range map[string]string{"": "/signin", "ann": "/", "staff": "/support"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				r := s.do(ask{method: method, path: "/x", as: as})
				raw := body(t, r)
				doc, err := goquery.NewDocumentFromReader(strings.NewReader(raw))
				if err != nil {
					t.Fatal(err)
				}
				if r.StatusCode != c.status || doc.Find("h1").Text() != c.title || !strings.Contains(doc.Find("main").Text(), c.text) || !strings.HasPrefix(doc.Find("title").Text(), c.title) {
					t.Errorf("%s as %q: %d %s", c.title, as, r.StatusCode, doc.Find("main").Text())
				}
				to, _ := doc.Find(".onward a").Attr("href")
				if c.title == "Down for maintenance" {
					onward = "/signin" // who asks cannot be known
				}
				if to != onward || doc.Find("main").Length() != 1 || r.Header.Get("Retry-After") != c.again || r.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s as %q leads to %q, again %q", c.title, as, to, r.Header.Get("Retry-After"))
				}
				if number := doc.Find(".reference").Text(); (number != "") != (c.status == 500) || number != "" && !strings.Contains(s.log.String(), number) {
					t.Errorf("%s: reference %q", c.title, number)
				}
				if strings.Contains(raw, "secret words") {
					t.Errorf("%s says what is inside", c.title)
				}
			}
		}
	}
}

// What is too large is refused before it is read whole.
func TestTooLargeForms(t *testing.T) {
	s := newSite(t)
	s.Form(web.Public, "/x", func(w http.ResponseWriter, r *http.Request) error {
		_, err := web.ReadForm(w, r)
		return err
	})
	r := s.do(ask{method: http.MethodPost, path: "/x", body: "a=" + strings.Repeat("x", web.FormLimit)})
	if page := body(t, r); r.StatusCode != 413 || !strings.Contains(page, "That was too large") && !strings.Contains(page, "too large") {
		t.Errorf("%d %s", r.StatusCode, page)
	}
}

// While the database is away nobody is let in, no page needs it, and scripts are told the same.
func TestMaintenance(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Away = func(error) bool { return true } })
	s.Get(web.User, "/mail", said("in"))
	s.Quiet(web.User, "/poll", said("in"))
	r := s.do(ask{path: "/mail", as: "broken"})
	if page := body(t, r); r.StatusCode != 503 || !strings.Contains(page, "Down for maintenance") || strings.Contains(page, "database") {
		t.Errorf("%d %s", r.StatusCode, page)
	}
	r = s.do(ask{path: "/poll", as: "broken"})
	if got := body(t, r); r.StatusCode != 503 || !strings.Contains(got, `"error":"The portal is being worked on.`) || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.StatusCode, got)
	}
	if r := s.do(ask{path: "/mail"}); r.StatusCode != http.StatusSeeOther {
		t.Errorf("without a cookie: %d", r.StatusCode)
	}
	if !strings.Contains(s.log.String(), `"unavailable"`) {
		t.Errorf("logged %s", s.log.String())
	}
}
