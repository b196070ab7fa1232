package account_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

const (
	newNumber = "+12065550163"
	typedNew  = "(206) 555-0163"
)

// askPhone enters a new cell phone number with the password.
func (b *browser) askPhone(number string) page {
	b.w.t.Helper()
	b.w.clock.Advance(time.Second)
	return b.post("/profile/phone", "which", "cell", "number", number, "current_password", password)
}

func (w *world) phonesOf(u account.User) (phone, cell string) {
	w.t.Helper()
	u, err := w.Find(w.t.Context(), w.d, u.ID)
	must(w.t, err)
	return u.Phone, u.Cell
}

// lastTo is where the newest code went.
func (w *world) lastTo() string {
	w.t.Helper()
	for _, m := range w.mail() {
		if m.Code != "" {
			return m.To
		}
	}
	return ""
}

func TestPhoneChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, elsewhere := w.enterWith(w.ann, password), w.enterWith(w.ann, password)
		reset := w.ask(w.browser(), w.ann)
		p := b.get("/profile/phone?which=phone").says(http.StatusOK, "Change your phone number", "Phone, (206) 555-0110", "Cell Phone, (206) 555-0142", "We send a secret code to a number we have on file")
		if v, _ := p.Find("[name=which][checked]").Attr("value"); v != "phone" {
			t.Errorf("chosen %q", v)
		}
		b.askPhone(typedNew).goesTo("/profile/phone/method")
		p = b.get("/profile/phone/method").says(http.StatusOK, "ending 10", "ending 42")
		if strings.Contains(p.raw, "ending 63") {
			t.Error("the new number can prove itself")
		}
		b.proveFor("/profile/phone", "call_phone", "/profile/phone/new/method")
		if w.lastTo() != w.ann.Phone {
			t.Errorf("the first code went to %s", w.lastTo())
		}
		p = b.get("/profile/phone/new/method").says(http.StatusOK, "Send a text to your mobile phone ending 63")
		if strings.Contains(p.raw, "ending 42") || strings.Contains(p.raw, "ending 10") {
			t.Error("the second code could go to an old number")
		}
		before := b.session()
		b.proveFor("/profile/phone/new", "text_cell", "/profile/account")
		if w.lastTo() != newNumber {
			t.Errorf("the second code went to %s", w.lastTo())
		}
		b.get("/profile/account").says(http.StatusOK, "Your phone number is changed.", typedNew)
		if phone, cell := w.phonesOf(w.ann); phone != w.ann.Phone || cell != newNumber {
			t.Errorf("%s %s", phone, cell)
		}
		if b.session() == before || !b.signedIn() || elsewhere.signedIn() {
			t.Error("sessions")
		}
		w.browser().get(reset).says(http.StatusGone, "This link has expired or was already used")
		if m, n := w.mailed("Your phone number was changed"); n != 1 || m.To != w.ann.Email || strings.Contains(m.Text, "0163") {
			t.Errorf("%d notices: %+v", n, m)
		}
		if n := w.number("SELECT COUNT(*) FROM audit_event WHERE action = 'phone.changed' AND subject_id = $1", w.ann.ID); n != 1 {
			t.Errorf("%d audit lines", n)
		}
		b.post("/profile/phone/new/save").goesTo("/profile/phone") // once
	})
}

func TestPhoneChangeRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		b.askPhone("").beside("number", "Enter a phone number")
		for _, bad := range []string{"12345", "+44 20 7946 0958", "(900) 555-2368", "206-555-0163 ext 5", "call me"} {
			b.askPhone(bad).beside("number", "Enter a phone number in the right format, like (206) 555-0142")
		}
		b.askPhone("206 555 0142").beside("number", "This number is on file already")
		b.post("/profile/phone", "number", typedNew, "current_password", password).says(http.StatusUnprocessableEntity, "Choose which number to change")
		b.post("/profile/phone", "which", "cell", "number", typedNew).beside("current_password", "Enter your current password")
		p := b.post("/profile/phone", "which", "cell", "number", typedNew, "current_password", "wrong").beside("current_password", "Your current password is not right")
		if v, _ := p.Find("[name=number]").Attr("value"); v != typedNew {
			t.Errorf("typed number is %q", v)
		}
		w.browser().post("/profile/phone", "which", "cell", "number", typedNew, "current_password", password).goesTo("/signin")
		if n := w.number("SELECT COUNT(*) FROM verify_flow"); n != 0 {
			t.Errorf("%d flows", n)
		}
	})
}

