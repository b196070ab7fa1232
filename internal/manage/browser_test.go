package manage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/invite"
	"securepractice/internal/web"
)

// TestPagesInBrowser opens the room's pages at three widths: nothing for axe to find, no console error, no sideways
// scroll. SHOTS=folder keeps the pictures.
func TestPagesInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	inv := w.invited("ed", "Nora", "Lind", "nora.of.a.long.address@somewhere.home.example", invite.Patient)
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE invite_invitation SET wrong_number_at = 1"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE account_user SET state = 'locked' WHERE id = $1", w.people["ed"].ID)
		return err
	})
	rt := w.newRouter(true)
	rt.Get(web.Public, "/as/{name}", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, r.PathValue("name"))
		return web.Redirect(rw, r, "/users")
	})
	open := httptest.NewServer(rt.Handler())
	t.Cleanup(open.Close)
	ctx, bad := newTab(t)
	axe, err := os.ReadFile("../../e2e/testdata/axe.min.js")
	must(t, err)
	step(t, ctx, chromedp.Navigate(open.URL+"/as/ann"))
	for _, p := range [][2]string{{"users", "/users"}, {"mail", "/users/mail"}, {"shorter", "/users/mail"}, {"none", "/users?status=started"}, {"invited", "/users/" + inv.ID}, {"saved", "/users/" + inv.ID + "?saved=email"}, {"member", "/users/" + w.people["ed"].ID}} {
		for _, width := range []int64{1280, 390, 320} {
			name := fmt.Sprintf("%s-%d", p[0], width)
			step(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(open.URL+p[1]), chromedp.WaitReady(chromedp.CSS("main")))
			if p[0] == "shorter" {
				look[bool](t, ctx, `document.querySelector("[name=retention_days]").value = "365"; document.querySelector("main form").requestSubmit(); true`)
				step(t, ctx, chromedp.WaitReady(chromedp.CSS("#ends")))
			}
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

// newTab starts a browser with one tab; the second result gives the console's errors so far.
func newTab(t *testing.T) (context.Context, func() []string) {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.UserDataDir(t.TempDir()))
	actx, endBrowser := chromedp.NewExecAllocator(t.Context(), opts...)
	ctx, endTab := chromedp.NewContext(actx)
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(func() { cancel(); endTab(); endBrowser() })
	var mu sync.Mutex
	var lines []string
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == "error" || m.IsException() {
				mu.Lock()
				lines = append(lines, m.String())
				mu.Unlock()
			}
		}
	}()
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), lines...)
	}
}

func step(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	must(t, chromedp.Do(ctx, steps...))
}

func look[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	must(t, err)
	return v
}

func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(90))
	must(t, err)
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}
