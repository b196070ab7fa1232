package account

import (
	"context"

	"securepractice/internal/db"
)

// reminderDue are the people to be reminded so many days ahead: active, their password set after a moment and until
// another, and not reminded of this password that late or later. last is whom an earlier page ended with.
type reminderDue struct {
	after, until int64
	last         string
	days         int
}

func listDue(ctx context.Context, r db.Reader, due reminderDue, most int) ([]User, error) {
	return db.All(ctx, r, scanUser, `
		SELECT `+userColumns+`
		FROM account_user u
		LEFT JOIN account_reminder m ON m.user_id = u.id
		WHERE (u.password_at > $1 OR u.password_at = $1 AND u.id > $2 AND $2 <> '') AND u.password_at <= $3 AND u.password_hash IS NOT NULL AND u.state = 'active'
			AND (m.user_id IS NULL OR m.password_at <> u.password_at OR m.days > $4)
		ORDER BY u.password_at, u.id
		LIMIT $5`, due.after, due.last, due.until, due.days, most)
}

// noteReminder is the deciding statement of a reminder: false when this one, or a later one, was sent for this password.
func noteReminder(ctx context.Context, tx *db.Tx, u User, days int) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO account_reminder (user_id, password_at, days)
		VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE
		SET password_at = $2, days = $3
		WHERE account_reminder.password_at <> $2 OR account_reminder.days > $3`, u.ID, u.PasswordAt, days)
	return n == 1, err
}
