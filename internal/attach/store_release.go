package attach

import (
	"context"

	"securepractice/internal/db"
)

// releaseLinks removes all links of a holder and gives their files.
func releaseLinks(ctx context.Context, tx *db.Tx, holder string) ([]string, error) {
	return db.All(ctx, tx, db.Scan1[string], `
		DELETE FROM attach_link
		WHERE holder = $1
		RETURNING file_id`, holder)
}
