package practice

import (
	"context"

	"securepractice/internal/db"
)

func updateTwoStep(ctx context.Context, tx *db.Tx, practiceID string, g Group, on bool) (bool, error) {
	query := "UPDATE practice_practice SET two_step_doctors = $2 WHERE id = $1 AND two_step_doctors <> $2"
	if g == Patients {
		query = "UPDATE practice_practice SET two_step_patients = $2 WHERE id = $1 AND two_step_patients <> $2"
	}
	n, err := tx.Exec(ctx, query, practiceID, on)
	return n == 1, err
}
