package mail

import (
	"context"

	"securepractice/internal/db"
)

// origin is a row of mail_forward: where the text of a draft or message comes from. id is the draft's, and then the
// message's. patient says that a patient wrote it, or that it stood between somebody and a patient.
type origin struct {
	id, userID, threadID, messageID, authorID string
	at                                        int64
	patient                                   bool
}

const originColumns = "id, user_id, from_thread_id, from_message_id, from_author_id, from_at, patient"

func scanOrigin(row db.Row) (origin, error) {
	var o origin
	err := row(&o.id, &o.userID, &o.threadID, &o.messageID, &o.authorID, &o.at, &o.patient)
	return o, err
}

func insertOrigin(ctx context.Context, tx *db.Tx, o origin) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_forward (`+originColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO NOTHING`, o.id, o.userID, o.threadID, o.messageID, o.authorID, o.at, o.patient)
	return err
}

// copyOrigin lets a draft that a message was turned back into come from where the message came from.
func copyOrigin(ctx context.Context, tx *db.Tx, fromID, toID string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_forward (`+originColumns+`)
		SELECT $2, user_id, from_thread_id, from_message_id, from_author_id, from_at, patient
		FROM mail_forward
		WHERE id = $1
		ON CONFLICT (id) DO NOTHING`, fromID, toID)
	return err
}

// findOrigin finds what one of a person's drafts or messages passes on.
func findOrigin(ctx context.Context, r db.Reader, userID, id string) (origin, bool, error) {
	return db.One(ctx, r, scanOrigin, `
		SELECT `+originColumns+`
		FROM mail_forward
		WHERE id = $1 AND user_id = $2`, id, userID)
}

// listOrigins reads what messages pass on. The caller may see the messages.
func listOrigins(ctx context.Context, r db.Reader, messageIDs []string) ([]origin, error) {
	list, args := db.In(1, messageIDs)
	return db.All(ctx, r, scanOrigin, `
		SELECT `+originColumns+`
		FROM mail_forward
		WHERE id IN `+list, args...)
}

// setForwarded notes at a message which one it passes on.
func setForwarded(ctx context.Context, tx *db.Tx, m message, fromID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_message
		SET forwarded_from = $3
		WHERE thread_id = $1 AND id = $2`, m.threadID, m.id, fromID)
	return err
}

// lockThreadOf begins an act on the thread of a message that a person has to do with; false when there is none.
func lockThreadOf(ctx context.Context, tx *db.Tx, userID, messageID string) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_thread
		SET version = version + 1
		WHERE id IN (SELECT thread_id FROM mail_delivery WHERE user_id = $1 AND message_id = $2)`, userID, messageID)
	return n == 1, err
}

// passed is a message that is passed on, as its reader may see it.
type passed struct {
	message
	ownerID          string // the reader's, whose wrap of the thread's key this is
	subject, wrapped []byte
	mine, fresh      bool // fresh: the reader has not opened it before
	patient          bool // it came from a patient itself, or a patient takes part in its thread
}

// findPassed finds a message that a person may pass on: delivered, their own or given to them, and still open to them.
func findPassed(ctx context.Context, r db.Reader, userID, messageID string, now int64) (passed, bool, error) {
	return db.One(ctx, r, func(row db.Row) (passed, error) {
		var p passed
		err := row(&p.threadID, &p.id, &p.authorID, &p.authorOwner, &p.sealed, &p.files, &p.state, &p.writtenAt, &p.deliveredAt,
			&p.ownerID, &p.subject, &p.wrapped, &p.mine, &p.fresh, &p.patient)
		return p, err
	}, `
		SELECT m.thread_id, m.id, m.author_id, m.author_owner_id, m.body_sealed, m.files, m.state, m.written_at, COALESCE(m.delivered_at, 0),
			mm.owner_id, t.subject_sealed, k.wrapped_key, d.role = 'from', d.role = 'to' AND d.opened_at IS NULL,
			EXISTS (SELECT 1 FROM mail_member p WHERE p.thread_id = m.thread_id AND p.as_role = 'patient')
				OR EXISTS (SELECT 1 FROM mail_forward f WHERE f.id = m.id AND f.patient = TRUE)
		FROM mail_delivery d
		JOIN mail_message m ON m.thread_id = d.thread_id AND m.id = d.message_id
		JOIN mail_thread t ON t.id = m.thread_id
		JOIN mail_member mm ON mm.user_id = d.user_id AND mm.thread_id = d.thread_id
		JOIN mail_thread_key k ON k.thread_id = mm.thread_id AND k.owner_id = mm.owner_id
		WHERE d.user_id = $1 AND d.message_id = $2 AND m.state = 'delivered' AND (d.role = 'from' OR d.delivered_at IS NOT NULL)
			AND (d.access_until IS NULL OR d.access_until > $3)`, userID, messageID, now)
}
