package account_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
)

// middle is the median.
func middle(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func signIn(w *world, email, pass string) (account.Entry, error) {
	return w.SignIn(w.t.Context(), actor.Actor{Kind: actor.Visitor, IP: "192.0.2.1"}, account.SignIn{Email: email, Password: pass, Browser: "b"})
}

// With no place free for a hash the answer is Busy, the same for everybody, and counts for nothing.
func TestBusy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		var lock sync.Mutex
		busy := map[string]int{}
		for n := range 32 {
			email := []string{"pat@people.example", "nobody@people.example"}[n%2]
			wg.Go(func() {
				_, err := signIn(w, email, password)
				lock.Lock()
				defer lock.Unlock()
				switch {
				case fault.Is(err, fault.Busy):
					busy[email]++
				case err != nil && !fault.Is(err, fault.Invalid):
					t.Errorf("%s: %v", email, err)
				}
			})
		}
		wg.Wait()
		if busy["pat@people.example"] == 0 || busy["nobody@people.example"] == 0 {
			t.Errorf("turned away: %v", busy)
		}
		if n := w.number("SELECT wrong_tries FROM account_user WHERE id = $1", w.pat.ID); n != 0 || w.standing(w.pat) != "active" {
			t.Errorf("%d tries, %s", n, w.standing(w.pat))
		}
	}, func(s *account.Settings) { s.Hashers, s.ArgonMemory, s.HashWait = 1, 32*1024, time.Millisecond })
}

func TestWhoWentAwayIsNotJudged(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, email := range []string{"pat@people.example", "nobody@people.example"} {
		if _, err := w.SignIn(ctx, actor.Actor{IP: "192.0.2.1"}, account.SignIn{Email: email, Password: "wrong", Browser: "b"}); err == nil || fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", email, err)
		}
	}
	if n := w.number("SELECT wrong_tries FROM account_user WHERE id = $1", w.pat.ID); n != 0 {
		t.Errorf("%d tries", n)
	}
}

// A hash of former parameters still opens, and is made anew at the first sign-in.
func TestOldParametersAreUpgraded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old := account.New(account.Options{DB: w.d, Clock: w.clock, Notify: w.notify, Settings: account.Settings{ArgonMemory: 32}})
		hash, err := old.Hash(t.Context(), password)
		must(t, err)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE account_user SET password_hash = $2 WHERE id = $1", w.pat.ID, hash)
			return err
		})
		_, err = signIn(w, "pat@people.example", password)
		must(t, err)
		now, _, err := db.One(t.Context(), w.d, db.Scan1[string], "SELECT password_hash FROM account_user WHERE id = $1", w.pat.ID)
		must(t, err)
		if !strings.HasPrefix(now, "$argon2id$v=19$m=64,") {
			t.Errorf("stored %.40s", now)
		}
		_, err = signIn(w, "pat@people.example", password)
		must(t, err)
	})
}

// A sign-in whose password is being compared while it is changed must neither open a session nor bring the old one back.
func TestPasswordChangedDuringSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		done := make(chan error, 1)
		go func() {
			_, err := signIn(w, "pat@people.example", password)
			done <- err
		}()
		for w.number("SELECT wrong_tries FROM account_user WHERE id = $1", w.pat.ID) == 0 { // until it compares, which takes long here
			select {
			case err := <-done:
				t.Fatalf("done before it could be overtaken: %v", err)
			default:
			}
		}
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE account_user SET password_hash = 'a newer one' WHERE id = $1", w.pat.ID)
			return err
		})
		if err := <-done; !fault.Is(err, fault.Invalid) {
			t.Errorf("the old password: %v", err)
		}
		if w.number("SELECT COUNT(*) FROM account_session") != 0 || w.number("SELECT COUNT(*) FROM account_user WHERE id = $1 AND password_hash = 'a newer one'", w.pat.ID) != 1 {
			t.Error("the old password came back")
		}
	}, func(s *account.Settings) { s.ArgonMemory, s.ArgonTime = 64*1024, 3 })
}

// What cannot be read opens nothing and is an error of ours, not a wrong password.
func TestBrokenHash(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for _, phc := range []string{"x", "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA", "$argon2id$v=18$m=64,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=64,t=1,p=1$AAAA$", "$argon2id$v=19$m=64,t=1,p=1$!$!"} {
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE account_user SET password_hash = $2, wrong_tries = 0 WHERE id = $1", w.pat.ID, phc)
			return err
		})
		if _, err := signIn(w, "pat@people.example", password); err == nil || fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", phc, err)
		}
	}
}

// Unknown, wrong and locked cost the same work. Measured with real parameters, medians of some tries; the bounds are
// wide, because other tests run beside this one.
func TestSameWorkForEverybody(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), func(s *account.Settings) { s.ArgonMemory, s.WrongTries = 16*1024, 1000 })
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE account_user SET state = 'locked' WHERE id = $1", w.ann.ID)
		return err
	})
	who := []string{"pat@people.example", "nobody@people.example", "ann.lee@harbor.example"}
	took := map[string][]time.Duration{}
	for range 15 {
		for _, email := range who { // in turns, so that what else the machine does falls on all alike
			from := time.Now()
			if _, err := signIn(w, email, "Wrong-9041-x!"); !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			took[email] = append(took[email], time.Since(from))
		}
	}
	known, unknown, locked := middle(took[who[0]]), middle(took[who[1]]), middle(took[who[2]])
	t.Logf("known %v, unknown %v, locked %v", known, unknown, locked)
	for _, m := range []time.Duration{unknown, locked} {
		if m < known/2 || m > known*2 {
			t.Errorf("known %v, unknown %v, locked %v", known, unknown, locked)
		}
	}
}
