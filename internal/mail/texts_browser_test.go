package mail_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"securepractice/internal/db/dbtest"
	"securepractice/internal/web"
)

// TestInsertTemplateInBrowser finds a template in the dialog by a word and inserts it at the cursor with the recipient's
// name; Escape changes nothing and gives the focus back; the buttons of a template's form write its open places.
func TestInsertTemplateInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.template("dana", "After a crown", "Dear {first name}, be careful.")
	w.template("dana", "Parking", "Behind the building.")
	sent := w.send("santos", "dana@example.org", "s", "b")
	rt := w.newRouter(slog.New(slog.DiscardHandler), true)
	rt.Get(web.Public, "/as/{name}", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, r.PathValue("name"))
		return web.Redirect(rw, r, "/mail/inbox")
	})
	site := httptest.NewServer(rt.Handler())
	t.Cleanup(site.Close)
	ctx, bad := newTab(t)
	step(t, ctx, chromedp.EmulateViewport(390, 800), chromedp.Navigate(site.URL+"/as/dana"), chromedp.Navigate(site.URL+"/mail/t/"+sent.ThreadID))
	until := func(js string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !look[bool](t, ctx, js); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not so: %s", js)
			}
		}
	}
	open := func() {
		t.Helper()
		look[bool](t, ctx, `document.querySelector('#reply [data-templates] button').click(), true`)
		until(`document.querySelector('dialog.pick-text')?.open === true && document.activeElement.id === 'templates-q'`)
	}
	open()
	shot(t, ctx, "template-dialog-390")
	look[bool](t, ctx, `document.querySelector('dialog.pick-text').close(), true`)
	until(`!document.querySelector('dialog.pick-text') && document.activeElement.textContent === 'Insert template'`)
	look[bool](t, ctx, `(a => { a.value = 'Hello\n\nBye'; a.setSelectionRange(6, 6); return true })(document.getElementById('body'))`)
	open()
	look[bool](t, ctx, `(q => { q.value = 'crown DEAR'; q.dispatchEvent(new Event('input')); return true })(document.getElementById('templates-q'))`)
	if n := look[int64](t, ctx, `document.querySelectorAll('dialog.pick-text li:not([hidden])').length`); n != 1 {
		t.Errorf("%d templates match", n)
	}
	look[bool](t, ctx, `document.getElementById('templates-q').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', cancelable: true })), true`)
	until(`!document.querySelector('dialog.pick-text')`)
	if got := look[string](t, ctx, `document.getElementById('body').value`); got != "Hello\nDear Miguel, be careful.\nBye" {
		t.Errorf("body = %q", got)
	}
	until(`document.querySelector('#reply [data-saved]').textContent.startsWith('Draft saved')`)
	step(t, ctx, chromedp.Navigate(site.URL+"/mail/templates/new"))
	look[bool](t, ctx, `document.querySelector('[data-place="{last name}"]').click(), true`)
	if got := look[string](t, ctx, `document.getElementById('body').value`); got != "{last name}" {
		t.Errorf("place = %q", got)
	}
	if lines := bad(); len(lines) > 0 {
		t.Errorf("console: %s", strings.Join(lines, "\n"))
	}
}

// textPages forwards a message of a patient's, writes templates and imports contacts; it lists the pages to look at.
func (w *world) textPages(messageID, threadID string) [][2]string {
	draft, _ := w.forwardOf("dana", messageID)
	sent, _ := w.forwardOf("dana", messageID)
	forwarded := w.sendDraft("dana", sent, "mel@example.org").head.Get("Location")
	id := w.template("dana", "After a crown", "Dear {first name},\n\nplease do not chew on the new crown before tomorrow.\n\n{my name}, {practice}")
	w.template("mel", "Directions and parking, with a long title that needs more than one line on a telephone", "Our parking is behind the building.")
	const long = "bo.lee.with.a.rather.long.address@orthodontics-of-the-bay.example"
	w.confirm("dana", w.importFile("dana", "name,email\nDr. Bo Lee,"+long+"\n"))
	contact := "/mail/contacts/" + w.contactOf("dana", long)
	w.post("dana", contact, url.Values{"name": {"Dr. Bo Lee"}, "favorite": {"yes"}, "hidden": {"yes"}})
	template := "/mail/templates/" + id
	return [][2]string{{"thread-templates", "/mail/t/" + threadID + "?templates=1"}, {"new-forward", "/mail/new?draft=" + draft}, {"forwarded", forwarded}, {"templates", "/mail/templates"},
		{"template", template}, {"template-new", "/mail/templates/new"}, {"template-delete", template + "/delete"},
		{"contacts-hidden", "/mail/contacts?hidden=yes"}, {"contact", contact}, {"contact-delete", contact + "/delete"}, {"import", "/mail/contacts/import"}}
}
