package e2e

import "testing"

// TestNewAddress: Ruth changes her e-mail address in a browser; the old address takes it back.
func TestNewAddress(t *testing.T) {
	p := start(t, t.TempDir())
	ruth := p.demo("Ruth")
	const fresh = "ruth.new@mail.example"
	b := newBrowser(t, p.url, "address")
	b.refusals = "410"
	enter(b, "/signin", ruth)
	b.see("Update Profile")
	b.open("/profile/email")
	b.see("Change your email address")
	b.press("Continue")
	b.see("Enter your current password")
	b.check("empty")
	b.fill("email", fresh)
	b.fill("current_password", ruth.Password)
	b.press("Continue")
	b.see("Verify your identity")
	before := len(p.outbox())
	b.choose("method", "text_cell")
	b.press("Continue")
	b.see("Enter your secret code")
	b.fill("code", newest(p, before, "text").Code)
	b.press("Continue")
	b.see("Check your email")
	b.check("sent")
	before = len(p.outbox())
	b.open(p.mail(0, "email", fresh).Links[0])
	b.see("Use this address")
	b.check("confirm")
	b.press("Use this address")
	b.see(fresh)
	undo := p.mail(before, "email", ruth.Email).Links[0]

	owner := newBrowser(t, p.url, "undo")
	owner.open(undo)
	owner.see("Undo the change of your email address")
	owner.check("undo")
	owner.press("Undo the change")
	owner.see("Your email address is restored")
	owner.check("undone")
	b.open("/profile/account")
	b.see("Sign in to continue.")
	b.fill("email", ruth.Email)
	b.fill("password", ruth.Password)
	b.press("Sign In")
	b.see("Your email address or password is not right.")
}

// newest waits for the newest notice of a kind after so many others.
func newest(p *program, before int, kind string) (found notice) {
	p.t.Helper()
	until(p.t, "a "+kind, func() bool {
		all := p.outbox()
		for _, n := range all[:len(all)-before] {
			if n.Kind == kind {
				found = n
				return true
			}
		}
		return false
	})
	return found
}
