package mail_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
)

// view is a page to look at: who opens it, where, and what is done there first; until says when it has come about.
type view struct{ name, as, path, do, until string }

// looks checks a view at the width of a desk and of a phone, light and dark, at twice the size, and on the narrowest phone.
func (p *person) looks(v view) {
	t := p.t
	t.Helper()
	step(t, p.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(p.site+"/as/"+v.as), chromedp.Navigate(p.site+v.path), chromedp.WaitReady(chromedp.CSS("main")))
	if v.do != "" {
		p.until(`document.documentElement.classList.contains('js')`)
		look[bool](t, p.ctx, `(() => { const set = (n, v) => { document.querySelector('main [name="' + n + '"]').value = v }; const to = v => { const e = document.getElementById('to'); e.value = v; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('blur')) }; const press = s => document.querySelector('main ' + s).click(); `+v.do+`; return true })()`)
	}
	if v.until != "" {
		p.until(v.until + ` && document.readyState === 'complete' && document.documentElement.classList.contains('js')`)
	}
	p.regard(v.name)
	for _, width := range []int64{640, 320} { // 640 is a desk of 1280 at 200 %
		step(t, p.ctx, chromedp.EmulateViewport(width, 450))
		if over := look[int64](t, p.ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%s scrolls sideways by %d px at %d", v.name, over, width)
		}
	}
}

// regard checks the page that is open as a desk and a phone show it, light and dark.
func (p *person) regard(page string) {
	p.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		paint(p.t, p.ctx, scheme)
		for _, width := range []int64{1280, 390} {
			step(p.t, p.ctx, chromedp.EmulateViewport(width, 900))
			name := fmt.Sprintf("%s-%s-%d", page, scheme, width)
			axe(p.t, p.ctx, name)
			shot(p.t, p.ctx, name)
		}
	}
	paint(p.t, p.ctx, "light")
}

// paint sets light or dark; motion is reduced, since a colour that is still changing has no contrast to measure.
func paint(t *testing.T, ctx context.Context, scheme string) {
	t.Helper()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	must(t, err)
}

// noise reports what the console reports, but for answers that a page gives on purpose.
func (p *person) noise() {
	p.t.Helper()
	for _, line := range p.bad() {
		if !strings.Contains(line, "status of 422") && !strings.Contains(line, "status of 403") {
			p.t.Errorf("console: %s", line)
		}
	}
}

// TestEmptyPagesInBrowser looks at a mailbox in which nothing is.
func TestEmptyPagesInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	own := w.label("mel", "Nothing yet", "2")
	p := w.browse()
	for name, path := range map[string]string{"inbox": "/mail/inbox", "unread": "/mail/inbox?show=unread", "sent": "/mail/sent", "drafts": "/mail/drafts", "archive": "/mail/archive", "trash": "/mail/trash",
		"label": "/mail/l/" + own, "contacts": "/mail/contacts", "templates": "/mail/templates"} {
		p.looks(view{name: "empty-" + name, as: "mel", path: path})
	}
	p.looks(view{name: "empty-patient", as: "ruth", path: "/mail/inbox"})
	p.looks(view{name: "free-compose", as: "gus", path: "/mail/new"})
	p.noise()
}

