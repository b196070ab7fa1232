package account_test

import (
	"strings"
	"testing"
	"time"

	"securepractice/internal/account"
)

func TestTwoStepGoesOffWithPasswordAndCode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const verify = security + "/off/verify"
		b := w.enter(w.ann)
		b.get(security).says(200, "On. Resetting your password asks for a secret code. Turning it off needs your password and a code.")
		b.get(verify).goesTo(security)
		b.get(verify + "/method").goesTo(security)
		b.post(verify+"/method", "method", "text_cell").goesTo(security)
		b.post(security + "/off").goesTo(security + "/confirm?to=" + security + "/off")
		b.confirm().get(security+"/off").says(200, "Turn off two-step verification?")
		b.post(security + "/off").goesTo(verify)
		b.get(verify).goesTo(verify + "/method")
		b.post(verify+"/method", "method", "text_cell").goesTo(verify + "/code")
		if u, _ := w.Find(t.Context(), w.d, w.ann.ID); !u.TwoStep {
			t.Fatal("off before the code")
		}
		b.post(verify+"/code", "code", "x").says(422, "The code must be 6 numbers")
		b.post(verify+"/code", "code", w.code()).goesTo(security)
		b.get(security).says(200, "Two-step verification is off.", "Off. Resetting your password asks for no code.")
		b.get(security + "/off").goesTo(security)
		b.post(security + "/on").goesTo(security)
		b.post(security + "/on").goesTo(security) // twice is once
		b.get(security).says(200, "Two-step verification is on.")
		for action, subject := range map[string]string{"second.off": "Two-step verification is off", "second.on": "Two-step verification is on"} {
			if _, n := w.mailed(subject); n != 1 || w.events(action) != 1 {
				t.Errorf("%s: %d notices, %d lines in the trail", action, n, w.events(action))
			}
		}
	})
}

func TestTurningOffBelongsToOneBrowserAndNeedsAFreshPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const verify = security + "/off/verify"
		b := w.enter(w.ann)
		secret := b.addApp()
		b.post(security + "/off").goesTo(verify)
		other := w.enter(w.ann).confirm()
		other.post(verify+"/app", "app_code", w.appCode(secret, 0)).goesTo(security)
		w.clock.Advance(11 * time.Minute)
		b.post(verify+"/app", "app_code", w.appCode(secret, 0)).goesTo(security + "/off")
		if u, _ := w.Find(t.Context(), w.d, w.ann.ID); !u.TwoStep {
			t.Fatal("off without a fresh password")
		}
		b.confirm().post(security + "/off").goesTo(verify)
		b.get(verify).says(200, "You have been verified.")
		b.post(verify + "/app").goesTo(security)
		if u, _ := w.Find(t.Context(), w.d, w.ann.ID); u.TwoStep {
			t.Error("still on")
		}
	})
}

func TestTwoStepGoesOffByAPasskeyOrARecoveryCode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const verify = security + "/off/verify"
		b := w.enter(w.ann)
		d, codes := b.addPasskey(w.ann), b.addCodes()
		b.post(security + "/off").goesTo(verify)
		b.finish(verify+"/passkey", d.sign(t, portal, b.json(verify+"/passkey/begin", map[string]string{}).raw)).leads(security)
		b.post(security + "/on").goesTo(security)
		b.post(security + "/off").goesTo(verify)
		b.post(verify+"/recovery", "recovery_code", codes[0]).goesTo(security)
		if w.events("second.off") != 2 {
			t.Errorf("turned off %d times, want 2", w.events("second.off"))
		}
	})
}

// By default users are asked for nothing but the password, whatever factors they have.
func TestNoSecondStepByDefault(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enter(w.ann).addApp()
		w.enter(w.ann)
		w.browser().get(second).goesTo("/signin")
		w.browser().get(second + "/method").goesTo("/signin")
	})
}

// The operator's setting holds for those too who turned their own switch off.
func TestAlwaysMeansEverybody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterBy(w.pat)
		b.get(security).says(200, "Off.", "Each sign-in asks for a second step. This portal asks for it whatever you choose here.")
		w.asked(w.pat)
	}, mfa(account.MFAAlways))
}

func TestAKnownBrowserIsNotAskedAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterBy(w.ann)
		if _, n := w.mailed("New sign-in to your account"); n != 1 {
			t.Errorf("%d notices of a new browser", n)
		}
		first := b.cookie("__Host-sp_device")
		b.post("/signout")
		b.signIn(w.ann.Email, password).goesTo("/")
		w.asked(w.ann) // another browser
		b.post("/signout")
		// Known for Ann is not known for Pat, though the browser is the same; afterwards it is for both.
		b.signIn(w.pat.Email, password).goesTo(second)
		b.post(second+"/method", "method", "text_cell").goesTo(second + "/code")
		b.post(second+"/code", "code", w.code()).goesTo("/")
		if b.cookie("__Host-sp_device") == first {
			t.Error("the browser's token was not renewed")
		}
		for _, u := range []account.User{w.ann, w.pat} {
			b.post("/signout")
			b.signIn(u.Email, password).goesTo("/")
		}
		if n := w.number("SELECT COUNT(*) FROM account_device"); n != 2 {
			t.Errorf("%d known browsers, want 2", n)
		}
		w.clock.Advance(91 * 24 * time.Hour)
		must(t, w.SweepSessions(t.Context()))
		if n := w.number("SELECT COUNT(*) FROM account_device"); n != 0 {
			t.Errorf("%d known browsers after 90 days", n)
		}
	}, mfa(account.MFANewDevice), func(s *account.Settings) { s.MaxAge = -1 })
}

