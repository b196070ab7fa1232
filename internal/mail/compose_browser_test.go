package mail_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/invite"
	"securepractice/internal/mail"
	"securepractice/internal/web"
)

// wait is true soon in the page, or the test ends.
func wait(t *testing.T, ctx context.Context, js string) {
	t.Helper()
	for range 150 {
		if look[bool](t, ctx, "(() => { try { return Boolean("+js+") } catch { return false } })()") { // another page may be loading
			return
		}
		time.Sleep(40 * time.Millisecond)
	}
	t.Fatalf("never true: %s; the page says %q", js, look[string](t, ctx, "location.pathname + document.body.innerText + document.body.innerHTML.includes('data-doubts')"))
}

// keys types into what has the focus.
func keys(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	step(t, ctx, chromedp.KeyEvent(text))
}

// enter presses Enter as one event, so that a page which answers the key gets no character after it.
func enter(t *testing.T, ctx context.Context) {
	t.Helper()
	must(t, chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{"keyDown", "keyUp"} {
			press := input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13}
			if kind == "keyDown" {
				press.Text = "\r"
			}
			if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, press); err != nil {
				return err
			}
		}
		return nil
	})))
}

// axe reports what is not accessible on the page.
func axe(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	source, err := os.ReadFile("../../e2e/testdata/axe.min.js")
	must(t, err)
	raw := look[string](t, ctx, string(source)+`;axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | '))))`)
	var found []string
	must(t, json.Unmarshal([]byte(raw), &found))
	for _, f := range found {
		t.Errorf("%s: axe %s", name, f)
	}
	if over := look[int64](t, ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		t.Errorf("%s scrolls sideways by %d px", name, over)
	}
}

