package account_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	va "github.com/descope/virtualwebauthn"

	"securepractice/internal/account"
	"securepractice/internal/jobs"
	"securepractice/internal/notify"
)

// portal is the relying party as an honest browser knows it.
var portal = va.RelyingParty{ID: "portal.example", Name: "SecurePractice", Origin: "https://portal.example"}

const passkeyWrong = "That passkey did not work. Try again, or choose another way."

// json sends what the page's script sends.
func (b *browser) json(path string, body any) page {
	b.w.t.Helper()
	raw, err := json.Marshal(body)
	must(b.w.t, err)
	r := httptest.NewRequestWithContext(b.w.t.Context(), http.MethodPost, "https://portal.example"+path, bytes.NewReader(raw))
	r.Header.Set("Content-Type", "application/json")
	return b.do(r)
}

// finish sends a passkey's answer.
func (b *browser) finish(base, answer string, more ...string) page {
	b.w.t.Helper()
	body := map[string]any{"credential": json.RawMessage(answer)}
	for i := 0; i < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	return b.json(base+"/finish", body)
}

// device is a software authenticator with one passkey of a person.
type device struct {
	va.Authenticator
	key va.Credential
}

// newDevice makes one. The library writes the coordinates of a key without their leading zeros, which no real
// authenticator does and the server rightly refuses: such a key, one in 128, is not taken.
func newDevice(u account.User) *device {
	const whole = 77 // bytes of a key whose coordinates have 32 each
	key := va.NewCredential(va.KeyTypeEC2)
	for len(key.Key.AttestationData()) != whole {
		key = va.NewCredential(va.KeyTypeEC2)
	}
	return &device{va.NewAuthenticatorWithOptions(va.AuthenticatorOptions{UserHandle: []byte(u.ID)}), key}
}

// attest answers the challenge of a new passkey.
func (d *device) attest(t *testing.T, rp va.RelyingParty, options string) string {
	t.Helper()
	o, err := va.ParseAttestationOptions(options)
	must(t, err)
	return va.CreateAttestationResponse(rp, d.Authenticator, d.key, *o)
}

// sign answers a challenge.
func (d *device) sign(t *testing.T, rp va.RelyingParty, options string) string {
	t.Helper()
	o, err := va.ParseAssertionOptions(options)
	must(t, err)
	d.key.Counter++
	return va.CreateAssertionResponse(rp, d.Authenticator, d.key, *o)
}

// addPasskey makes a passkey of the signed-in person.
func (b *browser) addPasskey(u account.User) *device {
	b.w.t.Helper()
	d := newDevice(u)
	b.confirm()
	options := b.json(security+"/passkey/begin", map[string]string{}).says(200, "").raw
	b.finish(security+"/passkey", d.attest(b.w.t, portal, options), "name", "Front desk laptop").leads(security)
	return d
}

// leads checks where the script is told to go.
func (p page) leads(to string) page {
	p.t.Helper()
	if p.status != http.StatusOK || p.raw != `{"to":"`+to+`"}`+"\n" && p.raw != `{"to":"`+to+`"}` {
		p.t.Fatalf("%s: %d %s, want to be led to %s", p.path, p.status, p.raw, to)
	}
	return p
}

// refuses checks that a passkey was refused in the words of all refusals.
func (p page) refuses() page {
	p.t.Helper()
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.raw, passkeyWrong) {
		p.t.Errorf("%s: %d %s", p.path, p.status, p.raw)
	}
	return p
}

const passkeySignIn = "/signin/passkey"

// byPasskey signs in with a passkey alone.
func (b *browser) byPasskey(d *device, more ...string) page {
	b.w.t.Helper()
	options := b.json(passkeySignIn+"/begin", map[string]string{}).raw
	return b.finish(passkeySignIn, d.sign(b.w.t, portal, options), more...)
}

