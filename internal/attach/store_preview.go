package attach

import (
	"context"
	"slices"
	"strings"

	"securepractice/internal/db"
	"securepractice/internal/preview"
)

// insertPreview notes that a clean file has or wants a preview. What was noted before stays.
func insertPreview(ctx context.Context, tx *db.Tx, fileID, state string, at int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO attach_preview (file_id, state, reason, thumbs, pages, raws, infos, tries, version, due_at)
		VALUES ($1, $2, '', 0, 0, 0, 0, 0, 1, $3)
		ON CONFLICT (file_id) DO NOTHING`, fileID, state, at)
	return err
}

// isPreviewDue says whether there is anything to do, without taking it.
func isPreviewDue(ctx context.Context, r db.Reader, now int64) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[string], `
		SELECT file_id
		FROM attach_preview
		WHERE state IN ('wanted', 'making') AND due_at <= $1
		LIMIT 1`, now)
	return found, err
}

// making is a preview that this worker has taken.
type making struct {
	file           file
	tries, version int64
}

// claimPreview takes the file that has waited longest, until the lease ends. A preview of a file that is not clean (any
// more) waits on.
func claimPreview(ctx context.Context, tx *db.Tx, now, lease int64) (m making, found bool, err error) {
	m, found, err = db.One(ctx, tx, func(row db.Row) (m making, err error) {
		err = row(&m.file.id, &m.tries, &m.version)
		return m, err
	}, `
		UPDATE attach_preview
		SET state = 'making', tries = tries + 1, version = version + 1, due_at = $2
		WHERE state IN ('wanted', 'making') AND due_at <= $1 AND file_id = (
			SELECT p.file_id
			FROM attach_preview p
			JOIN attach_file f ON f.id = p.file_id
			WHERE p.state IN ('wanted', 'making') AND p.due_at <= $1 AND f.state = 'clean'
			ORDER BY p.due_at, p.file_id
			LIMIT 1)
		RETURNING file_id, tries, version`, now, lease)
	if err != nil || !found {
		return m, false, err
	}
	f, found, err := db.One(ctx, tx, func(row db.Row) (file, error) {
		f := file{id: m.file.id, state: Clean}
		err := row(&f.ownerID, &f.ext, &f.size, &f.partSize, &f.dek)
		return f, err
	}, `
		SELECT owner_id, ext, size, part_size, wrapped_dek
		FROM attach_file
		WHERE id = $1 AND state = 'clean'`, m.file.id)
	m.file = f
	return m, found, err
}

// stored is a row of attach_preview_page.
type storedPage struct {
	kind, typ, key string
	n, w, h, size  int64
}

// finishPreview ends the making of a preview; false when the file is no longer clean or another worker has it.
func finishPreview(ctx context.Context, tx *db.Tx, m making, state, reason string, pages []storedPage) (bool, error) {
	count := func(kind string) (n int64) {
		for _, p := range pages {
			if p.kind == kind {
				n++
			}
		}
		return n
	}
	n, err := tx.Exec(ctx, `
		UPDATE attach_preview
		SET state = $3, reason = $4, thumbs = $5, pages = $6, raws = $7, infos = $8, due_at = NULL, version = version + 1
		WHERE file_id = $1 AND version = $2 AND state = 'making'
			AND EXISTS (SELECT 1 FROM attach_file f WHERE f.id = attach_preview.file_id AND f.state = 'clean')`,
		m.file.id, m.version, state, reason, count("thumb"), count("page"), count("raw"), count("info"))
	if err != nil || n != 1 {
		return false, err
	}
	for chunk := range slices.Chunk(pages, 100) {
		const columns = 8
		rows := make([]string, len(chunk))
		var args []any
		for i, p := range chunk {
			rows[i] = placeholders(i*columns, columns)
			args = append(args, m.file.id, p.kind, p.n, p.typ, p.w, p.h, p.size, p.key)
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO attach_preview_page (file_id, kind, n, type, width, height, len, key)
			VALUES `+strings.Join(rows, ", "), args...); err != nil {
			return false, err
		}
	}
	return true, nil
}

// returnPreview gives a preview back, to be made later. A try that failed for a reason of ours does not count.
func returnPreview(ctx context.Context, tx *db.Tx, m making, tries, at int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE attach_preview
		SET state = 'wanted', tries = $3, due_at = $4, version = version + 1
		WHERE file_id = $1 AND version = $2 AND state = 'making'`, m.file.id, m.version, tries, at)
	return err
}

// revivePreviews wants those again that failed for one reason.
func revivePreviews(ctx context.Context, tx *db.Tx, reason string, at int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE attach_preview
		SET state = 'wanted', reason = '', tries = 0, due_at = $2, version = version + 1
		WHERE state = 'failed' AND reason = $1`, reason, at)
	return err
}

// trashPreviews ends the previews of files and puts their objects aside for deletion. The rows that decide go first: who
// is just finishing one finds it gone, or has finished before.
func trashPreviews(ctx context.Context, tx *db.Tx, fileIDs []string, at int64) error {
	list, args := db.In(1, fileIDs)
	if _, err := tx.Exec(ctx, `
		DELETE FROM attach_preview
		WHERE file_id IN `+list, args...); err != nil {
		return err
	}
	keys, err := db.All(ctx, tx, db.Scan1[string], `
		DELETE FROM attach_preview_page
		WHERE file_id IN `+list+`
		RETURNING key`, args...)
	if err != nil {
		return err
	}
	return insertTrash(ctx, tx, keys, at)
}

// findPage finds one page of a preview that is ready.
func findPage(ctx context.Context, r db.Reader, fileID, kind string, n int64) (storedPage, bool, error) {
	return db.One(ctx, r, func(row db.Row) (storedPage, error) {
		p := storedPage{kind: kind, n: n}
		err := row(&p.typ, &p.w, &p.h, &p.size, &p.key)
		return p, err
	}, `
		SELECT g.type, g.width, g.height, g.len, g.key
		FROM attach_preview_page g
		JOIN attach_preview p ON p.file_id = g.file_id
		WHERE g.file_id = $1 AND g.kind = $2 AND g.n = $3 AND p.state = 'ready'`, fileID, kind, n)
}

// pageOf is a page as it is stored, before it has a key.
func pageOf(p preview.Page) storedPage {
	return storedPage{kind: p.Kind, typ: p.Type, n: int64(p.N), w: int64(p.W), h: int64(p.H), size: int64(len(p.Data))}
}
