package mail_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"securepractice/internal/db/dbtest"
)

// fileWorld is a conversation with a file of each kind, seen by santos in a browser.
func fileWorld(t *testing.T) (w *world, p *person, links map[string]string, thread string) {
	t.Helper()
	w = newWorld(t, dbtest.SQLite(t))
	w.draws()
	sent, links := w.sendFiles("dana", "santos@example.org", upload{"Alvarez intraoral.jpg", photo(1600, 1200)}, upload{"After.jpg", photo(900, 1200)},
		upload{"Treatment plan.pdf", document(3)}, upload{"notes.txt", []byte("Recall in six months.\n\n\tCheck #30, <b>mesial</b>.\n" + strings.Repeat("A long line of words that does not end soon. ", 12))},
		upload{"broken.png", append(drawing(50, 50)[:60], "and no more"...)})
	p = w.browse()
	p.as("santos")
	return w, p, links, sent.ThreadID
}

func (p *person) noViolation() {
	p.t.Helper()
	for _, line := range p.bad() {
		p.t.Errorf("console: %s", line)
	}
}

const stageIs = `document.querySelector('[data-stage]').dataset.`

// TestViewerLooks opens each kind of viewer at two widths, light and dark: nothing for axe to find, no violation of the
// policy, no sideways scroll.
func TestViewerLooks(t *testing.T) {
	_, p, links, thread := fileWorld(t)
	at := func(name string) string { return "/mail/attachments/" + links[name] + "/view" }
	live := `document.querySelector('.stage.live img').naturalWidth > 0`
	p.looks(view{name: "thread-files", as: "santos", path: "/mail/t/" + thread, until: `document.querySelector('.files .thumb img').naturalWidth > 0`})
	p.looks(view{name: "view-photo", as: "santos", path: at("Alvarez intraoral.jpg"), until: live})
	p.looks(view{name: "view-document", as: "santos", path: at("Treatment plan.pdf"), until: live})
	p.looks(view{name: "view-compare", as: "santos", path: at("Alvarez intraoral.jpg") + "?with=" + links["After.jpg"], until: `document.querySelectorAll('.stage.live').length === 2`})
	p.looks(view{name: "view-text", as: "santos", path: at("notes.txt")})
	p.looks(view{name: "view-broken", as: "santos", path: at("broken.png")})
	p.noViolation()
}

// TestViewerWorks zooms, turns and moves by buttons, keys and the wheel, and shows other pages without leaving.
func TestViewerWorks(t *testing.T) {
	w, p, links, _ := fileWorld(t)
	open := func(name string) {
		step(t, p.ctx, chromedp.Navigate(p.site+"/mail/attachments/"+links[name]+"/view"), chromedp.WaitReady(chromedp.CSS("main")))
		p.until(`document.querySelector('.stage.live img')?.naturalWidth > 0 && ` + stageIs + `zoom === '1.00'`)
	}
	open("Alvarez intraoral.jpg")
	key := func(k string) {
		look[bool](t, p.ctx, `(() => { const s = document.querySelector('[data-stage]'); s.focus(); s.dispatchEvent(new KeyboardEvent('keydown', {key: '`+k+`', bubbles: true, cancelable: true})); return document.activeElement === s })()`)
	}
	left := `document.querySelector('[data-stage] img').getBoundingClientRect().left`
	key("+")
	p.until(stageIs + `zoom === '1.25'`)
	before := look[float64](t, p.ctx, left)
	key("ArrowLeft")
	if after := look[float64](t, p.ctx, left); after-before != 40 {
		t.Errorf("an arrow moves it by %.0f", after-before)
	}
	p.click("Zoom in")
	p.until(stageIs + `zoom === '1.56'`)
	p.click("Zoom out")
	key("r")
	p.until(stageIs + `turn === '90'`)
	p.click("Rotate")
	p.until(stageIs + `turn === '180'`)
	key("0")
	p.until(stageIs + `zoom === '1.00' && ` + stageIs + `turn === '0'`)
	look[bool](t, p.ctx, `document.querySelector('[data-stage]').dispatchEvent(new WheelEvent('wheel', {deltaY: -300, ctrlKey: true, clientX: 400, clientY: 400, bubbles: true, cancelable: true})) || true`)
	p.until(stageIs + `zoom === '2.72'`)
	p.click("Reset")
	within := `(() => { const a = document.querySelector('[data-stage]').getBoundingClientRect(), b = document.querySelector('[data-stage] img').getBoundingClientRect(); return b.left >= a.left - 1 && b.right <= a.right + 1 && b.top >= a.top - 1 && b.bottom <= a.bottom + 1 })()`
	p.until(within)
	p.click("Rotate")
	p.until(within)
	p.click("Next file")
	p.until(`document.querySelector('h1')?.textContent === 'After.jpg'`)
	open("Treatment plan.pdf")
	looked := w.count("SELECT COUNT(*) FROM audit_event WHERE action = 'file.previewed'")
	p.click("Next page")
	p.until(`document.querySelector('[data-page-text]').textContent === 'Page 2 of 3' && document.querySelector('[data-stage] img').alt.endsWith('page 2 of 3') && !document.querySelector('.stage.busy')`)
	key("PageDown")
	p.until(`document.querySelector('[data-page-text]').textContent === 'Page 3 of 3' && document.querySelector('[data-do=next]').disabled && !document.querySelector('.stage.busy')`)
	w.want(looked, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.previewed'")
	p.noViolation()
}

// TestViewerWithoutScripts: the picture, the pages behind links, and the comparison by a form.
func TestViewerWithoutScripts(t *testing.T) {
	_, p, links, _ := fileWorld(t)
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	must(t, err)
	paint(t, p.ctx, "light")
	open := func(path string) {
		step(t, p.ctx, chromedp.Navigate(p.site+path), chromedp.WaitReady(chromedp.CSS("main")))
	}
	open("/mail/attachments/" + links["Treatment plan.pdf"] + "/view")
	p.shows("Page 1 of 3")
	p.hit(`.frames a`)
	p.shows("Page 2 of 3")
	p.until(`document.querySelector('.stage img').naturalWidth > 0`)
	shot(t, p.ctx, "view-plain")
	open("/mail/attachments/" + links["Alvarez intraoral.jpg"] + "/view")
	p.hit(`.compare-with button`)
	p.shows("Compare Alvarez intraoral.jpg and After.jpg")
	p.noViolation()
}
