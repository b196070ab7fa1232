package mail

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
)

const noticeRetention = "mail.retention"

// endBatch is how many conversations are looked up at once; each ends in an act of its own.
const endBatch = 200

func (s *Service) registerRetention() {
	s.o.Notify.Register(notify.Template{Name: noticeRetention, Render: func(_ context.Context, _ db.Reader, p notify.Params) (notify.Content, error) {
		n, err := strconv.ParseInt(p["count"], 10, 64)
		link := s.o.Notify.URL("/users/mail")
		return notify.Content{Subject: "Conversations of your practice are about to end", Links: []string{link},
			Body: "In the next 30 days your practice's time for keeping messages ends for " + count(n, "conversation", "conversations") +
				". They will be removed for everybody in your practice. To see or change the time, sign in:\n\n" + link}, err
	}})
	s.o.Jobs.Every("mail retention", 6*time.Hour, s.EndRetention)
}

// EndRetention ends what practices keep no longer, one conversation at a time, and tells their User Managers of what ends
// within a month. Any number of nodes may run it, and it may be cut off anywhere.
func (s *Service) EndRetention(ctx context.Context) error {
	list, err := s.o.Practice.Retaining(ctx, s.o.DB)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range list { // one that fails holds up nobody else's
		errs = append(errs, s.tellRetention(ctx, p), s.endOutlived(ctx, p))
	}
	return errors.Join(errs...)
}

// tellRetention tells a practice's User Managers how many conversations end within the time of the notice.
func (s *Service) tellRetention(ctx context.Context, p practice.Practice) error {
	before, ends := p.EndedBy(s.o.Practice.Soon())
	if !ends {
		return nil
	}
	n, err := countOutlived(ctx, s.o.DB, p.ID, clock.Micros(before))
	if err != nil {
		return fmt.Errorf("count conversations that end: %w", err)
	}
	if n == 0 {
		return nil
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		taken, err := s.o.Practice.TakeRetentionNotice(ctx, tx, p.ID)
		if err != nil || !taken {
			return err
		}
		managers, err := s.o.Account.Managers(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		for _, u := range managers {
			err := s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: u.Email, Template: noticeRetention, UserID: u.ID, PracticeID: p.ID,
				Params: notify.Params{"count": strconv.FormatInt(n, 10)}})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// endOutlived ends a practice's conversations whose time is over.
func (s *Service) endOutlived(ctx context.Context, p practice.Practice) error {
	before, ends := p.EndedBy(s.o.Clock.Now())
	if !ends {
		return nil
	}
	var errs []error
	for after := ""; ; {
		ids, err := listOutlived(ctx, s.o.DB, p.ID, clock.Micros(before), after, endBatch)
		if err != nil {
			return fmt.Errorf("find conversations that end: %w", err)
		}
		for _, id := range ids {
			after = id
			errs = append(errs, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.endThread(ctx, tx, p.ID, id) }))
		}
		if len(ids) < endBatch || ctx.Err() != nil {
			return errors.Join(append(errs, ctx.Err())...)
		}
	}
}

// endThread ends one owner's keeping of a conversation, and the conversation with its last keeper. The thread's row is
// first: an answer comes either before it, and the conversation goes on, or after it.
func (s *Service) endThread(ctx context.Context, tx *db.Tx, practiceID, threadID string) error {
	if err := lockThread(ctx, tx, threadID); err != nil {
		return fmt.Errorf("lock a thread: %w", err)
	}
	p, err := s.o.Practice.Find(ctx, tx, practiceID) // they may have changed their mind meanwhile
	if err != nil {
		return err
	}
	before, ends := p.EndedBy(s.o.Clock.Now())
	if !ends {
		return nil
	}
	over, err := isOutlived(ctx, tx, threadID, p.ID, clock.Micros(before))
	if err != nil {
		return fmt.Errorf("look at a conversation that ends: %w", err)
	}
	if !over {
		return nil
	}
	users, err := listKeepers(ctx, tx, threadID, p.ID)
	if err != nil {
		return fmt.Errorf("list for whom a conversation ends: %w", err)
	}
	by := program("mail_retention")
	if err := s.endFor(ctx, tx, by, threadID, p.ID, users); err != nil {
		return err
	}
	left, err := countKeys(ctx, tx, threadID)
	if err != nil {
		return fmt.Errorf("count who keeps a conversation: %w", err)
	}
	if left == 0 {
		if err := s.destroy(ctx, tx, by, threadID); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() { s.o.Hub.Wake(users...) })
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.RetentionEnded, SubjectKind: "thread", SubjectID: threadID, ThreadID: threadID, PracticeID: p.ID,
		Detail: map[string]string{"people": strconv.Itoa(len(users)), "kept_by": strconv.FormatInt(left, 10)}})
}

// endFor removes an owner's key of a conversation and what its people have of it: rows, labels, drafts of answers, and
// the words in their search, which is written anew without them. Rows are taken in the order in which other acts do.
func (s *Service) endFor(ctx context.Context, tx *db.Tx, by actor.Actor, threadID, ownerID string, users []string) error {
	for _, id := range users {
		if err := voidBox(ctx, tx, id); err != nil {
			return fmt.Errorf("forget the words of a conversation: %w", err)
		}
		if err := deleteAllSegments(ctx, tx, id); err != nil {
			return fmt.Errorf("forget the words of a conversation: %w", err)
		}
		if err := deleteMember(ctx, tx, id, threadID); err != nil {
			return fmt.Errorf("end a conversation for a person: %w", err)
		}
		if err := endDeliveries(ctx, tx, id, threadID); err != nil {
			return fmt.Errorf("end a conversation for a person: %w", err)
		}
		if err := endLabels(ctx, tx, id, threadID); err != nil {
			return fmt.Errorf("end a conversation for a person: %w", err)
		}
		drafts, err := endDrafts(ctx, tx, id, threadID)
		if err != nil {
			return fmt.Errorf("end the drafts of a conversation: %w", err)
		}
		for _, d := range drafts {
			if err := s.o.Attach.Release(ctx, tx, by, holder(d)); err != nil {
				return err
			}
		}
	}
	if err := endPending(ctx, tx, threadID, ownerID); err != nil {
		return fmt.Errorf("end what waits for an invitation: %w", err)
	}
	if err := deleteKey(ctx, tx, threadID, ownerID); err != nil {
		return fmt.Errorf("remove a key of a conversation: %w", err)
	}
	return nil
}

// destroy removes a conversation that nobody keeps any more, with its files. What stays says nothing of it: who took a
// copy of it (mail_print), as the trail does, and of what was passed on elsewhere that it came from a patient (mail_forward).
func (s *Service) destroy(ctx context.Context, tx *db.Tx, by actor.Actor, threadID string) error {
	ids, err := listWithFiles(ctx, tx, threadID)
	if err != nil {
		return fmt.Errorf("list the files of a conversation: %w", err)
	}
	for _, id := range ids {
		if err := s.o.Attach.Release(ctx, tx, by, holder(id)); err != nil {
			return err
		}
	}
	if err := deleteThread(ctx, tx, threadID); err != nil {
		return fmt.Errorf("remove a conversation: %w", err)
	}
	return nil
}