func TestSignInByPasskey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		d := b.addPasskey(w.ann)
		b.get(security).says(200, "Front desk laptop", "Never")
		if _, n := w.mailed("A way to sign in was added"); n != 1 || w.events("factor.added") != 1 {
			t.Errorf("%d notices, %d lines in the trail", n, w.events("factor.added"))
		}
		b.post("/signout")
		a := w.browser()
		a.get("/signin").says(200, "Sign in with a passkey")
		if box := a.get("/signin?next=/mail").Find("[data-passkey][hidden]"); box.Length() != 1 || box.AttrOr("data-next", "") != "/mail" || box.AttrOr("data-host", "") != "portal.example" {
			t.Error("the button is not hidden until a script shows it, or does not know its page")
		}
		// Its script is on pages that ask for a passkey, and on no other.
		for path, want := range map[string]int{"/signin": 1, "/forgot": 0} {
			if n := a.get(path).Find("script[src*='/passkey.']").Length(); n != want {
				t.Errorf("%s loads the script %d times", path, n)
			}
		}
		a.byPasskey(d).leads("/")
		if !a.signedIn() {
			t.Fatal("no session")
		}
		a.byPasskey(d, "next", "/mail/inbox").leads("/mail/inbox")
		a.byPasskey(d, "next", "//evil.example").leads("/")
		if n := w.number("SELECT COUNT(*) FROM account_session WHERE second_at IS NOT NULL"); n != 1 {
			t.Errorf("%d sessions with both steps, want 1", n)
		}
		if n := w.number("SELECT COUNT(*) FROM audit_event WHERE action = 'signin.ok' AND detail LIKE '%passkey%'"); n != 3 {
			t.Errorf("%d sign-ins by passkey in the trail", n)
		}
		if n := w.number("SELECT counter FROM account_factor"); n != 3 {
			t.Errorf("the count of signatures is %d, want 3", n)
		}
	})
}

func TestAPasskeyAnswersItsOwnChallengeOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.enter(w.ann).addPasskey(w.ann)
		a := w.browser()
		begin := func(b *browser) string { return b.json(passkeySignIn+"/begin", map[string]string{}).raw }
		first := begin(a)
		// A later challenge ends the earlier; another browser's is not this one's.
		answer := d.sign(t, portal, first)
		begin(a)
		a.finish(passkeySignIn, answer).refuses()
		other := w.browser()
		begin(other)
		a.finish(passkeySignIn, d.sign(t, portal, begin(other))).refuses()
		// Once used, or tried, it is gone.
		answer = d.sign(t, portal, begin(a))
		a.finish(passkeySignIn, answer).leads("/")
		a.post("/signout")
		a.finish(passkeySignIn, answer).refuses()
		bad := d.sign(t, va.RelyingParty{ID: "portal.example", Origin: "https://evil.example"}, begin(a))
		a.finish(passkeySignIn, bad).refuses()
		a.finish(passkeySignIn, d.sign(t, va.RelyingParty{ID: "evil.example", Origin: "https://portal.example"}, begin(a))).refuses()
		options := begin(a)
		w.clock.Advance(11 * time.Minute)
		a.finish(passkeySignIn, d.sign(t, portal, options)).refuses()
		a.finish(passkeySignIn, `{"id":1}`).refuses()
		if a.signedIn() {
			t.Error("signed in by a refused passkey")
		}
	})
}

func TestAnAnswerSentManyTimesOpensOneSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.enter(w.ann).addPasskey(w.ann)
		before := w.number("SELECT COUNT(*) FROM account_session")
		a := w.browser()
		answer := d.sign(t, portal, a.json(passkeySignIn+"/begin", map[string]string{}).raw)
		all := make([]*browser, 20)
		for i := range all {
			all[i] = a
		}
		if n := atOnce(all, func(b *browser) bool { return b.finish(passkeySignIn, answer).status == http.StatusOK }); n != 1 {
			t.Errorf("one answer was taken %d times", n)
		}
		if n := w.number("SELECT COUNT(*) FROM account_session") - before; n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestAPasskeyMustVerifyItsPerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		d := b.addPasskey(w.ann)
		d.Options.UserNotVerified = true
		w.browser().byPasskey(d).refuses()
		fresh := newDevice(w.ann)
		fresh.Options.UserNotVerified = true
		options := b.json(security+"/passkey/begin", map[string]string{}).raw
		b.finish(security+"/passkey", fresh.attest(t, portal, options), "name", "x").refuses()
		for _, want := range []string{`"residentKey":"required"`, `"userVerification":"required"`, `"excludeCredentials":[`} {
			if !strings.Contains(options, want) {
				t.Errorf("the options lack %s: %s", want, options)
			}
		}
	})
}

func TestAPasskeyIsItsPersonsAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.enter(w.ann).addPasskey(w.ann)
		d.Options.UserHandle = []byte(w.pat.ID)
		w.browser().byPasskey(d).refuses()
		for _, handle := range []string{"", "no id", "\xff\x00"} {
			d.Options.UserHandle = []byte(handle)
			w.browser().byPasskey(d).refuses()
		}
		stranger := newDevice(w.ann)
		w.browser().byPasskey(stranger).refuses()
		if n := w.events("signin.refused"); n != 5 {
			t.Errorf("%d refusals in the trail, want 5", n)
		}
	})
}

// A count of signatures that goes back tells of a copy.
func TestACopiedPasskeyIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.enter(w.ann).addPasskey(w.ann)
		w.browser().byPasskey(d).leads("/")
		d.key.Counter--
		a := w.browser()
		a.byPasskey(d).refuses()
		if a.signedIn() {
			t.Error("signed in by a copy")
		}
	})
}

func TestAPasskeyOpensNoClosedAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.enter(w.ann).addPasskey(w.ann)
		for range 5 {
			w.browser().signIn(w.ann.Email, "wrong")
		}
		if w.standing(w.ann) != "locked" {
			t.Fatal("not locked")
		}
		w.browser().byPasskey(d).refuses()
	})
}

func TestAPasskeyLeavesTheOtherStepsStanding(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.enter(w.ann).addPasskey(w.ann)
		w.clock.Advance(91 * 24 * time.Hour)
		a := w.browser()
		a.byPasskey(d, "next", "/mail").leads("/password/expired?next=%2Fmail")
		if a.session() != "" {
			t.Error("there is a session before the password is changed")
		}
		a.post("/password/expired", "current_password", password, "new_password", better, "confirm_password", better).goesTo("/mail")
		if !a.signedIn() {
			t.Error("no session afterwards")
		}
	})
}

func TestAPasskeyAsSecondStep(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.enterBy(w.ann).addPasskey(w.ann)
		a := w.asked(w.ann)
		if n := a.get(second).Find("[data-passkey][hidden]").Length(); n != 1 {
			t.Errorf("%d buttons", n)
		}
		begin := func(b *browser) string { return b.json(second+"/passkey/begin", map[string]string{}).raw }
		a.finish(second+"/passkey", d.sign(t, va.RelyingParty{ID: "portal.example", Origin: "https://evil.example"}, begin(a))).refuses()
		// A challenge for signing in is none for this step, and the other way round.
		a.finish(second+"/passkey", d.sign(t, portal, a.json(passkeySignIn+"/begin", map[string]string{}).raw)).refuses()
		a.finish(passkeySignIn, d.sign(t, portal, begin(a))).refuses()
		if a.signedIn() {
			t.Fatal("there is a session before the second step")
		}
		answer := d.sign(t, portal, begin(a))
		a.finish(second+"/passkey", answer).leads("/")
		if !a.signedIn() {
			t.Error("no session after the second step")
		}
		w.browser().json(second+"/passkey/begin", map[string]string{}).says(401, "")
		// Another person's passkey.
		p := w.enterBy(w.pat)
		p.addPasskey(w.pat)
		p = w.asked(w.pat)
		options := begin(p)
		p.finish(second+"/passkey", d.sign(t, portal, options)).refuses()
	}, mfa(account.MFAAlways))
}

