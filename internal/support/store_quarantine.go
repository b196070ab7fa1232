package support

import (
	"context"

	"securepractice/internal/db"
)

const mostHeld = 100

func listHeld(ctx context.Context, r db.Reader, most int) ([]HeldFile, error) {
	return db.All(ctx, r, func(row db.Row) (HeldFile, error) {
		var f HeldFile
		err := row(&f.ID, &f.Threat, &f.Size, &f.FoundAt, &f.Kept, &f.UserID, &f.User, &f.PracticeID, &f.Practice)
		return f, err
	}, `
		SELECT f.id, f.threat, COALESCE(f.size, 0), COALESCE(f.scanned_at, 0), EXISTS (SELECT 1 FROM attach_part q WHERE q.file_id = f.id),
			u.id, u.first_name || ' ' || u.last_name, COALESCE(u.practice_id, ''), COALESCE(p.name, '')
		FROM attach_file f
		JOIN account_user u ON u.id = f.user_id
		LEFT JOIN practice_practice p ON p.id = u.practice_id
		WHERE f.state = 'infected'
		ORDER BY f.scanned_at DESC, f.id DESC
		LIMIT $1`, most)
}
