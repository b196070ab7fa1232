package account_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

const aDay = 24 * time.Hour

// remind runs the hourly work and lets its e-mails leave.
func (w *world) remind() {
	w.t.Helper()
	must(w.t, w.RemindOfPasswords(w.t.Context()))
	must(w.t, w.jobs.Wait(w.t.Context()))
}

// reminders are the subjects of the reminders sent to a person, oldest first.
func (w *world) reminders(u account.User) (subjects []string) {
	w.t.Helper()
	for _, m := range w.mail() {
		if m.To == u.Email && strings.HasPrefix(m.Subject, "Your password expires") {
			subjects = append([]string{m.Subject}, subjects...)
		}
	}
	return subjects
}

func wantReminders(t *testing.T, w *world, u account.User, want ...string) {
	t.Helper()
	got := w.reminders(u)
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("reminders %q, want %q", got, want)
	}
}

const (
	in14     = "Your password expires in 14 days"
	in7      = "Your password expires in 7 days"
	tomorrow = "Your password expires tomorrow"
)

func TestRemindersOnceEach(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		hour := func(n int) { // as the program does, every hour
			for range n {
				w.remind()
				w.clock.Advance(time.Hour)
			}
		}
		w.clock.Advance(76*aDay - 2*time.Hour)
		hour(2)
		wantReminders(t, w, w.pat)
		hour(7*24 - 1)
		wantReminders(t, w, w.pat, in14)
		hour(6 * 24)
		wantReminders(t, w, w.pat, in14, in7)
		hour(3 * 24)
		wantReminders(t, w, w.pat, in14, in7, tomorrow)
		wantReminders(t, w, w.ann, in14, in7, tomorrow)
		for _, m := range w.mail() {
			if m.Subject == in7 && (len(m.Links) != 1 || m.Links[0] != "https://portal.example/password" || !strings.Contains(m.Text, "expires in 7 days")) {
				t.Errorf("it says %q with %q", m.Text, m.Links)
			}
		}
	})
}

// After a time without the program only the last of the reminders that were missed goes out.
func TestMissedRemindersAreNotCaughtUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.clock.Advance(84 * aDay)
		w.remind()
		w.remind()
		wantReminders(t, w, w.pat, "Your password expires in 6 days")
		w.clock.Advance(30 * aDay)
		w.remind()
		wantReminders(t, w, w.pat, "Your password expires in 6 days") // it is too late
	})
}

func TestRemindersBeginAnewWithTheNextPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.clock.Advance(77 * aDay)
		w.remind()
		b := w.enter(w.pat)
		b.post("/password", "current_password", password, "new_password", better, "confirm_password", better).goesTo("/password/done")
		w.remind()
		w.clock.Advance(13 * aDay)
		w.remind()
		wantReminders(t, w, w.pat, "Your password expires in 13 days") // of the old one
		w.clock.Advance(64 * aDay)                                     // 77 days after the change
		w.remind()
		wantReminders(t, w, w.pat, "Your password expires in 13 days", "Your password expires in 13 days")
	})
}

// Many at once are two nodes, or a process that was killed and its successor.
func TestManyRemindAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.clock.Advance(83 * aDay)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := w.RemindOfPasswords(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, u := range []account.User{w.ann, w.pat, w.sam} {
			wantReminders(t, w, u, in7)
		}
	})
}

// Whoever is killed between two people doubles nobody and forgets nobody, and a reminder is noted only with its e-mail.
func TestKilledWhileReminding(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.clock.Advance(83 * aDay)
		for n := range 8 { // ends a little later each time
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*time.Millisecond)
			if err := w.RemindOfPasswords(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			cancel()
			if noted, sent := w.number("SELECT COUNT(*) FROM account_reminder"), w.number("SELECT COUNT(*) FROM notify_message WHERE template = 'account.password_expires'"); noted != sent {
				t.Fatalf("%d noted, %d sent", noted, sent)
			}
		}
		w.remind()
		for _, u := range []account.User{w.ann, w.pat, w.sam} {
			wantReminders(t, w, u, in7)
		}
	})
}