// TestComposeByKeyboard writes to several with the keyboard alone: chips, the contacts dialog, a doubted address, two new
// recipients in place, and a conversation of many.
func TestComposeByKeyboard(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.allow(20)
	w.send("dana", "santos@example.org, mel@example.org", "Contacts", "b")
	w.send("dana", "ruth@example.org", "Contacts", "b")
	rt := w.newRouter(slog.New(slog.DiscardHandler), true)
	rt.Get(web.Public, "/as/{name}", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, r.PathValue("name"))
		return web.Redirect(rw, r, "/mail/inbox")
	})
	site := httptest.NewServer(rt.Handler())
	t.Cleanup(site.Close)
	ctx, bad := newTab(t)
	step(t, ctx, chromedp.Navigate(site.URL+"/as/dana"), chromedp.EmulateViewport(1280, 900), chromedp.Navigate(site.URL+"/mail/new"), chromedp.WaitReady(chromedp.CSS(".chips input")))
	step(t, ctx, chromedp.Focus(chromedp.CSS("#to")))
	keys(t, ctx, "Miguel Santos,fred@example.org;")
	wait(t, ctx, `document.querySelectorAll('.chip').length === 2 && document.querySelector('.chips').innerText.includes('Fred Free')`)
	keys(t, ctx, "gloria@gmial.com")
	enter(t, ctx)
	wait(t, ctx, `document.querySelector('[data-doubts]').innerText.includes('Did you mean gloria@gmail.com?')`)
	wait(t, ctx, `!document.querySelector('[data-newcomer]').hidden`)
	keys(t, ctx, "new@elsewhere.example")
	enter(t, ctx)
	wait(t, ctx, `document.querySelectorAll('[data-newcomer]:not([hidden])').length === 2`)
	step(t, ctx, chromedp.Focus(chromedp.CSS("#first_name")))
	keys(t, ctx, "Gloria")
	axe(t, ctx, "several-1280")
	shot(t, ctx, "several-1280")
	step(t, ctx, chromedp.EmulateViewport(390, 900))
	axe(t, ctx, "several-390")
	shot(t, ctx, "several-390")
	step(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Focus(chromedp.CSS("[data-doubts] button")))
	enter(t, ctx)
	wait(t, ctx, `document.querySelector('[name=to]').value.includes('gloria@gmail.com') && !document.querySelector('[data-doubts]').children.length`)
	if got := look[string](t, ctx, `document.querySelector('[data-for]').value + ' ' + document.querySelector('#first_name').value + ' ' + document.activeElement.id`); got != "gloria@gmail.com Gloria to" {
		t.Errorf("after the exchange: %q", got)
	}
	keys(t, ctx, "\b") // to the last chip
	wait(t, ctx, `document.activeElement.getAttribute('aria-label') === 'Remove new@elsewhere.example'`)
	keys(t, ctx, "\b")
	wait(t, ctx, `document.querySelectorAll('.chip').length === 3 && document.activeElement.id === 'to' && document.querySelectorAll('[data-newcomer]:not([hidden])').length === 1`)

	step(t, ctx, chromedp.Focus(chromedp.CSS("[name=do][value=contacts]")))
	enter(t, ctx)
	wait(t, ctx, `document.querySelector('dialog.contacts').open && document.activeElement.id === 'contacts-q' && document.querySelectorAll('[data-choices] button').length === 3`)
	axe(t, ctx, "contacts-1280")
	shot(t, ctx, "dialog-1280")
	step(t, ctx, chromedp.EmulateViewport(390, 900))
	axe(t, ctx, "contacts-390")
	shot(t, ctx, "dialog-390")
	step(t, ctx, chromedp.EmulateViewport(1280, 900))
	keys(t, ctx, "ruth")
	wait(t, ctx, `document.querySelectorAll('[data-choices] button').length === 1`)
	enter(t, ctx)
	wait(t, ctx, `!document.querySelector('dialog.contacts').open && document.activeElement.value === 'contacts' && document.querySelector('.chips').innerText.includes('Ruth Okafor')`)

	step(t, ctx, chromedp.Focus(chromedp.CSS("#role")))
	step(t, ctx, chromedp.SendKeys(chromedp.CSS("#role"), "Patient"), chromedp.SendKeys(chromedp.CSS("#last_name"), "Petrakis"), chromedp.SendKeys(chromedp.CSS("#cell_phone"), "(206) 555-0142"),
		chromedp.SendKeys(chromedp.CSS("#subject"), "Holiday hours"), chromedp.SendKeys(chromedp.CSS("#body"), "We are closed on Friday."))
	step(t, ctx, chromedp.Focus(chromedp.CSS("[data-send]")))
	enter(t, ctx)
	wait(t, ctx, `location.pathname === '/mail/sent'`)
	w.want(2, "SELECT COUNT(*) FROM mail_message WHERE form_id IS NOT NULL") // Ruth and Gloria, apart from the colleagues
	w.want(1, "SELECT COUNT(*) FROM invite_invitation WHERE email = 'gloria@gmail.com'")

	group := w.manyColleagues()
	for _, p := range [][2]string{{"group", "/mail/t/" + group}, {"sent-several", "/mail/sent"}} {
		for _, width := range []int64{1280, 390} {
			name := p[0] + map[int64]string{1280: "-1280", 390: "-390"}[width]
			step(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(site.URL+p[1]), chromedp.WaitReady(chromedp.CSS("main")))
			axe(t, ctx, name)
			shot(t, ctx, name)
		}
	}
	if lines := bad(); len(lines) > 0 {
		t.Errorf("console: %s", strings.Join(lines, "\n"))
	}
}

// manyColleagues begins a thread with six others, one of whom has closed their account, and two not registered yet.
func (w *world) manyColleagues() string {
	to := "santos@example.org, mel@example.org, fred@example.org, gus@example.org"
	var more []invite.NewInvitation
	for _, name := range []string{"Ann", "Bo"} {
		n := colleague(strings.ToLower(name)+"@elsewhere.example", name)
		to, more = to+", "+n.Email, append(more, n)
	}
	sent, err := w.Send(w.t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: to, Subject: "Study club in January", Body: "Which evening suits you?", More: more})
	must(w.t, err)
	w.reply("santos", sent.ThreadID, "Tuesday, please.")
	w.exec("UPDATE account_user SET state = 'deactivated' WHERE id = 'u-fred'")
	return sent.ThreadID
}
