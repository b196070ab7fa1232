package attach

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"securepractice/internal/db"
)

// lockHolder takes the row that decides about a holder's files until the end of the act. It is false for a closed one.
func lockHolder(ctx context.Context, tx *db.Tx, holder string) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO attach_holder (holder, closed, version)
		VALUES ($1, FALSE, 1)
		ON CONFLICT (holder) DO UPDATE
		SET version = attach_holder.version + 1
		WHERE attach_holder.closed = FALSE`, holder)
	return n == 1, err
}

// takeHolder takes the row until the end of the act and leaves it as it is.
func takeHolder(ctx context.Context, tx *db.Tx, holder string) error {
	_, err := tx.Exec(ctx, "UPDATE attach_holder SET version = version + 1 WHERE holder = $1", holder)
	return err
}

// setHolder takes the row whatever its state, and opens or closes it.
func setHolder(ctx context.Context, tx *db.Tx, holder string, closed bool) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO attach_holder (holder, closed, version)
		VALUES ($1, $2, 1)
		ON CONFLICT (holder) DO UPDATE
		SET closed = excluded.closed, version = attach_holder.version + 1`, holder, closed)
	return err
}

// held is how full a holder is, and whether it has a file of a name.
type held struct {
	closed, double   bool
	files, size, pos int64
}

func readHeld(ctx context.Context, r db.Reader, holder string, nameMAC []byte) (held, error) {
	h, _, err := db.One(ctx, r, func(row db.Row) (held, error) {
		var h held
		var closed, double int64
		err := row(&h.files, &h.size, &h.pos, &double, &closed)
		h.double, h.closed = double > 0, closed > 0
		return h, err
	}, `
		SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT), COALESCE(MAX(pos), 0),
			COALESCE(SUM(CASE WHEN name_mac = $2 THEN 1 ELSE 0 END), 0),
			(SELECT COUNT(*) FROM attach_holder WHERE holder = $1 AND closed = TRUE)
		FROM attach_link
		WHERE holder = $1`, holder, nameMAC)
	return h, err
}

// link is a row of attach_link with what its file says.
type link struct {
	holder, id, sealedBy       string
	nameSealed, nameMAC        []byte
	dek                        []byte
	pos                        int64
	body                       body // its keys are empty until they are read
	state, ext, reason, fileBy string
	seen                       Seen
	scanSig                    string
	macros                     bool
}

func scanLink(row db.Row) (link, error) {
	var l link
	var thumbs, pages, raws, infos int64
	err := row(&l.holder, &l.id, &l.body.fileID, &l.nameSealed, &l.nameMAC, &l.dek, &l.sealedBy, &l.body.size, &l.pos,
		&l.body.ownerID, &l.body.partSize, &l.state, &l.ext, &l.reason, &l.fileBy, &l.scanSig, &l.macros,
		&l.seen.State, &l.seen.Reason, &thumbs, &pages, &raws, &infos)
	l.seen.Thumb, l.seen.Pages, l.seen.Frames, l.seen.Info = thumbs > 0, int(pages), int(raws), infos > 0
	return l, err
}

const selectLinks = `
		SELECT l.holder, l.id, l.file_id, l.name_sealed, l.name_mac, l.wrapped_dek, l.sealed_by, l.size, l.pos,
			f.owner_id, f.part_size, f.state, f.ext, f.reason, f.user_id, f.scan_sig, f.macros,
			COALESCE(p.state, 'none'), COALESCE(p.reason, ''), COALESCE(p.thumbs, 0), COALESCE(p.pages, 0), COALESCE(p.raws, 0), COALESCE(p.infos, 0)
		FROM attach_link l
		JOIN attach_file f ON f.id = l.file_id
		LEFT JOIN attach_preview p ON p.file_id = f.id`

func listLinks(ctx context.Context, r db.Reader, holders []string) ([]link, error) {
	list, args := db.In(1, holders)
	return db.All(ctx, r, scanLink, selectLinks+`
		WHERE l.holder IN `+list+`
		ORDER BY l.holder, l.pos, l.id`, args...)
}

// findClean finds a link whose file may be handed out.
func findClean(ctx context.Context, r db.Reader, linkID string) (link, bool, error) {
	return db.One(ctx, r, scanLink, selectLinks+`
		WHERE l.id = $1 AND f.state = 'clean'`, linkID)
}

func findHolder(ctx context.Context, r db.Reader, linkID string) (string, bool, error) {
	return db.One(ctx, r, db.Scan1[string], `
		SELECT holder
		FROM attach_link
		WHERE id = $1`, linkID)
}

