package crypt

import (
	"context"

	"securepractice/internal/db"
)

type rootRow struct{ kek, seed []byte }

type ownerRow struct {
	id     string
	sealed []byte
	kekID  int64
}

// standing is what one look at the database saw.
type standing struct{ root, data bool }

func findRoot(ctx context.Context, r db.Reader) (rootRow, bool, error) {
	return db.One(ctx, r, func(row db.Row) (v rootRow, err error) {
		err = row(&v.kek, &v.seed)
		return v, err
	}, `
		SELECT kek_keyset_sealed, mac_seed_sealed
		FROM crypt_root
		WHERE id = 1`)
}

// readStanding is one statement, so that it sees another process's first keys whole or not at all. Accounts are looked
// at too: they are there even when every table of this room was lost.
func readStanding(ctx context.Context, r db.Reader) (standing, error) {
	st, _, err := db.One(ctx, r, func(row db.Row) (standing, error) {
		var roots, owners, users int64
		err := row(&roots, &owners, &users)
		return standing{root: roots > 0, data: owners+users > 0}, err
	}, `
		SELECT
			(SELECT COUNT(*) FROM crypt_root),
			(SELECT COUNT(*) FROM crypt_owner),
			(SELECT COUNT(*) FROM account_user)`)
	return st, err
}

func insertRoot(ctx context.Context, tx *db.Tx, v rootRow) (int64, error) {
	return tx.Exec(ctx, `
		INSERT INTO crypt_root (id, kek_keyset_sealed, mac_seed_sealed, version)
		VALUES (1, $1, $2, 1)
		ON CONFLICT (id) DO NOTHING`, v.kek, v.seed)
}

func insertOwner(ctx context.Context, tx *db.Tx, v ownerRow, at int64) (int64, error) {
	return tx.Exec(ctx, `
		INSERT INTO crypt_owner (owner_id, keyset_sealed, kek_id, version, created_at)
		VALUES ($1, $2, $3, 1, $4)
		ON CONFLICT (owner_id) DO NOTHING`, v.id, v.sealed, v.kekID, at)
}

func findOwner(ctx context.Context, r db.Reader, id string) (ownerRow, bool, error) {
	return db.One(ctx, r, func(row db.Row) (ownerRow, error) {
		v := ownerRow{id: id}
		err := row(&v.sealed, &v.kekID)
		return v, err
	}, `
		SELECT keyset_sealed, kek_id
		FROM crypt_owner
		WHERE owner_id = $1 AND destroyed_at IS NULL`, id)
}
