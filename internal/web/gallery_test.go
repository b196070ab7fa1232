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

	"github.com/chromedp/cdproto/emulation"
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

// sideways is how far a page is wider than its window.
const sideways = `document.documentElement.scrollWidth - document.documentElement.clientWidth`

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
				if over := eval[int64](t, ctx, sideways); over > 0 {
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

// TestPrinted looks at a thread on paper: whole dates, every message, no navigation and no reply box.
func TestPrinted(t *testing.T) {
	s := galleryServer(t)
	ctx, _ := newTab(t)
	do(t, ctx, chromedp.EmulateViewport(820, 1000), chromedp.Navigate(s.URL+"/thread"), chromedp.WaitReady(chromedp.CSS("html.js main")))
	send(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if shown := eval[string](t, ctx, `getComputedStyle(document.querySelector('.sheet time'), '::after').content`); shown != `"Nov 19, 2026 at 10:40 AM PST"` {
		t.Errorf("the date on paper is %s", shown)
	}
	if seen := eval[string](t, ctx, `[...document.querySelectorAll('.bar, .rail, .list, form, .flash, button')].filter(e => e.offsetParent).map(e => e.className).join()`); seen != "" {
		t.Errorf("on paper too: %s", seen)
	}
	if !eval[bool](t, ctx, `document.querySelector('details.sheet:not([open]) .text').getBoundingClientRect().height > 0`) {
		t.Error("a closed message is not on paper")
	}
	shoot(t, ctx, "thread-print")
}

// TestWithoutScripts switches scripts off: what they would do must not be missing.
func TestWithoutScripts(t *testing.T) {
	s := galleryServer(t)
	ctx, _ := newTab(t)
	do(t, ctx, chromedp.EmulateViewport(390, 900))
	send(t, ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	do(t, ctx, chromedp.Navigate(s.URL+"/compose"), chromedp.WaitReady(chromedp.CSS("main")))
	if over := eval[int64](t, ctx, sideways); over > 0 {
		t.Errorf("scrolls sideways by %d px", over)
	}
	shoot(t, ctx, "compose-no-scripts")
	do(t, ctx, chromedp.Navigate(s.URL+"/thread"), chromedp.WaitVisible(chromedp.CSS("#attachments")), chromedp.WaitVisible(chromedp.CSS("[data-save]")))
	do(t, ctx, chromedp.Click(chromedp.CSS(".who summary")), chromedp.WaitVisible(chromedp.CSS(".who form button")))
	shoot(t, ctx, "menu-no-scripts")
	do(t, ctx, chromedp.Navigate(s.URL+"/compose"), chromedp.SendKeys(chromedp.ID("to"), "a"), chromedp.WaitVisible(chromedp.CSS("[data-save]")))
	do(t, ctx, chromedp.Navigate(s.URL+"/signin"), chromedp.WaitReady(chromedp.CSS("main")), chromedp.WaitNotVisible(chromedp.CSS("[data-reveal]")))
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
