package mail

import (
	"context"
	"database/sql"

	"securepractice/internal/db"
)

// recordRow is a message that a record holds, without its text.
type recordRow struct {
	id       string
	author   string
	size     int64 // bytes of its sealed text
	files    int64
	unopened bool // by the person who takes the record
}

// listRecord lists what a person may take out of a thread, oldest first: what was delivered, their own or given to them;
// nothing that waits, was stopped or recalled, or that they cannot open any more. messageID narrows it to one message.
func listRecord(ctx context.Context, r db.Reader, userID, threadID, messageID string, most int, now int64) ([]recordRow, error) {
	return db.All(ctx, r, func(row db.Row) (recordRow, error) {
		var x recordRow
		err := row(&x.id, &x.author, &x.size, &x.files, &x.unopened)
		return x, err
	}, `
		SELECT m.id, m.author_id, CAST(LENGTH(m.body_sealed) AS BIGINT), m.files, d.role = 'to' AND d.opened_at IS NULL
		FROM mail_message m
		JOIN mail_delivery d ON d.user_id = $1 AND d.message_id = m.id
		WHERE m.thread_id = $2 AND m.state = 'delivered' AND (d.role = 'from' OR d.delivered_at IS NOT NULL)
			AND ($3 = '' OR m.id = $3) AND (d.access_until IS NULL OR d.access_until > $5)
		ORDER BY m.written_at, m.id
		LIMIT $4`, userID, threadID, messageID, most, now)
}

// listRecorded reads some messages of a record with their texts, oldest first. The permission is asked again.
func listRecorded(ctx context.Context, r db.Reader, userID, threadID string, ids []string, now int64) ([]seen, error) {
	list, args := db.In(4, ids)
	return db.All(ctx, r, func(row db.Row) (seen, error) {
		var s seen
		err := row(&s.threadID, &s.id, &s.authorID, &s.authorOwner, &s.sealed, &s.files, &s.state, &s.writtenAt, &s.deliveredAt, &s.mine, &s.openedAt)
		return s, err
	}, `
		SELECT m.thread_id, m.id, m.author_id, m.author_owner_id, m.body_sealed, m.files, m.state, m.written_at, COALESCE(m.delivered_at, 0),
			d.role = 'from', COALESCE(d.opened_at, 0)
		FROM mail_message m
		JOIN mail_delivery d ON d.user_id = $1 AND d.message_id = m.id
		WHERE m.thread_id = $2 AND m.state = 'delivered' AND (d.role = 'from' OR d.delivered_at IS NOT NULL)
			AND (d.access_until IS NULL OR d.access_until > $3) AND m.id IN `+list+`
		ORDER BY m.written_at, m.id`, append([]any{userID, threadID, now}, args...)...)
}

// insertPrint notes that a person took a record.
func insertPrint(ctx context.Context, tx *db.Tx, id string, rec *record, at int64, hash []byte) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_print (id, thread_id, message_id, user_id, at, kind, messages, seal_hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, id, rec.of.threadID, sql.NullString{String: rec.of.messageID, Valid: rec.of.messageID != ""},
		rec.by.ID, at, rec.of.kind, len(rec.rows), hash)
	return err
}
