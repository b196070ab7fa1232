package notify

import (
	"context"

	"securepractice/internal/db"
)

// findCall finds a call that may still be under way, as the provider names it. Twilio may ask before the answer to our
// request was stored: such a call has no name yet.
func findCall(ctx context.Context, tx *db.Tx, id, providerID string) (message, bool, error) {
	return db.One(ctx, tx, func(row db.Row) (message, error) {
		var m message
		err := row(&m.id, &m.kind, &m.to, &m.template, &m.params)
		return m, err
	}, `
		UPDATE notify_message
		SET provider_id = $2
		WHERE id = $1 AND kind = 'call' AND state IN ('queued', 'sent', 'bounced') AND (provider_id IS NULL OR provider_id = $2) AND params_sealed IS NOT NULL
		RETURNING id, kind, to_sealed, template, params_sealed`, id, providerID)
}

func bounceMessage(ctx context.Context, tx *db.Tx, id, providerID string, at int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE notify_message
		SET state = 'bounced', provider_id = $2, done_at = COALESCE(done_at, $3)
		WHERE id = $1 AND kind IN ('text', 'call') AND state IN ('queued', 'sent') AND (provider_id IS NULL OR provider_id = $2)`, id, providerID, at)
	return err
}

// lastState is how the newest notice of a kind to a number ended, "" when there was none since a time.
func lastState(ctx context.Context, r db.Reader, kind Kind, toMAC []byte, since int64) (string, error) {
	state, _, err := db.One(ctx, r, db.Scan1[string], `
		SELECT state
		FROM notify_message
		WHERE to_mac = $1 AND kind = $2 AND queued_at > $3
		ORDER BY queued_at DESC, id DESC
		LIMIT 1`, toMAC, string(kind), since)
	return state, err
}
