package account

import (
	"context"
	"errors"

	"securepractice/internal/db"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

// registerChangeNotices makes the e-mails about addresses and numbers known. None says which address or number it is.
func (s *Service) registerChangeNotices() {
	s.linkNotice("account.email_confirm", confirmKind, "flow", "/profile/email/confirm/", func(link string) notify.Content {
		return notify.Content{Subject: "Confirm your email address", Links: []string{link}, Body: "Someone asked to use this address for their account. If it was you, open this link within " + lasting(s.set.ResetLink) +
			", in the browser in which you asked for it:\n\n" + link + "\n\nIf it was not you, you need not do anything. Nothing changes."}
	})
	s.linkNotice("account.email_changed", undoKind, "change", "/email/undo/", func(link string) notify.Content {
		return notify.Content{Subject: "Your email address was changed", Links: []string{link}, Body: "The email address of your account was just changed, and notices go to the new one from now on.\n\nIf it was not you, undo the change within " +
			lasting(s.set.UndoLink) + ". All devices are then signed out, and you choose a new password:\n\n" + link}
	})
	s.linkNotice("account.email_restored", resetKind, "user", "/reset/", func(link string) notify.Content {
		return notify.Content{Subject: "Choose a new password", Links: []string{link}, Body: "The email address of your account is this one again, and all devices were signed out. Your old password does not work any more. To choose a new one, open this link within " +
			lasting(s.set.ResetLink) + ":\n\n" + link}
	})
	for name, c := range map[string]notify.Content{
		"account.email_taken": {Subject: "You already have an account", Body: "Someone asked to use this address for an account. It is the address of your account already, so nothing was changed.\n\n" +
			"If it was you, sign in with this address: " + s.o.Notify.URL("/signin") + "\n\nIf it was not you, you need not do anything."},
		"account.email_new":    {Subject: "Your email address is confirmed", Body: "From now on you sign in with this address, and notices are sent to it."},
		"account.email_undone": {Subject: "Your email address was changed back", Body: "The change of an account's email address to this one was undone from the old address. Notices are no longer sent here."},
		"account.phone_changed": {Subject: "Your phone number was changed", Body: "A phone number of your account was just changed, and other devices were signed out.\n\nIf it was not you, choose a new password at once and contact Support: " +
			s.o.Notify.URL("/forgot")},
	} {
		s.o.Notify.Register(notify.Template{Name: name, Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) { return c, nil }})
	}
}

// linkNotice is an e-mail with the living link of a subject that one of its parameters names; without one it is dropped.
func (s *Service) linkNotice(name, kind, param, path string, write func(link string) notify.Content) {
	s.o.Notify.Register(notify.Template{Name: name, Render: func(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
		token, err := s.o.Verify.Token(ctx, r, kind, p[param])
		if errors.Is(err, verify.ErrNoLink) {
			return notify.Content{}, notify.ErrDrop
		}
		if err != nil {
			return notify.Content{}, err
		}
		return write(s.o.Notify.URL(path + token)), nil
	}})
}
