package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"securepractice/internal/db"
)

// TestBeforeASession: an expired password and new Terms of Use stand between a right password and the portal.
func TestBeforeASession(t *testing.T) {
	p := start(t, t.TempDir())
	dana, linh := p.demo("Dana"), p.demo("Linh")
	p.stop(syscall.SIGTERM)
	change(t, p, "UPDATE account_user SET password_at = 1000000 WHERE email = '"+dana.Email+"'", "DELETE FROM account_terms WHERE user_id = (SELECT id FROM account_user WHERE email = '"+linh.Email+"')")
	p.run()

	b := newBrowser(t, p.url, "expired")
	enter(b, "/signin", dana)
	b.see("Your password has expired")
	b.open("/mail/inbox")
	b.see("Sign in to continue.")
	enter(b, "/signin", dana)
	b.see("Your password has expired")
	b.press("Save")
	b.see("Enter your current password", "Enter a password")
	b.check("errors")
	b.fill("current_password", dana.Password)
	b.fill("new_password", newcomerPass)
	b.fill("confirm_password", newcomerPass)
	b.press("Save")
	b.see("Update Profile")

	other := newBrowser(t, p.url, "new-terms")
	enter(other, "/signin", linh)
	other.see("I have read and agree to the Terms of Use")
	other.press("Continue")
	other.see("Select the box if you agree to the Terms of Use")
	other.check("unticked")
	other.tick("agree")
	other.press("Continue")
	other.see("Update Profile")
}

// change writes into the data of a program that is stopped.
func change(t *testing.T, p *program, statements ...string) {
	t.Helper()
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(p.dir, "data", "securepractice.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, s := range statements {
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestHeld: two practices write to one person. Who registered with the first confirms the number the second gave.
func TestHeld(t *testing.T) {
	p := start(t, t.TempDir())
	for _, from := range []struct{ name, cell string }{{"Miguel", "(206) 555-0159"}, {"Dana", realCell}} {
		c := newClient(t, p.url)
		c.signIn(p.demo(from.name).Email, p.demo(from.name).Password)
		before := len(p.outbox())
		c.open("/mail/new")
		c.pressFiles("Send", nil, "to", patient, "subject", "From "+from.name, "body", "See you on Thursday.")
		c.press("Send", "role", "patient", "first_name", "Walter", "last_name", "Quist", "cell_phone", from.cell)
		c.see("Message sent.")
		p.mail(before, "email", patient)
	}
	var theirs string
	for _, n := range p.outbox() {
		if n.To == patient && len(n.Links) > 0 && strings.Contains(n.Text, "Eastlake") {
			theirs = n.Links[0]
		}
	}
	b := newBrowser(t, p.url, "held")
	b.refusals = "404"
	link := signUpFrom(p, b, p.mail(0, "email", patient).Links[0])
	finishSignUpTo(p, b, link, "From Dana")
	b.never("From Miguel")
	stranger := newBrowser(t, p.url, "has-account")
	stranger.open(theirs)
	stranger.see("You already have an account")
	stranger.check("page")
	b.open(theirs)
	b.press("Sign In")
	b.see("Eastlake Oral Surgery sent you a secure message", "ending 59")
	b.check("held")
	b.press("Continue")
	b.see("Verify your identity")
	before := len(p.outbox())
	b.choose("method", "text_cell")
	b.press("Continue")
	b.see("Enter your secret code")
	b.fill("code", p.mail(before, "text", "+12065550159").Code)
	b.press("Continue")
	b.see("From Miguel")
}

// TestCodesRunOut: a fourth code in a quarter of an hour is refused in words.
func TestCodesRunOut(t *testing.T) {
	p := start(t, t.TempDir())
	linh := p.demo("Linh")
	c := newClient(t, p.url)
	c.open("/forgot")
	c.press("Continue", "email", linh.Email)
	b := newBrowser(t, p.url, "codes")
	b.open(p.mail(0, "email", linh.Email).Links[0])
	b.choose("method", "text_cell")
	b.press("Continue")
	b.see("Enter your secret code")
	for range 2 {
		b.press("Re-Send Code")
		b.see("We sent a new code. The old one no longer works.")
		b.open(b.js("location.pathname"))
	}
	b.press("Re-Send Code")
	b.see("Too many codes were sent. Try again in 15 minutes.")
	b.check("too-many")
}
