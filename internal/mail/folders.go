package mail

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
)

// move puts one of the actor's threads into the Inbox or the Archive.
func (s *Service) move(ctx context.Context, by actor.Actor, threadID, folder string) error {
	return s.onOwn(ctx, by, threadID, func(ctx context.Context, tx *db.Tx) (bool, error) {
		return setFolder(ctx, tx, by.ID, threadID, folder)
	})
}

// markUnread makes one of the actor's threads new to them again. Its receipts stay: it was read.
func (s *Service) markUnread(ctx context.Context, by actor.Actor, threadID string) error {
	return s.onOwn(ctx, by, threadID, func(ctx context.Context, tx *db.Tx) (bool, error) {
		return setUnread(ctx, tx, by.ID, threadID)
	})
}

// onOwn runs an act on the actor's own row of a thread; false from it means that there is none.
func (s *Service) onOwn(ctx context.Context, by actor.Actor, threadID string, act func(ctx context.Context, tx *db.Tx) (bool, error)) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		done, err := act(ctx, tx)
		if err != nil {
			return fmt.Errorf("change a mailbox row: %w", err)
		}
		if !done {
			return fault.ErrNotFound()
		}
		return nil
	})
	if fault.Is(err, fault.NotFound) {
		return s.refuse(ctx, by, "thread", threadID)
	}
	return err
}

// resend sends the invitation again that one of the actor's own messages waits with.
func (s *Service) resend(ctx context.Context, by actor.Actor, messageID string) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		id, found, err := findOwnPending(ctx, tx, by.ID, messageID)
		if err != nil {
			return fmt.Errorf("find an invitation: %w", err)
		}
		if !found {
			return fault.ErrNotFound()
		}
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "invitation resent", Max: s.set.ResendPerDay, Window: 24 * time.Hour}, id)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.TooMany, "This invitation was sent several times today. Try again tomorrow, or call the person.")
		}
		return s.o.Invite.Send(ctx, tx, by, id)
	})
	if fault.Is(err, fault.NotFound) {
		return s.refuse(ctx, by, "message", messageID)
	}
	return err
}

// fetch decides about the download of one attachment: the key that opens its link, after a line in the trail. The author
// of a draft may fetch its files, a participant those of every message they may see.
func (s *Service) fetch(ctx context.Context, by actor.Actor, linkID string) (crypt.Sealer, error) {
	of, found, err := s.o.Attach.Holder(ctx, s.o.DB, linkID)
	if err != nil {
		return nil, fmt.Errorf("find a file's holder: %w", err)
	}
	if !found || len(of) <= len(holderPrefix) || of[:len(holderPrefix)] != holderPrefix {
		return nil, s.refuse(ctx, by, "file", linkID)
	}
	k, threadID, err := s.opener(ctx, by, of[len(holderPrefix):])
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, s.refuse(ctx, by, "file", linkID)
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.FileDownloaded, SubjectKind: "file", SubjectID: linkID, ThreadID: threadID})
	})
	return k, err
}

// opener finds what opens the files of a message or draft that the actor may see; nil when there is none such.
func (s *Service) opener(ctx context.Context, by actor.Actor, id string) (crypt.Sealer, string, error) {
	m, found, err := findVisible(ctx, s.o.DB, by.ID, id)
	if err != nil {
		return nil, "", fmt.Errorf("look up a message: %w", err)
	}
	if found {
		k, err := s.unwrap(ctx, s.o.DB, m.threadID, m.ownerID, m.wrapped)
		if err != nil {
			return nil, "", err
		}
		return k, m.threadID, nil
	}
	d, found, err := findDraft(ctx, s.o.DB, by.ID, id)
	if err != nil {
		return nil, "", fmt.Errorf("look up a draft: %w", err)
	}
	if !found {
		return nil, "", nil
	}
	k, err := s.o.Keys.Owner(ctx, s.o.DB, d.ownerID)
	if err != nil {
		return nil, "", fmt.Errorf("find a writer's keys: %w", err)
	}
	return k, d.threadID, nil
}
