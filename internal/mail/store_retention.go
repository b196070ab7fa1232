package mail

import (
	"context"

	"securepractice/internal/db"
)

// outlived is a thread t that an owner $1 keeps by its key k, whose newest message was before $2. One that still waits to
// leave is not over.
const outlived = `
		FROM mail_thread_key k
		JOIN mail_thread t ON t.id = k.thread_id
		WHERE k.owner_id = $1 AND t.last_at < $2
			AND NOT EXISTS (SELECT 1 FROM mail_message m WHERE m.thread_id = k.thread_id AND m.state = 'waiting')`

// listOutlived lists what an owner keeps no longer, by id: one range of mail_thread_key_owner.
func listOutlived(ctx context.Context, r db.Reader, ownerID string, before int64, after string, most int) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT k.thread_id`+outlived+` AND k.thread_id > $3
		ORDER BY k.thread_id
		LIMIT $4`, ownerID, before, after, most)
}

func countOutlived(ctx context.Context, r db.Reader, ownerID string, before int64) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT COUNT(*)`+outlived, ownerID, before)
	return n, err
}

func isOutlived(ctx context.Context, r db.Reader, threadID, ownerID string, before int64) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT 1`+outlived+` AND k.thread_id = $3`, ownerID, before, threadID)
	return found, err
}

// listKeepers lists the people whose rows of a thread an owner keeps.
func listKeepers(ctx context.Context, r db.Reader, threadID, ownerID string) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT user_id
		FROM mail_member
		WHERE thread_id = $1 AND owner_id = $2
		ORDER BY user_id`, threadID, ownerID)
}

// countKeys counts who keeps a thread.
func countKeys(ctx context.Context, r db.Reader, threadID string) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT COUNT(*)
		FROM mail_thread_key
		WHERE thread_id = $1`, threadID)
	return n, err
}

func deleteKey(ctx context.Context, tx *db.Tx, threadID, ownerID string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM mail_thread_key
		WHERE thread_id = $1 AND owner_id = $2`, threadID, ownerID)
	return err
}

// voidBox makes the numbers of a person's index void, as a rebuild does: the job takes them back and indexes anew.
// Numbers are never given twice, so the row stays.
func voidBox(ctx context.Context, tx *db.Tx, userID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_box
		SET base_n = next_n, version = version + 1
		WHERE user_id = $1`, userID)
	return err
}

func endDeliveries(ctx context.Context, tx *db.Tx, userID, threadID string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM mail_delivery
		WHERE user_id = $1 AND message_id IN (SELECT id FROM mail_message WHERE thread_id = $2)`, userID, threadID)
	return err
}

func endLabels(ctx context.Context, tx *db.Tx, userID, threadID string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM mail_label
		WHERE thread_id = $2 AND user_id = $1`, userID, threadID)
	return err
}

// endDrafts removes what a person was answering in a thread and names it.
func endDrafts(ctx context.Context, tx *db.Tx, userID, threadID string) ([]string, error) {
	return db.All(ctx, tx, db.Scan1[string], `
		DELETE FROM mail_draft
		WHERE author_id = $1 AND thread_id = $2
		RETURNING id`, userID, threadID)
}

// endPending ends the waiting of an owner's messages for an invitation: with the owner's key nobody could open them.
func endPending(ctx context.Context, tx *db.Tx, threadID, ownerID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_pending
		SET state = 'undeliverable'
		WHERE thread_id = $1 AND state = 'waiting'
			AND message_id IN (SELECT id FROM mail_message WHERE thread_id = $1 AND author_owner_id = $2)`, threadID, ownerID)
	return err
}

// listWithFiles lists the messages of a thread, which may hold files.
func listWithFiles(ctx context.Context, r db.Reader, threadID string) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT id
		FROM mail_message
		WHERE thread_id = $1 AND files > 0
		ORDER BY id`, threadID)
}

// deleteThread removes a thread without keys and everything that hangs on it.
func deleteThread(ctx context.Context, tx *db.Tx, threadID string) error {
	for _, statement := range []string{
		"DELETE FROM mail_pending WHERE message_id IN (SELECT id FROM mail_message WHERE thread_id = $1)",
		"DELETE FROM mail_delivery WHERE message_id IN (SELECT id FROM mail_message WHERE thread_id = $1)",
		"DELETE FROM mail_forward WHERE id IN (SELECT id FROM mail_message WHERE thread_id = $1)",
		"DELETE FROM mail_message WHERE thread_id = $1",
		"DELETE FROM mail_label WHERE thread_id = $1",
		"DELETE FROM mail_member WHERE thread_id = $1",
		"DELETE FROM mail_thread WHERE id = $1",
	} {
		if _, err := tx.Exec(ctx, statement, threadID); err != nil {
			return err
		}
	}
	return nil
}
