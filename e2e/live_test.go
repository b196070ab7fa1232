package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestLive has two people in their browsers: what arrives shows in the title, beside the folders, on the dashboard and in the
// conversation that is open, within two seconds and without moving what is read.
func TestLive(t *testing.T) {
	p := start(t, t.TempDir())
	who := p.demo("Miguel")
	dana, miguel := newBrowser(t, p.url, "live-dana"), newBrowser(t, p.url, "live-miguel")
	signInBrowser(dana, p.demo("Dana"), "dashboard")
	signInBrowser(miguel, who, "dashboard")
	send := func(subject string) {
		t.Helper()
		dana.open("/mail/new")
		dana.fill("to", who.Email)
		dana.fill("subject", subject)
		dana.fill("body", "Hello")
		dana.press("Send")
		dana.see("Message sent.")
	}
	soon := func(what, js string) {
		t.Helper()
		begin := time.Now()
		until(t, what, func() bool { return miguel.js(js) == "true" })
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s only after %v", what, took)
		}
	}
	miguel.open("/mail/inbox")
	soon("the title's number is there", `document.title.startsWith('(')`)
	before := miguel.js("Number(document.title.match(/^.(\\d+)/)[1])")
	miguel.open("/")
	soon("the dashboard's number is there", "document.querySelector('[data-unread-words]').textContent === '"+before+" unread'")
	send("First of two")
	soon("the dashboard hears of it", "document.querySelector('[data-unread-words]').textContent === ("+before+" + 1) + ' unread' && document.title.startsWith('(' + ("+before+" + 1) + ') ')")

	miguel.open("/mail/inbox")
	miguel.do(chromedp.Click(chromedp.CSS(".conv a")))
	miguel.see("First of two", "Hello")
	miguel.fill("body", "Half a sentence")
	dana.fill("body", "One thing more")
	dana.press("Send")
	dana.see("Message sent.")
	soon("the conversation hears of it", "!document.querySelector('[data-thread] a').hidden")
	miguel.never("One thing more")
	if got := miguel.js("document.querySelector('#body').value"); got != "Half a sentence" {
		t.Errorf("the reply box holds %q", got)
	}
	miguel.check("thread-news")
	miguel.press("New message. Show")
	miguel.see("One thing more")
	until(t, "what was typed is there again", func() bool { return miguel.js("document.querySelector('#body').value") == "Half a sentence" })
}
