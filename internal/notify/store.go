package notify

import (
	"context"

	"securepractice/internal/db"
)

// message is a row of notify_message.
type message struct {
	id, template, messageID          string
	providerID                       string
	kind                             Kind
	to, toMAC, params                []byte
	userID, invitationID, practiceID string
	tries, queuedAt                  int64
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func insertMessage(ctx context.Context, tx *db.Tx, m message) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO notify_message (id, kind, to_sealed, to_mac, template, params_sealed, message_id, state, tries, user_id, invitation_id, practice_id, queued_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', 0, $8, $9, $10, $11)`,
		m.id, string(m.kind), m.to, m.toMAC, m.template, m.params, m.messageID, null(m.userID), null(m.invitationID), null(m.practiceID), m.queuedAt)
	return err
}

// claimMessage counts a try of a notice that is still to be sent.
func claimMessage(ctx context.Context, tx *db.Tx, id string) (message, bool, error) {
	return db.One(ctx, tx, func(row db.Row) (message, error) {
		var m message
		err := row(&m.id, &m.kind, &m.to, &m.template, &m.params, &m.messageID, &m.tries, &m.queuedAt)
		return m, err
	}, `
		UPDATE notify_message
		SET tries = tries + 1
		WHERE id = $1 AND state = 'queued'
		RETURNING id, kind, to_sealed, template, params_sealed, message_id, tries, queued_at`, id)
}

func finishMessage(ctx context.Context, tx *db.Tx, id, state, providerID string, at int64) error {
	_, err := tx.Exec(ctx, "UPDATE notify_message SET state = $2, provider_id = $3, done_at = $4 WHERE id = $1 AND state = 'queued'", id, state, null(providerID), at)
	return err
}

func wipeMessages(ctx context.Context, tx *db.Tx, before int64) error {
	_, err := tx.Exec(ctx, "UPDATE notify_message SET to_sealed = NULL, params_sealed = NULL WHERE done_at < $1 AND params_sealed IS NOT NULL", before)
	return err
}

func giveUpMessages(ctx context.Context, tx *db.Tx, before, now int64) error {
	_, err := tx.Exec(ctx, "UPDATE notify_message SET state = 'failed', done_at = $2 WHERE state = 'queued' AND queued_at < $1", before, now)
	return err
}

func deleteOutbox(ctx context.Context, tx *db.Tx, before int64) error {
	_, err := tx.Exec(ctx, "DELETE FROM notify_outbox WHERE at < $1", before)
	return err
}

func insertOutbox(ctx context.Context, tx *db.Tx, i OutboxItem, links string, at int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO notify_outbox (id, kind, to_text, subject, body, links, code, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO NOTHING`, i.ID, string(i.Kind), i.To, i.Subject, i.Text, links, i.Code, at)
	return err
}

type outboxRow struct {
	OutboxItem
	links string
	at    int64
}

func listOutbox(ctx context.Context, r db.Reader, most int) ([]outboxRow, error) {
	return db.All(ctx, r, func(row db.Row) (outboxRow, error) {
		var o outboxRow
		err := row(&o.ID, &o.Kind, &o.To, &o.Subject, &o.Text, &o.links, &o.Code, &o.at)
		return o, err
	}, "SELECT id, kind, to_text, subject, body, links, code, at FROM notify_outbox ORDER BY at DESC, id DESC LIMIT $1", most)
}
