package e2e

import (
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestUndo takes a message back in the browser, sends it again and lets it leave; then the program is killed while one is
// held, and that one leaves after the restart, once.
func TestUndo(t *testing.T) {
	p := start(t, t.TempDir(), "--undo-send", "5s")
	dana, miguel := newBrowser(t, p.url, "undo-dana"), newBrowser(t, p.url, "undo-miguel")
	who := p.demo("Miguel")
	signInBrowser(dana, p.demo("Dana"), "dashboard")
	signInBrowser(miguel, who, "dashboard")
	files := sampleFiles(t)

	dana.open("/mail/new")
	dana.fill("to", who.Email)
	dana.fill("subject", "Too early")
	dana.fill("body", "Not finished")
	dana.do(chromedp.SetUploadFiles(chromedp.CSS("#attachments"), files[:1]))
	dana.see("Scanned, no threats found")
	dana.press("Send")
	dana.see("Message sent.", "Sending")
	dana.check("undo")
	miguel.open("/mail/inbox")
	miguel.never("Too early")
	dana.press("Undo")
	dana.see("Not sent. It is a draft again.", "Scanned, no threats found")
	if got := dana.js("document.querySelector('[name=body]').value"); got != "Not finished" {
		t.Errorf("the draft holds %q", got)
	}
	dana.check("undone")
	dana.fill("subject", "In good time")
	dana.fill("body", "Finished now")
	dana.press("Send")
	dana.see("Message sent.", "Sending")
	until(t, "the time to take it back is over", func() bool {
		return dana.js("document.querySelectorAll('[data-undo]').length") == "0" && dana.js("document.querySelector('[data-sending]').textContent") == "Sent"
	})
	miguel.open("/mail/inbox")
	until(t, "it has arrived", func() bool {
		miguel.open("/mail/inbox")
		return miguel.js("document.body.innerText.includes('In good time')") == "true"
	})
	miguel.never("Too early")

	dana.open("/mail/new")
	dana.fill("to", who.Email)
	dana.fill("subject", "Killed meanwhile")
	dana.fill("body", "Still once")
	dana.press("Send")
	dana.see("Message sent.")
	for _, b := range []*browser{dana, miguel} { // else they complain of a portal that is gone
		b.do(chromedp.Navigate("about:blank"))
	}
	p.stop(syscall.SIGKILL)
	p.run()
	c := newClient(t, p.url)
	c.signIn(who.Email, who.Password)
	until(t, "it has left after the restart", func() bool {
		c.open("/mail/inbox")
		return c.doc.Find(".conv:contains('Killed meanwhile')").Length() > 0
	})
	if n := c.doc.Find(".conv:contains('Killed meanwhile')").Length(); n != 1 {
		t.Errorf("it is there %d times", n)
	}
}
