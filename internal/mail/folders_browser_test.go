package mail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"securepractice/internal/db/dbtest"
	"securepractice/internal/web"
)

// TestListInBrowser walks a list by single keys, chooses rows, opens and folds a conversation, and puts it away.
func TestListInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	var ids []string
	for i := range 4 {
		w.clock.Advance(time.Second)
		ids = append(ids, w.send("santos", "dana@example.org", fmt.Sprint("s", i), "one").ThreadID)
	}
	w.clock.Advance(time.Second)
	w.reply("santos", ids[3], "two")
	w.get("dana", "/mail/t/"+ids[3])
	w.label("dana", "Own", "4")
	rt := w.newRouter(slog.New(slog.DiscardHandler), true)
	rt.Get(web.Public, "/as/{name}", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, r.PathValue("name"))
		return web.Redirect(rw, r, "/mail/inbox")
	})
	site := httptest.NewServer(rt.Handler())
	t.Cleanup(site.Close)
	ctx, bad := newTab(t)
	press := func(key string) { step(t, ctx, chromedp.KeyEvent(key)) }
	until := func(what string) {
		t.Helper()
		for range 120 {
			if look[bool](t, ctx, what) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("never: %s\nat %s", what, look[string](t, ctx, `location.href + ' ' + document.activeElement.outerHTML.slice(0, 200)`))
	}
	title := func(words string) {
		t.Helper()
		until(`document.querySelector('#thread h1')?.firstChild.textContent === '` + words + `'`)
	}
	step(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(site.URL+"/as/dana"), chromedp.WaitReady(chromedp.CSS("main")))
	until(`document.documentElement.classList.contains('js') && !!window.htmx`)

	press("?")
	until(`document.querySelector('#keys').open`)
	shot(t, ctx, "keys-dialog")
	press("j") // inside a dialog a letter is no command
	press("\x1b")
	until(`!document.querySelector('#keys').open`)
	press("j")
	until(`document.activeElement === document.querySelector('.conv > a')`)
	press("j")
	until(`document.activeElement === document.querySelectorAll('.conv > a')[1]`)
	press("k")
	press("\r")
	title("s3")
	until(`location.pathname.endsWith('` + ids[3] + `') && location.search === '?in=inbox' && document.querySelectorAll('.pane.list').length === 1`)
	press("j")
	title("s2")
	until(`document.querySelectorAll('.conv')[1].querySelector('a').hasAttribute('aria-current') && !document.querySelectorAll('.conv')[1].classList.contains('unread')`)
	press("k")
	title("s3")
	step(t, ctx, chromedp.Click(chromedp.CSS("#thread [data-toggle-all]")))
	until(`document.querySelectorAll('details.sheet:not([open])').length === 0 && !location.search.includes('all')`)
	press("r")
	until(`document.activeElement.id === 'body'`)
	press("j") // inside a field it is a letter
	until(`document.activeElement.value.includes('j')`)
	until(`document.querySelector('[data-saved]').textContent.startsWith('Draft saved')`) // else the browser asks before it leaves
	step(t, ctx, chromedp.Navigate(site.URL+"/mail/t/"+ids[2]+"?in=inbox"), chromedp.WaitReady(chromedp.CSS("#thread h1")))
	until(`document.documentElement.classList.contains('js')`)
	press("e")
	until(`location.pathname === '/mail/inbox' && document.querySelectorAll('.conv').length === 3`)
	step(t, ctx, chromedp.Navigate(site.URL+"/mail/t/"+ids[2]+"?in=archive"), chromedp.WaitReady(chromedp.CSS("#thread h1")))
	until(`document.documentElement.classList.contains('js')`)
	press("u")
	until(`location.pathname === '/mail/archive' && document.querySelectorAll('.conv').length === 1`)
	step(t, ctx, chromedp.Navigate(site.URL+"/mail/inbox"), chromedp.WaitReady(chromedp.CSS(".conv")))
	if look[bool](t, ctx, `document.querySelector('.bulk').checkVisibility()`) {
		t.Error("the acts are there before anything is chosen")
	}
	step(t, ctx, chromedp.Click(chromedp.CSS(".conv:nth-child(2) .choose input")))
	until(`document.querySelector('.bulk').checkVisibility() && location.pathname === '/mail/inbox'`)
	axeFree(t, ctx, "chosen")
	shot(t, ctx, "chosen-1280")
	step(t, ctx, chromedp.EmulateViewport(320, 700))
	if over := look[int64](t, ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		t.Errorf("with a row chosen the page scrolls sideways by %d px", over)
	}
	shot(t, ctx, "chosen-320")
	step(t, ctx, chromedp.Click(chromedp.CSS(".bulk [value=trash]")))
	until(`location.pathname === '/mail/inbox' && document.querySelectorAll('.conv').length === 2`)
	if w.in("dana", "trash") != 1 {
		t.Error("not in Trash")
	}
	if lines := bad(); len(lines) > 0 {
		t.Errorf("console: %s", strings.Join(lines, "\n"))
	}
}

// axeFree checks that axe finds nothing on the page as it is now.
func axeFree(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	axe, err := os.ReadFile("../../e2e/testdata/axe.min.js")
	must(t, err)
	raw := look[string](t, ctx, string(axe)+`;axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | '))))`)
	var found []string
	must(t, json.Unmarshal([]byte(raw), &found))
	for _, f := range found {
		t.Errorf("%s: axe %s", name, f)
	}
}

// TestDarkPages looks at the pages of this part in dark.
func TestDarkPages(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	paths := w.story()
	rt := w.newRouter(slog.New(slog.DiscardHandler), true)
	rt.Get(web.Public, "/as/{name}", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, r.PathValue("name"))
		return web.Redirect(rw, r, "/mail/inbox")
	})
	site := httptest.NewServer(rt.Handler())
	t.Cleanup(site.Close)
	ctx, _ := newTab(t)
	step(t, ctx, chromedp.Navigate(site.URL+"/as/dana"), chromedp.EmulateViewport(1280, 900))
	for _, p := range paths {
		if !slices.Contains([]string{"inbox", "thread", "trash", "unread", "labels", "label", "label-edit"}, p[0]) {
			continue
		}
		step(t, ctx, chromedp.Navigate(site.URL+p[1]), chromedp.WaitReady(chromedp.CSS("main")))
		look[bool](t, ctx, `document.documentElement.dataset.theme = 'dark', true`)
		axeFree(t, ctx, p[0]+" in dark")
		shot(t, ctx, p[0]+"-dark")
	}
}
