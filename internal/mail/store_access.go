package mail

import (
	"context"

	"securepractice/internal/db"
)

// setAccess notes until when some people can open a message.
func setAccess(ctx context.Context, tx *db.Tx, messageID string, userIDs []string, until int64) error {
	list, args := db.In(3, userIDs)
	_, err := tx.Exec(ctx, `
		UPDATE mail_delivery
		SET access_until = $2
		WHERE message_id = $1 AND role = 'to' AND user_id IN `+list, append([]any{messageID, until}, args...)...)
	return err
}

// setMemberEnds settles anew when what a person's row of a thread shows ends for them, after a message was taken out.
func setMemberEnds(ctx context.Context, tx *db.Tx, userID, threadID string) error {
	const given = `
			FROM mail_message m
			JOIN mail_delivery d ON d.user_id = $1 AND d.message_id = m.id
			WHERE m.thread_id = $2 AND m.state IN ('waiting', 'delivered') AND (d.role = 'from' OR d.delivered_at IS NOT NULL)`
	_, err := tx.Exec(ctx, `
		UPDATE mail_member
		SET access_until = CASE WHEN EXISTS (SELECT 1 `+given+` AND d.access_until IS NULL) THEN NULL ELSE (SELECT MAX(d.access_until) `+given+`) END,
			snippet_until = (SELECT d.access_until `+given+`
				ORDER BY m.written_at DESC, m.id DESC
				LIMIT 1)
		WHERE user_id = $1 AND thread_id = $2`, userID, threadID)
	return err
}

// ending is a message that somebody can soon open no more.
type ending struct{ userID, messageID, threadID, authorID string }

// listEnding lists what ends in a span of time unopened, given so long before its end that a notice is due at all, and
// not told yet: one range of mail_delivery_ends.
func listEnding(ctx context.Context, r db.Reader, from, until, notice int64, most int) ([]ending, error) {
	return db.All(ctx, r, func(row db.Row) (ending, error) {
		var e ending
		err := row(&e.userID, &e.messageID, &e.threadID, &e.authorID)
		return e, err
	}, `
		SELECT d.user_id, d.message_id, d.thread_id, m.author_id
		FROM mail_delivery d
		JOIN mail_message m ON m.thread_id = d.thread_id AND m.id = d.message_id
		WHERE d.role = 'to' AND d.access_until > $1 AND d.access_until <= $2 AND d.opened_at IS NULL AND d.end_told_at IS NULL
			AND d.access_until IS NOT NULL AND d.access_until - d.delivered_at > $3 AND m.state = 'delivered'
		ORDER BY d.access_until, d.user_id, d.message_id
		LIMIT $4`, from, until, notice, most)
}

// takeEnding notes that a person is told of it, once; false when they were, or opened it, or it was withdrawn meanwhile.
func takeEnding(ctx context.Context, tx *db.Tx, e ending, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_delivery
		SET end_told_at = $3
		WHERE user_id = $1 AND message_id = $2 AND role = 'to' AND opened_at IS NULL AND end_told_at IS NULL AND access_until > $3
			AND EXISTS (SELECT 1 FROM mail_message WHERE thread_id = $4 AND id = $2 AND state = 'delivered')`, e.userID, e.messageID, now, e.threadID)
	return n == 1, err
}
