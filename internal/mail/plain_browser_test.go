package mail_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"securepractice/internal/db/dbtest"
)

// hit is a click by a hand: the page itself runs nothing.
func (p *person) hit(selector string) {
	p.t.Helper()
	ctx, end := context.WithTimeout(p.ctx, 10*time.Second)
	defer end()
	if err := chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector))); err != nil {
		p.t.Fatalf("press %s at %s: %v", selector, look[string](p.t, p.ctx, "location.pathname + ' ' + document.body.innerText"), err)
	}
}

func (p *person) visit(path string) {
	p.t.Helper()
	step(p.t, p.ctx, chromedp.Navigate(p.site+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// shows waits for words on the page.
func (p *person) shows(words string) {
	p.t.Helper()
	p.until(`document.readyState === 'complete' && document.body.innerText.includes('` + words + `')`)
}

// TestMailWithoutScripts reads, answers with a file, writes, searches, labels, puts away and brings back, and recalls, with
// scripts switched off in the browser.
func TestMailWithoutScripts(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	sent := w.send("santos", "dana@example.org", "A plain letter", "Please answer.")
	file := filepath.Join(t.TempDir(), "form.pdf")
	must(t, os.WriteFile(file, pdf("form"), 0o600))
	p := w.browse()
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	must(t, err)
	paint(t, p.ctx, "light") // a page that is still fading in takes no clicks
	step(t, p.ctx, chromedp.EmulateViewport(390, 844))
	p.visit("/as/dana")
	if look[bool](t, p.ctx, `document.documentElement.classList.contains('js')`) {
		t.Fatal("scripts run")
	}
	p.hit(".conv > a")
	p.shows("Reply to Miguel Santos")
	p.types("#body", "Here it is.")
	step(t, p.ctx, chromedp.SetUploadFiles(chromedp.CSS("#attachments"), []string{file}))
	p.hit("#reply [data-send]")
	p.shows("Here it is.")
	shot(t, p.ctx, "plain-thread-390")
	w.clock.Advance(time.Minute)
	w.work()
	w.want(1, "SELECT COUNT(*) FROM mail_message WHERE author_id = 'u-dana' AND state = 'delivered' AND files = 1")

	p.visit("/mail/new")
	p.types("#to", "santos@example.org")
	p.types("#subject", "Written plainly")
	p.types("#body", "No script ran.")
	p.hit("[data-send]")
	p.until(`location.pathname !== '/mail/new'`)
	w.clock.Advance(time.Minute)
	w.work()
	w.want(2, "SELECT COUNT(*) FROM mail_message WHERE author_id = 'u-dana' AND state = 'delivered'")

	p.visit("/mail/new")
	p.hit("button[value=contacts]")
	p.shows("Miguel Santos")
	p.visit("/mail/inbox")
	p.types("#find", "answer")
	p.hit(".search button")
	p.shows("A plain letter")
	p.until(`location.pathname.startsWith('/mail/search') && document.readyState === 'complete' && document.querySelectorAll('.conv').length >= 1`)

	p.visit("/mail/labels")
	p.types("#name", "Crowns")
	step(t, p.ctx, chromedp.Click(chromedp.CSS(".label-form .choice input")))
	p.hit(".label-form .btn")
	p.shows("Crowns")
	p.visit("/mail/t/" + sent.ThreadID)
	p.hit(".label-menu summary")
	p.hit(".label-menu button[name=put]")
	p.until(`document.querySelector('.worn')?.innerText.includes('Crowns')`)

	p.hit(`form[action$="/trash"] button`)
	p.until(`document.readyState === 'complete' && location.pathname === '/mail/inbox'`)
	p.visit("/mail/trash")
	p.hit(".conv > a")
	p.hit(`form[action$="/restore"] button`)
	p.until(`document.readyState === 'complete' && location.pathname === '/mail/trash' && !document.querySelector('.conv')`)
	if w.in("dana", "inbox") != 1 {
		t.Error("the conversation is not back in the Inbox")
	}

	p.visit("/mail/sent")
	p.hit(".conv > a")
	p.until(`document.readyState === 'complete' && location.pathname.startsWith('/mail/t/')`)
	p.hit(`#thread a[href$="/recall"]`)
	p.shows("Recall this message?")
	p.hit("main form .btn.danger")
	p.until(`document.readyState === 'complete' && !location.pathname.endsWith('/recall')`)
	w.want(1, "SELECT COUNT(*) FROM mail_message WHERE author_id = 'u-dana' AND state = 'recalled'")
	p.quiet()
}
