package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/notify"
)

const day = 24 * time.Hour

// remindTemplate is the e-mail that a password expires soon.
const remindTemplate = "account.password_expires"

// remindPage is how many people one act reads.
const remindPage = 200

// RemindOfPasswords sends the reminders that are due: so many days before a password expires, one e-mail each, however
// often and on however many nodes this runs. Of several that are due (the portal was down) only the last goes out. Run
// it every hour.
func (s *Service) RemindOfPasswords(ctx context.Context) error {
	if s.set.MaxAge <= 0 {
		return nil
	}
	days := slices.Sorted(slices.Values(s.set.Reminders))
	from := 0
	for _, d := range slices.Compact(days) {
		if err := s.remindBetween(ctx, from, d); err != nil {
			return err
		}
		from = d
	}
	return nil
}

// remindBetween reminds those whose passwords expire in more than some days and in at most others, of the latter.
func (s *Service) remindBetween(ctx context.Context, more, most int) error {
	born := s.o.Clock.Now().Add(-s.set.MaxAge) // the oldest password that is still good was set then
	due := reminderDue{after: clock.Micros(born.Add(time.Duration(more) * day)), until: clock.Micros(born.Add(time.Duration(most) * day)), days: most}
	for {
		page, err := listDue(ctx, s.o.DB, due, remindPage)
		if err != nil {
			return fmt.Errorf("list expiring passwords: %w", err)
		}
		for _, u := range page {
			if err := s.remind(ctx, u, most); err != nil {
				return err
			}
			due.after, due.last = u.PasswordAt, u.ID
		}
		if len(page) < remindPage {
			return nil
		}
	}
}

// remind notes the reminder and sends it, together or not at all. Who was faster elsewhere has sent it already.
func (s *Service) remind(ctx context.Context, u User, days int) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		first, err := noteReminder(ctx, tx, u, days)
		if err != nil {
			return fmt.Errorf("note a reminder: %w", err)
		}
		if !first {
			return nil
		}
		return s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: u.Email, Template: remindTemplate, UserID: u.ID, PracticeID: u.PracticeID,
			Params: notify.Params{"user": u.ID, "at": strconv.FormatInt(u.PasswordAt, 10)}})
	})
}

// renderReminder writes the e-mail with the days that are left when it leaves. A password changed or expired since
// needs none.
func (s *Service) renderReminder(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
	u, err := s.Find(ctx, r, p["user"])
	if fault.Is(err, fault.NotFound) {
		return notify.Content{}, errors.Join(err, notify.ErrDrop)
	}
	if err != nil {
		return notify.Content{}, err
	}
	days, ok := s.daysLeft(u)
	if !ok || strconv.FormatInt(u.PasswordAt, 10) != p["at"] || u.State == "deactivated" || s.expired(u.PasswordAt, clock.Micros(s.o.Clock.Now())) {
		return notify.Content{}, notify.ErrDrop
	}
	link := s.o.Notify.URL("/password")
	return notify.Content{Subject: "Your password expires " + InDays(days), Links: []string{link},
		Body: "The password of your account expires " + InDays(days) + ". To choose a new one now, sign in and open Change Password:\n\n" + link +
			"\n\nIf you do nothing, you will be asked for a new password when you next sign in after that."}, nil
}

// InDays says when something is that lies so many days ahead: "today", "tomorrow", "in 12 days".
func InDays(days int) string {
	switch {
	case days < 1:
		return "today"
	case days == 1:
		return "tomorrow"
	}
	return "in " + strconv.Itoa(days) + " days"
}

// daysLeft is in how many days of the person's own calendar the password expires; ok is false when it does not.
func (s *Service) daysLeft(u User) (days int, ok bool) {
	if s.set.MaxAge <= 0 || u.PasswordAt == 0 {
		return 0, false
	}
	zone := cmp.Or(Location(u.Zone), time.UTC)
	end := clock.Time(u.PasswordAt).Add(s.set.MaxAge)
	return int(date(end, zone).Sub(date(s.o.Clock.Now(), zone)) / day), true
}

// date is a moment's day in a zone, as midnight in UTC, so that days can be counted where clocks change.
func date(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// PasswordWarning is in how many days a signed-in person's password expires, once that is to be warned of: from the
// first reminder on.
func (s *Service) PasswordWarning(ctx context.Context, userID string) (days int, warn bool, err error) {
	u, err := s.Find(ctx, s.o.DB, userID)
	if err != nil || len(s.set.Reminders) == 0 {
		return 0, false, err
	}
	days, ok := s.daysLeft(u)
	return days, ok && days <= slices.Max(s.set.Reminders), nil
}
