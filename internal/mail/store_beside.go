package mail

import (
	"context"

	"securepractice/internal/db"
)

// listWorn lists which labels a person's conversations wear: the conversation and the label of each. The empty text
// beside the person keeps both engines from reading all rows of that person's labels: a few conversations are the shorter way.
func listWorn(ctx context.Context, r db.Reader, userID string, threadIDs []string) ([][2]string, error) {
	list, args := db.In(2, threadIDs)
	return db.All(ctx, r, func(row db.Row) (w [2]string, err error) { return w, row(&w[0], &w[1]) }, `
		SELECT thread_id, label
		FROM mail_label
		WHERE user_id || '' = $1 AND thread_id IN `+list, append([]any{userID}, args...)...)
}

// ownSent are a person's messages that stand in Sent.
const ownSent = `author_id = $1 AND state IN ('waiting', 'delivered', 'recalled')`

// newestOwn keeps of every conversation only the person's newest message: Sent shows each of them, and whoever walks through
// it meets every conversation once.
const newestOwn = `AND NOT EXISTS (SELECT 1 FROM mail_message n WHERE n.thread_id = m.thread_id AND n.` + ownSent + ` AND (n.written_at, n.id) > (m.written_at, m.id))`

// findOwnPlace is where a person's newest message of a conversation stands in Sent; false when there is none.
func findOwnPlace(ctx context.Context, r db.Reader, userID, threadID string) (spot, bool, error) {
	return db.One(ctx, r, func(row db.Row) (s spot, err error) { return s, row(&s.at, &s.id) }, `
		SELECT written_at, id
		FROM mail_message
		WHERE thread_id = $2 AND `+ownSent+`
		ORDER BY written_at DESC, id DESC
		LIMIT 1`, userID, threadID)
}

// findSentNewer is the conversation that stands just above a place in Sent, or "".
func findSentNewer(ctx context.Context, r db.Reader, userID string, at spot) (string, error) {
	id, _, err := db.One(ctx, r, db.Scan1[string], `
		SELECT m.thread_id
		FROM mail_message m
		WHERE m.`+ownSent+` AND (m.written_at, m.id) > ($2, $3) `+newestOwn+`
		ORDER BY m.written_at, m.id
		LIMIT 1`, userID, at.at, at.id)
	return id, err
}

// findSentOlder is the conversation that stands just below a place in Sent, or "".
func findSentOlder(ctx context.Context, r db.Reader, userID string, at spot) (string, error) {
	id, _, err := db.One(ctx, r, db.Scan1[string], `
		SELECT m.thread_id
		FROM mail_message m
		WHERE m.`+ownSent+` AND (m.written_at, m.id) < ($2, $3) `+newestOwn+`
		ORDER BY m.written_at DESC, m.id DESC
		LIMIT 1`, userID, at.at, at.id)
	return id, err
}
