package mail

import (
	"context"

	"securepractice/internal/db"
)

// listOpenable lists the messages of a thread whose files a person may open, oldest first: what findVisible says of one.
func listOpenable(ctx context.Context, r db.Reader, userID, threadID string, now int64) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT m.id
		FROM mail_message m
		JOIN mail_delivery d ON d.user_id = $1 AND d.thread_id = m.thread_id AND d.message_id = m.id
		WHERE m.thread_id = $2 AND m.files > 0 AND (d.role = 'from' OR d.delivered_at IS NOT NULL)
			AND (m.state IN ('waiting', 'delivered') OR m.state = 'recalled' AND d.role = 'from')
			AND (d.access_until IS NULL OR d.access_until > $3)
		ORDER BY m.written_at, m.id
		LIMIT 500`, userID, threadID, now)
}
