package mail

import (
	"context"

	"securepractice/internal/db"
)

// holdOthers keeps everybody but one from opening a thread until the end of the act: a view begins with its own row.
func holdOthers(ctx context.Context, tx *db.Tx, threadID, but string) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_member
		SET viewed_session = viewed_session
		WHERE thread_id = $1 AND user_id <> $2`, threadID, but)
	return err
}

// recallMessage takes a message back that was given and that nobody has opened; false for any other.
func recallMessage(ctx context.Context, tx *db.Tx, m message, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_message
		SET state = 'recalled', recalled_at = $4
		WHERE thread_id = $1 AND id = $2 AND author_id = $3 AND state = 'delivered'
			AND NOT EXISTS (SELECT 1 FROM mail_delivery WHERE message_id = $2 AND role = 'to' AND opened_at IS NOT NULL)`,
		m.threadID, m.id, m.authorID, now)
	return n == 1, err
}

// bereft is the row of a person who had a message that was withdrawn, with what is left to them of its thread.
type bereft struct {
	member
	left, unopened int64 // messages they see; those among them that are new
	later          int64 // those that came into their mail after the withdrawn one
}

// listBereft lists those a withdrawn message was given to.
func listBereft(ctx context.Context, r db.Reader, m message) ([]bereft, error) {
	const left = `
			FROM mail_message l
			JOIN mail_delivery ld ON ld.user_id = mm.user_id AND ld.message_id = l.id
			WHERE l.thread_id = mm.thread_id AND l.state IN ('waiting', 'delivered') AND (ld.role = 'from' OR ld.delivered_at IS NOT NULL)`
	return db.All(ctx, r, func(row db.Row) (bereft, error) {
		var b bereft
		err := row(append(b.into(), &b.left, &b.unopened, &b.later)...)
		return b, err
	}, `
		SELECT `+memberColumns+`,
			(SELECT COUNT(*)`+left+`), (SELECT COUNT(*)`+left+` AND ld.role = 'to' AND ld.opened_at IS NULL),
			(SELECT COUNT(*)`+left+` AND (CASE WHEN ld.role = 'from' THEN l.written_at ELSE ld.delivered_at END, l.written_at) > (d.delivered_at, $3))
		FROM mail_delivery d
		JOIN mail_member mm ON mm.user_id = d.user_id AND mm.thread_id = d.thread_id
		WHERE d.message_id = $1 AND d.thread_id = $2 AND d.role = 'to' AND d.delivered_at IS NOT NULL
		ORDER BY mm.user_id`, m.id, m.threadID, m.writtenAt)
}

// keepsAny says whether a person still has anything to read in a thread: their own, or what was given to them and not
// withdrawn.
func keepsAny(ctx context.Context, r db.Reader, userID, threadID string) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT 1
		FROM mail_message m
		JOIN mail_delivery d ON d.user_id = $1 AND d.message_id = m.id
		WHERE m.thread_id = $2 AND (d.role = 'from' AND m.state IN ('waiting', 'delivered', 'recalled')
			OR d.role = 'to' AND m.state = 'delivered' AND d.delivered_at IS NOT NULL)
		LIMIT 1`, userID, threadID)
	return found, err
}

// withdrawRows writes what is left into the rows of these people. The rows exist.
func withdrawRows(ctx context.Context, tx *db.Tx, list []member) error {
	if len(list) == 0 {
		return nil
	}
	var args []any
	for _, m := range list {
		args = append(args, m.userID, m.threadID, m.ownerID, m.role, m.folder, m.unread, m.lastAt, m.other.ID, m.otherSealed,
			m.subjectSealed, m.snippetSealed, m.files, m.messages, m.withdrawn)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_member (user_id, thread_id, owner_id, as_role, folder, unread, last_at, last_from_id, last_from_name_sealed,
			subject_sealed, snippet_sealed, files, messages, withdrawn)
		VALUES `+rows(len(list), 14)+`
		ON CONFLICT (user_id, thread_id) DO UPDATE
		SET unread = excluded.unread, subject_sealed = excluded.subject_sealed, snippet_sealed = excluded.snippet_sealed,
			files = excluded.files, withdrawn = excluded.withdrawn`, args...)
	return err
}

// stateOf is a message's state; not found for none.
func stateOf(ctx context.Context, r db.Reader, messageID string) (string, bool, error) {
	return db.One(ctx, r, db.Scan1[string], `
		SELECT m.state
		FROM mail_delivery d
		JOIN mail_message m ON m.thread_id = d.thread_id AND m.id = d.message_id
		WHERE d.message_id = $1 AND d.role = 'from'`, messageID)
}
