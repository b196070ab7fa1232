package practice

import (
	"context"
	"time"

	"securepractice/internal/db"
)

// lockVersion begins an act on a practice; false when it has another version.
func lockVersion(ctx context.Context, tx *db.Tx, practiceID string, version int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE practice_practice
		SET version = version
		WHERE id = $1 AND version = $2`, practiceID, version)
	return n == 1, err
}

func updateMailRules(ctx context.Context, tx *db.Tx, practiceID string, r MailRules, from time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE practice_practice
		SET max_recipients = $2, access_days = $3, retention_days = $4, retention_from = $5, version = version + 1
		WHERE id = $1`, practiceID, r.MaxRecipients, noEnd(r.AccessDays), noEnd(r.RetentionDays), since(from))
	return err
}

// noEnd keeps 0 days as NULL.
func noEnd(days int) any {
	if days == 0 {
		return nil
	}
	return days
}

func since(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixMicro()
}

func listRetaining(ctx context.Context, r db.Reader) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT id
		FROM practice_practice
		WHERE retention_days IS NOT NULL
		ORDER BY id`)
}

func takeRetentionNotice(ctx context.Context, tx *db.Tx, practiceID string, now, before int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE practice_practice
		SET retention_told_at = $2
		WHERE id = $1 AND (retention_told_at IS NULL OR retention_told_at <= $3)`, practiceID, now, before)
	return n == 1, err
}
