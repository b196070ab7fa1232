package account_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/fault"
)

// growing is the lock of policy modern.
func growing(s *account.Settings) { s.LockFor, s.LockMost = time.Minute, 5*time.Minute }

// A lock that opens by itself lasts twice as long each time, and allows one try in between.
func TestLockGrows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		wrong := func() {
			t.Helper()
			b.signIn(w.pat.Email, "wrong").says(422, notRight)
		}
		closed := func(why string) {
			t.Helper()
			b.signIn(w.pat.Email, password).says(422, notRight)
			if got := w.standing(w.pat); got != "locked" {
				t.Errorf("%s: %s", why, got)
			}
		}
		for range 5 {
			wrong()
		}
		for _, lasts := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
			closed("just locked")
			w.clock.Advance(lasts - time.Second)
			closed("a second before " + lasts.String())
			w.clock.Advance(time.Second)
			wrong() // the one try
		}
		w.clock.Advance(5 * time.Minute)
		b.signIn(w.pat.Email, password).goesTo("/")
		if n := w.number("SELECT COUNT(*) FROM account_lock"); n != 0 {
			t.Error("a right password did not begin the count anew")
		}
		b = w.browser()
		for range 4 {
			wrong()
		}
		b.signIn(w.pat.Email, password).goesTo("/") // all five tries again
		if m, n := w.mailed("Your account is locked"); n != 1 || !strings.Contains(m.Text, "opens by itself after 1 minute") {
			t.Errorf("%d notices on one day: %s", n, m.Text)
		}
		if n := w.number("SELECT COUNT(*) FROM audit_event WHERE action = 'signin.unlocked' AND subject_id = $1", w.pat.ID); n != 6 {
			t.Errorf("%d openings in the trail", n)
		}
	}, growing)
}

func TestResetEndsAGrowingLock(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 5 {
			b.signIn(w.pat.Email, "wrong")
		}
		b.choose(w.ask(b, w.pat), better).goesTo("/reset/done")
		b.signIn(w.pat.Email, better).goesTo("/")
		if n := w.number("SELECT COUNT(*) FROM account_lock"); n != 0 {
			t.Error("the count of locks went on")
		}
	}, growing)
}

// Without a delay, or when the setting was taken back, only a reset or Support opens.
func TestClassicLockStays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 5 {
			b.signIn(w.pat.Email, "wrong")
		}
		w.clock.Advance(12 * time.Hour)
		b.signIn(w.pat.Email, password).says(422, notRight)
		if got := w.standing(w.pat); got != "locked" {
			t.Errorf("%s", got)
		}
	})
}

// However many come at once, a lock counts once, and when it is over one try is looked at.
func TestManyAtAGrowingLock(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		rush := func() {
			var wg sync.WaitGroup
			for range 30 {
				wg.Go(func() {
					if _, err := signIn(w, w.pat.Email, "wrong"); !fault.Is(err, fault.Invalid) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		for times := range int64(3) {
			rush()
			if n := w.number("SELECT times FROM account_lock WHERE user_id = $1", w.pat.ID); n != times+1 || w.standing(w.pat) != "locked" {
				t.Fatalf("after rush %d: %d locks, %s", times+1, n, w.standing(w.pat))
			}
			if n := w.number("SELECT COUNT(*) FROM audit_event WHERE action = 'signin.locked'"); n != times+1 {
				t.Errorf("%d lines of a lock in the trail", n)
			}
			w.clock.Advance(time.Minute << times)
		}
	}, growing)
}
