package e2e

import "testing"

// TestSignInErrors walks the wrong ways to sign in and to choose a password (PAGES.md 5.4) in a browser, each with axe.
func TestSignInErrors(t *testing.T) {
	p := start(t, t.TempDir())
	linh := p.demo("Linh")
	b := newBrowser(t, p.url, "errors")
	b.refusals = "4"
	b.open("/signin")
	b.press("Sign In")
	b.see("Enter your email address", "Enter your password")
	b.check("signin-empty")
	b.fill("email", linh.Email)
	b.fill("password", "wrong")
	b.press("Sign In")
	b.see("Your email address or password is not right.", "After 5 wrong tries in a row an account is locked.")
	b.check("signin-wrong")
	b.press("Forgot Password")
	b.fill("email", "nonsense")
	b.press("Continue")
	b.see("Enter an email address in the right format, like name@example.org")
	b.check("forgot-wrong")
	b.fill("email", linh.Email)
	b.press("Continue")
	b.see("If "+linh.Email+" has an account, we sent instructions.", "notify@")
	b.check("forgot-sent")
	reset(p, b, linh)
	changeErrors(b, linh)
}

// reset goes wrong at every step of Forgot Password before it goes right.
func reset(p *program, b *browser, who person) {
	b.t.Helper()
	b.open(p.mail(0, "email", who.Email).Links[0])
	b.see("Verify your identity")
	b.press("Continue")
	b.see("Choose how to get your code")
	b.choose("method", "text_cell")
	b.press("Continue")
	b.see("Enter your secret code")
	b.press("Continue")
	b.see("Enter the secret code")
	b.fill("code", "12")
	b.press("Continue")
	b.see("The code must be 6 numbers")
	b.check("code-format")
	code := p.mail(0, "text", "+12065550179").Code
	wrong := "000000"
	if code == wrong {
		wrong = "111111"
	}
	for _, left := range []string{"4 tries", "3 tries"} {
		b.fill("code", wrong)
		b.press("Continue")
		b.see("That code is not right. You have " + left + " left.")
	}
	b.check("code-wrong")
	b.fill("code", code)
	b.press("Continue")
	b.see("Password Instructions")
	b.fill("new_password", "short")
	b.fill("confirm_password", "other")
	b.press("Change Password")
	b.see("Password must be at least 8 characters", "Re-enter the same password")
	b.check("reset-password-errors")
	b.fill("new_password", "Password123!")
	b.fill("confirm_password", "Password123!")
	b.press("Change Password")
	b.see("This password is on a list of common passwords. Choose another.")
	b.fill("new_password", who.Password)
	b.fill("confirm_password", who.Password)
	b.press("Change Password")
	b.see("Choose a password that is not one of your last 6 passwords")
	b.fill("new_password", newcomerPass)
	b.fill("confirm_password", newcomerPass)
	b.press("Change Password")
	b.see("Your password is changed.")
	b.check("reset-done")
	b.open(p.mail(0, "email", who.Email).Links[0]) // used
	b.see("This link has expired or was already used")
	b.check("link-used")
}

// changeErrors signs in with the new password and goes wrong at Change Password.
func changeErrors(b *browser, who person) {
	b.t.Helper()
	b.open("/signin")
	b.fill("email", who.Email)
	b.fill("password", newcomerPass)
	b.press("Sign In")
	b.see("Update Profile")
	b.open("/password")
	b.press("Save")
	b.see("Enter your current password")
	b.check("change-empty")
	b.fill("current_password", "wrong")
	b.fill("new_password", agentPass)
	b.fill("confirm_password", agentPass)
	b.press("Save")
	b.see("Your current password is not right")
	b.fill("current_password", newcomerPass)
	b.fill("new_password", agentPass)
	b.fill("confirm_password", agentPass)
	b.press("Save")
	b.see("Your password is changed.")
	b.check("change-done")
}

// TestRegisterErrors walks the wrong ways through an invitation (PAGES.md 5.2 and 5.3).
func TestRegisterErrors(t *testing.T) {
	p := start(t, t.TempDir())
	dana := newClient(t, p.url)
	dana.signIn(p.demo("Dana").Email, p.demo("Dana").Password)
	dana.open("/mail/new")
	dana.pressFiles("Send", nil, "to", newcomer, "subject", "x", "body", "y")
	dana.press("Send", "role", "staff_out", "first_name", "Nora", "last_name", "Lindqvist", "phone", "(206) 555-0130")
	dana.see("Message sent.")
	b := newBrowser(t, p.url, "register-errors")
	b.refusals = "4"
	b.open("/register/nonsense")
	b.see("This link has expired or was already used", "Ask for a new link")
	b.check("link-dead")
	b.open(p.mail(0, "email", newcomer).Links[0])
	b.see("sent you a secure message")
	b.fill("ada_number", "12")
	b.press("Continue")
	b.see("ADA number must be 9 numbers, or choose Skip")
	b.check("ada-wrong")
	b.press("Skip")
	b.press("Get Started")
	b.see("Your name")
	b.fill("first_name", " ")
	b.fill("last_name", " ")
	b.press("Continue")
	b.see("Enter your first name", "Enter your last name")
	b.check("name-empty")
	b.fill("first_name", "Nora")
	b.fill("last_name", "Lindqvist")
	b.press("Continue")
	b.see("Practice Information", "Does your practice already use this portal? Contact Support to be added to it.")
	b.press("Continue")
	b.see("Enter the name of your practice")
	b.check("practice-empty")
	for name, value := range map[string]string{"practice_name": "Northgate Endodontics", "street": "401 NE Northgate Way", "city": "Seattle", "state": "WA", "zip": "98125",
		"practice_phone": "(206) 555-0130"} {
		b.fill(name, value)
	}
	b.press("Continue")
	b.see("Phone numbers", "If these are wrong, ask Dana Whitfield to correct them")
	b.press("Continue")
	b.see("Select your time zone")
	b.check("zone-empty")
	b.choose("time_zone", "America/New_York")
	b.press("Continue")
	b.see("Two-step verification")
	b.check("security")
	b.press("Finish")
	b.see("We sent a link to n***@northgate.example to set your password.")
	b.check("sent")
	usedUp(p, b)
}

// usedUp spends the tries for a code, begins again with the same link, and declines the terms.
func usedUp(p *program, b *browser) {
	b.t.Helper()
	until(b.t, "the second e-mail", func() bool { return len(p.outbox()) >= 2 })
	link := p.mail(0, "email", newcomer).Links[0]
	code := codeByCall(p, b, link)
	for range 5 {
		b.fill("code", code[:5]+string('0'+(code[5]-'0'+1)%10))
		b.press("Continue")
		b.see("There is a problem")
	}
	b.see("Too many tries. Open the link in your email to start again.")
	b.check("code-tries")
	b.fill("code", codeByCall(p, b, link))
	b.press("Continue")
	b.see("I have read and agree to the Terms of Use")
	b.press("Continue")
	b.see("Select the box if you agree to the Terms of Use")
	b.check("terms-unticked")
	b.press("I do not agree")
	b.see("You did not agree")
	b.check("terms-declined")
}

// codeByCall opens the link and has the code called to the phone on file.
func codeByCall(p *program, b *browser, link string) string {
	b.t.Helper()
	b.open(link)
	b.see("Verify your identity")
	before := len(p.outbox())
	b.choose("method", "call_phone")
	b.press("Continue")
	b.see("Enter your secret code")
	return p.mail(before, "call", "+12065550130").Code
}
