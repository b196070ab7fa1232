package mail

import (
	"context"
	"fmt"
	"slices"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/invite"
	"securepractice/internal/notify"
)

// noticeApart tells a sender that one of several got nothing.
const noticeApart = "mail.apart"

func (s *Service) registerApart() {
	s.o.Notify.Register(notify.Template{Name: noticeApart, Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) {
		link := s.o.Notify.URL("/mail/drafts")
		return notify.Content{Subject: "A message you sent was not delivered to everybody", Links: []string{link},
			Body: "One of the people you wrote to has a patient's account here, and patients never share a conversation with others. Nothing was delivered to them. The message is in your Drafts, where you can send it to them alone:\n\n" + link}, nil
	}})
}

// keepApart takes the threads of several out of what a patient claims. Whoever was invited as a colleague may turn out to
// have a patient's account, made by another practice's invitation; patients never see other recipients. What waited for
// them goes back to Drafts of the one who began the thread, who decides what they may read.
func (s *Service) keepApart(ctx context.Context, tx *db.Tx, a invite.Accepted, threads []string) ([]string, error) {
	if a.Role != actor.Patient {
		return threads, nil
	}
	var own []string
	for _, id := range threads {
		people, invited, err := s.circle(ctx, tx, id, a.UserID)
		if err != nil {
			return nil, err
		}
		invited = slices.DeleteFunc(invited, func(i invite.Invitation) bool { return i.ID == a.InvitationID })
		if len(people)+len(invited) < 2 {
			own = append(own, id)
			continue
		}
		if err := s.returnWaiting(ctx, tx, a, id); err != nil {
			return nil, err
		}
	}
	return own, nil
}

// returnWaiting ends the waiting of a thread's messages for an invitation and makes drafts of its beginner's.
func (s *Service) returnWaiting(ctx context.Context, tx *db.Tx, a invite.Accepted, threadID string) error {
	waited, err := dropInvitation(ctx, tx, a.InvitationID, threadID)
	if err != nil {
		return fmt.Errorf("end what waits: %w", err)
	}
	list, err := listStored(ctx, tx, []string{threadID})
	if err != nil {
		return fmt.Errorf("read what waits: %w", err)
	}
	if len(list) == 0 {
		return nil
	}
	began := list[0].authorID
	cards, err := s.o.Account.Cards(ctx, tx, []string{began, a.UserID})
	if err != nil {
		return err
	}
	var events []audit.Event
	for _, m := range list {
		if !slices.Contains(waited, m.id) {
			continue
		}
		events = append(events, sentEvent(audit.MailStopped, m.message, cards[m.authorID].PracticeID, map[string]string{"to": a.UserID}))
		if m.authorID == began && m.state != Stopped {
			if err := s.copyToDrafts(ctx, tx, m, cards[a.UserID].Email); err != nil {
				return err
			}
		}
	}
	if err := s.tellApart(ctx, tx, cards[began]); err != nil {
		return err
	}
	return s.o.Audit.RecordAll(ctx, tx, program("mail_claim"), events)
}

func (s *Service) tellApart(ctx context.Context, tx *db.Tx, author account.Card) error {
	tx.AfterCommit(func() { s.o.Hub.Wake(author.ID) })
	if !author.Active {
		return nil
	}
	return s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: author.Email, Template: noticeApart, UserID: author.ID, PracticeID: author.PracticeID})
}

// copyToDrafts makes a draft to somebody of a message that stays with its other recipients.
func (s *Service) copyToDrafts(ctx context.Context, tx *db.Tx, m stored, to string) error {
	key, err := s.unwrap(ctx, tx, m.threadID, m.authorOwner, m.wrapped)
	if err != nil {
		return err
	}
	d := Draft{ID: db.NewID(), To: to}
	if d.Subject, err = subjectOf(key, m); err != nil {
		return err
	}
	if d.Body, err = openBody(key, m.id, m.sealed); err != nil {
		return err
	}
	row, err := s.sealDraft(ctx, tx, m.authorID, m.authorOwner, d)
	if err != nil {
		return err
	}
	if _, err := insertDraft(ctx, tx, row); err != nil {
		return fmt.Errorf("bring a message back: %w", err)
	}
	var owner crypt.Sealer
	if owner, err = s.o.Keys.Owner(ctx, tx, m.authorOwner); err != nil {
		return fmt.Errorf("find an author's keys: %w", err)
	}
	_, err = s.o.Attach.Share(ctx, tx, attach.Move{From: holder(m.id), To: holder(d.ID), Open: key, Seal: owner})
	return err
}
