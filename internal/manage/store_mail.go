package manage

import (
	"context"

	"securepractice/internal/db"
)

// countEnding counts the conversations that a practice keeps whose newest message was before a time.
func countEnding(ctx context.Context, r db.Reader, practiceID string, before int64) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT COUNT(*)
		FROM mail_thread_key k
		JOIN mail_thread t ON t.id = k.thread_id
		WHERE k.owner_id = $1 AND t.last_at < $2
			AND NOT EXISTS (SELECT 1 FROM mail_message m WHERE m.thread_id = k.thread_id AND m.state = 'waiting')`, practiceID, before)
	return n, err
}
