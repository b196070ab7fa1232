package mail

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
)

// TellAgain tells those who have not opened one of the actor's own messages of it once more: by a notice in the way they
// chose, or by their invitation. Whoever wants no notices gets none, and the actor does not learn that. It returns the
// message's thread.
func (s *Service) TellAgain(ctx context.Context, by actor.Actor, messageID string) (threadID string, err error) {
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		m, found, err := findStored(ctx, tx, by.ID, messageID)
		if err != nil {
			return fmt.Errorf("find a message: %w", err)
		}
		if !found || m.state != Delivered {
			return fault.ErrNotFound()
		}
		threadID = m.threadID
		return s.tellAgain(ctx, tx, by, m.message)
	})
	if fault.Is(err, fault.NotFound) {
		return "", s.refuse(ctx, by, "message", messageID)
	}
	return threadID, err
}

func (s *Service) tellAgain(ctx context.Context, tx *db.Tx, by actor.Actor, m message) error {
	list, err := listReceipts(ctx, tx, []string{m.id})
	if err != nil {
		return fmt.Errorf("read who has opened a message: %w", err)
	}
	answer := fault.New(fault.Conflict, "Everybody has opened this message.")
	told := 0
	for _, c := range list {
		if c.openedAt > 0 || !c.pending && (c.deliveredAt == 0 || c.until > 0 && c.until <= s.now()) {
			continue
		}
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "notice resent", Max: s.set.ResendPerDay, Window: 24 * time.Hour}, c.messageID+"/"+c.who)
		if err != nil {
			return err
		}
		if !ok {
			answer = fault.New(fault.TooMany, "This was sent several times today. Try again tomorrow, or call the person.")
			continue
		}
		if err := s.tellOneAgain(ctx, tx, by, m, c); err != nil {
			return err
		}
		told++
	}
	if told == 0 {
		return answer
	}
	return s.o.Audit.Record(ctx, tx, by, sentEvent(audit.MailNoticed, m, by.PracticeID, nil))
}

func (s *Service) tellOneAgain(ctx context.Context, tx *db.Tx, by actor.Actor, m message, c receipt) error {
	if c.pending {
		return s.o.Invite.Send(ctx, tx, by, c.who)
	}
	cards, err := s.o.Account.Cards(ctx, tx, []string{by.ID, c.who})
	if err != nil {
		return err
	}
	n, found, err := findNotices(ctx, tx, c.who)
	if err != nil {
		return fmt.Errorf("read how to tell a person: %w", err)
	}
	if !found {
		n.way = byEmail
	}
	to := cards[c.who]
	if n.way == byNone || !to.Active {
		return nil
	}
	n.pace = once // whoever asks wants it now
	if held, err := s.held(ctx, tx, to, n, m.deliveredAt); err != nil || held {
		return err
	}
	o := outgoing{msg: m, author: cards[by.ID], ends: map[string]int64{}}
	return s.tell(ctx, tx, to, n.way, 1, notify.Message{Template: noticeNew, PracticeID: o.author.PracticeID, Params: s.arrivalParams(o, to)})
}
