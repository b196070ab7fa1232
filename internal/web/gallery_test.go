package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"securepractice/internal/ui/uitest"
	"securepractice/internal/web"
)

// galleryServer serves the gallery through the real router, so that the security policy and the static files are the
// real ones.
func galleryServer(t *testing.T) *httptest.Server {
	t.Helper()
	rt := web.New(web.Options{PlainCookies: true})
	for _, p := range uitest.Pages() {
		rt.Get(web.Public, "/"+p.Name, func(w http.ResponseWriter, r *http.Request) error {
			return web.Render(w, r, http.StatusOK, withShell{p.Body, p.Shell})
		})
	}
	mountDraft(rt)
	s := httptest.NewServer(rt.Handler())
	t.Cleanup(s.Close)
	return s
}

// TestGallery opens every page and frame at three widths, light and dark: no console error (where policy violations
// show), nothing for axe to find, no sideways scroll. SHOTS=folder keeps the pictures.
func TestGallery(t *testing.T) {
	s := galleryServer(t)
	ctx, bad := newTab(t)
	axe, err := os.ReadFile("../../e2e/testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range uitest.Pages() {
		for _, width := range []int64{1280, 390, 320} {
			for _, theme := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s-%s-%d", p.Name, theme, width)
				do(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(s.URL+"/"+p.Name), chromedp.WaitReady(chromedp.CSS("main")))
				eval[bool](t, ctx, fmt.Sprintf(`document.fonts.ready.then(() => { document.documentElement.dataset.theme = %q; return true })`, theme))
				if over := eval[int64](t, ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("%s scrolls sideways by %d px", name, over)
				}
				if width != 320 {
					findings(t, name, eval[string](t, ctx, string(axe)+`;axe.run().then(r => JSON.stringify(r.violations.map(v => ({id: v.id, nodes: v.nodes.map(n => n.html)}))))`))
				}
				shoot(t, ctx, name)
			}
		}
	}
	if lines := bad(); len(lines) > 0 {
		t.Errorf("console: %s", strings.Join(lines, "\n"))
	}
}

func findings(t *testing.T, name, raw string) {
	t.Helper()
	var list []struct {
		ID    string
		Nodes []string
	}
	if err := json.Unmarshal([]byte(raw), &list); err != nil {
		t.Fatal(name, err)
	}
	for _, v := range list {
		t.Errorf("%s: axe %s: %s", name, v.ID, strings.Join(v.Nodes, "\n\t"))
	}
}

// TestPrinted looks at a thread on paper: whole dates, no navigation.
func TestPrinted(t *testing.T) {
	s := galleryServer(t)
	ctx, _ := newTab(t)
	do(t, ctx, chromedp.Navigate(s.URL+"/thread"), chromedp.WaitReady(chromedp.CSS("main")))
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF())
	if err != nil {
		t.Fatal(err)
	}
	keep(t, "thread-print.pdf", pdf)
	if title := eval[string](t, ctx, `document.querySelector('.sheet time').title`); title != "Nov 19, 2026 at 10:40 AM PST" {
		t.Errorf("the date on paper is %q", title)
	}
}

// keep writes a file for people to look at, when they asked for it.
func keep(t *testing.T, name string, b []byte) {
	t.Helper()
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}
