package account_test

import (
	"context"
	"fmt"
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

// ask asks for a reset link and reads it from the e-mail; it is the address of the flow.
func (w *world) ask(b *browser, u account.User) string {
	w.t.Helper()
	w.clock.Advance(time.Second)
	b.post("/forgot", "email", u.Email).goesTo("/forgot/sent")
	m, _ := w.mailed("Reset your password")
	if m.To != u.Email || len(m.Links) != 1 {
		w.t.Fatalf("no link for %s: %+v", u.Email, m)
	}
	return path(m.Links[0])
}

// prove goes through the code steps of a reset.
func (b *browser) prove(at string) {
	b.w.t.Helper()
	b.w.clock.Advance(time.Second)
	b.post(at+"/method", "method", "text_cell").goesTo(at + "/code")
	b.post(at+"/code", "code", b.w.code()).goesTo(at + "/password")
}

func (b *browser) choose(at, pass string) page {
	b.w.t.Helper()
	return b.post(at+"/password", "new_password", pass, "confirm_password", pass)
}

func TestForgotNeverTells(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.get("/forgot").says(http.StatusOK, "Forgot Password", "Your Email Address", "Back to sign in")
		for _, bad := range []string{"", "nonsense", "a@b", "a b@x.example", "a\x00@", strings.Repeat("a", 300) + "@x.example"} {
			b.post("/forgot", "email", bad).beside("email", "Enter an email address in the right format, like name@example.org")
		}
		said := func(email string) string {
			b := w.browser()
			p := b.post("/forgot", "email", email).goesTo("/forgot/sent")
			p.header.Del("Set-Cookie") // the sentence, sealed
			return strings.ReplaceAll(b.get("/forgot/sent").says(http.StatusOK, "If "+email+" has an account, we sent instructions. Check your junk folder for notify@portal.example.").raw, email, "") + fmt.Sprint(p.header)
		}
		if said(w.pat.Email) != said("nobody@else.example") {
			t.Error("the answers differ")
		}
		if _, n := w.mailed("Reset your password"); n != 1 {
			t.Errorf("%d e-mails", n)
		}
		if fmt.Sprint(w.unknown) != "[nobody@else.example]" {
			t.Errorf("unknown %v", w.unknown)
		}
	})
}

func TestResetWithoutCode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		signedIn := w.browser()
		signedIn.signIn(w.pat.Email, password).goesTo("/")
		b := w.browser()
		at := w.ask(b, w.pat)
		for range 20 {
			b.get(at).goesTo(at + "/password")
			b.get(at+"/password").says(http.StatusOK, "New password", "Confirm new password", "Password Instructions", w.pat.Email)
		}
		b.post(at+"/password", "new_password", "", "confirm_password", "").beside("new_password", "Enter a password")
		b.post(at+"/password", "new_password", better, "confirm_password", "x").beside("confirm_password", "Re-enter the same password")
		b.choose(at, "short").beside("new_password", "Password must be at least 8 characters")
		b.choose(at, password).beside("new_password", "Choose a password that is not one of your last 6 passwords")
		if !signedIn.signedIn() {
			t.Fatal("a session ended before the password was changed")
		}
		b.choose(at, better).goesTo("/reset/done")
		p := b.get("/reset/done").says(http.StatusOK, "Your password is changed.")
		if to, _ := p.Find("main a.primary").Attr("href"); to != "/signin" {
			t.Errorf("Continue leads to %q", to)
		}
		if signedIn.signedIn() {
			t.Error("another session goes on")
		}
		if m, n := w.mailed("Your password was changed"); n != 1 || m.To != w.pat.Email {
			t.Errorf("%d notices", n)
		}
		// used up
		b.get(at).says(http.StatusGone, "This link has expired or was already used", "Ask for a new link")
		b.get(at+"/method").says(http.StatusGone, "Ask for a new link")
		b.choose(at, "Third1-one!here").says(http.StatusGone, "This link has expired or was already used")
		w.browser().signIn(w.pat.Email, better).goesTo("/")
		w.browser().signIn(w.pat.Email, password).says(http.StatusUnprocessableEntity, notRight)
	})
}

