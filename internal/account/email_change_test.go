package account_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

const newAddress = "ann@new.example"

// askEmail enters the new address with the password.
func (b *browser) askEmail(email string) page {
	b.w.t.Helper()
	b.w.clock.Advance(time.Second)
	return b.post("/profile/email", "email", email, "current_password", password)
}

// proveFor goes through the code steps at an address to where they lead.
func (b *browser) proveFor(at, method, to string) {
	b.w.t.Helper()
	b.w.clock.Advance(time.Second)
	b.post(at+"/method", "method", method).goesTo(at + "/code")
	b.post(at+"/code", "code", b.w.code()).goesTo(to)
}

// emailLink goes as far as the link at the new address and reads it.
func (b *browser) emailLink(email string) string {
	b.w.t.Helper()
	b.askEmail(email).goesTo("/profile/email/method")
	b.proveFor("/profile/email", "text_cell", "/profile/email/sent")
	m, _ := b.w.mailed("Confirm your email address")
	if m.To != email || len(m.Links) != 1 {
		b.w.t.Fatalf("no link: %+v", m)
	}
	return path(m.Links[0])
}

func (w *world) emailOf(u account.User) string {
	w.t.Helper()
	u, err := w.Find(w.t.Context(), w.d, u.ID)
	must(w.t, err)
	return u.Email
}

func TestEmailChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, elsewhere, half := w.enterWith(w.ann, password), w.enterWith(w.ann, password), w.browser()
		reset := w.ask(half, w.ann) // a link that went to the old address
		b.get("/profile/email").says(http.StatusOK, "Change your email address", w.ann.Email, "New email address", "Current Password")
		at := b.emailLink(newAddress)
		b.get("/profile/email/sent").says(http.StatusOK, "We sent an email to "+newAddress, "Send it again")
		for range 3 { // whoever fetches the link changes nothing
			b.get(at).says(http.StatusOK, "From now on you sign in with "+newAddress, "Use this address")
			w.browser().get(at)
		}
		if w.emailOf(w.ann) != w.ann.Email {
			t.Fatal("changed by a GET")
		}
		before := b.session()
		b.post(at).goesTo("/profile/account")
		b.get("/profile/account").says(http.StatusOK, "Your email address is changed.", newAddress)
		if w.emailOf(w.ann) != newAddress || b.session() == before || !b.signedIn() || elsewhere.signedIn() {
			t.Errorf("%q, own session %v, other %v", w.emailOf(w.ann), b.signedIn(), elsewhere.signedIn())
		}
		half.get(reset).says(http.StatusGone, "This link has expired or was already used")
		b.get(at).says(http.StatusGone, "This link has expired or was already used", "Your email address is "+newAddress)
		b.post(at).says(http.StatusGone, "This link has expired or was already used")
		if m, n := w.mailed("Your email address was changed"); n != 1 || m.To != w.ann.Email || len(m.Links) != 1 || strings.Contains(m.Text, newAddress) {
			t.Errorf("%d notices to the old address: %+v", n, m)
		}
		if m, n := w.mailed("Your email address is confirmed"); n != 1 || m.To != newAddress {
			t.Errorf("%d notices to the new address: %+v", n, m)
		}
		w.browser().signIn(w.ann.Email, password).says(http.StatusUnprocessableEntity, notRight)
		w.browser().signIn("ANN@new.example", password).goesTo("/")
		if n := w.number("SELECT COUNT(*) FROM audit_event WHERE action = 'email.changed' AND subject_id = $1 AND actor_id = $1", w.ann.ID); n != 1 {
			t.Errorf("%d audit lines", n)
		}
	})
}

func TestEmailChangeRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		for _, bad := range []string{"", "ann", "ann@", "a b@c.example"} {
			b.askEmail(bad).beside("email", "Enter an email address in the right format, like name@example.org")
		}
		b.askEmail("ANN.LEE@harbor.example").beside("email", "This is your email address already")
		b.post("/profile/email", "email", newAddress).beside("current_password", "Enter your current password")
		p := b.post("/profile/email", "email", newAddress, "current_password", "wrong").beside("current_password", "Your current password is not right")
		if v, _ := p.Find("[name=email]").Attr("value"); v != newAddress {
			t.Errorf("typed address is %q", v)
		}
		for range 9 {
			b.post("/profile/email", "email", newAddress, "current_password", "wrong")
		}
		b.askEmail(newAddress).says(http.StatusTooManyRequests, "Too many tries. Try again in 15 minutes.")
		w.browser().get("/profile/email").goesTo("/signin?next=%2Fprofile%2Femail")
		w.browser().post("/profile/email", "email", newAddress, "current_password", password).goesTo("/signin")
		if n := w.number("SELECT COUNT(*) FROM verify_flow"); n != 0 {
			t.Errorf("%d flows", n)
		}
		if _, n := w.mailed("Confirm your email address"); n != 0 {
			t.Errorf("%d e-mails", n)
		}
	})
}

func TestEmailChangeNeedsAPhone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE account_user SET phone = '', cell = '' WHERE id = $1", w.ann.ID)
			return err
		})
		b := w.enterWith(w.ann, password)
		b.get("/profile/email").says(http.StatusOK, "Add a phone number to your profile first.")
		b.askEmail(newAddress).beside("email", "Add a phone number to your profile first. We send a secret code to it.")
	})
}

// TestEmailStepsInOrder: no step can be reached before the ones it stands on, by pages or around them.
func TestEmailStepsInOrder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		for _, step := range []string{"method", "code", "sent"} {
			b.get("/profile/email/" + step).goesTo("/profile/email")
		}
		b.post("/profile/email/method", "method", "text_cell").goesTo("/profile/email")
		b.post("/profile/email/code", "code", "123456").goesTo("/profile/email")
		b.post("/profile/email/resend").goesTo("/profile/email")
		b.post("/profile/email/sent").goesTo("/profile/email")
		b.askEmail(newAddress).goesTo("/profile/email/method")
		b.get("/profile/email/sent").goesTo("/profile/email")
		b.post("/profile/email/sent").goesTo("/profile/email")
		b.get("/profile/email/code").goesTo("/profile/email/method")
		b.get("/profile/email/method").says(http.StatusOK, "How should we send your secret code?", "ending 42", "ending 10")
		b.post("/profile/email/method").says(http.StatusUnprocessableEntity, "Choose how to get your code")
		b.post("/profile/email/method", "method", "text_cell").goesTo("/profile/email/code")
		b.get("/profile/email/method").says(http.StatusOK, "How should we send") // Change Delivery Method skips nothing
		b.get("/profile/email/sent").goesTo("/profile/email")
		by := actor.Actor{Kind: actor.User, ID: w.ann.ID, Role: actor.Doctor}
		if err := w.SendEmailLink(t.Context(), by, "b"); !fault.Is(err, fault.Gone) {
			t.Errorf("around the pages: %v", err)
		}
		if m := w.mail(); len(m) != 1 || m[0].Code == "" {
			t.Errorf("%d notices", len(m))
		}
		b.askEmail("other@new.example").goesTo("/profile/email/method") // begun again: the code proves nothing any more
		b.post("/profile/email/code", "code", w.code()).goesTo("/profile/email/method")
	})
}

func TestEmailBelongsToItsBrowserAndPerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, other, pat := w.enterWith(w.ann, password), w.enterWith(w.ann, password), w.enterWith(w.pat, password)
		b.askEmail(newAddress).goesTo("/profile/email/method")
		other.get("/profile/email/method").goesTo("/profile/email")
		b.proveFor("/profile/email", "text_cell", "/profile/email/sent")
		m, _ := w.mailed("Confirm your email address")
		at := path(m.Links[0])
		other.get("/profile/email/sent").goesTo("/profile/email")
		for _, who := range []*browser{other, pat} {
			who.get(at).says(http.StatusConflict, "Open the link in the other browser")
			who.post(at).says(http.StatusConflict, "Open the link in the other browser")
		}
		w.browser().post(at).goesTo("/signin")
		b.get(at+"x").says(http.StatusGone, "This link has expired or was already used")
		// somebody else who signs in at the same browser goes on with nothing of it
		b.post("/signout")
		b.signIn(w.pat.Email, password).goesTo("/")
		b.post(at).says(http.StatusConflict, "Open the link in the other browser")
		if w.emailOf(w.ann) != w.ann.Email || w.emailOf(w.pat) != w.pat.Email {
			t.Error("changed")
		}
		b.signIn(w.ann.Email, password)
		b.post(at).goesTo("/profile/account")
	})
}

func TestFiveWrongCodesEndTheEmailChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		b.askEmail(newAddress).goesTo("/profile/email/method")
		b.post("/profile/email/method", "method", "text_cell").goesTo("/profile/email/code")
		wrong := "000000"
		if w.code() == wrong {
			wrong = "000001"
		}
		for left := 4; left > 1; left-- {
			b.post("/profile/email/code", "code", wrong).beside("code", fmt.Sprintf("That code is not right. You have %d tries left.", left))
		}
		w.clock.Advance(time.Second)
		b.post("/profile/email/resend").goesTo("/profile/email/code") // gives no new tries
		b.post("/profile/email/code", "code", wrong).beside("code", "You have 1 try left.")
		b.post("/profile/email/code", "code", wrong).beside("code", "Too many tries. Go back and start again.")
		b.post("/profile/email/code", "code", w.code()).goesTo("/profile/email")
		b.get("/profile/email/method").goesTo("/profile/email")
		b.post("/profile/email/method", "method", "text_cell").goesTo("/profile/email")
		if w.emailOf(w.ann) != w.ann.Email {
			t.Error("changed")
		}
	})
}

// TestEmailChangeNeverTells: an address with an account gets the same answers, and its holder is told.
func TestEmailChangeNeverTells(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		said := func(email string) string {
			b := w.enterWith(w.ann, password)
			var all string
			for _, p := range []page{b.askEmail(email).goesTo("/profile/email/method"), b.get("/profile/email/method")} {
				all += fmt.Sprint(p.status, p.to, p.text())
			}
			b.proveFor("/profile/email", "text_cell", "/profile/email/sent")
			all += b.get("/profile/email/sent").says(http.StatusOK, "We sent an email to "+email).text()
			w.clock.Advance(time.Second)
			all += fmt.Sprint(b.post("/profile/email/sent").status)
			return strings.ReplaceAll(all, email, "")
		}
		if taken, free := said("PAT@people.example"), said(newAddress); taken != free {
			t.Errorf("the answers differ:\n%s\n%s", taken, free)
		}
		if m, n := w.mailed("You already have an account"); n != 2 || m.To != w.pat.Email || len(m.Links) != 0 {
			t.Errorf("%d notices to its holder: %+v", n, m)
		}
		if m, n := w.mailed("Confirm your email address"); n != 2 || m.To != newAddress {
			t.Errorf("%d links: %+v", n, m)
		}
	})
}

func TestNewAddressTakenMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		at := b.emailLink(newAddress)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := w.Create(ctx, tx, actor.ByProgram("test"), account.NewUser{Email: newAddress, First: "N", Last: "N", Cell: "+12065550155", Role: actor.Patient})
			return err
		})
		b.post(at).says(http.StatusConflict, "Another account uses this email address")
		if w.emailOf(w.ann) != w.ann.Email || w.number("SELECT COUNT(*) FROM account_email_change") != 0 {
			t.Error("changed")
		}
	})
}

// TestEmailLinkEnds: by a newer link, by its time, by beginning again, and by a new password.
func TestEmailLinkEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		older := b.emailLink(newAddress)
		w.clock.Advance(time.Second)
		b.post("/profile/email/sent").goesTo("/profile/email/sent")
		b.get("/profile/email/sent").says(http.StatusOK, "We sent a new link. The old one no longer works.")
		b.post(older).says(http.StatusGone, "A newer email replaces the link in an older one.")
		m, _ := w.mailed("Confirm your email address")
		newer := path(m.Links[0])
		b.get(newer).says(http.StatusOK, "Use this address")
		again := b.emailLink("second@new.example")
		b.post(newer).says(http.StatusConflict, "Open the link in the other browser", "use the newest email")
		b.post("/password", "current_password", password, "new_password", better, "confirm_password", better).goesTo("/password/done")
		b.post(again).says(http.StatusConflict, "begin again here")
		if w.emailOf(w.ann) != w.ann.Email {
			t.Error("changed")
		}
	})
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		at := b.emailLink(newAddress)
		for range 50 { // the session goes on by acts; only the link runs out
			w.clock.Advance(29 * time.Minute)
			if !b.signedIn() {
				b.signIn(w.ann.Email, password)
			}
		}
		b.post(at).says(http.StatusGone, "Links work once and for a limited time.")
	})
}

func TestEmailLinksAreLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		b.emailLink(newAddress)
		for range 4 {
			w.clock.Advance(time.Second)
			b.post("/profile/email/sent").goesTo("/profile/email/sent")
		}
		b.post("/profile/email/sent").says(http.StatusTooManyRequests, "Too many emails were sent today. Try again tomorrow.")
		if _, n := w.mailed("Confirm your email address"); n != 5 {
			t.Errorf("%d e-mails", n)
		}
	})
}

func TestEmailConfirmedTwiceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		token := strings.TrimPrefix(b.emailLink(newAddress), "/profile/email/confirm/")
		a, _, err := w.Session(t.Context(), b.session())
		must(t, err)
		var wg sync.WaitGroup
		pages := make([]page, 8)
		for i := range pages {
			wg.Go(func() { pages[i] = b.post("/profile/email/confirm/" + token) })
		}
		wg.Wait()
		won := 0
		for _, p := range pages {
			if p.status == http.StatusSeeOther && p.to == "/profile/account" {
				won++
			}
		}
		if won != 1 || w.number("SELECT COUNT(*) FROM account_email_change WHERE user_id = $1", a.ID) != 1 {
			t.Errorf("%d won", won)
		}
		if _, n := w.mailed("Your email address was changed"); n != 1 {
			t.Errorf("%d notices", n)
		}
	})
}

func TestUndoEmail(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		thief := w.enterWith(w.ann, password)
		thief.post(thief.emailLink(newAddress)).goesTo("/profile/account")
		m, _ := w.mailed("Your email address was changed")
		undo := path(m.Links[0])
		// neither a new password nor a second change ends it
		thief.post("/password", "current_password", password, "new_password", better, "confirm_password", better).goesTo("/password/done")
		w.clock.Advance(7*24*time.Hour - time.Hour)
		thief.signIn(newAddress, better).goesTo("/")
		owner := w.browser()
		for range 3 {
			owner.get(undo).says(http.StatusOK, "Undo the change of your email address", w.ann.Email, "Undo the change")
		}
		if w.emailOf(w.ann) != newAddress || !thief.signedIn() {
			t.Fatal("undone by a GET")
		}
		w.tx(func(ctx context.Context, tx *db.Tx) error { // what the other left behind to come back with
			_, err := tx.Exec(ctx, "INSERT INTO account_factor (user_id, id, kind, name, owner_id, code_mac, counter, created_at) VALUES ($1, $2, 'recovery', '', '', $3, 0, 1)", w.ann.ID, db.NewID(), []byte("x"))
			return err
		})
		owner.post(undo).goesTo("/email/undone")
		if n := w.number("SELECT COUNT(*) FROM account_factor WHERE user_id = $1", w.ann.ID); n != 0 {
			t.Errorf("%d factors outlive the undoing", n)
		}
		old := strings.ToLower(w.ann.Email)
		if want := []string{old + " > " + newAddress, newAddress + " > " + old}; !slices.Equal(w.moved, want) {
			t.Errorf("other rooms were told of %q, want %q", w.moved, want)
		}
		owner.get("/email/undone").says(http.StatusOK, "Your email address is restored", "choose a new password")
		if w.emailOf(w.ann) != w.ann.Email || thief.signedIn() {
			t.Errorf("%q, the other goes on: %v", w.emailOf(w.ann), thief.signedIn())
		}
		for _, pass := range []string{password, better} {
			for _, email := range []string{w.ann.Email, newAddress} {
				w.browser().signIn(email, pass).says(http.StatusUnprocessableEntity, notRight)
			}
		}
		owner.post(undo).says(http.StatusGone, "This link has expired or was already used")
		owner.get(undo).says(http.StatusGone, "contact Support")
		if m, n := w.mailed("Your email address was changed back"); n != 1 || m.To != newAddress {
			t.Errorf("%d notices to the other address: %+v", n, m)
		}
		m, n := w.mailed("Choose a new password")
		if n != 1 || m.To != w.ann.Email {
			t.Fatalf("%d reset links: %+v", n, m)
		}
		at := path(m.Links[0])
		owner.prove(at)
		owner.choose(at, better).beside("new_password", "not one of your last 6") // the thief's own choice
		owner.choose(at, "Third1-one!here").goesTo("/reset/done")
		owner.signIn(w.ann.Email, "Third1-one!here").goesTo("/")
	})
}

func TestUndoOfTwoChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		b.post(b.emailLink(newAddress)).goesTo("/profile/account")
		m, _ := w.mailed("Your email address was changed")
		first := path(m.Links[0])
		w.clock.Advance(time.Minute)
		b.post(b.emailLink("third@new.example")).goesTo("/profile/account")
		m, _ = w.mailed("Your email address was changed")
		second := path(m.Links[0])
		if m.To != newAddress || first == second {
			t.Fatalf("%+v", m)
		}
		w.browser().post(first).goesTo("/email/undone")
		w.browser().post(second).says(http.StatusGone, "This link has expired") // whoever held the account in between gets nothing back
		if w.emailOf(w.ann) != w.ann.Email {
			t.Error(w.emailOf(w.ann))
		}
	})
}

func TestUndoLinkLives7DaysAndYieldsToAnotherAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		b.post(b.emailLink(newAddress)).goesTo("/profile/account")
		m, _ := w.mailed("Your email address was changed")
		undo := path(m.Links[0])
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := w.Create(ctx, tx, actor.ByProgram("test"), account.NewUser{Email: w.ann.Email, First: "N", Last: "N", Cell: "+12065550155", Role: actor.Patient})
			return err
		})
		w.browser().post(undo).says(http.StatusConflict, "Another account uses this email address")
		if w.emailOf(w.ann) != newAddress || !b.signedIn() {
			t.Error("half undone")
		}
		w.clock.Advance(7 * 24 * time.Hour)
		w.browser().get(undo).says(http.StatusGone, "This link has expired or was already used")
		w.browser().post(undo).says(http.StatusGone, "This link has expired or was already used")
		w.browser().get("/email/undo/nonsense").says(http.StatusGone, "This link has expired or was already used")
	})
}

// TestLinksAreNotMixed: a link of one kind opens nothing of another.
func TestLinksAreNotMixed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		reset := strings.TrimPrefix(w.ask(w.browser(), w.pat), "/reset/")
		confirm := strings.TrimPrefix(b.emailLink(newAddress), "/profile/email/confirm/")
		for _, at := range []string{"/email/undo/" + reset, "/email/undo/" + confirm, "/profile/email/confirm/" + reset, "/reset/" + confirm + "/password"} {
			b.post(at, "new_password", better, "confirm_password", better).says(http.StatusGone, "This link has expired or was already used")
		}
		b.post("/profile/email/confirm/" + confirm).goesTo("/profile/account")
		m, _ := w.mailed("Your email address was changed")
		undo := strings.TrimPrefix(path(m.Links[0]), "/email/undo/")
		for _, at := range []string{"/reset/" + undo + "/password", "/profile/email/confirm/" + undo} {
			b.post(at, "new_password", better, "confirm_password", better).says(http.StatusGone, "This link has expired or was already used")
		}
	})
}

// TestAddressesAreNotLogged: neither address nor link stands in a log line.
func TestAddressesAreNotLogged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		at := b.emailLink(newAddress)
		b.post(at).goesTo("/profile/account")
		m, _ := w.mailed("Your email address was changed")
		undo := path(m.Links[0])
		w.browser().post(undo).goesTo("/email/undone")
		b.signIn(w.ann.Email, password)
		w.logMu.Lock()
		defer w.logMu.Unlock()
		for _, private := range []string{newAddress, w.ann.Email, strings.TrimPrefix(at, "/profile/email/confirm/"), strings.TrimPrefix(undo, "/email/undo/")} {
			if strings.Contains(w.log.String(), private) {
				t.Errorf("the log holds %s", private)
			}
		}
	})
}
