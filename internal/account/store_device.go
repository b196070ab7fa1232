package account

import (
	"context"
	"time"

	"securepractice/internal/db"
)

// confirmSession notes that the password was entered, if it still is the person's.
func confirmSession(ctx context.Context, tx *db.Tx, id string, u User, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE account_session
		SET confirmed_at = $3
		WHERE id = $1 AND user_id = $2 AND EXISTS (SELECT 1 FROM account_user u WHERE u.id = $2 AND u.password_hash = $4)`, id, u.ID, now, u.hash)
	return n == 1, err
}

func isConfirmed(ctx context.Context, r db.Reader, id, userID string, since int64) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[string], "SELECT id FROM account_session WHERE id = $1 AND user_id = $2 AND confirmed_at > $3", id, userID, since)
	return found, err
}

// holdUser holds a person's row until the act ends.
func holdUser(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, "UPDATE account_user SET version = version WHERE id = $1", id)
	return err
}

// holdSession holds the row of a session in which the password was entered since.
func holdSession(ctx context.Context, tx *db.Tx, id, userID string, since int64) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_session SET confirmed_at = confirmed_at WHERE id = $1 AND user_id = $2 AND confirmed_at > $3", id, userID, since)
	return n == 1, err
}

func listSessions(ctx context.Context, r db.Reader, userID string, createdAfter, seenAfter int64) ([]SessionRow, error) {
	return db.All(ctx, r, func(row db.Row) (SessionRow, error) {
		var s SessionRow
		var seen int64
		err := row(&s.ID, &s.IP, &s.agent, &seen)
		s.SeenAt = time.UnixMicro(seen)
		return s, err
	}, `
		SELECT id, ip, agent, seen_at
		FROM account_session
		WHERE user_id = $1 AND created_at > $2 AND seen_at > $3
		ORDER BY seen_at DESC, id`, userID, createdAfter, seenAfter)
}

func deleteOwnSession(ctx context.Context, tx *db.Tx, userID, id string) (bool, error) {
	n, err := tx.Exec(ctx, "DELETE FROM account_session WHERE id = $1 AND user_id = $2", id, userID)
	return n == 1, err
}

func updateTwoStep(ctx context.Context, tx *db.Tx, userID string, on bool) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_user SET two_step = $2, version = version + 1 WHERE id = $1 AND two_step <> $2 AND role <> 'support'", userID, on)
	return n == 1, err
}

func isDevice(ctx context.Context, r db.Reader, hash []byte, userID string, now int64) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[string], "SELECT user_id FROM account_device WHERE token_hash = $1 AND user_id = $2 AND expires_at > $3", hash, userID, now)
	return found, err
}

// replaceDevice gives a browser a new token for everybody it is known for.
func replaceDevice(ctx context.Context, tx *db.Tx, old, hash []byte) error {
	_, err := tx.Exec(ctx, "UPDATE account_device SET token_hash = $2 WHERE token_hash = $1", old, hash)
	return err
}

func upsertDevice(ctx context.Context, tx *db.Tx, hash []byte, userID string, now, expires int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO account_device (token_hash, user_id, created_at, expires_at)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (token_hash, user_id) DO UPDATE SET expires_at = $4`, hash, userID, now, expires)
	return err
}

func deleteDevices(ctx context.Context, tx *db.Tx, userID string) error {
	_, err := tx.Exec(ctx, "DELETE FROM account_device WHERE user_id = $1", userID)
	return err
}

func deleteOldDevices(ctx context.Context, tx *db.Tx, now int64) error {
	_, err := tx.Exec(ctx, "DELETE FROM account_device WHERE expires_at <= $1", now)
	return err
}
