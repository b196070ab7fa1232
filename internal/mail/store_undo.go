package mail

import (
	"context"

	"securepractice/internal/db"
)

// findForm is the id of the form that one of a person's own messages came from.
func findForm(ctx context.Context, r db.Reader, authorID, messageID string) (string, bool, error) {
	return db.One(ctx, r, db.Scan1[string], `
		SELECT COALESCE(form_id, id)
		FROM mail_message
		WHERE author_id = $1 AND id = $2`, authorID, messageID)
}

// listLeaving lists messages whose time to leave has come.
func listLeaving(ctx context.Context, r db.Reader, now int64, most int) ([]message, error) {
	return db.All(ctx, r, func(row db.Row) (message, error) {
		var m message
		err := row(&m.threadID, &m.id)
		return m, err
	}, `
		SELECT thread_id, id
		FROM mail_message
		WHERE state = 'waiting' AND leaves_at <= $1
		ORDER BY leaves_at
		LIMIT $2`, now, most)
}

// letLeave takes the hold off a message whose time has come, once; false when there is nothing to take off.
func letLeave(ctx context.Context, tx *db.Tx, m message, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_message
		SET leaves_at = NULL
		WHERE thread_id = $1 AND id = $2 AND state = 'waiting' AND leaves_at <= $3`, m.threadID, m.id, now)
	return n == 1, err
}
