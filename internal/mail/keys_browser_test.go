package mail_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"securepractice/internal/db/dbtest"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

// person is somebody at a browser who has keys alone: no mouse, and nothing is focused or clicked by a script.
type person struct {
	t    *testing.T
	ctx  context.Context
	site string
	bad  func() []string
}

// browse serves the room to a browser on this machine; /as/{name} signs somebody in.
func (w *world) browse() *person {
	t := w.t.(*testing.T)
	t.Helper()
	rt := w.newRouter(slog.New(slog.DiscardHandler), true)
	rt.Get(web.Public, "/as/{name}", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, r.PathValue("name"))
		return web.Redirect(rw, r, "/mail/inbox")
	})
	rt.Form(web.Public, "/signout", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, "nobody")
		return web.Redirect(rw, r, "/signin?out=1")
	})
	rt.Get(web.Public, "/signin", func(rw http.ResponseWriter, r *http.Request) error {
		return web.Render(rw, r, http.StatusOK, ui.Note("lock", "Signed out"))
	})
	site := httptest.NewServer(rt.Handler())
	t.Cleanup(site.Close)
	ctx, bad := newTab(t)
	return &person{t: t, ctx: ctx, site: site.URL, bad: bad}
}

// as signs somebody in and waits until the page can be used.
func (p *person) as(name string) {
	p.t.Helper()
	step(p.t, p.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(p.site+"/as/"+name), chromedp.WaitReady(chromedp.CSS("main")))
	p.until(`document.documentElement.classList.contains('js') && !!window.htmx`)
}

func (p *person) until(js string) {
	p.t.Helper()
	wait(p.t, p.ctx, js)
}

var named = map[string]input.DispatchKeyEventParams{
	"Tab": {Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9}, "Back": {Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9, Modifiers: 8},
	"Enter": {Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Text: "\r"}, "Space": {Key: " ", Code: "Space", WindowsVirtualKeyCode: 32, Text: " "},
	"Escape": {Key: "Escape", Code: "Escape", WindowsVirtualKeyCode: 27}, "Down": {Key: "ArrowDown", Code: "ArrowDown", WindowsVirtualKeyCode: 40},
	"Send": {Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Modifiers: 2}, "Save": {Key: "s", Code: "KeyS", WindowsVirtualKeyCode: 83, Modifiers: 2},
}

// press presses named keys, one event down and one up each.
func (p *person) press(names ...string) {
	p.t.Helper()
	for _, name := range names {
		must(p.t, chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			down := named[name]
			down.Type = "keyDown"
			if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, down); err != nil {
				return err
			}
			down.Type, down.Text = "keyUp", ""
			_, err := cdp.Call(ctx, target, input.DispatchKeyEvent, down)
			return err
		})))
	}
}

