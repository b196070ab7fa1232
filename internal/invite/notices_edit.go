package invite

import (
	"context"

	"securepractice/internal/db"
	"securepractice/internal/notify"
)

// registerEditNotices makes the e-mails around corrections known. They name nobody who was invited.
func (s *Service) registerEditNotices() {
	s.o.Notify.Register(notify.Template{Name: "invite.replaced", Render: s.writeReplaced})
	s.o.Notify.Register(notify.Template{Name: "invite.held", Render: s.writeHeld})
	s.o.Notify.Register(notify.Template{Name: "invite.number", Render: s.writeNumber})
}

// writeReplaced tells the old address, which may be a stranger's.
func (s *Service) writeReplaced(context.Context, db.Reader, notify.Params) (notify.Content, error) {
	return notify.Content{Subject: "A link we sent you no longer works", Body: "An invitation to " + s.o.Notify.Product() +
		" that was sent to this address has been changed, so its link no longer works.\n\nYou need not do anything. If you expected a message, ask the practice that wrote to you."}, nil
}

func (s *Service) writeHeld(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
	i, err := s.Find(ctx, r, p["invitation"])
	if err != nil {
		return notify.Content{}, err
	}
	if i.State != "held" {
		return notify.Content{}, notify.ErrDrop
	}
	from, ask, err := s.from(ctx, r, i)
	if err != nil {
		return notify.Content{}, err
	}
	link := s.o.Notify.URL("/mail/held/" + i.ID)
	return notify.Content{Subject: "A secure message waits for you", Links: []string{link},
		Body: from + " sent you a secure message. To open it, sign in and confirm the phone number they know you by:\n\n" + link + ask}, nil
}

// writeNumber leads the reader to where they can help: to the person, for those who may correct them.
func (s *Service) writeNumber(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
	i, err := s.Find(ctx, r, p["invitation"])
	if err != nil {
		return notify.Content{}, err
	}
	if !i.Editable() || i.WrongNumberAt == 0 {
		return notify.Content{}, notify.ErrDrop
	}
	link, what := s.o.Notify.URL("/support/u/"+i.ID), "To see whom it concerns, open:"
	if !i.BySupport {
		who, err := s.o.Account.Find(ctx, r, p["to"])
		if err != nil {
			return notify.Content{}, err
		}
		link, what = s.o.Notify.URL("/mail/sent"), "Ask your practice's User Manager or Support to correct it. You see whom it concerns in Sent:"
		if who.Manager && who.PracticeID == i.PracticeID {
			link, what = s.o.Notify.URL("/users/"+i.ID), "To correct it and invite them again, open:"
		}
	}
	return notify.Content{Subject: "A phone number needs to be corrected", Links: []string{link},
		Body: "Someone who was invited says that a phone number they were invited with is not theirs, so they cannot get their secret code. " + what + "\n\n" + link}, nil
}
