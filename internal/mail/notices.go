package mail

import (
	"context"
	"fmt"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/notify"
)

// The notices of the room.
const (
	noticeNew     = "mail.new"
	noticeHeld    = "mail.held"
	noticeStopped = "mail.stopped"
)

// registerNotices makes the e-mails known. They name the practice and a doctor or staff who wrote, never a patient,
// and nothing of the message.
func (s *Service) registerNotices() {
	s.o.Notify.Register(notify.Template{Name: noticeNew, Render: func(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
		if err := wanted(ctx, r, p); err != nil {
			return notify.Content{}, err
		}
		from, ask, err := s.from(ctx, r, p["author"])
		link := s.o.Notify.URL("/mail/t/" + p["thread"])
		return notify.Content{Subject: "You have a new secure message", Links: []string{link},
			Body: from + " sent you a secure message. To read it, sign in:\n\n" + link + readFor(p) + ask}, err
	}})
	s.o.Notify.Register(notify.Template{Name: noticeHeld, Render: func(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
		from, ask, err := s.from(ctx, r, p["author"])
		link := s.o.Notify.URL("/mail/held/" + p["invitation"])
		return notify.Content{Subject: "A secure message waits for you", Links: []string{link},
			Body: from + " sent you a secure message. To open it, sign in and confirm the phone number they know you by:\n\n" + link + ask}, err
	}})
	s.o.Notify.Register(notify.Template{Name: noticeStopped, Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) {
		link := s.o.Notify.URL("/mail/drafts")
		return notify.Content{Subject: "A message you sent was not delivered", Links: []string{link},
			Body: "An attachment of a message you sent did not pass its check, so nothing of the message was delivered. The message is in your Drafts, where you can remove the attachment and send it again:\n\n" + link}, nil
	}})
}

// practiceOf is the practice of a doctor or staff who wrote; empty for a patient, whom no text names.
func (s *Service) practiceOf(ctx context.Context, r db.Reader, authorID string) (string, error) {
	cards, err := s.o.Account.Cards(ctx, r, []string{authorID})
	if err != nil {
		return "", fmt.Errorf("find who wrote: %w", err)
	}
	return cards[authorID].Practice, nil
}

// from names who wrote, as a notice may, and ask whom a reader can call about it.
func (s *Service) from(ctx context.Context, r db.Reader, authorID string) (from, ask string, err error) {
	cards, err := s.o.Account.Cards(ctx, r, []string{authorID})
	if err != nil {
		return "", "", fmt.Errorf("find who wrote: %w", err)
	}
	c, ok := cards[authorID]
	switch {
	case !ok:
		return "", "", fmt.Errorf("mail: the author %s of a message has no account", authorID)
	case c.Role == actor.Patient:
		return "A patient", "", nil
	case c.PracticePhone != "":
		ask = "\n\nIf you have questions, call " + c.Practice + " at " + c.PracticePhone + "."
	}
	return c.Name + " at " + c.Practice, ask, nil
}
