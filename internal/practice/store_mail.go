package practice

import (
	"context"

	"securepractice/internal/db"
)

// updateMailRules gives the rules as they were when nothing had to change, and is false when the practice has another
// version. The version counts on only when something changes.
func updateMailRules(ctx context.Context, tx *db.Tx, practiceID string, r MailRules) (was MailRules, found bool, err error) {
	n, err := tx.Exec(ctx, `
		UPDATE practice_practice
		SET max_recipients = $3, version = version + 1
		WHERE id = $1 AND version = $2 AND max_recipients <> $3`, practiceID, r.Version, r.MaxRecipients)
	if err != nil || n == 1 {
		return MailRules{}, n == 1, err
	}
	return db.One(ctx, tx, func(row db.Row) (MailRules, error) {
		var m MailRules
		err := row(&m.MaxRecipients, &m.Version)
		return m, err
	}, "SELECT max_recipients, version FROM practice_practice WHERE id = $1 AND version = $2", practiceID, r.Version)
}