func TestPasskeysAreAddedWithThePasswordAndAName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		d := newDevice(w.ann)
		b.json(security+"/passkey/begin", map[string]string{}).says(403, "")
		b.confirm().get(security+"/passkey").says(200, "Name of this passkey", "This browser cannot make passkeys here.")
		options := b.json(security+"/passkey/begin", map[string]string{}).raw
		answer := d.attest(t, portal, options)
		for name, want := range map[string]string{"": "Enter a name for this passkey", strings.Repeat("é", 61): "60 characters or fewer"} {
			if p := b.finish(security+"/passkey", answer, "name", name); p.status != 422 || !strings.Contains(p.raw, want) {
				t.Errorf("%q: %d %s", name, p.status, p.raw)
			}
		}
		b.finish(security+"/passkey", answer, "name", "One").leads(security)
		b.finish(security+"/passkey", answer, "name", "Two").refuses() // sent twice
		// The same passkey under another challenge: there is one row of it, whosever.
		pat := w.enter(w.pat).confirm()
		options = pat.json(security+"/passkey/begin", map[string]string{}).raw
		if p := pat.finish(security+"/passkey", d.attest(t, portal, options), "name", "Mine"); p.status != 409 {
			t.Errorf("another's passkey: %d %s", p.status, p.raw)
		}
		// A challenge made for one person is no other's, though the browser is the same.
		options = b.json(security+"/passkey/begin", map[string]string{}).raw
		b.post("/signout")
		b.signIn(w.pat.Email, password).goesTo("/")
		b.confirm().finish(security+"/passkey", newDevice(w.pat).attest(t, portal, options), "name", "x").refuses()
		if n := w.number("SELECT COUNT(*) FROM account_factor"); n != 1 {
			t.Errorf("%d passkeys, want 1", n)
		}
	})
}

func TestARemovedPasskeySignsNobodyIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.ann)
		d := b.addPasskey(w.ann)
		id, _ := b.get(security).Find("a[href*='/remove/']").Attr("href")
		b.get(id).says(200, "Remove the passkey Front desk laptop?")
		b.post(id).goesTo(security)
		w.browser().byPasskey(d).refuses()
	})
}

func TestSupportHasNoPasskeyDoor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		// Sam's passkey is Ann's row under his name: what counts is who the account is of.
		d := w.enter(w.ann).addPasskey(w.ann)
		w.tx(makeSupport(w.ann.ID))
		w.browser().byPasskey(d).refuses()
	})
}

// Passkeys are bound to a host name; where the portal has none there are no passkeys.
func TestPasskeysNeedAName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for base, want := range map[string]string{"https://portal.example": "portal.example", "https://portal.example:8443": "portal.example", "http://127.0.0.1:8080": "localhost", "https://192.0.2.7": ""} {
			u, err := url.Parse(base)
			must(t, err)
			n := notify.New(notify.Options{DB: w.d, Jobs: jobs.New(w.d, slog.New(slog.DiscardHandler)), Clock: w.clock, Product: "SecurePractice", BaseURL: u})
			if got := account.New(account.Options{Notify: n}).PasskeyHost(); got != want {
				t.Errorf("at %s passkeys are bound to %q, want %q", base, got, want)
			}
		}
	})
}

func TestPasskeyChallengesAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 3 {
			b.json(passkeySignIn+"/begin", map[string]string{}).says(200, "")
		}
		b.json(passkeySignIn+"/begin", map[string]string{}).says(429, "")
		if n := w.number("SELECT COUNT(*) FROM account_ceremony"); n != 1 {
			t.Errorf("%d challenges are kept for one browser", n)
		}
		w.clock.Advance(time.Hour)
		must(t, w.SweepSessions(t.Context()))
		if n := w.number("SELECT COUNT(*) FROM account_ceremony"); n != 0 {
			t.Errorf("%d old challenges are left", n)
		}
	}, func(s *account.Settings) { s.SignInsPerIP = 3 })
}
