package db_test

import (
	"context"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

func TestSmoke(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, $2, $3)", []byte("x"), int64(1), int64(2))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		n, ok, err := db.One(t.Context(), d, db.Scan1[int64], "SELECT n FROM limit_hit")
		if err != nil || !ok || n != 2 {
			t.Fatal(n, ok, err)
		}
	})
}
