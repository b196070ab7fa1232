package attach

import (
	"context"

	"securepractice/internal/db"
)

// listSums reads the sealed sums of those among some files that are clean.
func listSums(ctx context.Context, r db.Reader, fileIDs []string) ([]file, error) {
	list, args := db.In(1, fileIDs)
	return db.All(ctx, r, func(row db.Row) (file, error) {
		var f file
		err := row(&f.id, &f.sumSealed)
		return f, err
	}, `
		SELECT id, sha256_sealed
		FROM attach_file
		WHERE state = 'clean' AND sha256_sealed IS NOT NULL AND id IN `+list, args...)
}
