package account_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
)

// Where things are.
const (
	security = "/profile/security"
	second   = "/signin/second"
)

// visitor is somebody who is not signed in.
var visitor = actor.Actor{IP: "192.0.2.9"}

// moveSecret puts one person's secret into another's row.
func moveSecret(from, to string) func(ctx context.Context, tx *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE account_factor
			SET secret_sealed = (SELECT f.secret_sealed FROM account_factor f WHERE f.user_id = $1), owner_id = (SELECT f.owner_id FROM account_factor f WHERE f.user_id = $1)
			WHERE user_id = $2`, from, to)
		return err
	}
}

// makeSupport turns a person into a member of Support.
func makeSupport(id string) func(ctx context.Context, tx *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE account_user SET role = 'support', practice_id = NULL WHERE id = $1", id)
		return err
	}
}

// mfa chooses when users are asked for a second step.
func mfa(when string) func(*account.Settings) {
	return func(s *account.Settings) { s.MFAAtLogin = when }
}

// confirm enters the password again.
func (b *browser) confirm() *browser {
	b.w.t.Helper()
	b.post(security+"/confirm", "current_password", password).goesTo(security)
	return b
}

// addApp sets up an authenticator app and moves on by a step, because the code of the setup is used up. The answer is
// its secret.
func (b *browser) addApp() string {
	b.w.t.Helper()
	b.confirm().post(security + "/app").goesTo(security + "/app")
	secret := strings.ReplaceAll(b.get(security+"/app").Find("dd code").Text(), " ", "")
	b.post(security+"/app/code", "app_code", b.w.appCode(secret, 0)).goesTo(security)
	b.w.clock.Advance(30 * time.Second)
	return secret
}

// appCode is what an app shows some steps from now.
func (w *world) appCode(secret string, steps int) string {
	w.t.Helper()
	code, err := totp.GenerateCode(secret, w.clock.Now().Add(time.Duration(steps)*30*time.Second))
	must(w.t, err)
	return code
}

// addCodes makes recovery codes.
func (b *browser) addCodes() (codes []string) {
	b.w.t.Helper()
	b.confirm()
	for _, n := range b.post(security+"/recovery").says(200, "Your recovery codes").Find(".codes li").EachIter() {
		codes = append(codes, n.Text())
	}
	return codes
}

// events counts lines of the trail.
func (w *world) events(action string) int64 {
	return w.number("SELECT COUNT(*) FROM audit_event WHERE action = $1", action)
}

// asked is a browser that has given the right password and is asked for the second step.
func (w *world) asked(u account.User) *browser {
	w.t.Helper()
	b := w.browser()
	b.signIn(u.Email, password).goesTo(second)
	if b.session() != "" || b.signedIn() {
		w.t.Fatal("there is a session before the second step")
	}
	return b
}

func TestAppIsSetUpWithACodeOfIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		b.get(security + "/app").goesTo(security + "/confirm?to=" + security + "/app")
		b.post(security + "/app").goesTo(security + "/confirm?to=" + security + "/app")
		b.confirm().post(security + "/app").goesTo(security + "/app")
		p := b.get(security+"/app").says(200, "Scan this code")
		if path, _ := p.Find("svg.qr path").Attr("d"); len(path) < 1000 || p.Find("svg.qr[style], svg.qr image, svg.qr [style]").Length() > 0 {
			t.Errorf("no QR code that the policy allows: %.60q", path)
		}
		secret := strings.ReplaceAll(p.Find("dd code").Text(), " ", "")
		b.post(security+"/app/code", "app_code", "").beside("app_code", "Enter the code from your authenticator app")
		b.post(security+"/app/code", "app_code", "12a456").beside("app_code", "The code must be 6 numbers")
		wrong := w.appCode(secret, 40)
		b.post(security+"/app/code", "app_code", wrong).beside("app_code", "That code is not right")
		if n := w.number("SELECT COUNT(*) FROM account_factor"); n != 0 {
			t.Fatalf("%d factors before a code of the app was entered", n)
		}
		code := w.appCode(secret, 0)
		b.post(security+"/app/code", "app_code", code[:3]+" "+code[3:]).goesTo(security)
		b.post(security+"/app/code", "app_code", code).goesTo(security) // sent twice is done once
		b.post(security+"/app/code", "app_code", w.appCode(secret, 1)).says(409, "already done in another window")
		b.get(security).says(200, "Your authenticator app is set up.", "Set up another phone")
		if n := w.number("SELECT COUNT(*) FROM account_factor"); n != 1 || w.events("factor.added") != 1 {
			t.Errorf("%d factors, %d lines in the trail", n, w.events("factor.added"))
		}
		if m, n := w.mailed("A way to sign in was added"); n != 1 || !strings.Contains(m.Text, "An authenticator app was just added") {
			t.Errorf("%d notices: %q", n, m.Text)
		}
		w.logMu.Lock()
		defer w.logMu.Unlock()
		if strings.Contains(w.log.String(), secret) || strings.Contains(w.log.String(), code) {
			t.Error("the secret or a code is in the log")
		}
	})
}

func TestASetupBelongsToItsBrowserAndPerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		b.confirm().post(security + "/app")
		secret := strings.ReplaceAll(b.get(security+"/app").Find("dd code").Text(), " ", "")
		other := w.enter(w.ann).confirm()
		other.get(security+"/app").says(200, "You need an app")
		other.post(security+"/app/code", "app_code", w.appCode(secret, 0)).says(409, "This took too long")
		b.post("/signout")
		b.signIn(w.pat.Email, password).goesTo("/")
		b.confirm().post(security+"/app/code", "app_code", w.appCode(secret, 0)).says(409, "This took too long")
		if n := w.number("SELECT COUNT(*) FROM account_factor"); n != 0 {
			t.Errorf("%d factors", n)
		}
	})
}

func TestANewAppReplacesTheOld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterBy(w.ann)
		old := b.addApp()
		fresh := b.addApp()
		if n := w.number("SELECT COUNT(*) FROM account_factor"); n != 1 || w.events("factor.removed") != 1 {
			t.Errorf("%d factors, %d removed", n, w.events("factor.removed"))
		}
		a := w.asked(w.ann)
		a.post(second+"/app", "app_code", w.appCode(old, 0)).beside("app_code", "That code is not right")
		a.post(second+"/app", "app_code", w.appCode(fresh, 0)).goesTo("/")
	}, mfa(account.MFAAlways))
}

func TestACodeOfTheAppCountsOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		secret := w.enterBy(w.ann).addApp()
		a := w.asked(w.ann)
		a.get(second).says(200, "Code from your authenticator app", "Get a secret code by phone")
		code := w.appCode(secret, 0)
		a.post(second+"/app", "app_code", code).goesTo("/")
		if !a.signedIn() {
			t.Fatal("no session after the second step")
		}
		again := w.asked(w.ann)
		again.post(second+"/app", "app_code", code).beside("app_code", "That code is not right. You have 4 tries left.")
		again.post(second+"/app", "app_code", w.appCode(secret, -1)).beside("app_code", "3 tries left")
		again.post(second+"/app", "app_code", w.appCode(secret, 2)).beside("app_code", "2 tries left")
		again.post(second+"/app", "app_code", w.appCode(secret, 1)).goesTo("/")
		if n := w.number("SELECT COUNT(*) FROM audit_event WHERE action = 'signin.ok' AND detail LIKE '%app%'"); n != 2 {
			t.Errorf("%d sign-ins by the app in the trail", n)
		}
	}, mfa(account.MFAAlways))
}

// enterBy signs in with the second step by a text, for people who have nothing else yet.
func (w *world) enterBy(u account.User) *browser {
	w.t.Helper()
	b := w.asked(u)
	b.get(second).goesTo(second + "/method")
	b.post(second+"/method", "method", "text_cell").goesTo(second + "/code")
	if b.signedIn() {
		w.t.Fatal("there is a session before the code")
	}
	b.post(second+"/code", "code", w.code()).goesTo("/")
	return b
}

func TestOneCodeInManyBrowsersOpensOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		secret := w.enterBy(w.ann).addApp()
		var all []*browser
		for range 8 {
			all = append(all, w.asked(w.ann))
		}
		code := w.appCode(secret, 0)
		if n := atOnce(all, func(b *browser) bool { return b.post(second+"/app", "app_code", code).to == "/" }); n != 1 {
			t.Errorf("one code opened %d sessions", n)
		}
	}, mfa(account.MFAAlways))
}

// atOnce runs fn in every browser at the same time and counts where it said yes.
func atOnce(all []*browser, fn func(b *browser) bool) (yes int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, b := range all {
		wg.Go(func() {
			if fn(b) {
				mu.Lock()
				yes++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return yes
}

func TestTriesOfTheSecondStepAreCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		secret := w.enterBy(w.ann).addApp()
		a := w.asked(w.ann)
		wrong := w.appCode(secret, 40)
		for left := 4; left > 1; left-- {
			a.post(second+"/app", "app_code", wrong).beside("app_code", fmt.Sprintf("You have %d tries left.", left))
		}
		a.post(second+"/app", "app_code", wrong).beside("app_code", "You have 1 try left.")
		a.post(second+"/recovery", "recovery_code", "0000-0000-0000-0000").says(422, "Too many tries. Go back and start again.")
		a.post(second+"/app", "app_code", w.appCode(secret, 0)).goesTo("/signin")
		if a.signedIn() {
			t.Error("the right code after five wrong ones opened a session")
		}
		w.asked(w.ann).post(second+"/app", "app_code", w.appCode(secret, 0)).goesTo("/")
	}, mfa(account.MFAAlways))
}

// Sent codes and codes of the app are tried against one count.
func TestSentCodesShareTheTries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		secret := w.enterBy(w.ann).addApp()
		a := w.asked(w.ann)
		a.post(second+"/method", "method", "text_cell").goesTo(second + "/code")
		code := w.code()
		wrong := "000000"
		if code == wrong {
			wrong = "000001"
		}
		for range 3 {
			a.post(second+"/code", "code", wrong)
		}
		a.post(second+"/app", "app_code", w.appCode(secret, 40)).beside("app_code", "You have 1 try left.")
		a.post(second+"/code", "code", code).goesTo("/")
	}, mfa(account.MFAAlways))
}

func TestManyTriesAtOnceCountAsMany(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		secret := w.enterBy(w.ann).addApp()
		a := w.asked(w.ann)
		wrong := w.appCode(secret, 40)
		all := make([]*browser, 20)
		for i := range all {
			all[i] = a
		}
		atOnce(all, func(b *browser) bool { return b.post(second+"/app", "app_code", wrong).to == "/" })
		if n := w.number("SELECT MAX(tries) FROM verify_flow WHERE kind = 'signin'"); n != 5 {
			t.Errorf("%d tries were judged, want 5", n)
		}
		if a.post(second+"/app", "app_code", w.appCode(secret, 0)); a.signedIn() {
			t.Error("a sixth try opened a session")
		}
	}, mfa(account.MFAAlways))
}

// New flows bring new tries, but not without end.
func TestGuessesOfADayAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		secret := w.enterBy(w.ann).addApp()
		wrong := w.appCode(secret, 2000)
		for range 6 {
			w.asked(w.ann).post(second+"/app", "app_code", wrong)
		}
		a := w.asked(w.ann)
		a.post(second+"/app", "app_code", w.appCode(secret, 0)).says(429, "Too many tries today")
		if a.signedIn() {
			t.Error("signed in all the same")
		}
		a.post(second+"/method", "method", "text_cell").goesTo(second + "/code")
		a.post(second+"/code", "code", w.code()).goesTo("/")
	}, mfa(account.MFAAlways), func(s *account.Settings) { s.SecondTries = 6 })
}

func TestRecoveryCodes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterBy(w.ann)
		b.get(security + "/recovery").goesTo(security + "/confirm?to=" + security + "/recovery")
		b.post(security + "/recovery").goesTo(security + "/confirm?to=" + security + "/recovery")
		codes := b.addCodes()
		if len(codes) != 10 || !regexp.MustCompile(`^([0-9a-hj-km-np-tv-z]{4}-){3}[0-9a-hj-km-np-tv-z]{4}$`).MatchString(codes[0]) {
			t.Fatalf("codes %q", codes)
		}
		b.get(security).says(200, "10 left.")
		if strings.Contains(b.get(security).raw+b.get(security+"/recovery").raw, codes[0]) {
			t.Error("a code is shown a second time")
		}
		a := w.asked(w.ann)
		a.post(second+"/recovery", "recovery_code", " ").beside("recovery_code", "Enter a recovery code")
		a.post(second+"/recovery", "recovery_code", strings.ToUpper(strings.ReplaceAll(codes[3], "-", " "))).goesTo("/")
		w.asked(w.ann).post(second+"/recovery", "recovery_code", codes[3]).beside("recovery_code", "That code is not right")
		a.get(security).says(200, "9 left.")
		if m, n := w.mailed("A recovery code was used"); n != 1 || !strings.Contains(m.Text, "9 left.") {
			t.Errorf("%d notices: %q", n, m.Text)
		}
		if fresh := a.addCodes(); fresh[0] == codes[0] {
			t.Error("the same codes again")
		}
		w.asked(w.ann).post(second+"/recovery", "recovery_code", codes[4]).beside("recovery_code", "That code is not right")
		if n := w.number("SELECT COUNT(*) FROM account_factor WHERE kind = 'recovery'"); n != 10 {
			t.Errorf("%d codes are kept, want 10", n)
		}
	}, mfa(account.MFAAlways))
}

func TestARecoveryCodeOfAnotherPersonIsWrong(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		codes := w.enterBy(w.ann).addCodes()
		w.enterBy(w.pat).addCodes()
		a := w.asked(w.pat)
		a.post(second+"/recovery", "recovery_code", codes[0]).beside("recovery_code", "That code is not right")
		if a.signedIn() {
			t.Error("signed in by another's code")
		}
	}, mfa(account.MFAAlways))
}

// Sets made on two devices at once are one after the other: the later ends the earlier.
func TestRecoveryCodesMadeAtOnceAreOneSet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var all []*browser
		for range 6 {
			all = append(all, w.enter(w.ann).confirm())
		}
		if n := atOnce(all, func(b *browser) bool { return b.post(security+"/recovery").status == 200 }); n != 6 {
			t.Errorf("%d of 6 sets were made", n)
		}
		if n := w.number("SELECT COUNT(*) FROM account_factor"); n != 10 {
			t.Errorf("%d codes work, want 10", n)
		}
	})
}

func TestARecoveryCodeInTwentyBrowsersOpensOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		codes := w.enterBy(w.ann).addCodes()
		var all []*browser
		for range 20 {
			all = append(all, w.asked(w.ann))
		}
		if n := atOnce(all, func(b *browser) bool { return b.post(second+"/recovery", "recovery_code", codes[0]).to == "/" }); n != 1 {
			t.Errorf("one code opened %d sessions", n)
		}
		if n := w.number("SELECT COUNT(*) FROM account_factor WHERE kind = 'recovery' AND used_at IS NOT NULL"); n != 1 {
			t.Errorf("%d codes are used up", n)
		}
	}, mfa(account.MFAAlways))
}

func TestFactorsNeedThePasswordLately(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		b.addApp()
		b.addCodes()
		id, _ := b.get(security).Find("a[href*='/remove/']").Attr("href")
		w.clock.Advance(11 * time.Minute)
		for _, path := range []string{"/app", "/passkey", "/recovery", "/off"} {
			b.get(security + path).goesTo(security + "/confirm?to=" + security + path)
		}
		b.post(id).goesTo(security + "/confirm?to=" + id)
		b.post(security + "/off").goesTo(security + "/confirm?to=" + security + "/off")
		b.post(security+"/app/code", "app_code", "123456").goesTo(security + "/confirm?to=" + security + "/app")
		b.get(security+"/confirm?to="+id).says(200, "Enter your password")
		b.post(security+"/confirm", "to", id, "current_password", "").beside("current_password", "Enter your current password")
		b.post(security+"/confirm", "to", id, "current_password", "wrong").beside("current_password", "Your current password is not right")
		b.post(security+"/confirm", "to", "https://evil.example/", "current_password", password).goesTo(security)
		b.post(security+"/confirm", "to", "/mail", "current_password", password).goesTo(security)
		b.post(security+"/confirm", "to", id, "current_password", password).goesTo(id)
		b.get(id).says(200, "Remove your authenticator app?")
		// Another session of the same person has not entered it.
		w.enter(w.ann).post(id).goesTo(security + "/confirm?to=" + id)
		b.post(id).goesTo(security)
		b.post(id).says(404, "")
		if w.events("factor.removed") != 1 {
			t.Errorf("%d lines in the trail", w.events("factor.removed"))
		}
		if _, n := w.mailed("A way to sign in was removed"); n != 1 {
			t.Errorf("%d notices", n)
		}
	})
}

func TestThePasswordOfAFactorChangeIsBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		for range 10 {
			b.post(security+"/confirm", "current_password", "wrong").beside("current_password", "not right")
		}
		b.post(security+"/confirm", "current_password", password).says(429, "Too many tries. Try again in 15 minutes.")
	})
}

func TestFactorsOfOthersAreNotThere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		b.addApp()
		id, _ := b.get(security).Find("a[href*='/remove/']").Attr("href")
		p := w.enter(w.pat).confirm()
		p.get(id).says(404, "")
		p.post(id).says(404, "")
		p.get(security+"/remove/nothing").says(404, "")
		if n := w.events("access.refused"); n != 2 {
			t.Errorf("%d refusals in the trail, want 2", n)
		}
		if n := w.number("SELECT COUNT(*) FROM account_factor"); n != 1 {
			t.Error("another's factor was removed")
		}
	})
}

// A secret that somebody with the database puts into another person's row does not open there.
func TestASecretBelongsToItsRow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		secret := w.enterBy(w.ann).addApp()
		w.enterBy(w.pat).addApp()
		w.tx(moveSecret(w.ann.ID, w.pat.ID))
		a := w.asked(w.pat)
		if p := a.post(second+"/app", "app_code", w.appCode(secret, 0)); p.status != 500 || a.signedIn() {
			t.Errorf("%d: a swapped secret was taken", p.status)
		}
	}, mfa(account.MFAAlways))
}

func TestSupportUsesAFactorInPlaceOfTheCode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const base = "/support/security"
		in := account.SignIn{Email: w.sam.Email, Password: password, Staff: true}
		staff := func() (*browser, string) {
			b := w.browser()
			b.signIn("nobody@people.example", "x") // gives the browser its secret
			in.Browser = b.flow()
			e, err := w.SignIn(t.Context(), visitor, in)
			must(t, err)
			return b, e.Next
		}
		b, to := staff()
		if to != "/support/method" {
			t.Fatalf("without factors Support goes to %q", to)
		}
		sub, err := w.StaffFlow(t.Context(), b.flow())
		must(t, err)
		f, _, err := w.verify.Flow(t.Context(), w.d, "signin", sub.ID, b.flow(), sub.Generation)
		must(t, err)
		must(t, w.verify.SendCode(t.Context(), visitor, f, staffCode(w.sam)))
		must(t, w.verify.CheckCode(t.Context(), visitor, f, w.code()))
		b.post("/support/second/app").goesTo("/support") // proved already: it only goes on
		b.get(base).says(200, "Each sign-in asks for a second step.")
		b.post(base+"/confirm", "current_password", password, "to", base+"/app").goesTo(base + "/app")
		b.post(base + "/app").goesTo(base + "/app")
		secret := strings.ReplaceAll(b.get(base+"/app").Find("dd code").Text(), " ", "")
		b.post(base+"/app/code", "app_code", w.appCode(secret, 0)).goesTo(base)
		w.clock.Advance(30 * time.Second)

		b, to = staff()
		if to != "/support/second" {
			t.Fatalf("with an app Support goes to %q", to)
		}
		b.get("/support/second").says(200, "Code from your authenticator app")
		b.get(second).goesTo("/signin")
		b.post(second+"/app", "app_code", w.appCode(secret, 0)).goesTo("/signin")
		b.post("/support/second/app", "app_code", w.appCode(secret, 0)).goesTo("/support")
		b.get("/support").says(200, "support of sam@support.example")
		b.post(security+"/on").says(404, "")
		b.get(security+"/off").says(404, "")
	})
}

// flow is the browser's secret.
func (b *browser) flow() string { return b.cookie("__Host-sp_flow") }
