package web_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"securepractice/internal/ui"
	"securepractice/internal/ui/uitest"
	"securepractice/internal/web"
)

// links lists the static files a page asks for.
var links = regexp.MustCompile(`/static/[a-zA-Z0-9._-]+`)

func TestStaticFiles(t *testing.T) {
	s := newSite(t)
	s.Get(web.Public, "/page", func(w http.ResponseWriter, r *http.Request) error {
		return web.Render(w, r, 200, ui.Desk(ui.Head{Title: "Page", View: "list"}))
	})
	page := body(t, s.do(ask{path: "/page"}))
	css := ""
	found := map[string]bool{}
	for _, link := range links.FindAllString(page, -1) {
		found[link] = true
		if strings.HasPrefix(link, "/static/app.") && strings.HasSuffix(link, ".css") {
			css = body(t, s.do(ask{path: link}))
		}
	}
	for _, link := range links.FindAllString(css, -1) {
		found[link] = true // the fonts
	}
	if len(found) != 10 { // the worker that makes checksums among them, which is only fetched when a file is sent
		t.Errorf("a mail page asks for %d files: %v", len(found), found)
	}
	for link := range found {
		r := s.do(ask{path: link})
		plain := body(t, r)
		if r.StatusCode != 200 || len(plain) == 0 || r.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || r.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", link, r.StatusCode, r.Header)
		}
		if !regexp.MustCompile(`\.[0-9a-f]{12}\.(css|js|svg|woff2)$`).MatchString(link) {
			t.Errorf("%s carries no hash", link)
		}
		packed := s.do(ask{path: link, header: map[string]string{"Accept-Encoding": "br, gzip"}})
		if strings.HasSuffix(link, ".woff2") {
			continue
		}
		if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Vary") != "Accept-Encoding" || unpack(t, packed.Body) != plain {
			t.Errorf("%s is not the same when packed: %v", link, packed.Header)
		}
	}
	for _, path := range []string{"/static/app.css", "/static/", "/static/../web.go", "/static/app.000000000000.css"} {
		if r := s.do(ask{path: path}); r.StatusCode != 404 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r := s.do(ask{method: "HEAD", path: "/favicon.ico"}); r.StatusCode != 302 {
		t.Errorf("favicon: %d", r.StatusCode)
	}
}

func unpack(t *testing.T, r io.Reader) string {
	t.Helper()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPagesArePacked(t *testing.T) {
	s := newSite(t)
	s.Get(web.Public, "/page", func(w http.ResponseWriter, r *http.Request) error {
		return web.Render(w, r, 422, ui.Desk(ui.Head{Title: "Page"}))
	})
	plain := body(t, s.do(ask{path: "/page"}))
	for accept, packed := range map[string]bool{"": false, "gzip": true, "br, gzip;q=0.8": true, "gzip;q=0": false, "x-gzip": false} {
		r := s.do(ask{path: "/page", header: map[string]string{"Accept-Encoding": accept}})
		read := body
		if packed {
			read = func(t *testing.T, r *http.Response) string { return unpack(t, r.Body) }
		}
		got := read(t, r)
		if got != plain || r.StatusCode != 422 || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %d %v", accept, r.StatusCode, r.Header)
		}
	}
	if r := s.do(ask{method: "HEAD", path: "/page"}); r.StatusCode != 422 || len(body(t, r)) != 0 {
		t.Error("HEAD has a body")
	}
}

// TestPageWeight holds the budget: under 60 KB packed on a first visit without fonts, under 15 KB after.
func TestPageWeight(t *testing.T) {
	s := newSite(t)
	for _, p := range uitest.Pages() {
		s.Get(web.Public, "/"+p.Name, func(w http.ResponseWriter, r *http.Request) error {
			return web.Render(w, r, http.StatusOK, withShell{p.Body, p.Shell})
		})
	}
	for _, p := range uitest.Pages() {
		page := body(t, s.do(ask{path: "/" + p.Name}))
		again := weigh(t, s, "/"+p.Name)
		first := again
		seen := map[string]bool{}
		for _, link := range links.FindAllString(page, -1) {
			if !seen[link] && !strings.HasSuffix(link, ".woff2") {
				seen[link] = true
				first += weigh(t, s, link)
			}
		}
		if first > 60_000 || again > 15_000 {
			t.Errorf("%s weighs %d bytes on a first visit, %d after", p.Name, first, again)
		}
	}
}

func weigh(t *testing.T, s *site, path string) int {
	t.Helper()
	return len(body(t, s.do(ask{path: path, header: map[string]string{"Accept-Encoding": "gzip"}})))
}

func TestTooOldBrowsers(t *testing.T) {
	s := newSite(t)
	s.Get(web.Public, "/signin", said("sign in"))
	for agent, old := range map[string]bool{
		"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko": true, "Mozilla/4.0 (compatible; MSIE 8.0)": true,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 12_5_1 like Mac OS X) Version/12.1.2 Safari/604.1": false, "": false,
	} {
		got := body(t, s.do(ask{path: "/signin", header: map[string]string{"User-Agent": agent}}))
		if strings.Contains(got, "out of date") != old {
			t.Errorf("%q: %.60s", agent, got)
		}
	}
}

// TestNoInlineAnything reads every template of the program: the policy forbids inline style and script.
func TestNoInlineAnything(t *testing.T) {
	bad := regexp.MustCompile(`(?i)[\s"'](style|on[a-z]{3,})\s*=\s*["'{]|hx-on|hx-vals='js:|<style|<script(?:\s[^>]*)?>[^<\s]|javascript:`)
	files := 0
	err := walkTemplates("../..", func(path string, b []byte) {
		files++
		if m := bad.Find(b); m != nil {
			t.Errorf("%s: %q", path, m)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 6 {
		t.Errorf("only %d templates were found", files)
	}
	for _, sample := range []string{`<p style="x">`, `<a onclick={ x }>`, `<script>alert(1)</script>`} {
		if !bad.MatchString(sample) {
			t.Errorf("would not see %s", sample)
		}
	}
}

// walkTemplates reads every .templ file below root.
func walkTemplates(root string, each func(path string, b []byte)) error {
	return filepath.WalkDir(root+"/internal", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".templ" {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil {
			each(path, b)
		}
		return err
	})
}
