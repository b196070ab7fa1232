package account

import (
	"context"

	"securepractice/internal/db"
)

func unlockMember(ctx context.Context, tx *db.Tx, userID, practiceID string) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE account_user
		SET state = 'active', wrong_tries = 0, version = version + 1
		WHERE id = $1 AND practice_id = $2 AND state = 'locked'`, userID, practiceID)
	return n == 1, err
}
