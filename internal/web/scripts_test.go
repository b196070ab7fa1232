package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"securepractice/internal/actor"
	"securepractice/internal/ui"
	"securepractice/internal/ui/uitest"
	"securepractice/internal/web"
)

// open loads a gallery page and waits until its scripts have run.
func open(t *testing.T, ctx context.Context, address string) {
	t.Helper()
	do(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("html.js main")))
}

func TestPasswordScript(t *testing.T) {
	s := galleryServer(t)
	ctx, bad := newTab(t)
	open(t, ctx, s.URL+"/password-error")
	if !eval[bool](t, ctx, `document.activeElement.matches('[data-summary]')`) {
		t.Error("the error summary did not take the focus")
	}
	do(t, ctx, chromedp.SendKeys(chromedp.ID("password"), "Abcdef1!"))
	until(t, ctx, `document.querySelectorAll('#pw-rules li.met').length === 5`)
	do(t, ctx, chromedp.Click(chromedp.CSS(`[aria-controls=password]`)))
	until(t, ctx, `document.getElementById('password').type === 'text'`)
	until(t, ctx, `document.getElementById('pw-status').textContent === '5 of 5 rules met'`)
	if label := eval[string](t, ctx, `document.querySelector('[aria-controls=password]').getAttribute('aria-label')`); label != "Hide new password" {
		t.Errorf("button says %q", label)
	}
	if lines := bad(); len(lines) > 0 {
		t.Error(lines)
	}
}

func TestComposeScript(t *testing.T) {
	s := galleryServer(t)
	ctx, bad := newTab(t)
	open(t, ctx, s.URL+"/compose")
	if eval[bool](t, ctx, `document.querySelector('[data-save]').offsetParent !== null`) {
		t.Error("Save Draft shows without a recipient")
	}
	do(t, ctx, chromedp.SendKeys(chromedp.ID("to"), "new@example.org"), chromedp.SendKeys(chromedp.ID("subject"), "Films"))
	until(t, ctx, `!document.querySelector('[data-newcomer]').hidden && document.querySelector('[data-save]').offsetParent !== null`)
	until(t, ctx, `document.querySelector('[data-saved]').textContent === 'Draft saved 2:41 PM' && document.querySelector('[name=version]').value === '1'`)
	eval[bool](t, ctx, `document.getElementById('to').value = '', true`)
	do(t, ctx, chromedp.SendKeys(chromedp.ID("to"), "ruth@example.org"), chromedp.SendKeys(chromedp.ID("body"), "conflict"))
	until(t, ctx, `document.querySelector('[data-newcomer]').hidden && document.getElementById('to-known').textContent === 'Ruth Okafor'`)
	until(t, ctx, `document.querySelector('[data-saved]').textContent.includes('changed in another tab')`)
	shoot(t, ctx, "compose-conflict")
	do(t, ctx, chromedp.Click(chromedp.CSS(`[data-saved] button:last-child`)))
	until(t, ctx, `document.querySelector('[data-saved]').textContent === 'Draft saved 2:41 PM'`)
	if lines := bad(); len(lines) != 1 { // the browser itself notes the 409
		t.Error(lines)
	}
}

func TestUploadScript(t *testing.T) {
	s := galleryServer(t)
	ctx, bad := newTab(t)
	open(t, ctx, s.URL+"/thread")
	dir := t.TempDir()
	path := func(name string, size int) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	until(t, ctx, `[...document.querySelectorAll('.compose .files li')].every(li => !li.querySelector('.wait'))`) // the poll brought the verdict
	pick := chromedp.CSS(`input[type=file]`)
	do(t, ctx, chromedp.SetUploadFiles(pick, []string{path("empty.txt", 0), path("tool.exe", 9), path("IMG_0412.jpg", 9), path("a b.txt", 3_000_000)}))
	until(t, ctx, `document.querySelector('[data-trouble]').textContent.includes('empty.txt is empty')`)
	for _, want := range []string{"empty.txt is empty", "tool.exe: this file type is not accepted"} {
		if !eval[bool](t, ctx, fmt.Sprintf(`[...document.querySelectorAll('[data-trouble] .err')].some(e => e.textContent === %q)`, want)) {
			t.Errorf("missing: %s", want)
		}
	}
	until(t, ctx, `document.querySelector('.compose .files li:last-child button[name=remove]')?.value === 'f1'`)
	until(t, ctx, `document.querySelector('.compose .files li:last-child .good')?.textContent === 'Scanned, no threats found'`)
	if got := eval[string](t, ctx, `document.querySelector('[data-total]').textContent`); got != "154.1 MB of 300 MB" {
		t.Errorf("space used: %q", got)
	}
	do(t, ctx, chromedp.SetUploadFiles(pick, []string{path("a b.txt", 5)}))
	until(t, ctx, `document.querySelector('[data-trouble]').textContent === 'a b.txt is already attached'`)
	shoot(t, ctx, "thread-upload")
	if lines := bad(); len(lines) > 0 {
		t.Error(lines)
	}
}

// TestSwap checks that a row swaps the thread beside the list, and that a refusal leaves the page instead.
func TestSwap(t *testing.T) {
	s := galleryServer(t)
	ctx, bad := newTab(t)
	open(t, ctx, s.URL+"/inbox")
	do(t, ctx, chromedp.Click(chromedp.CSS(`.conv:nth-child(2) a`)))
	until(t, ctx, `location.search === '?u2' && document.querySelector('#thread h1') === document.activeElement && document.body.dataset.view === 'thread'`)
	until(t, ctx, `document.querySelector('.conv:nth-child(2) a').getAttribute('aria-current') === 'true' && !document.querySelector('.conv:nth-child(2) .dot')`)
	until(t, ctx, `document.querySelector('form[data-compose]') && document.title.startsWith('Referral')`)
	eval[bool](t, ctx, `(() => { const a = document.querySelector('.conv:nth-child(3) a'); a.setAttribute('hx-get', '/gone'); a.href = '/gone'; htmx.process(a.parentElement); return true })()`)
	do(t, ctx, chromedp.Click(chromedp.CSS(`.conv:nth-child(3) a`)))
	until(t, ctx, `document.title.startsWith('Page not found')`)
	if lines := bad(); len(lines) > 1 { // the browser itself notes the 404
		t.Error(lines)
	}
}

