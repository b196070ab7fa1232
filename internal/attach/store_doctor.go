package attach

import (
	"context"

	"securepractice/internal/db"
)

// examined is a row of attach_file as the doctor looks at it, with its parts.
type examined struct {
	file
	leaseUntil, nextTry, activeAt int64
	reason                        string
	links                         int64
	parts                         []part
}

const selectExamined = `
		SELECT id, user_id, owner_id, state, COALESCE(size, -1), part_size, received, wrapped_dek, sha256_sealed, version,
			COALESCE(lease_until, 0), COALESCE(next_try_at, 0), active_at, reason,
			(SELECT COUNT(*) FROM attach_link l WHERE l.file_id = attach_file.id)
		FROM attach_file`

func scanExamined(row db.Row) (examined, error) {
	var x examined
	err := row(&x.id, &x.userID, &x.ownerID, &x.state, &x.size, &x.partSize, &x.received, &x.dek, &x.sumSealed, &x.version,
		&x.leaseUntil, &x.nextTry, &x.activeAt, &x.reason, &x.links)
	return x, err
}

// listExamined reads the files behind an id, in order of their ids, with their parts.
func listExamined(ctx context.Context, r db.Reader, after string, most int) ([]examined, error) {
	list, err := db.All(ctx, r, scanExamined, selectExamined+`
		WHERE id > $1
		ORDER BY id
		LIMIT $2`, after, most)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list, addParts(ctx, r, list)
}

// findExamined reads one file anew.
func findExamined(ctx context.Context, r db.Reader, fileID string) (examined, bool, error) {
	x, found, err := db.One(ctx, r, scanExamined, selectExamined+`
		WHERE id = $1`, fileID)
	if err != nil || !found {
		return x, false, err
	}
	list := []examined{x}
	err = addParts(ctx, r, list)
	return list[0], true, err
}

func addParts(ctx context.Context, r db.Reader, list []examined) error {
	ids, at := make([]string, len(list)), make(map[string]int, len(list))
	for i, x := range list {
		ids[i], at[x.id] = x.id, i
	}
	in, args := db.In(1, ids)
	_, err := db.All(ctx, r, func(row db.Row) (struct{}, error) {
		var id string
		var p part
		err := row(&id, &p.idx, &p.key, &p.size)
		list[at[id]].parts = append(list[at[id]].parts, p)
		return struct{}{}, err
	}, `
		SELECT file_id, idx, key, len
		FROM attach_part
		WHERE file_id IN `+in+`
		ORDER BY file_id, idx`, args...)
	return err
}

func countFiles(ctx context.Context, r db.Reader) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], "SELECT COUNT(*) FROM attach_file")
	return n, err
}

// oddLink is a link that does not fit its file.
type oddLink struct {
	id, holder, fileID, state string
	size, fileSize            int64
	held                      bool // its holder has a row
}

// listOddLinks reads the links behind an id that no act of the program leaves so.
func listOddLinks(ctx context.Context, r db.Reader, after string, most int) ([]oddLink, error) {
	return db.All(ctx, r, func(row db.Row) (oddLink, error) {
		var l oddLink
		err := row(&l.id, &l.holder, &l.fileID, &l.state, &l.size, &l.fileSize, &l.held)
		return l, err
	}, `
		SELECT l.id, l.holder, l.file_id, COALESCE(f.state, ''), l.size, COALESCE(f.size, -1), h.holder IS NOT NULL
		FROM attach_link l
		LEFT JOIN attach_file f ON f.id = l.file_id
		LEFT JOIN attach_holder h ON h.holder = l.holder
		WHERE l.id > $1 AND (f.id IS NULL OR f.state IN ('gone', 'aborted') OR h.holder IS NULL
			OR (f.state <> 'uploading' AND (f.size IS NULL OR f.size <> l.size)))
		ORDER BY l.id
		LIMIT $2`, after, most)
}

// listTrashed lists which of some objects are put aside already.
func listTrashed(ctx context.Context, r db.Reader, keys []string) ([]string, error) {
	in, args := db.In(1, keys)
	return db.All(ctx, r, db.Scan1[string], `
		SELECT key
		FROM attach_trash
		WHERE key IN `+in, args...)
}

// countTrash counts the objects that were put aside before a time.
func countTrash(ctx context.Context, r db.Reader, before int64) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT COUNT(*)
		FROM attach_trash
		WHERE since_at < $1`, before)
	return n, err
}

// loseFile marks a clean file whose bytes are lost.
func loseFile(ctx context.Context, tx *db.Tx, x examined) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET state = 'rejected', reason = $3, version = version + 1
		WHERE id = $1 AND version = $2 AND state = 'clean'`, x.id, x.version, reasonLost)
	return n == 1, err
}

// refindFile gives a file that was marked as lost back to be checked anew.
func refindFile(ctx context.Context, tx *db.Tx, x examined, at int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET state = 'uploaded', reason = '', lease_until = NULL, next_try_at = $3, version = version + 1
		WHERE id = $1 AND version = $2 AND state = 'rejected' AND reason = $4`, x.id, x.version, at, reasonLost)
	return n == 1, err
}

// recheckFile gives a file back to be checked whose worker or job is lost.
func recheckFile(ctx context.Context, tx *db.Tx, x examined, at int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET state = 'uploaded', lease_until = NULL, next_try_at = $3, version = version + 1
		WHERE id = $1 AND version = $2 AND state IN ('uploaded', 'checking', 'scanning')`, x.id, x.version, at)
	return n == 1, err
}

// endFile wipes the key of an upload that nobody goes on with, or of a file that has ended.
func endFile(ctx context.Context, tx *db.Tx, x examined) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET state = CASE WHEN state = 'uploading' THEN 'aborted' ELSE state END, wrapped_dek = NULL, version = version + 1
		WHERE id = $1 AND version = $2 AND state IN ('uploading', 'aborted', 'gone')`, x.id, x.version)
	return n == 1, err
}
