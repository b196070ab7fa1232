package account

import (
	"context"
	"errors"
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
			return notify.Content{Subject: "Reset your password", Links: []string{link}, Body: "Someone asked to reset the password of your account. To choose a new one, open this link within 24 hours:\n\n" +
				link + "\n\nIf it was not you, you need not do anything. Your password stays as it is."}
		},
		"account.staff": func(link string) notify.Content {
			return notify.Content{Subject: "Set your password", Links: []string{link}, Body: "An account for Support was made for you. To set its password, open this link within 7 days:\n\n" + link +
				"\n\nWe will send a secret code to your cell phone to make sure that it is you."}
		},
		"account.locked": func(link string) notify.Content {
			return notify.Content{Subject: "Your account is locked", Links: []string{link}, Body: "The password of your account was entered wrong several times, so we have locked it. To choose a new password and open it again, follow this link within 24 hours:\n\n" +
				link + "\n\nIf it was not you, your messages are safe. Choose a new password all the same."}
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
	s.o.Notify.Register(notify.Template{Name: "account.password_changed", Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) {
		return notify.Content{Subject: "Your password was changed", Body: "The password of your account was just changed, and other devices were signed out.\n\nIf it was not you, choose a new password at once: " +
			s.o.Notify.URL("/forgot")}, nil
	}})
}

// noticeLocked tells the owner of a locked account, with a link that opens it, at most once a day.
func (s *Service) noticeLocked(ctx context.Context, tx *db.Tx, u User) error {
	ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "locked notice", Max: s.set.NoticesPerDay, Window: 24 * time.Hour}, u.ID)
	if err != nil || !ok {
		return err
	}
	return s.sendReset(ctx, tx, actor.ByProgram("lock"), u, "account.locked")
}