// TestSessionDialog runs a session of seconds: the page warns, stays when told to, and at the end saves what is being
// written, signs out and leaves.
func TestSessionDialog(t *testing.T) {
	var kept, out, saved atomic.Int32
	rt := web.New(web.Options{PlainCookies: true})
	page := func(p uitest.Page) web.Handler {
		p.Shell.Idle, p.Shell.Warn = 5*time.Second, 2*time.Second
		return func(w http.ResponseWriter, r *http.Request) error {
			return web.Render(w, r, http.StatusOK, withShell{p.Body, p.Shell})
		}
	}
	for _, p := range uitest.Pages() {
		if p.Name == "compose" {
			rt.Get(web.Public, "/compose", page(p))
		}
	}
	count := func(n *atomic.Int32) web.Handler {
		return func(w http.ResponseWriter, _ *http.Request) error {
			n.Add(1)
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
	rt.Form(web.Public, "/session/keep", count(&kept))
	rt.Form(web.Public, "/signout", count(&out))
	rt.Form(web.Public, "/autosave", func(w http.ResponseWriter, _ *http.Request) error {
		saved.Add(1)
		return web.SendJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "later"}) // so that it is still dirty at the end
	})
	rt.Get(web.Public, "/signin", func(w http.ResponseWriter, r *http.Request) error {
		return web.Render(w, r, http.StatusOK, ui.Note("clock", "You were signed out."))
	})
	s := httptest.NewServer(rt.Handler())
	defer s.Close()
	ctx, _ := newTab(t)
	open(t, ctx, s.URL+"/compose")
	until(t, ctx, `document.getElementById('session').open && document.activeElement.hasAttribute('data-stay')`)
	shoot(t, ctx, "session-dialog")
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-stay]")))
	until(t, ctx, `!document.getElementById('session').open`)
	do(t, ctx, chromedp.SendKeys(chromedp.ID("subject"), "x"))
	until(t, ctx, `location.search === '?out=timeout'`)
	if kept.Load() != 1 || out.Load() != 1 || saved.Load() < 2 {
		t.Errorf("kept %d times, signed out %d times, saved %d times", kept.Load(), out.Load(), saved.Load())
	}
}

// TestLive lets a message arrive while the Inbox is open.
func TestLive(t *testing.T) {
	hub := web.NewHub()
	var unread atomic.Int32
	unread.Store(3)
	rt := web.New(web.Options{PlainCookies: true, Session: func(context.Context, string) (actor.Actor, bool, error) {
		return actor.Actor{Kind: actor.User, ID: "dana"}, true, nil
	}})
	for _, p := range uitest.Pages() {
		p.Shell.Events, p.Shell.Poll = "/events", "/news"
		rt.Get(web.Public, "/"+p.Name, func(w http.ResponseWriter, r *http.Request) error {
			return web.Render(w, r, http.StatusOK, withShell{p.Body, p.Shell})
		})
	}
	joined := make(chan bool, 5)
	rt.Events(web.Public, "/events", func(w http.ResponseWriter, r *http.Request) error {
		wake, cancel := hub.Subscribe("dana")
		defer cancel()
		joined <- true
		return web.Follow(w, r, wake, "mail")
	})
	rt.Quiet(web.Public, "/news", func(w http.ResponseWriter, _ *http.Request) error {
		return web.SendJSON(w, http.StatusOK, map[string]any{"unread": unread.Load(), "newest": fmt.Sprintf("m%d", unread.Load()-2)})
	})
	s := httptest.NewServer(rt.Handler())
	defer s.Close()
	defer rt.Drain()
	ctx, bad := newTab(t)
	open(t, ctx, s.URL+"/inbox")
	<-joined
	until(t, ctx, `document.title.startsWith('(3) ')`)
	unread.Store(5)
	hub.Wake("dana", "somebody else")
	until(t, ctx, `document.querySelector('[data-news] a').textContent === '2 new messages. Show' && document.querySelector('.folders [data-unread]').textContent === '5'`)
	shoot(t, ctx, "inbox-news")
	if lines := bad(); len(lines) > 0 {
		t.Error(lines)
	}
}

// TestPrintScript: a button prints with everything open; one of a page for paper does so by itself, once.
func TestPrintScript(t *testing.T) {
	s := galleryServer(t)
	for mark, want := range map[string]int{"": 0, "now": 1} {
		ctx, bad := newTab(t)
		send(t, ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(
			`window.printed = 0; window.print = () => { printed++; };
			addEventListener('readystatechange', () => document.querySelectorAll('[data-print]').forEach(b => { b.dataset.print = %q; }), true);`, mark)})
		open(t, ctx, s.URL+"/thread")
		eval[bool](t, ctx, `document.fonts.ready.then(() => new Promise(r => setTimeout(r, 100))), true`)
		until(t, ctx, fmt.Sprintf(`printed === %d`, want))
		do(t, ctx, chromedp.Click(chromedp.CSS(`[data-print]`)))
		until(t, ctx, fmt.Sprintf(`printed === %d && ![...document.querySelectorAll('details.sheet')].some(d => !d.open)`, want+1))
		if lines := bad(); len(lines) > 0 {
			t.Error(lines)
		}
	}
}