func TestResetWithCode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, other := w.browser(), w.browser()
		at := w.ask(b, w.ann)
		b.get(at).goesTo(at + "/method")
		b.get(at + "/password").goesTo(at + "/method") // no step can be left out
		b.choose(at, better).goesTo(at + "/method")
		b.get(at + "/code").goesTo(at + "/method")
		// also not by going around the pages
		err := w.Reset(t.Context(), actor.Actor{}, account.Reset{Token: strings.TrimPrefix(at, "/reset/"), Browser: "b", Password: better, Confirm: better})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("without a code: %v", err)
		}
		b.prove(at)
		b.get(at+"/password").says(http.StatusOK, "Choose a new password")
		other.get(at + "/password").goesTo(at + "/method") // proved elsewhere counts for nothing
		other.choose(at, better).goesTo(at + "/method")
		b.choose(at, better).goesTo("/reset/done")
		w.browser().signIn(w.ann.Email, better).goesTo("/")
	})
}

func TestResetLinkLives24HoursAndANewerEndsIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		older := w.ask(b, w.pat)
		newer := w.ask(b, w.pat)
		b.choose(older, better).says(http.StatusGone, "This link has expired")
		w.clock.Advance(24*time.Hour - time.Second)
		b.get(newer+"/password").says(http.StatusOK, "Choose a new password")
		w.clock.Advance(time.Second)
		b.choose(newer, better).says(http.StatusGone, "This link has expired")
		b.get("/reset/nonsense").says(http.StatusGone, "This link has expired")
		b.get("/reset/"+strings.Repeat("A", 5000)+"/password").says(http.StatusGone, "This link has expired")
	})
}

func TestTwoBrowsersReset(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, b := w.browser(), w.browser()
		at := w.ask(a, w.ann)
		a.prove(at)
		b.prove(at)
		a.choose(at, better).goesTo("/reset/done")
		b.choose(at, "Other8-one!wins").says(http.StatusGone, "This link has expired or was already used")
		w.browser().signIn(w.ann.Email, better).goesTo("/")
	})
}

func TestOfManyResetsAtOnceOneWins(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := w.ask(w.browser(), w.pat)
		token := strings.TrimPrefix(at, "/reset/")
		won := make([]bool, 4) // fewer than wrong tries lock
		var wg sync.WaitGroup
		for i := range won {
			wg.Go(func() {
				pass := fmt.Sprintf("Number%d-one!wins", i)
				err := w.Reset(t.Context(), actor.Actor{}, account.Reset{Token: token, Browser: fmt.Sprint("b", i), Password: pass, Confirm: pass})
				won[i] = err == nil
				if err != nil && !fault.Is(err, fault.Gone) && !fault.Is(err, fault.Conflict) {
					t.Errorf("err %v", err)
				}
			})
		}
		wg.Wait()
		n := 0
		for i, ok := range won {
			p := w.browser().signIn(w.pat.Email, fmt.Sprintf("Number%d-one!wins", i))
			if ok {
				n++
			}
			if ok != (p.status == http.StatusSeeOther) {
				t.Errorf("reset %d said %v, its sign-in %d", i, ok, p.status)
			}
		}
		if n != 1 {
			t.Errorf("%d resets won", n)
		}
	})
}

// TestOldPasswordNeverComesBack: a sign-in that read the old password just before a reset neither restores it nor
// leaves a session.
func TestOldPasswordNeverComesBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		pass := password
		for round := range 3 {
			token := strings.TrimPrefix(w.ask(w.browser(), w.pat), "/reset/")
			next := fmt.Sprintf("Round%d-moss?tide", round)
			done := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					_, err := w.SignIn(t.Context(), actor.Actor{}, account.SignIn{Email: w.pat.Email, Password: pass, Browser: "thief"})
					if fault.Is(err, fault.Invalid) {
						return // the new password is in force
					}
				}
			})
			err := w.Reset(t.Context(), actor.Actor{}, account.Reset{Token: token, Browser: "b", Password: next, Confirm: next})
			close(done)
			wg.Wait()
			must(t, err)
			if n := w.number("SELECT COUNT(*) FROM account_session"); n != 0 {
				t.Errorf("%d sessions of the old password", n)
			}
			w.browser().signIn(w.pat.Email, pass).says(http.StatusUnprocessableEntity, notRight)
			pass = next
			w.enterWith(w.pat, pass).post("/signout").goesTo("/signin?out=1")
		}
	}, func(s *account.Settings) { s.ArgonMemory = 16 * 1024 })
}

