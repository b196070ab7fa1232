package invite

import (
	"context"

	"securepractice/internal/db"
)

// lockOwn keeps a practice's open invitation as it is until the act ends.
func lockOwn(ctx context.Context, tx *db.Tx, id, practiceID string) (Invitation, bool, error) {
	return db.One(ctx, tx, scan, `
		UPDATE invite_invitation
		SET version = version
		WHERE id = $1 AND practice_id = $2 AND state IN ('invited', 'started', 'held')
		RETURNING `+columns, id, practiceID)
}

// updateDetails writes corrected details. No link is out afterwards, so nothing counts as sent.
func updateDetails(ctx context.Context, tx *db.Tx, i Invitation) error {
	_, err := tx.Exec(ctx, `
		UPDATE invite_invitation
		SET email = $2, phone = $3, cell = $4, sent_at = NULL, wrong_number_at = NULL, version = version + 1
		WHERE id = $1`, i.ID, i.Email, i.Phone, i.Cell)
	return err
}

func replaceInvitation(ctx context.Context, tx *db.Tx, id, by string) error {
	_, err := tx.Exec(ctx, `
		UPDATE invite_invitation
		SET state = 'replaced', replaced_by = $2, registration_sealed = NULL, version = version + 1
		WHERE id = $1`, id, by)
	return err
}

// replaces says whether an invitation took another's place.
func replaces(ctx context.Context, r db.Reader, id string) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[string], "SELECT id FROM invite_invitation WHERE replaced_by = $1 LIMIT 1", id)
	return found, err
}

// noteWrongNumber is false when it was noted a short while ago, or the invitation is no longer open. The version stays:
// a registration or an edit under way goes on.
func noteWrongNumber(ctx context.Context, tx *db.Tx, id string, now, since int64) (Invitation, bool, error) {
	return db.One(ctx, tx, scan, `
		UPDATE invite_invitation
		SET wrong_number_at = $2
		WHERE id = $1 AND state IN ('invited', 'started', 'held') AND (wrong_number_at IS NULL OR wrong_number_at <= $3)
		RETURNING `+columns, id, now, since)
}