// focusSeen is empty where the focus is on something and shows; the file field lends its ring to its label.
const focusSeen = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body || e === document.documentElement) return 'nowhere';
	const shown = x => { const s = getComputedStyle(x); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0; };
	const ring = e.type === 'file' ? e.parentElement.querySelector('label') : e;
	if (e.id === 'to' && shown(e.parentElement)) return '';
	const r = ring.getBoundingClientRect();
	if (!shown(ring)) return 'no ring on ' + e.outerHTML.slice(0, 160);
	if (r.bottom <= 0 || r.top >= innerHeight) return 'out of sight: ' + e.outerHTML.slice(0, 160);
	return '';
})()`

// focused checks that the focus is not lost and can be seen.
func (p *person) focused(when string) {
	p.t.Helper()
	if trouble := look[string](p.t, p.ctx, focusSeen); trouble != "" {
		p.t.Errorf("focus %s: %s (at %s)", when, trouble, look[string](p.t, p.ctx, "location.pathname"))
	}
}

// tab goes on by Tab until the focus is on what the selector names; with every step the focus shows.
func (p *person) tab(selector string) {
	p.t.Helper()
	p.walk("Tab", selector)
}

func (p *person) walk(key, selector string) {
	p.t.Helper()
	var way []string
	for range 80 {
		p.press(key)
		at := look[string](p.t, p.ctx, `(e => e.tagName + '#' + e.id + ' ' + (e.innerText || e.getAttribute('aria-label') || e.name || '').slice(0, 30))(document.activeElement)`)
		way = append(way, at)
		if look[bool](p.t, p.ctx, `document.activeElement.matches('`+selector+`')`) {
			p.focused("on " + selector)
			return
		}
		if !strings.HasPrefix(at, "BODY") { // the end of the page; the next Tab begins anew
			p.focused("on the way to " + selector)
		}
	}
	p.t.Fatalf("%s never reaches %s at %s:\n%s", key, selector, look[string](p.t, p.ctx, "location.pathname"), strings.Join(way, "\n"))
}

func (p *person) at(path string) {
	p.t.Helper()
	p.until(`location.pathname === '` + path + `' && document.readyState === 'complete' && document.documentElement.classList.contains('js') && !!window.htmx`)
}

func (p *person) quiet() {
	p.t.Helper()
	if lines := p.bad(); len(lines) > 0 {
		p.t.Errorf("console: %s", strings.Join(lines, "\n"))
	}
}

// TestMailByKeysAlone writes, sends, reads and answers, searches, archives and brings back without a mouse.
func TestMailByKeysAlone(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.send("santos", "dana@example.org", "Older one", "b")
	w.clock.Advance(time.Second)
	w.send("santos", "dana@example.org", "Older two", "b")
	w.send("dana", "santos@example.org", "A contact", "b")
	file := filepath.Join(t.TempDir(), "form.pdf")
	must(t, os.WriteFile(file, pdf("form"), 0o600))
	p := w.browse()
	p.as("dana")

	keys(t, p.ctx, "c")
	p.at("/mail/new")
	p.tab(`button[value=contacts]`)
	p.press("Enter")
	p.until(`document.querySelector('dialog.contacts').open && document.querySelectorAll('[data-choices] button').length === 1`)
	p.press("Escape")
	p.until(`!document.querySelector('dialog.contacts').open && document.activeElement.value === 'contacts'`)
	p.focused("after Escape in Contacts")
	p.press("Enter")
	p.until(`document.querySelector('dialog.contacts').open && document.querySelectorAll('[data-choices] button').length === 1`)
	p.press("Down")
	p.focused("on a contact")
	p.press("Enter")
	p.until(`document.querySelector('[name=to]').value === 'santos@example.org' && document.activeElement.value === 'contacts'`)
	p.focused("after a contact was chosen")
	p.walk("Back", "#subject")
	keys(t, p.ctx, "By keys alone")
	p.tab("#body")
	keys(t, p.ctx, "Good morning.")
	p.tab("#attachments")
	step(t, p.ctx, chromedp.SetUploadFiles(chromedp.CSS("#attachments"), []string{file}))
	p.until(`document.querySelector('[data-list]').innerText.includes('form.pdf') && !document.querySelector('[data-list] progress')`)
	p.focused("after a file was attached")
	p.walk("Back", "[data-send]")
	p.press("Enter")
	p.until(`location.pathname !== '/mail/new' && location.pathname.startsWith('/mail/')`)
	w.work()
	w.clock.Advance(time.Minute)
	w.work()
	w.want(2, "SELECT COUNT(*) FROM mail_message WHERE author_id = 'u-dana' AND state = 'delivered'")

	p.as("santos")
	keys(t, p.ctx, "j")
	p.focused("on the first conversation")
	p.press("Enter")
	p.until(`document.querySelector('#thread h1')?.innerText.includes('By keys alone') && document.activeElement.matches('#thread h1')`)
	p.focused("after a conversation was opened")
	p.tab("#thread summary, #thread a[href], #thread button")
	keys(t, p.ctx, "?")
	p.until(`document.querySelector('#keys').open`)
	p.focused("in the list of keys")
	p.press("Escape")
	p.until(`!document.querySelector('#keys').open`)
	p.focused("after the list of keys")
	keys(t, p.ctx, "r")
	p.until(`document.activeElement.id === 'body'`)
	p.focused("in the reply")
	keys(t, p.ctx, "It has come.")
	p.press("Send")
	p.until(`document.querySelector('#thread').innerText.includes('It has come.') && !document.querySelector('#body').value`)
	w.clock.Advance(time.Minute)
	w.work()

	p.as("dana")
	keys(t, p.ctx, "/")
	p.until(`document.activeElement.id === 'find'`)
	p.focused("in the search")
	keys(t, p.ctx, "come")
	p.press("Enter")
	p.until(`document.querySelectorAll('.conv').length === 1 && document.querySelector('#list-h').innerText === 'Search'`)
	p.as("dana")
	for range 2 {
		p.tab(".choose input:not(:checked)")
		p.press("Space")
	}
	p.until(`document.querySelectorAll('.choose :checked').length === 2`)
	p.tab(".bulk [value=archive]")
	p.press("Enter")
	p.until(`document.querySelectorAll('.conv').length === 1`)
	p.tab(`.folders a[href="/mail/archive"]`)
	p.press("Enter")
	p.at("/mail/archive")
	for range 2 {
		p.tab(".choose input:not(:checked)")
		p.press("Space")
	}
	p.tab(".bulk [value=inbox]")
	p.press("Enter")
	p.until(`location.pathname === '/mail/archive' && document.querySelectorAll('.conv').length === 0`)
	if n := w.in("dana", "inbox"); n != 3 {
		t.Errorf("%d conversations are in the Inbox", n)
	}
	p.quiet()
}
