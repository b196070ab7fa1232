package mail_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
)

// other is a second tab of the same browser.
func (p *person) other() *person {
	p.t.Helper()
	ctx, end := chromedp.NewContext(p.ctx)
	p.t.Cleanup(end)
	q := *p
	q.ctx = ctx
	step(p.t, ctx, chromedp.EmulateViewport(1280, 900))
	return &q
}

func (p *person) open(path string) {
	p.t.Helper()
	step(p.t, p.ctx, chromedp.Navigate(p.site+path), chromedp.WaitReady(chromedp.CSS("#body")))
	p.until(`document.documentElement.classList.contains('js') && !!window.htmx`)
}

func (p *person) types(selector, text string) {
	p.t.Helper()
	step(p.t, p.ctx, chromedp.SendKeys(chromedp.CSS(selector), text))
}

func (p *person) says(words string) {
	p.t.Helper()
	p.until(`document.querySelector('[data-saved]').textContent.includes(` + "`" + words + "`" + `)`)
}

func (p *person) click(words string) {
	p.t.Helper()
	p.until(`[...document.querySelectorAll('button, a')].some(b => b.checkVisibility() && b.textContent.trim() === '` + words + `' && (b.click(), true))`)
}

func (w *world) saved(body string) mail.Draft {
	w.t.Helper()
	d, err := w.SaveDraft(w.t.Context(), w.people["dana"], mail.Draft{ID: db.NewID(), To: "santos@example.org", Subject: "Half written", Body: body})
	must(w.t, err)
	return d
}

func (w *world) draftSays(id, words string) {
	w.t.Helper()
	if got := w.get("dana", "/mail/d/"+id).text("#thread"); !strings.Contains(got, words) {
		w.t.Errorf("the draft has no %q: %s", words, got)
	}
}

// TestDraftInTwoTabs: the tab that comes second is told, and its writer chooses; both ways keep what was chosen.
func TestDraftInTwoTabs(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	d := w.saved("Start.")
	p := w.browse()
	p.as("dana")
	q := p.other()
	p.open("/mail/new?draft=" + d.ID)
	q.open("/mail/new?draft=" + d.ID)
	p.types("#body", " First tab.")
	p.says("Unsaved changes")
	p.says("Draft saved")
	q.types("#body", " Second tab.")
	q.says("This draft was changed in another tab")
	axe(t, q.ctx, "conflict")
	shot(t, q.ctx, "draft-conflict-1280")
	w.draftSays(d.ID, "First tab.")
	q.click("Keep mine")
	q.says("Draft saved")
	w.draftSays(d.ID, "Second tab.")
	p.types("#body", " More.")
	p.says("This draft was changed in another tab")
	p.click("Open that version")
	p.until(`document.querySelector('#body').value.includes('Second tab.') && !document.querySelector('#body').value.includes('More.')`)
	p.quietBut("status of 409")
}

// quietBut allows what the browser says of one kind of refusal.
func (p *person) quietBut(words ...string) {
	p.t.Helper()
next:
	for _, line := range p.bad() {
		for _, w := range words {
			if strings.Contains(line, w) {
				continue next
			}
		}
		p.t.Errorf("console: %s", line)
	}
}

