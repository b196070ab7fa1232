package manage

import (
	"context"

	"securepractice/internal/db"
)

// usage is what a practice's people have stored: whole files, each once, however many messages hold it. What patients send
// is theirs and not in it.
type usage struct{ files, bytes int64 }

// readUsage counts in one range of attach_file_usage.
func readUsage(ctx context.Context, r db.Reader, practiceID string) (usage, error) {
	u, _, err := db.One(ctx, r, func(row db.Row) (usage, error) {
		var u usage
		err := row(&u.files, &u.bytes)
		return u, err
	}, `
		SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT)
		FROM attach_file
		WHERE owner_id = $1 AND state IN ('uploaded', 'checking', 'scanning', 'clean', 'rejected', 'infected')`, practiceID)
	return u, err
}
