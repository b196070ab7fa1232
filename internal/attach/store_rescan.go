package attach

import (
	"context"

	"securepractice/internal/db"
)

// takeScanned takes the clean file that other signatures than these looked at the longest time ago, but not since a time.
func takeScanned(ctx context.Context, tx *db.Tx, signature string, now, before int64) (file, bool, error) {
	return db.One(ctx, tx, func(row db.Row) (file, error) {
		f := file{state: Clean}
		err := row(&f.id, &f.userID, &f.ownerID, &f.ext, &f.size, &f.partSize, &f.sumSealed, &f.dek, &f.version)
		return f, err
	}, `
		UPDATE attach_file
		SET scanned_at = $2
		WHERE id = (SELECT id FROM attach_file WHERE state = 'clean' AND scan_sig <> $1 AND scanned_at < $3 ORDER BY scanned_at LIMIT 1)
			AND state = 'clean' AND scanned_at < $3
		RETURNING id, user_id, owner_id, ext, size, part_size, sha256_sealed, wrapped_dek, version`, signature, now, before)
}

// updateScanned notes a second verdict on a file that is still clean.
func updateScanned(ctx context.Context, tx *db.Tx, f file, v verdict) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET state = $3, reason = $4, scan_sig = $5, scanned_at = $6, threat = $7, version = version + 1
		WHERE id = $1 AND version = $2 AND state = 'clean'`, f.id, f.version, v.state, v.reason, v.signature, v.at, v.threat)
	return n == 1, err
}

// wipeInfected makes infected files that were found before a time unreadable, and names them.
func wipeInfected(ctx context.Context, tx *db.Tx, before int64) ([]string, error) {
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE attach_file
		SET wrapped_dek = NULL, sha256_sealed = NULL, version = version + 1
		WHERE id IN (
			SELECT id
			FROM attach_file
			WHERE state = 'infected' AND scanned_at < $1 AND wrapped_dek IS NOT NULL
			LIMIT 200)
		RETURNING id`, before)
}