// TestDraftOffline: without a connection the page says that nothing is stored, keeps everything, and stores it by itself when
// the connection is back; a reload shows it, files too.
func TestDraftOffline(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	d := w.saved("Start.")
	p := w.browse()
	p.as("dana")
	p.open("/mail/new?draft=" + d.ID)
	file := filepath.Join(t.TempDir(), "kept.pdf")
	must(t, os.WriteFile(file, pdf("kept"), 0o600))
	step(t, p.ctx, chromedp.SetUploadFiles(chromedp.CSS("#attachments"), []string{file}))
	p.until(`!!document.querySelector('[data-list] [data-remove]')`)
	offline := func(on bool) {
		t.Helper()
		_, err := chromedp.Call(p.ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: on, DownloadThroughput: -1, UploadThroughput: -1}}})
		must(t, err)
		_, err = chromedp.Call(p.ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: on, DownloadThroughput: -1, UploadThroughput: -1})
		must(t, err)
	}
	_, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{})
	must(t, err)
	offline(true)
	p.types("#body", " Written offline.")
	p.says("Not saved. We will try again in 10 seconds.")
	offline(false)
	p.says("Draft saved")
	w.draftSays(d.ID, "Written offline.")
	step(t, p.ctx, chromedp.Reload(), chromedp.WaitReady(chromedp.CSS("#body")))
	p.until(`document.querySelector('#body').value.includes('Written offline.') && document.querySelector('[data-list]').innerText.includes('kept.pdf')`)
	p.quietBut("ERR_INTERNET_DISCONNECTED", "Failed to load resource")
}

// TestDraftOutlivesSession: signing out in one tab first saves what the other holds, and leaves both; a session that is gone
// is told, and what was typed is stored when its writer is back.
func TestDraftOutlivesSession(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.idle = 30 * time.Minute
	d, e := w.saved("Start."), w.saved("Begin.")
	p := w.browse()
	p.as("dana")
	q := p.other()
	p.open("/mail/new?draft=" + d.ID)
	q.open("/mail/new?draft=" + e.ID)
	q.types("#body", " Just typed.")
	look[bool](t, p.ctx, `document.querySelector('form[action="/signout"]').requestSubmit(), true`)
	p.until(`location.pathname === '/signin' && location.search === '?out=1'`)
	q.until(`location.pathname === '/signin' && location.search === '?out=elsewhere'`)
	w.draftSays(e.ID, "Just typed.")

	p.as("dana")
	p.open("/mail/new?draft=" + e.ID)
	p.until(`document.querySelector('#body').value.includes('Just typed.')`)
	_, err := chromedp.Call(p.ctx, network.ClearBrowserCookies, cdp.Empty{})
	must(t, err)
	p.types("#body", " And more.")
	p.says("Not saved: you are signed out.")
	axe(t, p.ctx, "signed out")
	shot(t, p.ctx, "draft-signed-out")
	q.as("dana")
	p.press("Save")
	p.says("Draft saved")
	w.draftSays(e.ID, "And more.")
	p.quietBut("status of 401")
}

// TestDraftActs: Save Draft, the list, Edit at the upper right, and Discard, which asks.
func TestDraftActs(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	p := w.browse()
	p.as("dana")
	p.open("/mail/new")
	p.types("#to", "santos@example.org")
	p.types("#body", "Kept by hand.")
	p.click("Save Draft")
	p.says("Draft saved")
	step(t, p.ctx, chromedp.Navigate(p.site+"/mail/drafts"), chromedp.WaitReady(chromedp.CSS(".conv a")))
	look[bool](t, p.ctx, `document.querySelector('.conv a').click(), true`)
	p.until(`location.pathname.startsWith('/mail/d/') && document.readyState === 'complete'`)
	if look[bool](t, p.ctx, `(() => { const a = [...document.querySelectorAll('.thread-head a')].find(x => x.textContent.trim() === 'Edit').getBoundingClientRect(), h = document.querySelector('.thread-head').getBoundingClientRect(); return a.right < h.left + h.width / 2 })()`) {
		t.Error("Edit is not at the right")
	}
	shot(t, p.ctx, "draft-view")
	p.click("Edit")
	p.until(`document.querySelector('#body')?.value === 'Kept by hand.'`)
	p.click("Discard")
	p.until(`document.querySelector('h1').innerText.includes('Delete this draft? You cannot get it back.')`)
	p.click("Keep it")
	p.until(`document.querySelector('#body')?.value === 'Kept by hand.'`)
	p.click("Discard")
	p.click("Delete draft")
	p.until(`location.pathname === '/mail/drafts' && document.body.innerText.includes('No drafts.')`)
	w.want(0, "SELECT COUNT(*) FROM mail_draft")
	p.quiet()
}
