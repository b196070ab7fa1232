package support_test

import (
	"context"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

// TestStoredFiles: Support sees how much a practice has stored, and nothing of what it is.
func TestStoredFiles(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		id := b.newPractice("Cedar Dental")
		b.get("/support/p/"+id).says(200, "Stored files", "No files")
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `
				INSERT INTO attach_file (id, user_id, owner_id, size, part_size, received, state, kek_id, type, ext, scan_sig, reason, version, active_at, tries)
				VALUES ('f', 'u', $1, 4200000000, 4194304, 0, 'clean', 1, '', 'pdf', '', '', 1, 0, 0)`, id)
			return err
		})
		b.get("/support/p/"+id).says(200, "1 file, 4.2 GB")
	})
}
