package account

import (
	"context"
	"errors"
	"strconv"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

// registerNotices makes the room's e-mails known.
func (s *Service) registerNotices() {
	for name, write := range map[string]func(link string) notify.Content{
		"account.reset": func(link string) notify.Content {
			return notify.Content{Subject: "Reset your password", Links: []string{link}, Body: "Someone asked to reset the password of your account. To choose a new one, open this link within " + lasting(s.set.ResetLink) + ":\n\n" +
				link + "\n\nIf it was not you, you need not do anything. Your password stays as it is."}
		},
		"account.staff": func(link string) notify.Content {
			return notify.Content{Subject: "Set your password", Links: []string{link}, Body: "An account for Support was made for you. To set its password, open this link within " + lasting(s.set.StaffLink) + ":\n\n" + link +
				"\n\nWe will send a secret code to your cell phone to make sure that it is you."}
		},
		"account.locked": func(link string) notify.Content {
			return notify.Content{Subject: "Your account is locked", Links: []string{link}, Body: "The password of your account was entered wrong several times, so we have locked it. To choose a new password and open it again, follow this link within " + lasting(s.set.ResetLink) + ":\n\n" +
				link + s.opensItself() + "\n\nIf it was not you, your messages are safe. Choose a new password all the same."}
		},
	} {
		s.o.Notify.Register(notify.Template{Name: name, Render: func(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
			token, err := s.o.Verify.Token(ctx, r, resetKind, p["user"])
			if errors.Is(err, verify.ErrNoLink) {
				return notify.Content{}, notify.ErrDrop
			}
			if err != nil {
				return notify.Content{}, err
			}
			return write(s.o.Notify.URL("/reset/" + token)), nil
		}})
	}
	for name, content := range map[string]notify.Content{
		"account.manager_given": {Subject: "You are now a User Manager", Body: "You can now manage the users of your practice. To see it, sign in again.\n\nIf you did not expect this, tell Support."},
		"account.manager_taken": {Subject: "You are no longer a User Manager", Body: "You can no longer manage the users of your practice. You were signed out and can sign in again.\n\nIf you did not expect this, tell Support."},
	} {
		s.o.Notify.Register(notify.Template{Name: name, Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) { return content, nil }})
	}
	s.o.Notify.Register(notify.Template{Name: remindTemplate, Render: s.renderReminder})
	s.o.Notify.Register(notify.Template{Name: "account.password_changed", Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) {
		return notify.Content{Subject: "Your password was changed", Body: "The password of your account was just changed, and other devices were signed out.\n\nIf it was not you, choose a new password at once: " +
			s.o.Notify.URL("/forgot")}, nil
	}})
	s.registerFactorNotices()
}

// noticeLocked tells the owner of a locked account, with a link that opens it, at most once a day.
func (s *Service) noticeLocked(ctx context.Context, tx *db.Tx, u User) error {
	ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "locked notice", Max: s.set.NoticesPerDay, Window: 24 * time.Hour}, u.ID)
	if err != nil || !ok {
		return err
	}
	by := actor.ByProgram("lock")
	_, err = s.o.Verify.Token(ctx, tx, resetKind, u.ID)
	if errors.Is(err, verify.ErrNoLink) {
		_, err = s.sendReset(ctx, tx, by, u, "account.locked")
		return err
	}
	if err != nil {
		return err
	}
	// A link that lives goes on: whoever locks an account must not end a reset that its owner has begun.
	if _, err := s.o.Verify.RenewLink(ctx, tx, resetKind, u.ID, s.set.ResetLink); err != nil {
		return err
	}
	return s.sendLink(ctx, tx, by, u, "account.locked")
}

// opensItself says so of a lock that ends after a while.
func (s *Service) opensItself() string {
	if s.set.LockFor <= 0 {
		return ""
	}
	return "\n\nIf you know your password, wait: the account opens by itself after " + lasting(s.set.LockFor) + ", and later each time it is locked again."
}

// lasting is how long something works, in words.
func lasting(d time.Duration) string {
	n, unit := int(d/time.Minute), "minute"
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		n, unit = int(d/(24*time.Hour)), "day"
	case d >= time.Hour && d%time.Hour == 0:
		n, unit = int(d/time.Hour), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}
