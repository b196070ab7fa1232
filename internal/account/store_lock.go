package account

import (
	"context"

	"securepractice/internal/db"
)

// countLock counts one more lock in a row.
func countLock(ctx context.Context, tx *db.Tx, userID string) (times int64, err error) {
	times, _, err = db.One(ctx, tx, db.Scan1[int64], `
		INSERT INTO account_lock (user_id, times, until_at)
		VALUES ($1, 1, 0)
		ON CONFLICT (user_id) DO UPDATE SET times = account_lock.times + 1
		RETURNING times`, userID)
	return times, err
}

func setLockEnd(ctx context.Context, tx *db.Tx, userID string, until int64) error {
	_, err := tx.Exec(ctx, "UPDATE account_lock SET until_at = $2 WHERE user_id = $1", userID, until)
	return err
}

// openTimedLock opens an account whose lock has run out, with so many tries counted already.
func openTimedLock(ctx context.Context, tx *db.Tx, userID string, now, tries int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE account_user
		SET state = 'active', wrong_tries = $3, version = version + 1
		WHERE id = $1 AND state = 'locked' AND EXISTS (SELECT 1 FROM account_lock l WHERE l.user_id = account_user.id AND l.until_at <= $2)`, userID, now, tries)
	return n == 1, err
}

// forgetLocks begins the count of locks anew.
func forgetLocks(ctx context.Context, tx *db.Tx, userID string) error {
	_, err := tx.Exec(ctx, "DELETE FROM account_lock WHERE user_id = $1", userID)
	return err
}
