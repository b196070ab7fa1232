package account

import (
	"context"
	"strings"

	"securepractice/internal/actor"
	"securepractice/internal/db"
)

// systemTheme is the stored word for following the system.
const systemTheme = "system"

func lookOf(l actor.Look, shortcuts bool) actor.Look {
	if l.Theme == systemTheme {
		l.Theme = ""
	}
	l.NoShortcuts = !shortcuts
	return l
}

// updateProfile is false when the row is of another version by now.
func updateProfile(ctx context.Context, tx *db.Tx, userID string, p Profile) (bool, error) {
	theme := p.Look.Theme
	if theme == "" {
		theme = systemTheme
	}
	n, err := tx.Exec(ctx, `
		UPDATE account_user
		SET first_name = $2, last_name = $3, name_canon = $4, zone = $5, ada_number = $6, specialties = $7, theme = $8, compact_lists = $9, shortcuts = $10,
			version = version + 1
		WHERE id = $1 AND version = $11`,
		userID, p.First, p.Last, nameCanon(p.First, p.Last), p.Zone, p.ADA, strings.Join(p.Specialties, "\n"), theme, p.Look.Compact, !p.Look.NoShortcuts, p.Version)
	return n == 1, err
}

func findPassword(ctx context.Context, r db.Reader, userID string) (string, error) {
	hash, _, err := db.One(ctx, r, db.Scan1[string], "SELECT COALESCE(password_hash, '') FROM account_user WHERE id = $1", userID)
	return hash, err
}

// updateEmail changes the address that u was read with; not when it was changed since, or another account has the new one.
func updateEmail(ctx context.Context, tx *db.Tx, u User, email, canon string) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE account_user
		SET email = $2, email_canon = $3, version = version + 1
		WHERE id = $1 AND email_canon = $4 AND state <> 'deactivated'
			AND NOT EXISTS (SELECT 1 FROM account_user o WHERE o.email_canon = $3 AND o.id <> $1)`, u.ID, email, canon, u.canon)
	return n == 1, err
}

// replacePassword puts a hash in place that no password gives; the holder must choose a new one by a reset.
func replacePassword(ctx context.Context, tx *db.Tx, userID, hash string) error {
	_, err := tx.Exec(ctx, "UPDATE account_user SET password_hash = $2, version = version + 1 WHERE id = $1", userID, hash)
	return err
}

// emailChange is a row of account_email_change.
type emailChange struct {
	id, userID                   string
	oldEmail, oldCanon, newEmail string
	changedAt                    int64
	undone                       bool
}

func insertEmailChange(ctx context.Context, tx *db.Tx, c emailChange) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO account_email_change (id, user_id, old_email, old_canon, new_email, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, c.id, c.userID, c.oldEmail, c.oldCanon, c.newEmail, c.changedAt)
	return err
}

func findEmailChange(ctx context.Context, r db.Reader, id string) (emailChange, bool, error) {
	return db.One(ctx, r, func(row db.Row) (emailChange, error) {
		var c emailChange
		err := row(&c.id, &c.userID, &c.oldEmail, &c.oldCanon, &c.newEmail, &c.changedAt, &c.undone)
		return c, err
	}, "SELECT id, user_id, old_email, old_canon, new_email, changed_at, undone_at IS NOT NULL FROM account_email_change WHERE id = $1", id)
}

// undoEmailChanges takes back a change and all later ones of the person; the answer are their ids.
func undoEmailChanges(ctx context.Context, tx *db.Tx, c emailChange, now int64) ([]string, error) {
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE account_email_change
		SET undone_at = $3
		WHERE user_id = $1 AND changed_at >= $2 AND undone_at IS NULL
		RETURNING id`, c.userID, c.changedAt, now)
}

// updatePhone changes one number that u was read with; not when one of them was changed since.
func updatePhone(ctx context.Context, tx *db.Tx, u User, phone, cell string) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE account_user
		SET phone = $2, cell = $3, version = version + 1
		WHERE id = $1 AND phone = $4 AND cell = $5 AND state <> 'deactivated'`, u.ID, phone, cell, u.Phone, u.Cell)
	return n == 1, err
}
