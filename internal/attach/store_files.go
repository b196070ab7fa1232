package attach

import (
	"context"
	"fmt"
	"slices"

	"securepractice/internal/db"
)

// file is a row of attach_file, as far as it is worked on.
type file struct {
	id, userID, ownerID, state, ext string
	size, partSize, received        int64
	sumSealed, dek                  []byte
	kekID, version, tries           int64
}

// part is a row of attach_part.
type part struct {
	idx, size int64
	key       string
}

func insertFile(ctx context.Context, tx *db.Tx, f file, at int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO attach_file (id, user_id, owner_id, size, part_size, received, state, sha256_sealed, wrapped_dek, kek_id,
			type, ext, scan_sig, reason, version, active_at, tries, next_try_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, '', '', 1, $12, 0, $12)`,
		f.id, f.userID, f.ownerID, nullable(f.size), f.partSize, f.received, f.state, f.sumSealed, f.dek, f.kekID, f.ext, at)
	return err
}

// updateReceived notes one more stored part of a file that is still arriving, and its end when f.state says so.
func updateReceived(ctx context.Context, tx *db.Tx, f file, at int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET size = $3, received = $4, state = $5, sha256_sealed = $6, wrapped_dek = $7, kek_id = $8, active_at = $9,
			next_try_at = $9, version = version + 1
		WHERE id = $1 AND version = $2 AND state = 'uploading'`,
		f.id, f.version, nullable(f.size), f.received, f.state, f.sumSealed, f.dek, f.kekID, at)
	return n == 1, err
}

func insertPart(ctx context.Context, tx *db.Tx, fileID string, p part) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO attach_part (file_id, idx, key, len)
		VALUES ($1, $2, $3, $4)`, fileID, p.idx, p.key, p.size)
	return err
}

// claimFile takes an uploaded file for checking until the lease ends.
func claimFile(ctx context.Context, tx *db.Tx, fileID string, lease int64) (file, bool, error) {
	return db.One(ctx, tx, func(row db.Row) (file, error) {
		f := file{id: fileID, state: Checking}
		err := row(&f.userID, &f.ownerID, &f.ext, &f.size, &f.partSize, &f.sumSealed, &f.dek, &f.version, &f.tries)
		return f, err
	}, `
		UPDATE attach_file
		SET state = 'checking', lease_until = $2, tries = tries + 1, version = version + 1
		WHERE id = $1 AND state = 'uploaded'
		RETURNING user_id, owner_id, ext, size, part_size, sha256_sealed, wrapped_dek, version, tries`, fileID, lease)
}

// extendLease keeps a claimed file for its worker; tries tells one claim from the next.
func extendLease(ctx context.Context, tx *db.Tx, f file, until int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET lease_until = $3
		WHERE id = $1 AND tries = $2 AND state IN ('checking', 'scanning')`, f.id, f.tries, until)
	return n == 1, err
}

// updateState moves a claimed file from the state the worker knows to the next.
func updateState(ctx context.Context, tx *db.Tx, f file, v verdict) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET state = $4, type = $5, reason = $6, scan_sig = $7, scanned_at = $8, threat = $9, macros = $10, version = version + 1,
			lease_until = CASE WHEN $4 = 'scanning' THEN lease_until END
		WHERE id = $1 AND version = $2 AND state = $3`, f.id, f.version, f.state, v.state, v.found, v.reason, v.signature, nullable(v.at), v.threat, v.macros)
	return n == 1, err
}

// returnFile gives a claimed file back unjudged, to be tried again later.
func returnFile(ctx context.Context, tx *db.Tx, f file, at int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET state = 'uploaded', lease_until = NULL, next_try_at = $3, version = version + 1
		WHERE id = $1 AND tries = $2 AND state IN ('checking', 'scanning')`, f.id, f.tries, at)
	return err
}

// abortFile ends an upload that did not arrive whole and wipes its key.
func abortFile(ctx context.Context, tx *db.Tx, fileID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET state = 'aborted', wrapped_dek = NULL, version = version + 1
		WHERE id = $1 AND state = 'uploading'`, fileID)
	return err
}

// dropFiles makes files that nobody holds any more unreadable and names those it dropped.
func dropFiles(ctx context.Context, tx *db.Tx, fileIDs []string, at int64) ([]string, error) {
	list, args := db.In(2, fileIDs)
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE attach_file
		SET state = 'gone', wrapped_dek = NULL, sha256_sealed = NULL, lease_until = NULL, active_at = $1, version = version + 1
		WHERE id IN `+list+`
			AND NOT EXISTS (SELECT 1 FROM attach_link l WHERE l.file_id = attach_file.id)
		RETURNING id`, append([]any{at}, args...)...)
}

