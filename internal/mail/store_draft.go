package mail

import (
	"context"

	"securepractice/internal/db"
)

// draftRow is a row of mail_draft.
type draftRow struct {
	id, authorID, ownerID, threadID string
	to, subject, body               []byte // sealed by the author's owner
	version, updatedAt              int64
}

const draftColumns = "id, author_id, owner_id, COALESCE(thread_id, ''), to_sealed, subject_sealed, body_sealed, version, updated_at"

func scanDraft(row db.Row) (draftRow, error) {
	var d draftRow
	err := row(&d.id, &d.authorID, &d.ownerID, &d.threadID, &d.to, &d.subject, &d.body, &d.version, &d.updatedAt)
	return d, err
}

// insertDraft is false when the id is taken.
func insertDraft(ctx context.Context, tx *db.Tx, d draftRow) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO mail_draft (id, author_id, owner_id, thread_id, to_sealed, subject_sealed, body_sealed, version, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)
		ON CONFLICT (id) DO NOTHING`, d.id, d.authorID, d.ownerID, null(d.threadID), d.to, d.subject, d.body, d.updatedAt)
	return n == 1, err
}

// updateDraft saves over the version the writer has seen; false when there is another by now.
func updateDraft(ctx context.Context, tx *db.Tx, d draftRow) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_draft
		SET owner_id = $4, to_sealed = $5, subject_sealed = $6, body_sealed = $7, version = version + 1, updated_at = $8
		WHERE id = $1 AND author_id = $2 AND version = $3`, d.id, d.authorID, d.version, d.ownerID, d.to, d.subject, d.body, d.updatedAt)
	return n == 1, err
}

// freeDraft makes a new message of the draft of a reply.
func freeDraft(ctx context.Context, tx *db.Tx, d draftRow) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_draft
		SET thread_id = NULL, to_sealed = $3, subject_sealed = $4, version = version + 1
		WHERE id = $1 AND author_id = $2`, d.id, d.authorID, d.to, d.subject)
	return err
}

func findDraft(ctx context.Context, r db.Reader, authorID, id string) (draftRow, bool, error) {
	return db.One(ctx, r, scanDraft, `
		SELECT `+draftColumns+`
		FROM mail_draft
		WHERE id = $1 AND author_id = $2`, id, authorID)
}

// findReplyDraft is the newest draft of a reply in a thread.
func findReplyDraft(ctx context.Context, r db.Reader, authorID, threadID string) (draftRow, bool, error) {
	return db.One(ctx, r, scanDraft, `
		SELECT `+draftColumns+`
		FROM mail_draft
		WHERE author_id = $1 AND thread_id = $2
		ORDER BY updated_at DESC, id DESC
		LIMIT 1`, authorID, threadID)
}

func listDrafts(ctx context.Context, r db.Reader, authorID string, after spot, most int) ([]draftRow, error) {
	return db.All(ctx, r, scanDraft, `
		SELECT `+draftColumns+`
		FROM mail_draft
		WHERE author_id = $1 AND (updated_at, id) < ($2, $3)
		ORDER BY updated_at DESC, id DESC
		LIMIT $4`, authorID, after.at, after.id, most)
}

// takeDraft removes a draft and says which thread it was a reply in; found is false when the person has no such draft.
func takeDraft(ctx context.Context, tx *db.Tx, authorID, id string) (threadID string, found bool, err error) {
	return db.One(ctx, tx, db.Scan1[string], `
		DELETE FROM mail_draft
		WHERE id = $1 AND author_id = $2
		RETURNING COALESCE(thread_id, '')`, id, authorID)
}

// holdDraft keeps a draft in place until the end of the act.
func holdDraft(ctx context.Context, tx *db.Tx, authorID, id string) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_draft
		SET version = version
		WHERE id = $1 AND author_id = $2`, id, authorID)
	return n == 1, err
}
