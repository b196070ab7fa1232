package mail

import (
	"context"
	"fmt"

	"securepractice/internal/actor"
)

// rowLabelsShown is how many labels a row names; it counts the others.
const rowLabelsShown = 3

// dress gives the rows of a list the labels that their conversations wear, but the one whose page it is.
func (s *Service) dress(ctx context.Context, by actor.Actor, l *list) error {
	if len(l.labels) == 0 || len(l.rows) == 0 {
		return nil
	}
	ids := make([]string, len(l.rows))
	for i, r := range l.rows {
		ids[i] = r.id
	}
	worn, err := listWorn(ctx, s.o.DB, by.ID, ids)
	if err != nil {
		return fmt.Errorf("read the labels of a list: %w", err)
	}
	on := map[[2]string]bool{}
	for _, w := range worn {
		on[w] = true
	}
	for i := range l.rows {
		for _, own := range l.labels {
			if on[[2]string{l.rows[i].id, own.id}] && own.id != l.in.label {
				l.rows[i].worn = append(l.rows[i].worn, own)
			}
		}
	}
	return nil
}

// besideSent finds the conversations before and behind one that was opened from Sent.
func (s *Service) besideSent(ctx context.Context, by actor.Actor, t *thread) error {
	here, found, err := findOwnPlace(ctx, s.o.DB, by.ID, t.id)
	if err != nil {
		return fmt.Errorf("find a conversation in Sent: %w", err)
	}
	if !found {
		return nil
	}
	if t.above, err = findSentNewer(ctx, s.o.DB, by.ID, here); err != nil {
		return fmt.Errorf("find the conversation before: %w", err)
	}
	if t.below, err = findSentOlder(ctx, s.o.DB, by.ID, here); err != nil {
		return fmt.Errorf("find the conversation behind: %w", err)
	}
	return nil
}