func TestPhoneStepsInOrder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, other, pat := w.enterWith(w.ann, password), w.enterWith(w.ann, password), w.enterWith(w.pat, password)
		skip := func(b *browser) {
			t.Helper()
			for _, step := range []string{"new/method", "new/code", "new/save"} {
				b.get("/profile/phone/" + step).goesTo("/profile/phone")
			}
			b.post("/profile/phone/new/method", "method", "text_cell").goesTo("/profile/phone")
			b.post("/profile/phone/new/code", "code", "123456").goesTo("/profile/phone")
			b.post("/profile/phone/new/resend").goesTo("/profile/phone")
			b.post("/profile/phone/new/save").goesTo("/profile/phone")
		}
		skip(b)
		b.get("/profile/phone/method").goesTo("/profile/phone")
		b.post("/profile/phone/method", "method", "text_cell").goesTo("/profile/phone")
		b.askPhone(typedNew).goesTo("/profile/phone/method")
		skip(b)
		b.get("/profile/phone/code").goesTo("/profile/phone/method")
		b.post("/profile/phone/method", "method", "text_cell").goesTo("/profile/phone/code")
		skip(b)
		b.post("/profile/phone/code", "code", w.code()).goesTo("/profile/phone/new/method")
		for _, who := range []*browser{other, pat} {
			skip(who)
			who.get("/profile/phone/method").goesTo("/profile/phone")
		}
		b.post("/profile/phone/new/save").goesTo("/profile/phone")
		by := actor.Actor{Kind: actor.User, ID: w.ann.ID, Role: actor.Doctor}
		if _, err := w.SavePhone(t.Context(), by, "b"); !fault.Is(err, fault.Gone) {
			t.Errorf("around the pages: %v", err)
		}
		// the code of the old number is not one of the new
		w.clock.Advance(time.Second)
		old := w.code()
		b.post("/profile/phone/new/method", "method", "call_cell").goesTo("/profile/phone/new/code")
		if w.code() != old {
			b.post("/profile/phone/new/code", "code", old).beside("code", "That code is not right.")
		}
		if _, cell := w.phonesOf(w.ann); cell != w.ann.Cell {
			t.Errorf("changed to %s", cell)
		}
		b.askPhone("206 555 0164").goesTo("/profile/phone/method") // begun again: nothing proved counts
		skip(b)
	})
}

func TestFiveWrongCodesEndThePhoneChange(t *testing.T) {
	for _, at := range []string{"/profile/phone", "/profile/phone/new"} {
		each(t, func(t *testing.T, w *world) {
			b := w.enterWith(w.ann, password)
			b.askPhone(typedNew).goesTo("/profile/phone/method")
			if at != "/profile/phone" {
				b.proveFor("/profile/phone", "text_cell", at+"/method")
				w.clock.Advance(time.Second)
			}
			b.post(at+"/method", "method", "text_cell").goesTo(at + "/code")
			wrong := "000000"
			if w.code() == wrong {
				wrong = "000001"
			}
			for range 4 {
				b.post(at+"/code", "code", wrong).beside("code", "That code is not right.")
			}
			b.get(at+"/method").says(http.StatusOK, "How should we send") // Change Delivery Method gives no new tries
			w.clock.Advance(time.Second)
			b.post(at+"/method", "method", "call_cell").goesTo(at + "/code")
			b.post(at+"/code", "code", wrong).beside("code", "Too many tries. Go back and start again.")
			b.post(at+"/code", "code", w.code()).goesTo("/profile/phone")
			b.post(at+"/method", "method", "text_cell").goesTo("/profile/phone")
			b.post("/profile/phone/new/save").goesTo("/profile/phone")
			if _, cell := w.phonesOf(w.ann); cell != w.ann.Cell {
				t.Errorf("changed to %s", cell)
			}
		})
	}
}

