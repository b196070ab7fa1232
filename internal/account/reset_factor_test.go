package account_test

import (
	"testing"
)

func TestAResetIsProvedByAFactor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		secret, d := b.addApp(), b.addPasskey(w.ann)
		a := w.browser()
		at := w.ask(a, w.ann)
		a.get(at).goesTo(at + "/second")
		a.get(at+"/second").says(200, "Code from your authenticator app", "Get a secret code by phone")
		if n := w.number("SELECT COUNT(*) FROM verify_flow WHERE kind = 'reset'"); n != 0 {
			t.Error("opening the page began a flow")
		}
		a.get(at + "/password").goesTo(at + "/second")
		a.post(at+"/second/app", "app_code", w.appCode(secret, 40)).beside("app_code", "You have 4 tries left.")
		a.get(at + "/password").goesTo(at + "/second")
		a.post(at+"/second/app", "app_code", w.appCode(secret, 0)).goesTo(at + "/password")
		other := w.browser() // what is proved counts in its own browser
		other.get(at + "/password").goesTo(at + "/second")
		other.finish(at+"/second/passkey", d.sign(t, portal, other.json(at+"/second/passkey/begin", map[string]string{}).raw)).leads(at + "/password")
		a.get(at+"/password").says(200, "New password")
		a.post(at+"/password", "new_password", better, "confirm_password", better).goesTo("/reset/done")
		other.post(at+"/password", "new_password", better+"2", "confirm_password", better+"2").says(410, "This link has expired or was already used")
		other.post(at+"/second/app", "app_code", w.appCode(secret, 1)).says(410, "This link has expired or was already used")
		if b.signedIn() {
			t.Error("a session outlived the reset")
		}
	})
}

// A flow of one person's reset is not proved by another's factors.
func TestAResetIsProvedByItsOwnPerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		codes := w.enter(w.ann).addCodes()
		pat := w.enter(w.pat)
		secret := pat.addApp()
		a := w.browser()
		at := w.ask(a, w.ann)
		a.get(at).goesTo(at + "/second")
		a.post(at+"/second/app", "app_code", w.appCode(secret, 0)).says(422, "That code is not right")
		a.get(at + "/password").goesTo(at + "/second")
		a.post(at+"/second/recovery", "recovery_code", codes[0]).goesTo(at + "/password")
	})
}
