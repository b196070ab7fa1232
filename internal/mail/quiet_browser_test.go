package mail_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"securepractice/internal/db/dbtest"
	"securepractice/internal/web"
)

// TestQuietHoursInBrowser types quiet hours on the Messaging page: with an error at its field, then saved; nothing for axe
// to find and no sideways scroll on the way.
func TestQuietHoursInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
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
	check := func(name string) {
		t.Helper()
		for _, width := range []int64{1280, 390, 320} {
			step(t, ctx, chromedp.EmulateViewport(width, 1400))
			if over := look[int64](t, ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				t.Errorf("%s scrolls sideways by %d px at %d", name, over, width)
			}
			var found []string
			must(t, json.Unmarshal([]byte(look[string](t, ctx, string(axe)+`;axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | '))))`)), &found))
			for _, f := range found {
				t.Errorf("%s at %d: axe %s", name, width, f)
			}
			shot(t, ctx, fmt.Sprintf("quiet-%s-%d", name, width))
		}
	}
	save := func(from, to string) {
		t.Helper()
		look[bool](t, ctx, fmt.Sprintf(`quiet_from.value = %q, quiet_until.value = %q, true`, from, to))
		step(t, ctx, chromedp.Click("main form .btn.primary, main form button:not([name])", chromedp.NodeVisible), chromedp.WaitReady("main"))
	}
	step(t, ctx, chromedp.Navigate(site.URL+"/as/dana"), chromedp.Navigate(site.URL+"/profile/messaging"))
	check("empty")
	save("22:00", "")
	step(t, ctx, chromedp.WaitReady("#quiet_until-e"))
	if got := look[string](t, ctx, `quiet_from.value + ' ' + quiet_until.getAttribute('aria-describedby') + ' ' + quiet_until.getAttribute('aria-invalid')`); got != "22:00 quiet_until-e true" {
		t.Errorf("the wrong field: %s", got)
	}
	check("error")
	save("22:00", "07:00")
	step(t, ctx, chromedp.WaitNotPresent("#quiet_until-e"))
	if got := look[string](t, ctx, `quiet_from.value + ' ' + quiet_until.value`); got != "22:00 07:00" {
		t.Errorf("saved %s", got)
	}
	check("saved")
	lines := bad()
	for i := range lines {
		if !strings.Contains(lines[i], "422") { // the answer to an error
			t.Error("console:", lines[i])
		}
	}
}
