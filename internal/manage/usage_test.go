package manage_test

import (
	"context"
	"net/http"
	"testing"

	"securepractice/internal/db"
)

// keepFile stores the row of a file of so many bytes.
func (w *world) keepFile(id, ownerID, state string, size any) {
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO attach_file (id, user_id, owner_id, size, part_size, received, state, kek_id, type, ext, scan_sig, reason, version, active_at, tries)
			VALUES ($1, 'u', $2, $3, 4194304, 0, $4, 1, '', 'pdf', '', '', 1, 0, 0)`, id, ownerID, size, state)
		return err
	})
}

// TestStoredFiles: a User Manager sees what the practice has stored, whole and kept, of its own people alone.
func TestStoredFiles(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.as("fay")
		b.get("/users/mail").says(http.StatusOK, "Stored files", "No files")
		w.keepFile("f1", w.harbor, "clean", 2_000_000)
		w.keepFile("f2", w.harbor, "scanning", 1_000_000)
		w.keepFile("f3", w.harbor, "gone", 5_000_000)
		w.keepFile("f4", w.harbor, "uploading", nil)
		w.keepFile("f5", w.lakeside, "clean", 7_000_000)
		w.keepFile("f6", "a patient", "clean", 9_000_000)
		b.get("/users/mail").says(http.StatusOK, "2 files, 3 MB")
	})
}