// listFileHolders lists who holds a file.
func listFileHolders(ctx context.Context, r db.Reader, fileID string) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT DISTINCT holder
		FROM attach_link
		WHERE file_id = $1
		ORDER BY holder`, fileID)
}

// countStates counts a holder's files: all, clean, blocked.
func countStates(ctx context.Context, r db.Reader, holder string) (Moved, error) {
	m, _, err := db.One(ctx, r, func(row db.Row) (Moved, error) {
		var files, clean, blocked, infected int64
		err := row(&files, &clean, &blocked, &infected)
		return Moved{Files: int(files), Clean: clean == files, Blocked: blocked > 0, Infected: infected > 0}, err
	}, `
		SELECT COUNT(*),
			COALESCE(SUM(CASE WHEN f.state = 'clean' THEN 1 ELSE 0 END), 0),
			COALESCE(SUM(CASE WHEN f.state IN ('rejected', 'infected') THEN 1 ELSE 0 END), 0),
			COALESCE(SUM(CASE WHEN f.state = 'infected' THEN 1 ELSE 0 END), 0)
		FROM attach_link l
		JOIN attach_file f ON f.id = l.file_id
		WHERE l.holder = $1`, holder)
	return m, err
}

// saveLinks stores links in one statement: new ones, and known ones at their new holder under their new seals.
func saveLinks(ctx context.Context, tx *db.Tx, links []link) error {
	const columns = 9
	rows := make([]string, len(links))
	args := make([]any, 0, columns*len(links))
	for i, l := range links {
		rows[i] = placeholders(i*columns, columns)
		args = append(args, l.holder, l.id, l.body.fileID, l.nameSealed, l.nameMAC, l.dek, l.sealedBy, l.body.size, l.pos)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO attach_link (holder, id, file_id, name_sealed, name_mac, wrapped_dek, sealed_by, size, pos)
		VALUES `+strings.Join(rows, ", ")+`
		ON CONFLICT (id) DO UPDATE
		SET holder = excluded.holder, name_sealed = excluded.name_sealed, name_mac = excluded.name_mac,
			wrapped_dek = excluded.wrapped_dek, sealed_by = excluded.sealed_by`, args...)
	return err
}

// placeholders writes "($5,$6,…)" for n values after the first so many.
func placeholders(after, n int) string {
	p := make([]string, n)
	for i := range p {
		p[i] = fmt.Sprintf("$%d", after+i+1)
	}
	return "(" + strings.Join(p, ",") + ")"
}

// deleteLink removes a draft's link. What a thread sealed was sent, and is not removed this way.
func deleteLink(ctx context.Context, tx *db.Tx, holder, linkID string) (fileID string, found bool, err error) {
	return db.One(ctx, tx, db.Scan1[string], `
		DELETE FROM attach_link
		WHERE holder = $1 AND id = $2 AND sealed_by = 'owner'
		RETURNING file_id`, holder, linkID)
}

func deleteLinks(ctx context.Context, tx *db.Tx, holder string) ([]string, error) {
	return db.All(ctx, tx, db.Scan1[string], `
		DELETE FROM attach_link
		WHERE holder = $1 AND sealed_by = 'owner'
		RETURNING file_id`, holder)
}

// lockFiles holds the states of a holder's files still until the end of the act, so that a verdict is either seen by
// it or comes after it.
func lockFiles(ctx context.Context, tx *db.Tx, holder string) error {
	_, err := tx.Exec(ctx, `
		UPDATE attach_file
		SET tries = tries
		WHERE id IN (SELECT file_id FROM attach_link WHERE holder = $1)`, holder)
	return err
}

// listKeys lists the objects of a file in order, as long as their numbers have no gap.
func listKeys(ctx context.Context, r db.Reader, fileID string) ([]string, error) {
	next := int64(0)
	return db.All(ctx, r, func(row db.Row) (string, error) {
		var idx int64
		var key string
		if err := row(&idx, &key); err != nil {
			return "", err
		}
		if idx != next {
			return "", ErrDamaged
		}
		next++
		return key, nil
	}, `
		SELECT idx, key
		FROM attach_part
		WHERE file_id = $1
		ORDER BY idx`, fileID)
}

// nullable makes an empty list of bytes NULL.
func nullable(n int64) sql.NullInt64 { return sql.NullInt64{Int64: n, Valid: n > 0} }
