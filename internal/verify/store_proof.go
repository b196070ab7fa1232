package verify

import (
	"context"

	"securepractice/internal/db"
)

// confirmBy marks the code step as passed; phone_mac goes, because no number was proved.
func confirmBy(ctx context.Context, tx *db.Tx, f Flow, method string, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET phone_at = $2, phone_mac = NULL, method = $3, code_mac = NULL, code_sealed = NULL, version = version + 1
		WHERE id = $1 AND state = 'open' AND phone_at IS NULL AND expires_at > $2`, f.ID, now, method)
	return n == 1, err
}