// enterWith signs somebody in.
func (w *world) enterWith(u account.User, pass string) *browser {
	w.t.Helper()
	b := w.browser()
	b.signIn(u.Email, pass).goesTo("/")
	return b
}

func TestResetUnlocks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 5 {
			b.signIn(w.pat.Email, "wrong")
		}
		m, _ := w.mailed("Your account is locked")
		b.choose(path(m.Links[0]), better).goesTo("/reset/done")
		b.signIn(w.pat.Email, better).goesTo("/")
	})
}

func TestLockingEndsNoResetThatHasBegun(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, stranger := w.browser(), w.browser()
		at := w.ask(b, w.ann)
		b.prove(at)
		for range 6 {
			stranger.signIn(w.ann.Email, "wrong")
		}
		if m, n := w.mailed("Your account is locked"); n != 1 || path(m.Links[0]) != at {
			t.Errorf("%d notices, link %v", n, m.Links)
		}
		b.choose(at, better).goesTo("/reset/done")
	})
}

func TestResetsAreLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 8 {
			b.post("/forgot", "email", w.pat.Email).goesTo("/forgot/sent") // never tells
		}
		if _, n := w.mailed("Reset your password"); n != 5 {
			t.Errorf("%d e-mails in a day", n)
		}
		w.clock.Advance(24 * time.Hour)
		b.post("/forgot", "email", w.pat.Email)
		if _, n := w.mailed("Reset your password"); n != 6 {
			t.Errorf("%d e-mails with the next day's first", n)
		}
	})
}

func TestSupportSendsALinkAndUnlocks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		staff := actor.Actor{Kind: actor.Staff, ID: w.sam.ID, Role: actor.Support}
		try := func(by actor.Actor) (sent bool, err1, err2 error) {
			err1 = w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
				sent, err = w.SendReset(ctx, tx, by, w.pat.ID)
				return err
			})
			err2 = w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.Unlock(ctx, tx, by, w.pat.ID) })
			return sent, err1, err2
		}
		for range 5 {
			w.browser().signIn(w.pat.Email, "wrong")
		}
		for _, by := range []actor.Actor{{}, {Kind: actor.User, ID: w.ann.ID, Manager: true}, actor.ByProgram("x")} {
			if _, err1, err2 := try(by); !fault.Is(err1, fault.NotFound) || !fault.Is(err2, fault.NotFound) {
				t.Errorf("%s: %v, %v", by.Kind, err1, err2)
			}
		}
		if w.standing(w.pat) != "locked" {
			t.Fatal("unlocked by somebody else")
		}
		sent, err1, err2 := try(staff)
		must(t, err1)
		must(t, err2)
		if _, n := w.mailed("Reset your password"); !sent || n != 1 || w.standing(w.pat) != "active" {
			t.Errorf("sent %v, %d e-mails, %s", sent, n, w.standing(w.pat))
		}
		w.browser().signIn(w.pat.Email, password).goesTo("/")
	})
}

func TestStaffFromLinkToSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for field, n := range map[string]account.NewStaff{
			"email": {Email: "x", First: "Kim", Last: "Ng", Cell: "206 555 0199"}, "cell": {Email: "kim@support.example", First: "Kim", Last: "Ng", Cell: "1"},
			"name": {Email: "kim@support.example", Cell: "206 555 0199"},
		} {
			if err := w.AddStaff(t.Context(), n); fault.From(err).For(field) == "" {
				t.Errorf("%s: %v", field, err)
			}
		}
		must(t, w.AddStaff(t.Context(), account.NewStaff{Email: "kim@support.example", First: "Kim", Last: "Ng", Cell: "(206) 555-0199"}))
		if err := w.AddStaff(t.Context(), account.NewStaff{Email: "KIM@support.example", First: "Kim", Last: "Ng", Cell: "(206) 555-0199"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second one: %v", err)
		}
		m, _ := w.mailed("Set your password")
		at := path(m.Links[0])
		w.clock.Advance(7*24*time.Hour - time.Hour) // this link lives longer
		b := w.browser()
		b.choose(at, better).goesTo(at + "/method")
		b.prove(at)
		b.choose(at, better).goesTo("/reset/done?new=1&to=support")
		b.get("/reset/done?new=1&to=support").says(http.StatusOK, "Your password is set.")

		by := actor.Actor{IP: "192.0.2.9"}
		in := account.SignIn{Email: "kim@support.example", Password: better, Browser: "kims-browser", Staff: true}
		if _, err := w.SignIn(t.Context(), by, account.SignIn{Email: in.Email, Password: better, Browser: "x"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("at the users' door: %v", err)
		}
		e, err := w.SignIn(t.Context(), by, in)
		if err != nil || e.Token != "" || e.Next != "/support/method" {
			t.Fatalf("%+v, %v", e, err)
		}
		if e, found, err := w.Continue(t.Context(), by, in.Browser); err != nil || !found || e.Token != "" || e.Next != "/support/method" {
			t.Fatalf("without a code: %+v, %v", e, err)
		}
		sub, err := w.StaffFlow(t.Context(), in.Browser)
		must(t, err)
		if _, err := w.StaffFlow(t.Context(), "another"); !fault.Is(err, fault.SignIn) {
			t.Errorf("another browser: %v", err)
		}
		w.clock.Advance(time.Second)
		w.secondStep(sub.ID, in.Browser)
		e, found, err := w.Continue(t.Context(), by, in.Browser)
		if err != nil || !found || e.Token == "" || !e.Staff {
			t.Fatalf("%+v, %v", e, err)
		}
		if a, ok, err := w.Session(t.Context(), e.Token); err != nil || !ok || a.Kind != actor.Staff || a.Email != "kim@support.example" {
			t.Errorf("%+v %v %v", a, ok, err)
		}
		if _, found, err := w.Continue(t.Context(), by, in.Browser); err != nil || found {
			t.Errorf("the same code twice: %v, %v", found, err)
		}
	})
}

// secondStep sends and enters the code of a Support sign-in.
func (w *world) secondStep(userID, browser string) {
	w.t.Helper()
	f, found, err := w.verify.Flow(w.t.Context(), w.d, "signin", userID, browser, 0)
	if err != nil || !found {
		w.t.Fatalf("no flow: %v", err)
	}
	u, err := w.Find(w.t.Context(), w.d, userID)
	must(w.t, err)
	must(w.t, w.verify.SendCode(w.t.Context(), actor.Actor{IP: "192.0.2.9"}, f, staffCode(u)))
	must(w.t, w.verify.CheckCode(w.t.Context(), actor.Actor{IP: "192.0.2.9"}, f, w.code()))
}

// TestStaffChangesNothingWithoutACode: an expired password opens the page to change it only after the second step.
func TestStaffChangesNothingWithoutACode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.age()
		in := account.SignIn{Email: w.sam.Email, Password: password, Browser: "b", Staff: true}
		_, err := w.SignIn(t.Context(), actor.Actor{}, in)
		must(t, err)
		change := account.Change{Current: password, New: better, Confirm: better}
		if _, err := w.ChangeExpired(t.Context(), actor.Actor{}, "b", change); err != nil {
			t.Fatal(err)
		}
		if u, _ := w.Find(t.Context(), w.d, w.sam.ID); u.PasswordAt != w.sam.PasswordAt {
			t.Fatal("changed without a code")
		}
		w.secondStep(w.sam.ID, "b")
		e, _, err := w.Continue(t.Context(), actor.Actor{}, "b")
		if err != nil || e.Next != "/password/expired" {
			t.Fatalf("%+v, %v", e, err)
		}
		if found, err := w.ChangeExpired(t.Context(), actor.Actor{}, "b", change); err != nil || !found {
			t.Fatalf("%v %v", found, err)
		}
		if e, _, err = w.Continue(t.Context(), actor.Actor{}, "b"); err != nil || e.Token == "" || !e.Staff {
			t.Errorf("%+v, %v", e, err)
		}
	})
}
