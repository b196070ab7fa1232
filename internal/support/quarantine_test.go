package support_test

import (
	"context"
	"testing"

	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

// TestQuarantine: Support sees who attached malware, when, and what it is called; looking is recorded, and only staff may.
func TestQuarantine(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		b.get("/support/quarantine").says(200, "No file is in quarantine.")
		for id, who := range map[string]string{"f1": "ann", "f2": "patient"} {
			w.tx(func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, `
					INSERT INTO attach_file (id, user_id, owner_id, size, part_size, received, state, kek_id, type, ext, scan_sig, reason, version, active_at, tries, scanned_at, threat)
					VALUES ($1, $2, 'o', 1200000, 1, 1, 'infected', 1, '', 'zip', '', 'virus', 1, 1, 1, $3, 'Win.Trojan-7')`, id, w.people[who].ID, w.clock.Now().UnixMicro())
				return err
			})
		}
		b.get("/support/quarantine").says(200, "Win.Trojan-7", "1.2 MB", "Ann Miller", "Harbor Dental", "Patient", "destroyed")
		for _, who := range []string{"ann", "patient"} {
			if n := w.trail(audit.SupportLooked, w.people[who].ID); n != 1 {
				t.Errorf("%d looks at %s recorded, want 1", n, who)
			}
			if p := w.as(who).get("/support/quarantine"); p.status == 200 {
				t.Errorf("%s sees the quarantine", who)
			}
		}
	})
}