func TestFirstPhone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE account_user SET phone = '', cell = '' WHERE id = $1", w.pat.ID)
			return err
		})
		b := w.enterWith(w.pat, password)
		b.get("/profile/account").says(http.StatusOK, "Add")
		b.get("/profile/phone").says(http.StatusOK, "We send a secret code to the new number.")
		b.post("/profile/phone/new/save").goesTo("/profile/phone")
		b.askPhone(typedNew).goesTo("/profile/phone/new/method")
		b.post("/profile/phone/new/save").goesTo("/profile/phone")
		b.proveFor("/profile/phone/new", "call_cell", "/profile/account")
		if phone, cell := w.phonesOf(w.pat); phone != "" || cell != newNumber {
			t.Errorf("%q %q", phone, cell)
		}
	})
}

// TestPhoneChangeEndsOtherFlows: what was begun with the old number goes no further.
func TestPhoneChangeEndsOtherFlows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		at := b.emailLink(newAddress)
		b.askPhone(typedNew).goesTo("/profile/phone/method")
		b.proveFor("/profile/phone", "text_cell", "/profile/phone/new/method")
		b.proveFor("/profile/phone/new", "text_cell", "/profile/account")
		b.post(at).says(http.StatusConflict, "Open the link in the other browser")
		if n := w.number("SELECT COUNT(*) FROM verify_flow WHERE state = 'open'"); n != 0 || w.emailOf(w.ann) != w.ann.Email {
			t.Errorf("%d flows go on", n)
		}
	})
}

// TestSaveAfterACrash: both codes were right, and the number was not stored with the last of them.
func TestSaveAfterACrash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		b.askPhone(typedNew).goesTo("/profile/phone/method")
		b.proveFor("/profile/phone", "text_cell", "/profile/phone/new/method")
		w.clock.Advance(time.Second)
		b.post("/profile/phone/new/method", "method", "text_cell").goesTo("/profile/phone/new/code")
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE verify_flow SET phone_at = 1 WHERE kind = 'phone_new' AND state = 'open'")
			return err
		})
		b.get("/profile/phone/new/code").goesTo("/profile/phone/new/save")
		b.get("/profile/phone/new/save").says(http.StatusOK, "Save your new phone number", typedNew)
		if _, cell := w.phonesOf(w.ann); cell != w.ann.Cell {
			t.Fatal("saved by a GET")
		}
		var wg sync.WaitGroup
		pages := make([]page, 6)
		for i := range pages {
			wg.Go(func() { pages[i] = b.post("/profile/phone/new/save") })
		}
		wg.Wait()
		won := 0
		for _, p := range pages {
			if p.to == "/profile/account" {
				won++
			}
		}
		if _, cell := w.phonesOf(w.ann); won != 1 || cell != newNumber {
			t.Errorf("%d won, %s", won, cell)
		}
		if _, n := w.mailed("Your phone number was changed"); n != 1 {
			t.Errorf("%d notices", n)
		}
	})
}

// TestPhoneChangeByFactor: who has an app, a passkey or recovery codes proves the number on file by them, for a phone may be
// lost; the new number is still proved by its own code.
func TestPhoneChangeByFactor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		secret := b.addApp()
		b.askPhone(typedNew).goesTo("/profile/phone/second")
		b.get("/profile/phone/second").says(http.StatusOK, "Verify your identity", "Code from your authenticator app")
		w.clock.Advance(time.Minute) // the code of the setup is used up
		b.post("/profile/phone/second/app", "app_code", w.appCode(secret, 40)).beside("app_code", "4 tries left")
		b.get("/profile/phone/new/method").goesTo("/profile/phone")
		w.enterWith(w.ann, password).post("/profile/phone/second/app", "app_code", w.appCode(secret, 0)).goesTo("/profile/phone") // another browser
		b.post("/profile/phone/second/app", "app_code", w.appCode(secret, 0)).goesTo("/profile/phone/new/method")
		b.post("/profile/phone/new/save").goesTo("/profile/phone")
		if _, cell := w.phonesOf(w.ann); cell != w.ann.Cell {
			t.Fatalf("changed to %s without its own code", cell)
		}
		b.askPhone(typedNew).goesTo("/profile/phone/second")
		w.clock.Advance(time.Minute)
		b.post("/profile/phone/second/app", "app_code", w.appCode(secret, 0)).goesTo("/profile/phone/new/method")
		b.proveFor("/profile/phone/new", "text_cell", "/profile/account")
		if _, cell := w.phonesOf(w.ann); cell != newNumber {
			t.Errorf("%s", cell)
		}
	})
}
