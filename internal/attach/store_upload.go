package attach

import (
	"context"

	"securepractice/internal/db"
)

// arriving is a row of attach_upload with its file's.
type arriving struct {
	file
	holder              string
	nameSealed, nameMAC []byte
	total               int64  // bytes it is to have
	sumState            []byte // sealed
}

func insertUpload(ctx context.Context, tx *db.Tx, a arriving) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO attach_upload (file_id, user_id, holder, name_sealed, name_mac, size, sum_sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, a.id, a.userID, a.holder, a.nameSealed, a.nameMAC, a.total, a.sumState)
	return err
}

const selectArriving = `
		SELECT f.id, f.user_id, f.owner_id, f.ext, f.part_size, f.received, f.wrapped_dek, f.version, u.holder, u.name_sealed, u.name_mac, u.size, u.sum_sealed
		FROM attach_upload u
		JOIN attach_file f ON f.id = u.file_id AND f.state = 'uploading'`

func scanArriving(row db.Row) (arriving, error) {
	a := arriving{file: file{state: Uploading}}
	err := row(&a.id, &a.userID, &a.ownerID, &a.ext, &a.partSize, &a.received, &a.dek, &a.version, &a.holder, &a.nameSealed, &a.nameMAC, &a.total, &a.sumState)
	return a, err
}

// findArriving finds a person's own unfinished upload.
func findArriving(ctx context.Context, r db.Reader, userID, id string) (arriving, bool, error) {
	return db.One(ctx, r, scanArriving, selectArriving+`
		WHERE u.file_id = $1 AND u.user_id = $2`, id, userID)
}

// listArriving lists the unfinished uploads of a person's draft, in the order they were begun.
func listArriving(ctx context.Context, r db.Reader, userID, holder string) ([]arriving, error) {
	return db.All(ctx, r, scanArriving, selectArriving+`
		WHERE u.holder = $1 AND u.user_id = $2
		ORDER BY u.file_id`, holder, userID)
}

// isArriving says whether bytes of a holder's files have come since a time, and more are to come.
func isArriving(ctx context.Context, r db.Reader, holder string, since int64) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT 1
		FROM attach_upload u
		JOIN attach_file f ON f.id = u.file_id
		WHERE u.holder = $1 AND f.state = 'uploading' AND f.active_at > $2
		LIMIT 1`, holder, since)
	return found, err
}

// open is how many uploads are unfinished, and what they are to come to.
type open struct{ files, size int64 }

func scanOpen(row db.Row) (o open, err error) { return o, row(&o.files, &o.size) }

// countArriving counts a holder's, without those of one name.
func countArriving(ctx context.Context, r db.Reader, holder string, nameMAC []byte) (open, error) {
	o, _, err := db.One(ctx, r, scanOpen, `
		SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT)
		FROM attach_upload
		WHERE holder = $1 AND name_mac <> $2`, holder, nameMAC)
	return o, err
}

// countOwn counts a person's.
func countOwn(ctx context.Context, r db.Reader, userID string) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT COUNT(*)
		FROM attach_upload
		WHERE user_id = $1`, userID)
	return n, err
}

// savePart notes a part, or a longer one in its place.
func savePart(ctx context.Context, tx *db.Tx, fileID string, p part) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO attach_part (file_id, idx, key, len)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (file_id, idx) DO UPDATE
		SET key = excluded.key, len = excluded.len`, fileID, p.idx, p.key, p.size)
	return err
}

func updateSum(ctx context.Context, tx *db.Tx, fileID string, sealed []byte) error {
	_, err := tx.Exec(ctx, `
		UPDATE attach_upload
		SET sum_sealed = $2
		WHERE file_id = $1`, fileID, sealed)
	return err
}

// deleteUploads forgets what files were to become.
func deleteUploads(ctx context.Context, tx *db.Tx, fileIDs []string) error {
	if len(fileIDs) == 0 {
		return nil
	}
	list, args := db.In(1, fileIDs)
	_, err := tx.Exec(ctx, `
		DELETE FROM attach_upload
		WHERE file_id IN `+list, args...)
	return err
}

// listHolderUploads names a holder's unfinished uploads, those of one name or all.
func listHolderUploads(ctx context.Context, r db.Reader, holder string, nameMAC []byte) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT file_id
		FROM attach_upload
		WHERE holder = $1 AND ($2 OR name_mac = $3)`, holder, nameMAC == nil, append([]byte{}, nameMAC...))
}
