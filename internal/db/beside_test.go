package db_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"securepractice/internal/db"
)

// A short command may act on the data folder while the portal runs; a second portal may not.
func TestOpenBeside(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "x.db")
	portal, err := db.Open(t.Context(), url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer portal.Close()
	if err := db.Migrate(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Open(t.Context(), url, db.Options{}); !errors.Is(err, db.ErrInUse) {
		t.Fatalf("a second portal: %v, want ErrInUse", err)
	}
	beside, err := db.Open(t.Context(), url, db.Options{Beside: true})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	for i, d := range []*db.DB{portal, beside, portal, beside} {
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, 1, 1)", []byte{byte(i)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	n, _, err := db.One(t.Context(), portal, db.Scan1[int64], "SELECT COUNT(*) FROM limit_hit")
	if err != nil || n != 4 {
		t.Errorf("%d acts stored (%v), want 4", n, err)
	}
}
