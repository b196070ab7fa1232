package mail_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
	"securepractice/internal/web"
)

// TestFilesInBrowser looks at a conversation whose files can be taken at once, and at a draft that lost its files, as
// TestPagesInBrowser does. SHOTS=folder keeps the pictures.
func TestFilesInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	idle := w.draftWith("dana", "", "Alvarez upper arch.pdf", pdf("arch"))
	_, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: idle, Version: 1, To: "santos@example.org", Subject: "The study model", Body: "Good morning Dr. Santos,"})
	must(t, err)
	w.work()
	w.lieIdle(24)
	w.lieIdle(8)
	sent, _ := w.withFiles("Alvarez CBCT 2026-11-12.pdf", "IMG_0412.pdf", "IMG_0413.pdf")
	rt := w.newRouter(slog.New(slog.DiscardHandler), true)
	rt.Get(web.Public, "/as/{name}", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, r.PathValue("name"))
		return web.Redirect(rw, r, "/mail/inbox")
	})
	site := httptest.NewServer(rt.Handler())
	t.Cleanup(site.Close)
	ctx, bad := newTab(t)
	axe, err := os.ReadFile("../../e2e/testdata/axe.min.js")
	must(t, err)
	step(t, ctx, chromedp.Navigate(site.URL+"/as/dana"))
	for _, p := range [][2]string{{"files-thread", "/mail/t/" + sent.ThreadID + "?all=1"}, {"files-draft", "/mail/d/" + idle}} {
		for _, width := range []int64{1280, 390, 320} {
			name := fmt.Sprintf("%s-%d", p[0], width)
			step(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(site.URL+p[1]), chromedp.WaitReady(chromedp.CSS("main")))
			if over := look[int64](t, ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				t.Errorf("%s scrolls sideways by %d px", name, over)
			}
			raw := look[string](t, ctx, string(axe)+`;axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | '))))`)
			var found []string
			must(t, json.Unmarshal([]byte(raw), &found))
			for _, f := range found {
				t.Errorf("%s: axe %s", name, f)
			}
			shot(t, ctx, name)
		}
	}
	for _, line := range bad() {
		t.Errorf("console: %s", line)
	}
}
