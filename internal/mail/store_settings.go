package mail

import (
	"context"

	"securepractice/internal/db"
)

// settingsRow is a row of mail_settings.
type settingsRow struct {
	Preferences
	userID, ownerID string
	sealed          []byte
	quiet           quiet
}

// minutes are the two columns of quiet hours.
func (q quiet) minutes() (from, until any) {
	if !q.set {
		return nil, nil
	}
	return q.from, q.until
}

func findSettings(ctx context.Context, r db.Reader, userID string) (settingsRow, bool, error) {
	return db.One(ctx, r, func(row db.Row) (settingsRow, error) {
		s := settingsRow{userID: userID}
		err := row(&s.ownerID, &s.sealed, &s.New, &s.Pace, &s.Read, &s.quiet.from, &s.quiet.until, &s.Version)
		s.quiet.set = s.quiet.from >= 0
		return s, err
	}, `
		SELECT owner_id, signature_sealed, notice_new, notice_pace, notice_read, COALESCE(quiet_from, -1), COALESCE(quiet_until, -1), version
		FROM mail_settings
		WHERE user_id = $1`, userID)
}

// insertSettings is false when the person has settings by now.
func insertSettings(ctx context.Context, tx *db.Tx, s settingsRow) (bool, error) {
	from, until := s.quiet.minutes()
	n, err := tx.Exec(ctx, `
		INSERT INTO mail_settings (user_id, owner_id, signature_sealed, notice_new, notice_pace, notice_read, quiet_from, quiet_until, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
		ON CONFLICT (user_id) DO NOTHING`, s.userID, s.ownerID, s.sealed, s.New, s.Pace, s.Read, from, until)
	return n == 1, err
}

// updateSettings is false when the row is of another version by now.
func updateSettings(ctx context.Context, tx *db.Tx, s settingsRow) (bool, error) {
	from, until := s.quiet.minutes()
	n, err := tx.Exec(ctx, `
		UPDATE mail_settings
		SET owner_id = $2, signature_sealed = $3, notice_new = $4, notice_pace = $5, notice_read = $6, quiet_from = $8, quiet_until = $9, version = version + 1
		WHERE user_id = $1 AND version = $7`, s.userID, s.ownerID, s.sealed, s.New, s.Pace, s.Read, s.Version, from, until)
	return n == 1, err
}

// notices is how a person is told that a message has arrived.
type notices struct {
	way, pace string
	quiet     quiet
}

func findNotices(ctx context.Context, r db.Reader, userID string) (notices, bool, error) {
	return db.One(ctx, r, func(row db.Row) (notices, error) {
		var n notices
		err := row(&n.way, &n.pace, &n.quiet.from, &n.quiet.until)
		n.quiet.set = n.quiet.from >= 0
		return n, err
	}, "SELECT notice_new, notice_pace, COALESCE(quiet_from, -1), COALESCE(quiet_until, -1) FROM mail_settings WHERE user_id = $1", userID)
}

// collect has a notice leave at due for all that was given from a time on. One that is due already takes it along.
func collect(ctx context.Context, tx *db.Tx, userID string, from, due int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_settings
		SET hourly_from = CASE WHEN hourly_at IS NULL OR hourly_from > $2 THEN $2 ELSE hourly_from END, hourly_at = COALESCE(hourly_at, $3)
		WHERE user_id = $1`, userID, from, due)
	return err
}

// listDue names people whose collected notice is due.
func listDue(ctx context.Context, r db.Reader, now int64, most int) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], "SELECT user_id FROM mail_settings WHERE hourly_at <= $1 ORDER BY hourly_at LIMIT $2", now, most)
}

// postpone has a collected notice leave later.
func postpone(ctx context.Context, tx *db.Tx, userID string, due int64) error {
	_, err := tx.Exec(ctx, "UPDATE mail_settings SET hourly_at = $2 WHERE user_id = $1", userID, due)
	return err
}

// takeDue takes a person's collected notice, once: how they are told now, and since when messages were collected.
func takeDue(ctx context.Context, tx *db.Tx, userID string, now int64) (way string, from int64, found bool, err error) {
	_, found, err = db.One(ctx, tx, func(row db.Row) (string, error) {
		return way, row(&way, &from)
	}, `
		UPDATE mail_settings
		SET hourly_at = NULL
		WHERE user_id = $1 AND hourly_at <= $2
		RETURNING notice_new, hourly_from`, userID, now)
	return way, from, found, err
}

// countNew counts the messages that were given to a person since then and that they have not opened.
func countNew(ctx context.Context, r db.Reader, userID string, from int64) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT COUNT(*)
		FROM mail_delivery d
		JOIN mail_message m ON m.thread_id = d.thread_id AND m.id = d.message_id
		WHERE d.user_id = $1 AND d.role = 'to' AND d.opened_at IS NULL AND d.delivered_at >= $2 AND m.state = 'delivered'`, userID, from)
	return n, err
}

// tellRead takes those messages whose authors want to be told that they were read, once a message, and names the authors.
func tellRead(ctx context.Context, tx *db.Tx, threadID string, messageIDs []string, now int64) ([]string, error) {
	list, args := db.In(3, messageIDs)
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE mail_message
		SET read_told_at = $2
		WHERE thread_id = $1 AND read_told_at IS NULL AND EXISTS (SELECT 1 FROM mail_settings s WHERE s.user_id = author_id AND s.notice_read = 'email') AND id IN `+list+`
		RETURNING author_id`, append([]any{threadID, now}, args...)...)
}
