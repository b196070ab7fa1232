package attach

import (
	"context"

	"securepractice/internal/db"
)

// listHolding lists which of some holders have files that a person attached and did not send.
func listHolding(ctx context.Context, r db.Reader, holders []string) ([]string, error) {
	in, args := db.In(1, holders)
	return db.All(ctx, r, db.Scan1[string], `
		SELECT DISTINCT holder
		FROM attach_link
		WHERE sealed_by = 'owner' AND holder IN `+in, args...)
}

// warnHolder notes that a holder's writer is told, once for what they have edited and attached; false when there is
// nothing to tell.
func warnHolder(ctx context.Context, tx *db.Tx, holder string, editedAt, idleSince, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_holder
		SET warned_at = $4, version = version + 1
		WHERE holder = $1 AND closed = FALSE
			AND EXISTS (SELECT 1 FROM attach_link l WHERE l.holder = $1 AND l.sealed_by = 'owner')
			AND NOT EXISTS (
				SELECT 1
				FROM attach_link l
				JOIN attach_file f ON f.id = l.file_id
				WHERE l.holder = $1 AND f.active_at > $3)
			AND (warned_at IS NULL OR warned_at < $2 OR EXISTS (
				SELECT 1
				FROM attach_link l
				JOIN attach_file f ON f.id = l.file_id
				WHERE l.holder = $1 AND f.active_at > warned_at))`, holder, editedAt, idleSince, now)
	return n == 1, err
}

// expireHolder notes that a holder loses its files; false when its writer was not told in time of these very ones.
func expireHolder(ctx context.Context, tx *db.Tx, holder string, editedAt, toldBefore, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE attach_holder
		SET expired_at = $4, version = version + 1
		WHERE holder = $1 AND closed = FALSE AND warned_at >= $2 AND warned_at <= $3
			AND EXISTS (SELECT 1 FROM attach_link l WHERE l.holder = $1 AND l.sealed_by = 'owner')
			AND NOT EXISTS (
				SELECT 1
				FROM attach_link l
				JOIN attach_file f ON f.id = l.file_id
				WHERE l.holder = $1 AND f.active_at > warned_at)`, holder, editedAt, toldBefore, now)
	return n == 1, err
}

func readExpired(ctx context.Context, r db.Reader, holder string) (int64, error) {
	at, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT COALESCE(expired_at, 0)
		FROM attach_holder
		WHERE holder = $1`, holder)
	return at, err
}
