package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
)

// authenticator gives the tab an authenticator of its own, which knows its person and touches itself.
func (b *browser) authenticator() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		b.t.Fatal(err)
	}
	o := &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}
	if _, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: o}); err != nil {
		b.t.Fatal(err)
	}
}

// TestSecondFactorsInTheBrowser sets up an app, recovery codes and a passkey, and signs in with the passkey alone, and with
// the app and the passkey as second steps. Passkeys are bound to a name, so the demo is visited as localhost.
func TestSecondFactorsInTheBrowser(t *testing.T) {
	p := start(t, t.TempDir(), "--mfa-at-login", "always")
	b := newBrowser(t, strings.Replace(p.url, "127.0.0.1", "localhost", 1), "factors")
	b.authenticator()
	who := p.demo("Dana")
	signIn := func() {
		b.open("/signin")
		b.fill("email", who.Email)
		b.fill("password", who.Password)
		b.press("Sign In")
		b.see("Verify your identity")
	}
	before := len(p.outbox())
	signIn()
	b.choose("method", "text_cell")
	b.press("Continue")
	b.fill("code", p.mail(before, "text", "+12065550143").Code)
	b.press("Continue")
	b.see("Update Profile")

	b.open("/profile/security")
	b.see("Two-step verification", "Each sign-in asks for a second step.", "This device")
	b.press("Set up an authenticator app")
	b.check("password")
	b.fill("current_password", who.Password)
	b.press("Continue")
	b.see("You need an app")
	b.press("Continue")
	b.see("Scan this code")
	b.check("app")
	secret := strings.ReplaceAll(b.js("document.querySelector('dd code').textContent"), " ", "")
	used := b.appCode(secret, "")
	b.fill("app_code", used)
	b.press("Save")
	b.see("Your authenticator app is set up.")

	b.press("Make recovery codes")
	b.press("Make recovery codes")
	b.see("We do not show them again.")
	b.check("recovery-codes")
	b.press("I have saved them")
	b.see("10 left.")

	b.press("Add a passkey")
	b.see("Name of this passkey")
	b.check("add-passkey")
	b.fill("passkey_name", "Front desk laptop")
	b.press("Add a passkey")
	b.see("Your passkey is added.", "Front desk laptop")
	b.check("security")

	b.js("document.querySelector('form[action=\"/signout\"]').submit()")
	b.see("You are signed out.")
	b.check("sign-in")
	b.press("Sign in with a passkey")
	b.see("Update Profile")

	b.js("document.querySelector('form[action=\"/signout\"]').submit()")
	b.see("You are signed out.")
	signIn()
	b.see("Use a passkey", "Get a secret code by phone", "Use a recovery code")
	b.check("second-step")
	b.fill("app_code", used)
	b.press("Continue")
	b.see("That code is not right.")
	b.fill("app_code", b.appCode(secret, used))
	b.press("Continue")
	b.see("Update Profile")

	b.js("document.querySelector('form[action=\"/signout\"]').submit()")
	b.see("You are signed out.")
	signIn()
	b.press("Use a passkey")
	b.see("Update Profile")
}

// appCode is what an app with this secret shows, once it shows another code than the one that was used.
func (b *browser) appCode(secret, used string) string {
	b.t.Helper()
	code := used
	for end := time.Now().Add(40 * time.Second); code == used && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var err error
		if code, err = totp.GenerateCode(secret, time.Now()); err != nil {
			b.t.Fatal(err)
		}
	}
	return code
}
