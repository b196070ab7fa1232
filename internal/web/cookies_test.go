package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"securepractice/internal/ui"
	"securepractice/internal/web"
)

func TestCookies(t *testing.T) {
	for _, plain := range []bool{false, true} {
		s := newSite(t, func(o *web.Options) { o.PlainCookies = plain })
		s.Form(web.Public, "/in", func(w http.ResponseWriter, r *http.Request) error {
			web.SetSession(w, r, "tok")
			first := web.EnsureBrowser(w, r)
			if first == "" || first != web.EnsureBrowser(w, r) || first != web.Browser(r) {
				t.Error("the flow secret is not one")
			}
			web.Flash(w, "Message sent.")
			return nil
		})
		cookies := s.do(ask{method: "POST", path: "/in"}).Cookies()
		if len(cookies) != 3 {
			t.Fatalf("%d cookies", len(cookies))
		}
		for _, c := range cookies {
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure == plain || strings.HasPrefix(c.Name, "__Host-") == plain {
				t.Errorf("plain=%v: %s", plain, c)
			}
		}
	}
}

func TestBrowserSecretMustBeOurs(t *testing.T) {
	s := newSite(t)
	s.Get(web.Flow, "/i", func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, "["+web.Browser(r)+"]")
		return err
	})
	for _, v := range []string{"short", strings.Repeat("x", 500), strings.Repeat("*", 43)} {
		if got := body(t, s.do(ask{path: "/i", header: map[string]string{"Cookie": "__Host-sp_flow=" + v}})); got != "[]" {
			t.Errorf("took %.20q as %s", v, got)
		}
	}
}

// TestFlash shows a sentence once, and no sentence that others made.
func TestFlash(t *testing.T) {
	s := newSite(t)
	s.Form(web.Public, "/send", func(w http.ResponseWriter, r *http.Request) error {
		web.Flash(w, "Message sent.")
		return web.Redirect(w, r, "/page")
	})
	s.Get(web.Public, "/page", func(w http.ResponseWriter, r *http.Request) error {
		return web.Render(w, r, 200, ui.Desk(ui.Head{Title: "Page"}))
	})
	set := s.do(ask{method: "POST", path: "/send"}).Cookies()[0]
	show := func(value string) (string, *http.Response) {
		r := s.do(ask{path: "/page", header: map[string]string{"Cookie": set.Name + "=" + value}})
		doc, err := goquery.NewDocumentFromReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(doc.Find("[data-flash]").Text()), r
	}
	got, r := show(set.Value)
	if got != "Message sent." || r.Cookies()[0].MaxAge >= 0 {
		t.Errorf("shown %q, cookie %v", got, r.Cookies())
	}
	parts := strings.Split(set.Value, ".")
	for _, forged := range []string{"", "x", "RXZpbA." + parts[1] + "." + parts[2], parts[0] + ".99999999999." + parts[2], parts[0] + "." + parts[1] + ".00"} {
		if got, _ := show(forged); got != "" {
			t.Errorf("took %q and showed %q", forged, got)
		}
	}
	s.clock.Advance(2 * time.Minute)
	if got, _ := show(set.Value); got != "" {
		t.Errorf("an old sentence came back: %q", got)
	}
}

// TestFlashUndo offers to take back what was said, while there is time.
func TestFlashUndo(t *testing.T) {
	for hold, left := range map[time.Duration]string{10 * time.Second: "7", 2 * time.Second: "", 0: ""} {
		s := newSite(t)
		s.Form(web.Public, "/send", func(w http.ResponseWriter, r *http.Request) error {
			web.FlashUndo(w, "Message sent.", "/undo/1", hold)
			return web.Redirect(w, r, "/page")
		})
		s.Get(web.Public, "/page", func(w http.ResponseWriter, r *http.Request) error {
			return web.Render(w, r, 200, ui.Desk(ui.Head{Title: "Page"}))
		})
		set := s.do(ask{method: "POST", path: "/send"}).Cookies()[0]
		s.clock.Advance(3 * time.Second)
		doc, err := goquery.NewDocumentFromReader(s.do(ask{path: "/page", header: map[string]string{"Cookie": set.Name + "=" + set.Value}}).Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := doc.Find("[data-flash] span").Text(); got != "Message sent." {
			t.Errorf("%v: %q", hold, got)
		}
		if got := doc.Find("form[action='/undo/1'][method=post]").AttrOr("data-undo", ""); got != left {
			t.Errorf("%v: %q seconds left, want %q", hold, got, left)
		}
	}
}

// TestRedirect tries to be led off the site, by Redirect and by next=.
func TestRedirect(t *testing.T) {
	s := newSite(t)
	s.Get(web.Public, "/go", func(w http.ResponseWriter, r *http.Request) error {
		return web.Redirect(w, r, r.URL.Query().Get("to"))
	})
	for to, want := range map[string]string{
		"/mail/t/1%3Fa%3Db": "/mail/t/1?a=b", "/": "/", "": "/", "//evil.example": "/", "/%2F/evil.example": "/", "https://evil.example": "/", "javascript:alert(1)": "/",
		"/%5Cevil.example": "/", "%5C%5Cevil.example": "/", "/%09/evil.example": "/", "mail": "/", "/a%0d%0aSet-Cookie:x": "/", "/%252f%252fevil.example": "/",
	} {
		r := s.do(ask{path: "/go?to=" + to})
		if got := r.Header.Get("Location"); r.StatusCode != 303 || got != want {
			t.Errorf("to %q leads to %d %q", to, r.StatusCode, got)
		}
	}
}
