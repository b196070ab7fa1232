package e2e

import (
	"strings"
	"testing"
)

// TestPages looks at the pages that the journeys do not pass: axe, narrow phones, both schemes, a silent console.
func TestPages(t *testing.T) {
	p := start(t, t.TempDir())
	visitor := newBrowser(t, p.url, "visitor")
	visitor.refusals = "404 410"
	walk(visitor, "/help", "/privacy", "/terms", "/forgot", "/forgot/sent", "/dev/outbox", "/register/nonsense", "/reset/nonsense", "/no-such-page", "/support/signin")

	dana := newBrowser(t, p.url, "dana-pages")
	dana.refusals = "404"
	enter(dana, "/signin", p.demo("Dana"))
	walk(dana, "/profile/account", "/profile/messaging", "/profile/security", "/profile/email", "/profile/phone?which=cell", "/password", "/password/done", "/mail/drafts", "/mail/archive", "/mail/contacts", "/users", "/help", "/no-such-page")

	ruth := newBrowser(t, p.url, "ruth-pages")
	enter(ruth, "/signin", p.demo("Ruth"))
	ruth.never("upgrade", "Upgrade")
	walk(ruth, "/profile/account", "/profile/messaging", "/profile/security", "/mail/drafts")

	sam := newBrowser(t, p.url, "support")
	sam.refusals = "404"
	enter(sam, "/support/signin", p.demo("Sam"))
	sam.see("Verify your identity")
	before := len(p.outbox())
	sam.choose("method", "text_cell")
	sam.press("Continue")
	sam.see("Enter your secret code")
	sam.fill("code", p.mail(before, "text", "+12065550190").Code)
	sam.press("Continue")
	sam.see("Harbor Point Dental")
	sam.check("console")
	practice := sam.js(`document.querySelector('main a[href^="/support/p/0"]').getAttribute('href')`)
	walk(sam, "/support/p/new", practice, practice+"/edit", practice+"/invite", "/no-such-page")
	sam.open(practice)
	person := sam.js(`document.querySelector('main a[href^="/support/u/"]').getAttribute('href')`)
	walk(sam, person)
}

// enter signs somebody in by a form.
func enter(b *browser, form string, who person) {
	b.t.Helper()
	b.open(form)
	b.fill("email", who.Email)
	b.fill("password", who.Password)
	b.press("Sign In")
	for b.js("location.pathname") == form && !strings.Contains(b.text(), "There is a problem") {
		b.see("")
	}
}

// walk opens pages and checks each.
func walk(b *browser, paths ...string) {
	b.t.Helper()
	for _, path := range paths {
		b.open(path)
		b.check(strings.Trim(strings.NewReplacer("/", "-", "?", "-").Replace(path[:min(len(path), 60)]), "-"))
	}
}
