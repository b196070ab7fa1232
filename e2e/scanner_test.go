package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestScanner: mail gateways open links in a browser of their own and press what they find. Without typing nothing is sent
// and nothing used up, and the person comes in by the same link afterwards.
func TestScanner(t *testing.T) {
	p := start(t, t.TempDir())
	dana := newClient(t, p.url)
	dana.signIn(p.demo("Dana").Email, p.demo("Dana").Password)
	dana.open("/mail/new")
	dana.pressFiles("Send", nil, "to", patient, "subject", "Your appointment", "body", "See you on Thursday.")
	dana.press("Send", "role", "patient", "first_name", "Walter", "last_name", "Quist", "cell_phone", realCell)
	dana.see("Message sent.")
	forgot := newClient(t, p.url)
	forgot.open("/forgot")
	forgot.press("Continue", "email", p.demo("Linh").Email)
	links := []string{p.mail(0, "email", patient).Links[0], p.mail(0, "email", p.demo("Linh").Email).Links[0]}
	before := len(p.outbox())
	for i, link := range links {
		b := newBrowser(t, p.url, "")
		b.refusals = "4"
		pressAll(b, link, strconv.Itoa(i))
	}
	time.Sleep(time.Second) // a job would have run by now
	if all := p.outbox(); len(all) != before {
		t.Errorf("pressing sent %d notices, the newest: %+v", len(all)-before, all[0])
	}
	walter := newBrowser(t, p.url, "")
	finishSignUp(p, walter, signUp(p, walter))
	linh := newBrowser(t, p.url, "")
	linh.open(links[1])
	linh.see("Verify your identity")
}

// pressAll opens a link and presses each button and link of the page, from the beginning each time, three pages deep.
func pressAll(b *browser, link, name string) {
	b.t.Helper()
	const count = `String([...document.querySelectorAll('main button, main a[href^="/"]')].filter(e => e.checkVisibility() && !e.disabled).length)`
	b.open(link)
	n, err := strconv.Atoi(b.js(count))
	if err != nil || n == 0 {
		b.t.Fatalf("link %s shows nothing to press: %s", name, b.text())
	}
	for first := range n {
		for second := range 4 {
			b.open(link)
			for _, k := range []int{first, second, first + second} {
				b.js(fmt.Sprintf(`(() => { const all = [...document.querySelectorAll('main button, main a[href^="/"]')].filter(e => e.checkVisibility() && !e.disabled);
					if (all.length) { all[%d %% all.length].click(); } return 'ok'; })()`, k))
				b.do(chromedp.Sleep(60 * time.Millisecond))
				b.do(chromedp.WaitReady(chromedp.CSS("main")))
			}
		}
	}
}
