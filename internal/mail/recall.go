package mail

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/notify"
	"securepractice/internal/ui"
)

// withdrawn is what stands in a list where a message was, and a subject of which nothing is left.
const withdrawn = "Message withdrawn"

// mayRecall finds a message of the actor's own that was given, or is withdrawn already.
func (s *Service) mayRecall(ctx context.Context, by actor.Actor, messageID string) (stored, error) {
	m, found, err := findStored(ctx, s.o.DB, by.ID, messageID)
	if err != nil {
		return m, fmt.Errorf("find a message: %w", err)
	}
	if !found || m.state != Delivered && m.state != Recalled {
		return m, s.refuse(ctx, by, "message", messageID)
	}
	return m, nil
}

// Recall withdraws one of the actor's own messages, as long as none of those it was written to has opened it. They see
// that a message was withdrawn, and nothing of it; the author keeps it. It returns the message's thread.
func (s *Service) Recall(ctx context.Context, by actor.Actor, messageID string) (threadID string, err error) {
	m, err := s.mayRecall(ctx, by, messageID)
	if err != nil || m.state == Recalled {
		return m.threadID, err
	}
	return m.threadID, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.recall(ctx, tx, by, m.message) })
}

func (s *Service) recall(ctx context.Context, tx *db.Tx, by actor.Actor, m message) error {
	if err := lockThread(ctx, tx, m.threadID); err != nil {
		return fmt.Errorf("lock a thread: %w", err)
	}
	// Whoever is opening it now has their row: behind them all, what they have opened is seen, and nobody opens it any more.
	if err := holdOthers(ctx, tx, m.threadID, m.authorID); err != nil {
		return fmt.Errorf("hold who takes part: %w", err)
	}
	unopened, err := recallMessage(ctx, tx, m, s.now())
	if err != nil {
		return fmt.Errorf("recall a message: %w", err)
	}
	if !unopened {
		return fault.New(fault.Conflict, "This message cannot be recalled any more: it has been opened, or it was recalled before.")
	}
	if err := dropPending(ctx, tx, m.id); err != nil {
		return fmt.Errorf("keep a message from who is invited: %w", err)
	}
	people, err := s.takeOut(ctx, tx, m)
	if err != nil {
		return err
	}
	tx.AfterCommit(func() { s.o.Hub.Wake(append(people, by.ID)...) })
	return s.o.Audit.Record(ctx, tx, by, sentEvent(audit.MailRecalled, m, by.PracticeID, nil))
}

// takeOut takes a withdrawn message out of the lists of those it was given to, and names them.
func (s *Service) takeOut(ctx context.Context, tx *db.Tx, m message) (people []string, err error) {
	all, err := listBereft(ctx, tx, m)
	if err != nil {
		return nil, fmt.Errorf("find who had a message: %w", err)
	}
	var list []member
	for _, b := range all {
		people = append(people, b.userID)
		o, err := s.o.Keys.Owner(ctx, tx, b.ownerID)
		if err != nil {
			return nil, fmt.Errorf("find a member's keys: %w", err)
		}
		if b.later == 0 { // a list shows what came last; it may have been written before what came earlier
			if b.snippetSealed, err = o.Seal("mail_member", "snippet_sealed", b.place(), []byte(withdrawn)); err != nil {
				return nil, err
			}
		}
		if b.withdrawn = b.left == 0; b.withdrawn {
			if b.subjectSealed, err = o.Seal("mail_member", "subject_sealed", b.place(), []byte(withdrawn)); err != nil {
				return nil, err
			}
		}
		b.unread, b.files = b.unread && b.unopened > 0, b.files-m.files
		list = append(list, b.member)
	}
	if err := withdrawRows(ctx, tx, list); err != nil {
		return nil, fmt.Errorf("clear the mailboxes: %w", err)
	}
	for _, row := range list {
		if err := setMemberEnds(ctx, tx, row.userID, row.threadID); err != nil {
			return nil, fmt.Errorf("settle when what is left ends: %w", err)
		}
	}
	return people, nil
}

// withdrawnLine says in a message's place that it is there no more.
func withdrawnLine(l letter, zone *time.Location) string {
	return l.author.Name + " withdrew this message on " + ui.LongTime(l.recalledAt, zone) + "."
}

// recallable says whether one's own message can still be withdrawn.
func (l letter) recallable() bool { return l.mine && l.given && l.state.unopened }

// unnoticed says whether somebody has not opened one's own message, so that they can be told once more.
func (l letter) unnoticed() bool { return l.mine && l.given && l.state.again }

// wanted drops the notice of a message that was withdrawn before the notice left.
func wanted(ctx context.Context, r db.Reader, p notify.Params) error {
	if p["message"] == "" {
		return nil
	}
	state, found, err := stateOf(ctx, r, p["message"])
	if err != nil {
		return fmt.Errorf("look whether a message was withdrawn: %w", err)
	}
	if found && state == Recalled {
		return notify.ErrDrop
	}
	return nil
}

// gone says that of another's message nothing may be shown any more.
func (m seen) gone() bool { return !m.mine && m.state == Recalled }

// recalledAt is when a message was withdrawn; zero for one that was not.
func (m seen) recalledAt() time.Time {
	if m.state != Recalled || m.recalled == 0 {
		return time.Time{}
	}
	return clock.Time(m.recalled)
}
