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

// TestAccessInBrowser looks at a conversation whose first message has ended and whose second will, at two widths: nothing
// for axe to find, no console error, no sideways scroll.
func TestAccessInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.accessDays(30)
	sent, _ := w.secret("ruth@example.org")
	w.clock.Advance(31 * oneDay)
	gone := w.send("dana", "ruth@example.org", "Veiledsubject", "Veiledbody")
	w.exec("UPDATE mail_delivery SET access_until = 1 WHERE user_id = 'u-ruth' AND message_id = $1", gone.MessageID)
	w.exec("UPDATE mail_member SET access_until = 1, snippet_until = 1 WHERE user_id = 'u-ruth' AND thread_id = $1", gone.ThreadID)
	w.reply("dana", sent.ThreadID, "The second message.")
	rt := w.newRouter(slog.New(slog.DiscardHandler), true)
	rt.Get(web.Public, "/as/{name}", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, r.PathValue("name"))
		return web.Redirect(rw, r, "/mail/inbox")
	})
	site := httptest.NewServer(rt.Handler())
	t.Cleanup(site.Close)
	axe, err := os.ReadFile("../../e2e/testdata/axe.min.js")
	must(t, err)
	ctx, bad := newTab(t)
	for _, p := range [][3]string{{"ended", "ruth", "/mail/t/" + sent.ThreadID + "?all=1"}, {"ended-list", "ruth", "/mail/inbox"}, {"ended-author", "dana", "/mail/t/" + sent.ThreadID + "?all=1"}} {
		for _, width := range []int64{1280, 390} {
			name := fmt.Sprintf("%s-%d", p[0], width)
			step(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(site.URL+"/as/"+p[1]), chromedp.Navigate(site.URL+p[2]), chromedp.WaitReady(chromedp.CSS("main")))
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
	if lines := bad(); len(lines) > 0 {
		t.Errorf("console: %s", strings.Join(lines, "\n"))
	}
}