func TestAnEndOfSessionsForgetsBrowsers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterBy(w.ann)
		b.post(security + "/sessions/others").goesTo(security)
		b.post("/signout")
		b.signIn(w.ann.Email, password).goesTo(second)
	}, mfa(account.MFANewDevice))
}

// The page that was asked for is reached behind the second step, and what else stands before a session still does.
func TestTheSecondStepComesFirstAndKeepsThePage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.post("/signin", "email", w.ann.Email, "password", password, "next", "/mail/inbox").goesTo(second)
		b.post(second+"/method", "method", "text_cell").goesTo(second + "/code")
		b.post(second+"/code", "code", w.code()).goesTo("/mail/inbox")
		w.clock.Advance(91 * 24 * time.Hour)
		b = w.browser()
		b.post("/signin", "email", w.ann.Email, "password", password, "next", "/mail/inbox").goesTo(second)
		b.get("/password/expired")
		b.post("/password/expired", "current_password", password, "new_password", better, "confirm_password", better).goesTo(second)
		if u, _ := w.Find(t.Context(), w.d, w.ann.ID); u.PasswordAt != w.ann.PasswordAt {
			t.Fatal("the password was changed before the second step")
		}
		b.post(second+"/method", "method", "text_cell").goesTo(second + "/code")
		b.post(second+"/code", "code", w.code()).goesTo("/password/expired?next=%2Fmail%2Finbox")
		if b.session() != "" {
			t.Fatal("there is a session before the password is changed")
		}
		b.post("/password/expired", "current_password", password, "new_password", better, "confirm_password", better, "next", "/mail/inbox").goesTo("/mail/inbox")
		if !b.signedIn() {
			t.Error("no session")
		}
	}, mfa(account.MFAAlways))
}

func TestSignedInDevices(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, other, third := w.enter(w.ann), w.enter(w.ann), w.enter(w.ann)
		pat := w.enter(w.pat)
		p := b.get(security).says(200, "Signed-in devices", "This device", "Sign out everywhere else")
		if n := p.Find("form[action$='/end']").Length(); n != 3 {
			t.Fatalf("%d devices, want 3", n)
		}
		own := security + "/sessions/" + w.actorOf(b).SessionID + "/end"
		theirs := security + "/sessions/" + w.actorOf(other).SessionID + "/end"
		pat.post(theirs).says(404, "")
		pat.post(security+"/sessions/x/end").says(404, "")
		if !other.signedIn() || w.events("access.refused") != 1 {
			t.Fatal("a stranger signed somebody out, or left no trace")
		}
		b.post(theirs).goesTo(security)
		if other.signedIn() || !third.signedIn() {
			t.Error("not exactly that device was signed out")
		}
		b.post(theirs).says(404, "")
		b.post(security + "/sessions/others").goesTo(security)
		if third.signedIn() || !b.signedIn() || !pat.signedIn() {
			t.Error("not everywhere else, or more than that")
		}
		b.post(own).goesTo("/signin?out=1")
		if b.signedIn() {
			t.Error("still signed in")
		}
	})
}

func TestLastSignIns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
		for range 11 {
			w.enter(w.pat)
			w.clock.Advance(time.Minute)
		}
		w.browser().signIn(w.ann.Email, "wrong")
		b := w.browser()
		r := b.request("POST", "/signin", map[string][]string{"email": {w.ann.Email}, "password": {password}})
		r.Header.Set("User-Agent", chrome)
		b.do(r).goesTo("/")
		rows := b.get(security).Find("section[aria-labelledby=sign-ins] tbody tr")
		if text := strings.Join(strings.Fields(rows.Text()), " "); rows.Length() != 1 || !strings.Contains(text, "Nov 23, 2026 at 5:11 PM UTC192.0.2.1Edge on Windows") {
			t.Errorf("%d sign-ins: %q", rows.Length(), text)
		}
		if n := w.enter(w.pat).get(security).Find("section[aria-labelledby=sign-ins] tbody tr").Length(); n != 10 {
			t.Errorf("%d sign-ins, want 10", n)
		}
	})
}

// cookie is the value of one of the browser's cookies.
func (b *browser) cookie(name string) string {
	for _, c := range b.jar.Cookies(b.request("GET", "/", nil).URL) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}
