package invite

import (
	"context"
	"errors"
	"fmt"

	"securepractice/internal/db"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

func (s *Service) notice(ctx context.Context, tx *db.Tx, i Invitation, template string) error {
	return s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: i.Email, Template: template, Params: notify.Params{"invitation": i.ID},
		InvitationID: i.ID, PracticeID: i.PracticeID})
}

// registerNotices makes the room's e-mails known. They name the practice and, when a doctor or staff wrote, the
// sender; nothing of the message. Messages stay with the address they were written to, so who was invited in place of
// somebody else is not told of one.
func (s *Service) registerNotices() {
	s.registerEditNotices()
	for name, t := range map[string]struct {
		kind, path string
		write      func(from, link string) notify.Content
		fresh      func(from, link string) notify.Content // when nothing was written to this address yet
	}{
		"invite.message": {kind: registerKind, path: "/register/", write: func(from, link string) notify.Content {
			return notify.Content{Subject: "You have a secure message from " + from, Links: []string{link}, Body: from +
				" sent you a secure message. To read it, register once by this link. It works for 30 days:\n\n" + link +
				"\n\nRegistration is free and takes a few minutes. Have your phone at hand."}
		}, fresh: func(from, link string) notify.Content {
			return notify.Content{Subject: "You are invited to " + s.o.Notify.Product(), Links: []string{link}, Body: from +
				" invites you to read and answer secure messages. Register once by this link. It works for 30 days:\n\n" + link +
				"\n\nRegistration is free and takes a few minutes. Have your phone at hand."}
		}},
		"invite.support": {kind: signupKind, path: "/i/", write: func(from, link string) notify.Content {
			return notify.Content{Subject: "Your invitation to " + s.o.Notify.Product(), Links: []string{link}, Body: "An account was made for you at " + from +
				". To set it up, open this link. It works for 30 days:\n\n" + link + "\n\nYour email address is your user name. Have your phone at hand."}
		}},
		"invite.password": {kind: signupKind, path: "/i/", write: func(from, link string) notify.Content {
			return notify.Content{Subject: "Set your password", Links: []string{link}, Body: "You are almost done. To set your password and read the message from " + from +
				", open this link. It works for 7 days:\n\n" + link}
		}, fresh: func(from, link string) notify.Content {
			return notify.Content{Subject: "Set your password", Links: []string{link}, Body: "You are almost done. To set your password and read messages from " + from +
				", open this link. It works for 7 days:\n\n" + link}
		}},
	} {
		s.o.Notify.Register(notify.Template{Name: name, Render: func(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
			i, err := s.Find(ctx, r, p["invitation"])
			if err != nil {
				return notify.Content{}, err
			}
			token, err := s.o.Verify.Token(ctx, r, t.kind, i.ID)
			if errors.Is(err, verify.ErrNoLink) || err == nil && !i.open() {
				return notify.Content{}, notify.ErrDrop
			}
			if err != nil {
				return notify.Content{}, err
			}
			from, ask, err := s.from(ctx, r, i)
			if err != nil {
				return notify.Content{}, err
			}
			write := t.write
			if t.fresh != nil {
				moved, err := replaces(ctx, r, i.ID)
				if err != nil {
					return notify.Content{}, fmt.Errorf("look for the replaced invitation: %w", err)
				}
				if moved {
					write = t.fresh
				}
			}
			c := write(from, s.o.Notify.URL(t.path+token))
			c.Body += ask
			return c, nil
		}})
	}
	s.o.Notify.Register(notify.Template{Name: "invite.joined", Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) {
		link := s.o.Notify.URL("/")
		return notify.Content{Subject: "Someone joined your practice", Links: []string{link}, Body: "A person your practice invited has finished registering and belongs to your practice now.\n\n" + link}, nil
	}})
}

// from names who invites, the sender and the practice, or the practice alone for Support's invitations; ask says whom a
// reader who doubts can call.
func (s *Service) from(ctx context.Context, r db.Reader, i Invitation) (from, ask string, err error) {
	p, err := s.o.Practice.Find(ctx, r, i.PracticeID)
	if err != nil {
		return "", "", fmt.Errorf("the inviting practice: %w", err)
	}
	if p.Phone != "" {
		ask = "\n\nIf you have questions, call " + p.Name + " at " + p.Phone + "."
	}
	if i.BySupport {
		return p.Name, ask, nil
	}
	who, err := s.o.Account.Find(ctx, r, i.InviterID)
	if err != nil {
		return "", "", fmt.Errorf("the inviter: %w", err)
	}
	return who.Name() + " at " + p.Name, ask, nil
}
