package invite

import (
	"context"

	"securepractice/internal/db"
)

const columns = `id, practice_id, inviter_id, email, email_canon, role, first_name, last_name, phone, cell, by_support, is_manager, tier = 'paid',
	two_step, state, COALESCE(accepted_by, ''), created_at, COALESCE(sent_at, 0), version, registration_sealed,
	COALESCE(replaced_by, ''), COALESCE(wrong_number_at, 0)`

func scan(row db.Row) (Invitation, error) {
	var i Invitation
	err := row(&i.ID, &i.PracticeID, &i.InviterID, &i.Email, &i.canon, &i.Role, &i.First, &i.Last, &i.Phone, &i.Cell, &i.BySupport, &i.Manager, &i.Paid,
		&i.TwoStep, &i.State, &i.AcceptedBy, &i.CreatedAt, &i.SentAt, &i.Version, &i.registration,
		&i.ReplacedBy, &i.WrongNumberAt)
	return i, err
}

func insertInvitation(ctx context.Context, tx *db.Tx, i Invitation) (bool, error) {
	tier := "free"
	if i.Paid {
		tier = "paid"
	}
	n, err := tx.Exec(ctx, `
		INSERT INTO invite_invitation (id, practice_id, inviter_id, by_support, is_manager, email, email_canon, role, first_name, last_name,
			phone, cell, tier, two_step, state, created_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'invited', $15, 1)
		ON CONFLICT (practice_id, email_canon) WHERE state IN ('invited', 'started', 'held') DO NOTHING`,
		i.ID, i.PracticeID, i.InviterID, i.BySupport, i.Manager, i.Email, i.canon, string(i.Role), i.First, i.Last, i.Phone, i.Cell, tier, i.TwoStep, i.CreatedAt)
	return n == 1, err
}

func findOpen(ctx context.Context, r db.Reader, practiceID, canon string) (Invitation, bool, error) {
	return db.One(ctx, r, scan, "SELECT "+columns+" FROM invite_invitation WHERE practice_id = $1 AND email_canon = $2 AND state IN ('invited', 'started', 'held')", practiceID, canon)
}

func listInvitations(ctx context.Context, r db.Reader, ids []string) ([]Invitation, error) {
	in, args := db.In(1, ids)
	return db.All(ctx, r, scan, "SELECT "+columns+" FROM invite_invitation WHERE id IN "+in, args...)
}

// listOpen are all practices' open invitations of an address.
func listOpen(ctx context.Context, r db.Reader, canon string) ([]Invitation, error) {
	return db.All(ctx, r, scan, "SELECT "+columns+" FROM invite_invitation WHERE email_canon = $1 AND state IN ('invited', 'started') ORDER BY id", canon)
}

func listHeld(ctx context.Context, r db.Reader, canon string) ([]Invitation, error) {
	return db.All(ctx, r, scan, "SELECT "+columns+" FROM invite_invitation WHERE email_canon = $1 AND state = 'held' ORDER BY id", canon)
}

func updateSent(ctx context.Context, tx *db.Tx, id string, now int64) error {
	_, err := tx.Exec(ctx, "UPDATE invite_invitation SET sent_at = $2 WHERE id = $1", id, now)
	return err
}

// startInvitation keeps the registration when the person has finished it; false when the invitation is not the one
// the page was made from.
func startInvitation(ctx context.Context, tx *db.Tx, i Invitation, registration []byte, twoStep bool) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE invite_invitation
		SET state = 'started', registration_sealed = $3, two_step = $4, version = version + 1
		WHERE id = $1 AND version = $2 AND state = 'invited'`, i.ID, i.Version, registration, twoStep)
	return n == 1, err
}

// acceptInvitation is the deciding statement of setting the password and of a claim.
func acceptInvitation(ctx context.Context, tx *db.Tx, i Invitation, userID string) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE invite_invitation
		SET state = 'accepted', accepted_by = $3, version = version + 1
		WHERE id = $1 AND version = $2 AND state IN ('invited', 'started', 'held')`, i.ID, i.Version, userID)
	return n == 1, err
}

func holdInvitation(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, "UPDATE invite_invitation SET state = 'held', version = version + 1 WHERE id = $1 AND state IN ('invited', 'started')", id)
	return err
}

// releaseInvitations opens what was held for an address. A registration that was finished before stays finished.
func releaseInvitations(ctx context.Context, tx *db.Tx, canon string) error {
	_, err := tx.Exec(ctx, `
		UPDATE invite_invitation
		SET state = CASE WHEN registration_sealed IS NULL THEN 'invited' ELSE 'started' END, version = version + 1
		WHERE email_canon = $1 AND state = 'held'`, canon)
	return err
}

// putPhones keeps the numbers that the holder of a Support invitation without any has typed.
func putPhones(ctx context.Context, tx *db.Tx, i Invitation, phone, cell string) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE invite_invitation
		SET phone = $3, cell = $4, version = version + 1
		WHERE id = $1 AND version = $2 AND by_support AND phone = '' AND cell = '' AND state = 'invited'`, i.ID, i.Version, phone, cell)
	return n == 1, err
}

func lockOpen(ctx context.Context, tx *db.Tx, id string) (Invitation, bool, error) {
	return db.One(ctx, tx, scan, `
		UPDATE invite_invitation
		SET version = version
		WHERE id = $1 AND state IN ('invited', 'started', 'held')
		RETURNING `+columns, id)
}
