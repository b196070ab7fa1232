package mail

import (
	"context"

	"securepractice/internal/db"
)

// idleDraft is a draft that nobody has touched for long.
type idleDraft struct {
	id, authorID string
	updatedAt    int64
}

// listIdle lists drafts that were not edited after a time, oldest first, behind a place in that order.
func listIdle(ctx context.Context, r db.Reader, before int64, after idleDraft, most int) ([]idleDraft, error) {
	return db.All(ctx, r, func(row db.Row) (idleDraft, error) {
		var d idleDraft
		err := row(&d.id, &d.authorID, &d.updatedAt)
		return d, err
	}, `
		SELECT id, author_id, updated_at
		FROM mail_draft
		WHERE updated_at <= $1 AND (updated_at, id) > ($2, $3)
		ORDER BY updated_at, id
		LIMIT $4`, before, after.updatedAt, after.id, most)
}

// holdIdle takes a draft's row until the end of the act, if it was not edited since it was listed.
func holdIdle(ctx context.Context, tx *db.Tx, d idleDraft) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_draft
		SET version = version
		WHERE id = $1 AND updated_at = $2`, d.id, d.updatedAt)
	return n == 1, err
}
