package attach

import (
	"context"
	"fmt"

	"securepractice/internal/actor"
	"securepractice/internal/db"
)

// Release ends what a holder has, sent or not, because nobody keeps what it belonged to any more, and closes the holder.
// A file that nobody else holds becomes unreadable with the same commit, and its parts are put aside for deletion. The
// caller has decided that it may be.
func (s *Service) Release(ctx context.Context, tx *db.Tx, by actor.Actor, holder string) error {
	if err := setHolder(ctx, tx, holder, true); err != nil {
		return fmt.Errorf("release attachments: %w", err)
	}
	fileIDs, err := releaseLinks(ctx, tx, holder)
	if err != nil {
		return fmt.Errorf("release attachments: %w", err)
	}
	return s.drop(ctx, tx, by, fileIDs)
}