func TestWhoIsNotReminded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, "UPDATE account_user SET state = 'deactivated' WHERE id = $1", w.pat.ID); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE account_user SET password_hash = NULL, password_at = NULL WHERE id = $1", w.sam.ID)
			return err
		})
		w.clock.Advance(83 * aDay)
		w.remind()
		wantReminders(t, w, w.pat)
		wantReminders(t, w, w.sam)
		wantReminders(t, w, w.ann, in7)
	})
	for name, change := range map[string]func(*account.Settings){
		"passwords do not expire": func(s *account.Settings) { s.MaxAge = -1 },
		"no reminders":            func(s *account.Settings) { s.Reminders = []int{} },
	} {
		w := newWorld(t, dbtest.SQLite(t), change)
		w.clock.Advance(83 * aDay)
		w.remind()
		if n := len(w.reminders(w.pat)); n != 0 {
			t.Errorf("%s: %d", name, n)
		}
		if _, warn, err := w.PasswordWarning(t.Context(), w.pat.ID); warn || err != nil {
			t.Errorf("%s: warned, %v", name, err)
		}
	}
}

// An e-mail that waited says the days that are left when it leaves, and stays at home when the password was changed.
func TestLateReminder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.clock.Advance(83 * aDay)
		must(t, w.jobs.Stop(t.Context()))
		must(t, w.RemindOfPasswords(t.Context()))
		w.clock.Advance(2 * aDay)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE account_user SET password_at = password_at + 1 WHERE id = $1", w.ann.ID)
			return err
		})
		must(t, w.jobs.Start(t.Context()))
		wantReminders(t, w, w.pat, "Your password expires in 5 days")
		wantReminders(t, w, w.ann)
	})
}

func TestWarning(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			at   time.Duration
			days int
			warn bool
		}{
			{0, 90, false}, {75 * aDay, 15, false}, {76 * aDay, 14, true}, {78 * aDay, 12, true}, {89 * aDay, 1, true},
			{90*aDay - time.Hour, 0, true}, // nine in the morning in Los Angeles: an hour is left today
		} {
			w.clock.Set(start.Add(c.at))
			days, warn, err := w.PasswordWarning(t.Context(), w.pat.ID)
			if days != c.days || warn != c.warn || err != nil {
				t.Errorf("after %v: %d days, %v, %v", c.at, days, warn, err)
			}
		}
	})
	for days, want := range map[int]string{-1: "today", 0: "today", 1: "tomorrow", 2: "in 2 days", 14: "in 14 days"} {
		if got := account.InDays(days); got != want {
			t.Errorf("%d: %q", days, got)
		}
	}
}

// More people than a page holds, all of whom were set up in the same moment.
func TestRemindersByPages(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	const n = 450
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		for i := range n {
			_, err := tx.Exec(ctx, `
				INSERT INTO account_user (id, email, email_canon, role, owner_id, is_manager, tier, first_name, last_name, name_canon, phone, cell, zone, ada_number, specialties,
					two_step, state, wrong_tries, password_hash, password_at, created_at, version)
				SELECT id || $2, $2 || email, $2 || email_canon, role, owner_id, is_manager, tier, first_name, last_name, name_canon, phone, cell, zone, ada_number, specialties,
					two_step, state, wrong_tries, password_hash, password_at, created_at, version
				FROM account_user
				WHERE id = $1`, w.pat.ID, "x"+string(rune('a'+i/26))+string(rune('a'+i%26)))
			if err != nil {
				return err
			}
		}
		return nil
	})
	w.clock.Advance(83 * aDay)
	w.remind()
	w.remind()
	if got := w.number("SELECT COUNT(*) FROM notify_message WHERE template = 'account.password_expires'"); got != n+3 {
		t.Errorf("%d reminders, want %d", got, n+3)
	}
}
