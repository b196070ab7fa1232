package mail

import (
	"context"
	"errors"
	"fmt"

	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// rebuild makes a person's index void; it is written anew by the job. The numbers are taken back by it in steps, so that
// a large mailbox holds up nobody.
func (s *Service) rebuild(ctx context.Context, userID string) error {
	b, known, err := findBox(ctx, s.o.DB, userID)
	if err != nil || !known {
		return err
	}
	b.base = b.next
	return s.onBox(ctx, b, func(ctx context.Context, tx *db.Tx) error {
		if err := deleteAllSegments(ctx, tx, userID); err != nil {
			return fmt.Errorf("remove an index: %w", err)
		}
		return s.o.Jobs.Enqueue(ctx, tx, IndexArgs{UserID: userID})
	})
}

// takeBack clears some of the numbers that a rebuild has made void.
func (s *Service) takeBack(ctx context.Context, b box) error {
	from := b.clean
	b.clean = min(from+clearStep, b.base)
	return s.onBox(ctx, b, func(ctx context.Context, tx *db.Tx) error { return clearNumbers(ctx, tx, b.userID, from, b.clean) })
}

// Rebuilding is how far RebuildSearch has come: the mailbox, of how many, and its messages that are ready to be indexed
// again.
type Rebuilding struct {
	Mailbox, Mailboxes int
	Done, Messages     int64
}

// RebuildSearch removes the index of the person with this address, or everybody's for "", and has the portal's jobs
// write it anew. say is told after each step.
func (s *Service) RebuildSearch(ctx context.Context, email string, say func(Rebuilding)) error {
	ids, err := s.searchers(ctx, email)
	if err != nil {
		return err
	}
	for i, id := range ids {
		err := s.rebuildBox(ctx, id, func(done, of int64) { say(Rebuilding{i + 1, len(ids), done, of}) })
		if err != nil {
			return err
		}
	}
	return nil
}

// searchers are the people who have an index.
func (s *Service) searchers(ctx context.Context, email string) (ids []string, err error) {
	if email != "" {
		card, found, err := s.o.Account.ByEmail(ctx, s.o.DB, email)
		if err == nil && !found {
			err = fault.Field("user", "Nobody signs in with this address")
		}
		return []string{card.ID}, err
	}
	for after := ""; ; {
		list, err := listBoxes(ctx, s.o.DB, after, 0, 200)
		if err != nil {
			return nil, fmt.Errorf("list mailboxes: %w", err)
		}
		for _, b := range list {
			after = b.userID
			ids = append(ids, b.userID)
		}
		if len(list) < 200 {
			return ids, nil
		}
	}
}

// rebuildBox rebuilds one person's index up to where the job takes over. A job that is at work on it meanwhile wins a step
// now and then; the next try begins behind it.
func (s *Service) rebuildBox(ctx context.Context, userID string, say func(done, of int64)) error {
	err := errOvertaken
	for try := 0; errors.Is(err, errOvertaken) && try < 100; try++ {
		err = s.rebuild(ctx, userID)
	}
	for err == nil || errors.Is(err, errOvertaken) {
		b, known, found := findBox(ctx, s.o.DB, userID)
		if found != nil {
			return fmt.Errorf("find an index: %w", found)
		}
		say(b.clean, b.base)
		if !known || b.clean == b.base {
			return nil
		}
		err = s.takeBack(ctx, b)
	}
	return err
}