// TestErrorPagesInBrowser looks at what was refused, and at what asks before it acts.
func TestErrorPagesInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.allow(3)
	sent := w.send("dana", "santos@example.org", "To be recalled", "b")
	gone := w.send("dana", "ruth@example.org", "Recalled", "b")
	w.recall("dana", gone.MessageID)
	mine := w.send("dana", "ruth@example.org", "A question", "b")
	asked := w.reply("ruth", mine.ThreadID, "It hurts.")
	forward, _ := w.forwardOf("dana", asked.MessageID)
	w.held("dana", "mel@example.org", "Held for undo", "b")
	own := w.label("dana", "Own", "2")
	p := w.browse()
	const refused = `document.querySelector('[data-summary]')`
	for _, v := range []view{
		{"recall-ask", "dana", "/mail/m/" + sent.MessageID + "/recall", "", ""},
		{"recalled-author", "dana", "/mail/t/" + gone.ThreadID, "", ""},
		{"recalled-reader", "ruth", "/mail/t/" + gone.ThreadID, "", ""},
		{"held", "dana", "/mail/sent", "", ""},
		{"compose-empty", "dana", "/mail/new", `press('[data-send]')`, refused},
		{"compose-many", "dana", "/mail/new", `to('a@x.example, b@x.example, nonsense, d@x.example'); press('[data-send]')`, refused},
		{"forward-asks", "dana", "/mail/new?draft=" + forward, `to('santos@example.org'); press('[data-send]')`, refused},
		{"reply-empty", "ruth", "/mail/t/" + mine.ThreadID, `press('[data-send]')`, refused},
		{"search-error", "dana", "/mail/search", `set('from', '2026-11-20'); set('to', '2026-11-01'); press('.seek .btn.primary')`, refused},
		{"search-filters", "dana", w.seek("dana", "question", url.Values{"q": {"question"}, "folder": {"inbox"}, "from": {"2026-11-01"}}), "", ""},
		{"label-error", "dana", "/mail/labels", `press('.label-form .btn')`, refused},
		{"label-edit-error", "dana", "/mail/l/" + own + "/edit", `set('name', ''); press('.label-form .btn')`, refused},
		{"template-error", "dana", "/mail/templates/new", `press('form .btn.primary')`, refused},
		{"import-error", "dana", "/mail/contacts/import", `press('form .btn.primary')`, refused},
		{"foreign", "fred", "/mail/inbox", "", ""},
	} {
		p.looks(v)
	}
	file := filepath.Join(t.TempDir(), "contacts.csv")
	must(t, os.WriteFile(file, []byte("name,email\nDr. Bo Lee,bo@ortho.example\n"+strings.Repeat("L", 80)+","+strings.Repeat("l", 40)+"@ortho.example\nNobody,not an address\n"), 0o600))
	step(t, p.ctx, chromedp.Navigate(p.site+"/as/dana"), chromedp.Navigate(p.site+"/mail/contacts/import"), chromedp.SetUploadFiles(chromedp.CSS("main input[type=file]"), []string{file}))
	look[bool](t, p.ctx, `document.querySelector('main form .btn.primary').click(), true`)
	p.until(`document.body.innerText.includes('Dr. Bo Lee')`)
	for _, width := range []int64{1280, 390, 320} {
		step(t, p.ctx, chromedp.EmulateViewport(width, 900))
		axe(t, p.ctx, fmt.Sprint("import-confirm-", width))
		shot(t, p.ctx, fmt.Sprint("import-confirm-", width))
	}
	p.noise()
}

// TestLongTextInBrowser looks at the longest names, subjects and words there can be, and at many labels.
func TestLongTextInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	long := w.people["dana"]
	long.First, long.Last = strings.Repeat("Maximilian", 4), strings.Repeat("Longfellow", 4)
	w.people["dana"] = long
	subject := strings.Repeat("Pneumonoultramicro", 11)
	sent, err := w.Send(t.Context(), long, mail.Compose{DraftID: db.NewID(), To: "santos@example.org", Subject: subject[:198], Body: strings.Repeat("Word", 75) + "\n\nhttps://harbor.example/" + strings.Repeat("path", 60)})
	must(t, err)
	w.reply("santos", sent.ThreadID, strings.Repeat("W", 300))
	for i := range 14 {
		id := w.label("dana", fmt.Sprintf("Label number %d of a long row", i), fmt.Sprint(i%8+1))
		w.post("dana", "/mail/t/"+sent.ThreadID+"/label", url.Values{"put": {id}})
	}
	w.clock.Advance(time.Hour)
	p := w.browse()
	for _, v := range []view{{"long-list", "santos", "/mail/inbox", "", ""}, {"long-thread", "santos", "/mail/t/" + sent.ThreadID + "?all=1", "", ""}, {"long-labels", "dana", "/mail/inbox", "", ""},
		{"long-own", "dana", "/mail/t/" + sent.ThreadID + "?in=sent&all=1", "", ""}, {"long-print", "dana", "/mail/t/" + sent.ThreadID + "/print", "", ""},
		{"long-menu", "dana", "/mail/t/" + sent.ThreadID, `document.querySelector('.label-menu').open = true`, ""}} {
		p.looks(v)
	}
	step(t, p.ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(p.site+"/as/dana"), chromedp.Navigate(p.site+"/mail/inbox"), chromedp.WaitReady(chromedp.CSS("main")))
	if tall := look[float64](t, p.ctx, `document.querySelector('.rail').getBoundingClientRect().height`); tall > 170 {
		t.Errorf("with many labels the rail of a phone is %v px tall", tall)
	}
	p.noise()
}