// trashParts puts the objects of files and of their previews aside for deletion and forgets which files they were.
func trashParts(ctx context.Context, tx *db.Tx, fileIDs []string, at int64) error {
	if err := trashPreviews(ctx, tx, fileIDs, at); err != nil {
		return err
	}
	list, args := db.In(2, fileIDs)
	_, err := tx.Exec(ctx, `
		INSERT INTO attach_trash (key, since_at)
		SELECT key, CAST($1 AS BIGINT)
		FROM attach_part
		WHERE file_id IN `+list+`
		ON CONFLICT (key) DO NOTHING`, append([]any{at}, args...)...)
	if err != nil {
		return err
	}
	list, args = db.In(1, fileIDs)
	_, err = tx.Exec(ctx, `
		DELETE FROM attach_part
		WHERE file_id IN `+list, args...)
	return err
}

// insertTrash puts single objects aside for deletion.
func insertTrash(ctx context.Context, tx *db.Tx, keys []string, at int64) error {
	for chunk := range slices.Chunk(keys, 200) {
		var rows string
		args := []any{at}
		for _, key := range chunk {
			args = append(args, key)
			rows += fmt.Sprintf(",($%d,$1)", len(args))
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO attach_trash (key, since_at)
			VALUES `+rows[1:]+`
			ON CONFLICT (key) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	return nil
}

// recoverChecks gives back the files of workers that died, and those whose job was lost, and names them.
func recoverChecks(ctx context.Context, tx *db.Tx, now, stale int64) ([]string, error) {
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE attach_file
		SET state = 'uploaded', lease_until = NULL, next_try_at = $1, version = version + 1
		WHERE id IN (
			SELECT id
			FROM attach_file
			WHERE state IN ('uploaded', 'checking', 'scanning')
				AND (lease_until <= $1 OR (lease_until IS NULL AND next_try_at <= $2))
			LIMIT 200)
		RETURNING id`, now, stale)
}

// abortStale ends uploads of which nothing was heard for long and names them.
func abortStale(ctx context.Context, tx *db.Tx, before int64) ([]string, error) {
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE attach_file
		SET state = 'aborted', wrapped_dek = NULL, version = version + 1
		WHERE id IN (
			SELECT id
			FROM attach_file
			WHERE state = 'uploading' AND active_at < $1
			LIMIT 200)
		RETURNING id`, before)
}

// deleteEnded removes the rows of files that have had no bytes for long.
func deleteEnded(ctx context.Context, tx *db.Tx, before int64) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM attach_file
		WHERE id IN (
			SELECT f.id
			FROM attach_file f
			WHERE f.state IN ('aborted', 'gone') AND f.active_at < $1
				AND NOT EXISTS (SELECT 1 FROM attach_part p WHERE p.file_id = f.id)
				AND NOT EXISTS (SELECT 1 FROM attach_link l WHERE l.file_id = f.id)
			LIMIT 200)`, before)
	return err
}

func listTrash(ctx context.Context, r db.Reader, before int64) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT key
		FROM attach_trash
		WHERE since_at < $1
		ORDER BY since_at
		LIMIT 200`, before)
}

func deleteTrash(ctx context.Context, tx *db.Tx, keys []string) error {
	list, args := db.In(1, keys)
	_, err := tx.Exec(ctx, `
		DELETE FROM attach_trash
		WHERE key IN `+list, args...)
	return err
}

// listUsed lists the objects that files own among those of some files.
func listUsed(ctx context.Context, r db.Reader, fileIDs []string) ([]string, error) {
	list, args := db.In(1, fileIDs)
	return db.All(ctx, r, db.Scan1[string], `
		SELECT key
		FROM attach_part
		WHERE file_id IN `+list+`
		UNION ALL
		SELECT key
		FROM attach_preview_page
		WHERE file_id IN `+list, args...)
}
