package account_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

func (w *world) enter(u account.User) *browser {
	w.t.Helper()
	return w.enterWith(u, password)
}

func (w *world) actorOf(b *browser) actor.Actor {
	w.t.Helper()
	a, ok, err := w.Session(w.t.Context(), b.session())
	must(w.t, err)
	if !ok {
		w.t.Fatal("no session")
	}
	return a
}

func TestSessionCookie(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		p := b.signIn(w.ann.Email, password)
		var session string
		for _, c := range p.header["Set-Cookie"] {
			if strings.HasPrefix(c, "__Host-sp_session=") {
				session = c
			}
		}
		for _, want := range []string{"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
			if !strings.Contains(session, want) {
				t.Errorf("%s is missing in %q", want, session)
			}
		}
		if n := w.number("SELECT COUNT(*) FROM account_session WHERE token_hash = $1", []byte(b.session())); n != 0 {
			t.Error("the token itself is stored")
		}
		first := b.session()
		b.signIn(w.ann.Email, password).goesTo("/")
		if b.session() == first {
			t.Error("the same cookie after a new sign-in")
		}
		if _, ok, _ := w.Session(t.Context(), first); ok {
			t.Error("this browser's earlier session was left behind")
		}
		for _, token := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 10_000), "\x00", "' OR 1=1"} {
			if a, ok, err := w.Session(t.Context(), token); ok || err != nil {
				t.Errorf("%.20q: %+v, %v", token, a, err)
			}
		}
	})
}

func TestActorOfASession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.actorOf(w.enter(w.ann))
		if a.Kind != actor.User || a.ID != w.ann.ID || a.PracticeID != w.ann.PracticeID || a.OwnerID != w.ann.PracticeID || a.Role != actor.Doctor || !a.Paid || a.Manager || a.Zone != account.DefaultZone {
			t.Errorf("%+v", a)
		}
		p := w.actorOf(w.enter(w.pat))
		if p.PracticeID != "" || p.OwnerID != p.ID || p.Paid || p.Role != actor.Patient {
			t.Errorf("%+v", p)
		}
		b := w.enter(w.ann)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return w.SetManager(ctx, tx, actor.ByProgram("t"), w.ann.ID, true)
		})
		if b.signedIn() {
			t.Error("a session carries an old role")
		}
		if a := w.actorOf(w.enter(w.ann)); !a.Manager {
			t.Error("no manager after it was granted")
		}
		b = w.enter(w.ann)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return w.SetManager(ctx, tx, actor.ByProgram("t"), w.ann.ID, false)
		})
		if b.signedIn() {
			t.Error("a session carries the role that was taken")
		}
		for _, subject := range []string{"You are now a User Manager", "You are no longer a User Manager"} {
			if m, n := w.mailed(subject); n != 1 || m.To != w.ann.Email {
				t.Errorf("%q was sent %d times, to %s", subject, n, m.To)
			}
		}
	})
}

func TestSessionEndsAfter30IdleMinutes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.pat)
		w.clock.Advance(30*time.Minute - time.Second)
		if !b.signedIn() { // an act
			t.Fatal("ended too early")
		}
		w.clock.Advance(30*time.Minute - time.Second)
		b.do(b.request(http.MethodGet, "/poll", nil)).says(http.StatusOK)
		w.clock.Advance(time.Second)
		b.get("/").goesTo("/signin")
		if p := b.get("/poll"); p.status != http.StatusUnauthorized {
			t.Errorf("a poll got %d and kept the session", p.status)
		}
	})
}

func TestStaySignedIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.pat)
		w.clock.Advance(25 * time.Minute)
		if p := b.post("/session/keep"); p.status != http.StatusNoContent {
			t.Fatalf("keep: %d", p.status)
		}
		w.clock.Advance(29 * time.Minute)
		if !b.signedIn() {
			t.Error("not kept")
		}
		if p := w.browser().post("/session/keep"); p.status == http.StatusNoContent {
			t.Error("kept without a session")
		}
	})
}

func TestSessionEndsAfterTwelveHours(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.pat)
		for range 35 {
			w.clock.Advance(20 * time.Minute)
			if !b.signedIn() {
				t.Fatal("ended while used")
			}
		}
		w.clock.Advance(20 * time.Minute)
		if b.signedIn() {
			t.Error("still there after 12 hours")
		}
		must(t, w.SweepSessions(t.Context()))
		if n := w.number("SELECT COUNT(*) FROM account_session"); n != 0 {
			t.Errorf("%d rows left", n)
		}
	})
}

func TestTouchWritesAtMostEvery30Seconds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.pat)
		seen := func() int64 { return w.number("SELECT seen_at FROM account_session") }
		first := seen()
		for _, c := range []struct {
			after time.Duration
			wrote bool
		}{{0, false}, {29 * time.Second, false}, {time.Second, true}, {29 * time.Second, false}, {time.Second, true}} {
			w.clock.Advance(c.after)
			before := seen()
			b.get("/")
			if (seen() != before) != c.wrote {
				t.Errorf("after %v: %d then %d (began %d)", c.after, before, seen(), first)
			}
		}
		if seen() != w.clock.Now().UnixMicro() {
			t.Error("the last act is not the one that was noted")
		}
	})
}

func TestSignOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, phone := w.enter(w.pat), w.enter(w.pat)
		token := b.session()
		if p := b.get("/signout"); p.status != http.StatusMethodNotAllowed || !b.signedIn() {
			t.Errorf("a link signs out: %d", p.status)
		}
		b.post("/signout").goesTo("/signin?out=1")
		b.get("/signin?out=1").says(http.StatusOK, "You are signed out.")
		if _, ok, _ := w.Session(t.Context(), token); ok || b.session() != "" {
			t.Error("the session goes on")
		}
		if !phone.signedIn() {
			t.Error("another device was signed out")
		}
		w.browser().post("/signout").goesTo("/signin?out=1")
	})
}

func TestSignOutEndsAHalfDoneSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn(w.pat.Email, password).goesTo("/terms/new")
		b.post("/signout").goesTo("/signin?out=1")
		b.post("/terms/new", "agree", "2027-01-01").goesTo("/signin")
	}, func(s *account.Settings) { s.TermsVersion = "2027-01-01" })
}

func TestChangePassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, phone := w.enter(w.ann), w.enter(w.ann)
		before := w.actorOf(b)
		w.clock.Advance(time.Minute)
		reset := w.ask(w.browser(), w.ann)
		b.get("/password").says(http.StatusOK, "Change Password", "Current Password", "New Password", "Confirm Password", "Password Instructions", "Save", "Cancel")
		change := func(current, pass, confirm string) page {
			return b.post("/password", "current_password", current, "new_password", pass, "confirm_password", confirm)
		}
		p := change("", "", "x")
		p.beside("current_password", "Enter your current password").beside("new_password", "Enter a password").beside("confirm_password", "Re-enter the same password")
		change("wrong", better, better).beside("current_password", "Your current password is not right")
		change(password, "x", "x").beside("new_password", "Password must be at least 8 characters")
		change(password, password, password).beside("new_password", "Choose a password that is not one of your last 6 passwords")
		change(password, "Harbor9-dental!", "Harbor9-dental!").beside("new_password", "Choose a password without your name, your email address or your practice's name")
		if strings.Contains(change(password, "Visible1!x", "y").raw, "Visible1!x") {
			t.Error("the page shows a password")
		}
		old := b.session()
		change(password, better, better).goesTo("/password/done")
		b.get("/password/done").says(http.StatusOK, "Your password is changed.")
		after := w.actorOf(b)
		if after.SessionID != before.SessionID || b.session() == old {
			t.Errorf("session %s became %s, new token %v", before.SessionID, after.SessionID, b.session() != old)
		}
		if _, ok, _ := w.Session(t.Context(), old); ok {
			t.Error("the old token still works")
		}
		if phone.signedIn() {
			t.Error("another device is still signed in")
		}
		w.browser().get(reset).says(http.StatusGone, "This link has expired")
		if _, n := w.mailed("Your password was changed"); n != 1 {
			t.Errorf("%d notices", n)
		}
		w.browser().signIn(w.ann.Email, password).says(http.StatusUnprocessableEntity, notRight)
	})
}

func TestGuessesAtTheCurrentPasswordAreLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.pat)
		change := func(current, pass string) page {
			return b.post("/password", "current_password", current, "new_password", pass, "confirm_password", pass)
		}
		for range 20 { // what the new one lacks costs nothing
			change(password, "short").says(http.StatusUnprocessableEntity)
		}
		for range 10 {
			change("guess", better).beside("current_password", "Your current password is not right")
		}
		change(password, better).says(http.StatusTooManyRequests, "Too many tries. Try again in 15 minutes.")
		w.clock.Advance(15 * time.Minute)
		change(password, better).goesTo("/password/done")
	})
}

func TestHistoryKeepsSix(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enter(w.pat)
		nth := func(i int) string { return string(rune('A'+i)) + "quatic-7#reef" }
		current := password
		for i := range 6 {
			w.clock.Advance(time.Minute)
			b.post("/password", "current_password", current, "new_password", nth(i), "confirm_password", nth(i)).goesTo("/password/done")
			current = nth(i)
		}
		w.clock.Advance(15 * time.Minute)
		for i := range 6 {
			b.post("/password", "current_password", current, "new_password", nth(i), "confirm_password", nth(i)).beside("new_password", "Choose a password that is not one of your last 6 passwords")
		}
		w.clock.Advance(15 * time.Minute)
		b.post("/password", "current_password", current, "new_password", password, "confirm_password", password).goesTo("/password/done")
		if n := w.number("SELECT COUNT(*) FROM account_password WHERE user_id = $1", w.pat.ID); n != 6 {
			t.Errorf("%d earlier passwords are kept", n)
		}
	})
}

// TestTwoChangesAtOnce: of two changes made from the same password one is refused.
func TestTwoChangesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, b := w.actorOf(w.enter(w.pat)), w.actorOf(w.enter(w.pat))
		errs := make(chan error, 2)
		for _, by := range []actor.Actor{a, b} {
			pass := "Mine-7#" + by.SessionID
			go func() {
				_, err := w.ChangePassword(t.Context(), by, account.Change{Current: password, New: pass, Confirm: pass})
				errs <- err
			}()
		}
		err1, err2 := <-errs, <-errs
		if (err1 == nil) == (err2 == nil) {
			t.Errorf("%v and %v, want one refused", err1, err2)
		}
		for _, err := range []error{err1, err2} {
			if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.SignIn) && !fault.Is(err, fault.Invalid) {
				t.Errorf("err %v", err)
			}
		}
	})
}
