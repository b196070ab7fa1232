package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestProfileInTheBrowser goes through the tabs of Profile and their errors (PAGES.md 5.5 and 5.6), each with axe.
func TestProfileInTheBrowser(t *testing.T) {
	p := start(t, t.TempDir())
	dana, miguel := p.demo("Dana"), p.demo("Miguel")
	p.stop(syscall.SIGTERM)
	set := time.Now().Add(-78 * 24 * time.Hour).UnixMicro() // days are counted by the calendar, so no hour may be added
	change(t, p, fmt.Sprintf("UPDATE account_user SET password_at = %d WHERE email = '%s'", set, dana.Email),
		"UPDATE practice_product SET state = 'off' WHERE practice_id = (SELECT practice_id FROM account_user WHERE email = '"+miguel.Email+"')")
	p.run()
	b := newBrowser(t, p.url, "profile")
	b.refusals = "409"
	enter(b, "/signin", dana)
	b.see("Password expires in 12 days")
	b.check("dashboard")
	accountTab(p, b, dana)
	messagingTab(b)

	other := newBrowser(t, p.url, "no-products")
	enter(other, "/signin", miguel)
	other.see("You do not have any products yet. Ask your practice's User Manager or Support.", "Update Profile")
	other.check("dashboard")
}

func accountTab(p *program, b *browser, who person) {
	b.t.Helper()
	b.open("/profile")
	b.see("Account Profile", "there now", "Contact Support to change these.")
	b.fill("first_name", " ")
	b.fill("last_name", strings.Repeat("x", 101))
	b.fill("ada_number", "12")
	b.press("Save")
	b.see("Enter your first name", "Last name must be 100 characters or fewer", "ADA number must be 9 numbers")
	b.check("account-errors")
	b.fill("first_name", who.Name[:strings.Index(who.Name, " ")])
	b.fill("last_name", "Whitfield-Ng")
	b.fill("ada_number", "123456789")

	other := newClient(b.t, p.url)
	other.signIn(who.Email, who.Password)
	other.open("/profile/account")
	other.press("Save", "last_name", "Whitfield")
	other.see("Your profile is saved.")
	b.press("Save")
	b.see("Your profile was changed in another window.", "Saved in the other window: Whitfield")
	b.check("account-conflict")
	b.choose("theme", "dark")
	b.press("Save")
	b.see("Your profile is saved.")
	if got := b.js("document.documentElement.dataset.theme"); got != "dark" {
		b.t.Errorf("theme = %q", got)
	}
	b.check("account-saved")
	b.choose("theme", "")
	b.press("Save")
	b.see("Your profile is saved.")
}

