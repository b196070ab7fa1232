package account

import (
	"context"

	"securepractice/internal/actor"
	"securepractice/internal/db"
)

// session is a row about to be written.
type session struct {
	hash       []byte
	id, userID string
	now        int64
	second     bool
	ip, agent  string
}

func insertSession(ctx context.Context, tx *db.Tx, s session) error {
	var second any
	if s.second {
		second = s.now
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO account_session (token_hash, id, user_id, created_at, seen_at, second_at, ip, agent, place)
		VALUES ($1, $2, $3, $4, $4, $5, $6, $7, '')`, s.hash, s.id, s.userID, s.now, second, s.ip, s.agent)
	return err
}

// living is a session with its user, as every request reads them.
type living struct {
	id     string
	second bool
	look   actor.Look
	user   User
}

func findSession(ctx context.Context, r db.Reader, hash []byte, createdAfter, seenAfter int64) (living, bool, error) {
	return db.One(ctx, r, func(row db.Row) (living, error) {
		var l living
		var specialties string
		var shortcuts bool
		err := row(append([]any{&l.id, &l.second, &l.look.Theme, &l.look.Compact, &shortcuts}, l.user.into(&specialties)...)...)
		l.look = lookOf(l.look, shortcuts)
		return l, err
	}, `
		SELECT s.id, s.second_at IS NOT NULL, u.theme, u.compact_lists, u.shortcuts, `+userColumns+`
		FROM account_session s
		JOIN account_user u ON u.id = s.user_id
		WHERE s.token_hash = $1 AND s.created_at > $2 AND s.seen_at > $3 AND u.state <> 'deactivated'`, hash, createdAfter, seenAfter)
}

// replaceToken gives a session a new cookie; its life goes on.
func replaceToken(ctx context.Context, tx *db.Tx, id, userID string, hash []byte) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_session SET token_hash = $3 WHERE id = $1 AND user_id = $2", id, userID, hash)
	return n == 1, err
}

func touchSession(ctx context.Context, tx *db.Tx, id string, now, olderThan int64) error {
	_, err := tx.Exec(ctx, "UPDATE account_session SET seen_at = $2 WHERE id = $1 AND seen_at <= $3", id, now, olderThan)
	return err
}

func deleteSession(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, "DELETE FROM account_session WHERE id = $1", id)
	return err
}

func deleteSessions(ctx context.Context, tx *db.Tx, userID, except string) (int64, error) {
	return tx.Exec(ctx, "DELETE FROM account_session WHERE user_id = $1 AND id <> $2", userID, except)
}

func deleteStale(ctx context.Context, tx *db.Tx, createdBefore, seenBefore int64) error {
	_, err := tx.Exec(ctx, "DELETE FROM account_session WHERE seen_at <= $2 OR created_at <= $1", createdBefore, seenBefore)
	return err
}
