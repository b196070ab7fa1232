package support

import (
	"context"

	"securepractice/internal/db"
)

func listLocked(ctx context.Context, r db.Reader, most int) ([]PersonRow, error) {
	return db.All(ctx, r, scanPerson, `
		SELECT `+personColumns+`
		FROM account_user u
		LEFT JOIN practice_practice p ON p.id = u.practice_id
		WHERE u.state = 'locked' AND u.role <> 'support'
		ORDER BY u.id DESC
		LIMIT $1`, most)
}
