package mail

import (
	"context"

	"securepractice/internal/db"
)

// listUnopened lists messages given in a span of time that somebody has not opened and whose authors were not told, unless
// they want no notices: to people, by mail_delivery_unopened, and to those who have not registered, by mail_pending_waiting.
func listUnopened(ctx context.Context, r db.Reader, from, until int64, most int) ([]message, error) {
	return db.All(ctx, r, func(row db.Row) (message, error) {
		var m message
		err := row(&m.threadID, &m.id, &m.authorID)
		return m, err
	}, `
		SELECT m.thread_id, m.id, m.author_id
		FROM (
			SELECT thread_id, message_id FROM mail_delivery WHERE opened_at IS NULL AND role = 'to' AND delivered_at > $1 AND delivered_at <= $2
			UNION
			SELECT thread_id, message_id FROM mail_pending WHERE state = 'waiting'
		) u
		JOIN mail_message m ON m.thread_id = u.thread_id AND m.id = u.message_id
		JOIN mail_delivery own ON own.user_id = m.author_id AND own.message_id = m.id
		LEFT JOIN mail_settings s ON s.user_id = m.author_id
		WHERE m.state = 'delivered' AND m.delivered_at > $1 AND m.delivered_at <= $2 AND own.reminded_at IS NULL
			AND (s.user_id IS NULL OR s.notice_new <> 'none' OR s.notice_read <> 'none')
		ORDER BY m.delivered_at, m.id
		LIMIT $3`, from, until, most)
}

// takeReminder notes on the author's own row that they were reminded of a message, once; false when they were, or when it
// was opened or ended meanwhile.
func takeReminder(ctx context.Context, tx *db.Tx, m message, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_delivery
		SET reminded_at = $3
		WHERE user_id = $1 AND message_id = $2 AND role = 'from' AND reminded_at IS NULL
			AND EXISTS (SELECT 1 FROM mail_message WHERE thread_id = $4 AND id = $2 AND state = 'delivered')
			AND (EXISTS (SELECT 1 FROM mail_delivery d WHERE d.message_id = $2 AND d.role = 'to' AND d.opened_at IS NULL AND d.delivered_at IS NOT NULL)
				OR EXISTS (SELECT 1 FROM mail_pending p WHERE p.message_id = $2 AND p.state = 'waiting'))`, m.authorID, m.id, now, m.threadID)
	return n == 1, err
}
