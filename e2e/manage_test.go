package e2e

import (
	"net/http"
	"testing"
)

const (
	patient  = "walter.quist@mail.example"
	realCell = "+12065550151"
)

// TestWrongNumber: an invitation with a wrong number. Its holder says so, the sender corrects it at Manage Users, and the new
// link leads to the message; the old one leads nowhere.
func TestWrongNumber(t *testing.T) {
	p := start(t, t.TempDir())
	sender := newClient(t, p.url)
	sender.signIn(p.demo("Dana").Email, p.demo("Dana").Password)
	sender.open("/mail/new")
	sender.pressFiles("Send", nil, "to", patient, "subject", "Your appointment", "body", "See you on Thursday.")
	sender.press("Send", "role", "patient", "first_name", "Walter", "last_name", "Quist", "cell_phone", "(206) 555-0150")
	sender.see("Message sent.")

	walter := newBrowser(t, p.url, "wrong-number")
	walter.refusals = "410"
	link := signUp(p, walter)
	walter.open(link)
	walter.see("Verify your identity")
	before := len(p.outbox())
	walter.press("That is not my number")
	walter.see("Which number is not yours?")
	walter.check("which-number")
	walter.choose("number", "cell")
	walter.press("Tell Dana Whitfield")
	walter.see("We told Dana Whitfield")
	walter.check("told")
	p.mail(before, "email", p.demo("Dana").Email)

	dana := newBrowser(t, p.url, "manage")
	enter(dana, "/signin", p.demo("Dana"))
	dana.open("/users")
	dana.see("Manage Users", "Walter Quist", "two-step not completed")
	dana.check("users")
	dana.press("Edit Walter Quist")
	dana.see("Email address")
	dana.fill("cell_phone", "12")
	dana.press("Save")
	dana.see("Enter a phone number in the right format, like (206) 555-0142")
	dana.check("edit-wrong")
	dana.fill("cell_phone", "(206) 555-0151")
	dana.press("Save")
	dana.see("Saved. Links and codes sent before no longer work.")
	dana.check("edit-saved")
	walter.open(link)
	walter.see("This link has expired or was already used")
	before = len(p.outbox())
	dana.press("Re-invite")
	dana.see("Walter Quist")
	finishSignUp(p, walter, p.mail(before, "email", patient).Links[0])

	miguel := newClient(t, p.url) // User Manager of another practice
	miguel.signIn(p.demo("Miguel").Email, p.demo("Miguel").Password)
	if miguel.open(dana.js("location.pathname")); miguel.code != http.StatusNotFound {
		t.Errorf("another practice's manager gets %d", miguel.code)
	}
}

// signUp registers the patient as far as the second e-mail and gives its link.
func signUp(p *program, b *browser) string {
	b.t.Helper()
	return signUpFrom(p, b, p.mail(0, "email", patient).Links[0])
}

// signUpFrom does it by one of the invitations there are.
func signUpFrom(p *program, b *browser, invitation string) string {
	b.t.Helper()
	before := len(p.outbox())
	b.open(invitation)
	b.press("Get Started")
	b.see("Your name")
	b.press("Continue")
	b.choose("time_zone", "America/New_York")
	b.press("Continue")
	b.press("Finish")
	b.see("w***@mail.example")
	return p.mail(before, "email", patient).Links[0]
}

// finishSignUp follows the corrected invitation to the message; what was typed at registration is not asked again.
func finishSignUp(p *program, b *browser, link string) {
	b.t.Helper()
	finishSignUpTo(p, b, link, "Your appointment")
}

// finishSignUpTo ends where a message with this subject is seen.
func finishSignUpTo(p *program, b *browser, link, subject string) {
	b.t.Helper()
	before := len(p.outbox())
	b.open(link)
	b.see("Verify your identity", "ending 51")
	b.choose("method", "text_cell")
	b.press("Continue")
	b.see("Enter your secret code")
	b.fill("code", p.mail(before, "text", realCell).Code)
	b.press("Continue")
	b.see("I have read and agree to the Terms of Use")
	b.tick("agree")
	b.press("Continue")
	b.see("Password Instructions")
	b.fill("new_password", newcomerPass)
	b.fill("confirm_password", newcomerPass)
	b.press("Continue")
	b.see("Your password is set. Sign in with your email address.")
	b.fill("email", patient)
	b.fill("password", newcomerPass)
	b.press("Sign In")
	b.see(subject)
}