func messagingTab(b *browser) {
	b.t.Helper()
	b.open("/profile/messaging")
	b.fill("signature", strings.Repeat("s", 501))
	b.press("Save")
	b.see("Signature must be 500 characters or fewer")
	b.check("messaging-errors")
	b.fill("signature", "Dana Whitfield\nHarbor Point Dental")
	b.choose("notice_new", "both")
	b.choose("notice_pace", "hourly")
	b.choose("notice_read", "email")
	b.do(chromedp.SetValue(chromedp.CSS("[name=quiet_from]"), "21:00"), chromedp.SetValue(chromedp.CSS("[name=quiet_until]"), "07:00"))
	b.press("Save")
	b.see("Your profile is saved.")
	for name, want := range map[string]string{"notice_new": "both", "notice_pace": "hourly", "notice_read": "email"} {
		if got := b.js(`document.querySelector('main [name=` + name + `]:checked').value`); got != want {
			b.t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	b.check("messaging-saved")
}

// TestSecurityInTheBrowser: signed-in devices, two-step off and on, and a new phone number with every error on the way.
func TestSecurityInTheBrowser(t *testing.T) {
	p := start(t, t.TempDir())
	linh := p.demo("Linh")
	for range 2 {
		newClient(t, p.url).signIn(linh.Email, linh.Password)
	}
	b := newBrowser(t, p.url, "security")
	enter(b, "/signin", linh)
	b.see("Update Profile")
	b.open("/profile/security")
	b.see("Two-step verification", "This device", "Signed-in devices", "Last sign-ins", "127.0.0.1")
	b.check("security")
	b.js("[...document.querySelectorAll('main button')].filter(e => e.innerText.trim() === 'Sign out of this device')[1].click()")
	until(t, "the other device to be gone", func() bool { return strings.Count(b.text(), "Sign out of this device") == 2 })
	b.press("Sign out everywhere else")
	until(t, "all others to be gone", func() bool { return !strings.Contains(b.text(), "Sign out everywhere else") })

	b.press("Turn off")
	b.press("Continue")
	b.see("Enter your current password")
	b.fill("current_password", "wrong")
	b.press("Continue")
	b.see("Your current password is not right")
	b.check("off-errors")
	b.fill("current_password", linh.Password)
	b.press("Continue")
	b.see("Turn off two-step verification?")
	b.check("off-question")
	b.press("Continue")
	b.see("Verify your identity")
	b.code(p, "text_cell")
	b.see("Resetting your password asks for no code.")
	b.check("off")
	b.press("Turn on")
	b.see("Turning it off needs your password and a code.")
	newPhone(p, b, linh)
}

func newPhone(p *program, b *browser, who person) {
	b.t.Helper()
	b.open("/profile/phone")
	b.press("Continue")
	b.see("Enter a phone number", "Enter your current password")
	b.check("phone-empty")
	b.choose("which", "cell")
	b.fill("number", "12")
	b.fill("current_password", "wrong")
	b.press("Continue")
	b.see("Enter a phone number in the right format, like (206) 555-0142")
	b.fill("number", "(206) 555-0179")
	b.fill("current_password", who.Password)
	b.press("Continue")
	b.see("This number is on file already")
	b.fill("number", "(206) 555-0163")
	b.fill("current_password", who.Password)
	b.press("Continue")
	b.see("Verify your identity")
	b.press("Continue")
	b.see("Choose how to get your code")
	b.check("phone-method")
	b.code(p, "text_cell")
	b.see("ending 63")
	b.check("phone-new-method")
	b.code(p, "")
	b.see("Your phone number is changed.", "(206) 555-0163")
	b.check("phone-saved")
}

// code asks for a code by a method, the one that is chosen already when it is empty, and types it.
func (b *browser) code(p *program, method string) {
	b.t.Helper()
	before := len(p.outbox())
	if method != "" {
		b.choose("method", method)
	} else if first := b.js(`[...document.querySelectorAll('main [name=method] option')].map(o => o.value).filter(v => v.startsWith('text'))[0] || ''`); first != "" {
		b.choose("method", first)
	}
	b.press("Continue")
	b.see("Enter your secret code")
	b.fill("code", newest(p, before, "text").Code)
	b.press("Continue")
}

// TestSignUpLeftovers: an invitation by Support without a phone, a number out of reach, a code that is too old, and who does
// not agree (PAGES.md 5.2).
func TestSignUpLeftovers(t *testing.T) {
	p := start(t, t.TempDir())
	ada := p.demo("Sam")
	c := newClient(t, p.url)
	c.open("/support/signin")
	c.press("Sign In", "email", ada.Email, "password", ada.Password)
	before := len(p.outbox())
	c.press("Continue", "method", "text_cell")
	c.press("Continue", "code", newest(p, before, "text").Code)
	c.open("/support/p/new")
	c.press("Make practice", "practice_name", "Firbrook Dental", "practice_phone", "(206) 555-0170", "city", "Tacoma")
	practice := strings.TrimSuffix(c.at.Path, "/invite")
	before = len(p.outbox())
	c.open(practice + "/invite")
	c.press("Send invitation", "email", manager, "first_name", "Olga", "last_name", "Berg", "role", "staff_in", "tier", "paid")
	link := p.mail(before, "email", manager).Links[0]

	b := newBrowser(t, p.url, "sign-up")
	b.refusals = "429"
	b.open(link)
	b.see("Add a phone number", "At least one. We will call or text it with a secret code.")
	b.press("Continue")
	b.see("Enter a phone number or a cell phone number")
	b.check("phone-empty")
	b.fill("phone", "12")
	b.press("Continue")
	b.see("Enter a phone number in the right format, like (206) 555-0142")
	b.check("phone-format")
	b.fill("phone", "")
	b.fill("cell_phone", "(206) 555-0172")
	b.press("Continue")
	b.see("How should we send your secret code?")
	b.choose("method", "text_cell")
	b.press("Continue")
	b.see("Enter your secret code")
	code := p.mail(before, "text", "+12065550172").Code

	p.stop(syscall.SIGTERM)
	change(t, p, "UPDATE verify_flow SET code_expires_at = 1 WHERE state = 'open' AND code_mac IS NOT NULL", "UPDATE notify_message SET state = 'failed' WHERE kind = 'text'")
	flow := strings.TrimPrefix(link, p.url)
	p.run()
	b.base = p.url
	b.open(flow + "/code")
	b.fill("code", code)
	b.press("Continue")
	b.see("That code has expired. Select Re-Send Code.")
	b.check("code-expired")
	b.press("Change Delivery Method")
	b.choose("method", "text_cell")
	b.press("Continue")
	b.see("We could not reach that number. Check it or choose another way.")
	b.check("unreachable")
	before = len(p.outbox())
	b.choose("method", "call_cell")
	b.press("Continue")
	b.fill("code", newest(p, before, "call").Code)
	b.press("Continue")
	b.see("I have read and agree to the Terms of Use")
	b.press("I do not agree")
	b.see("Terms of Use")
	b.check("declined")
}
