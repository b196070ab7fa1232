package mail

import (
	"context"

	"securepractice/internal/db"
)

// listColumns are what a list shows of a conversation.
const listColumns = `mm.thread_id, mm.owner_id, mm.unread, mm.last_at, mm.last_from_id, mm.last_from_name_sealed, mm.subject_sealed, mm.snippet_sealed, mm.files,
	COALESCE(mm.access_until, 0), COALESCE(mm.snippet_until, 0)`

// listed reads listColumns into a person's row.
func listed(userID string) func(db.Row) (member, error) {
	return func(row db.Row) (member, error) {
		m := member{userID: userID}
		err := row(&m.threadID, &m.ownerID, &m.unread, &m.lastAt, &m.other.ID, &m.otherSealed, &m.subjectSealed, &m.snippetSealed, &m.files, &m.accessUntil, &m.snippetUntil)
		return m, err
	}
}

// listUnread is one page of the unread conversations of the Inbox: one range of mail_member_unread.
func listUnread(ctx context.Context, r db.Reader, userID string, after spot, most int) ([]member, error) {
	return db.All(ctx, r, listed(userID), `
		SELECT `+listColumns+`
		FROM mail_member mm
		WHERE mm.user_id = $1 AND mm.unread AND mm.folder = 'inbox' AND (mm.last_at, mm.thread_id) < ($2, $3)
		ORDER BY mm.last_at DESC, mm.thread_id DESC
		LIMIT $4`, userID, after.at, after.id, most)
}

// listLabelled is one page of the conversations that wear a label, Trash left out: one range of mail_label_page, with the
// member rows by their key.
func listLabelled(ctx context.Context, r db.Reader, userID, label string, after spot, most int) ([]member, error) {
	return db.All(ctx, r, listed(userID), `
		SELECT `+listColumns+`
		FROM mail_label l
		JOIN mail_member mm ON mm.user_id = l.user_id AND mm.thread_id = l.thread_id
		WHERE l.user_id = $1 AND l.label = $2 AND (l.last_at, l.thread_id) < ($3, $4) AND mm.folder <> 'trash'
		ORDER BY l.last_at DESC, l.thread_id DESC
		LIMIT $5`, userID, label, after.at, after.id, most)
}

// The conversations before and behind a place in a section. Each is the first row of a range.
const (
	besideFolder = `FROM mail_member WHERE user_id = $1 AND folder = $2`
	besideUnread = `FROM mail_member WHERE user_id = $1 AND folder = $2 AND unread AND folder = 'inbox'`
	besideLabel  = `FROM mail_label WHERE user_id = $1 AND label = $2 AND EXISTS (SELECT 1 FROM mail_member mm
		WHERE mm.user_id = mail_label.user_id AND mm.thread_id = mail_label.thread_id AND mm.folder <> 'trash')`
)

// findNewer is the conversation that stands just above a place in a section, or "".
func findNewer(ctx context.Context, r db.Reader, userID string, c section, at spot) (string, error) {
	from, of := beside(c)
	id, _, err := db.One(ctx, r, db.Scan1[string], `
		SELECT thread_id `+from+` AND (last_at, thread_id) > ($3, $4)
		ORDER BY last_at, thread_id
		LIMIT 1`, userID, of, at.at, at.id)
	return id, err
}

// findOlder is the conversation that stands just below a place in a section, or "".
func findOlder(ctx context.Context, r db.Reader, userID string, c section, at spot) (string, error) {
	from, of := beside(c)
	id, _, err := db.One(ctx, r, db.Scan1[string], `
		SELECT thread_id `+from+` AND (last_at, thread_id) < ($3, $4)
		ORDER BY last_at DESC, thread_id DESC
		LIMIT 1`, userID, of, at.at, at.id)
	return id, err
}

func beside(c section) (from, of string) {
	switch {
	case c.label != "":
		return besideLabel, c.label
	case c.unread:
		return besideUnread, Inbox
	}
	return besideFolder, c.folder
}

// moveThreads moves a person's conversations between Inbox and Archive and lists those that it found there.
func moveThreads(ctx context.Context, tx *db.Tx, userID string, threadIDs []string, folder string) ([]string, error) {
	list, args := db.In(3, threadIDs)
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE mail_member
		SET folder = $2
		WHERE user_id = $1 AND folder IN ('inbox', 'archive') AND thread_id IN `+list+`
		RETURNING thread_id`, append([]any{userID, folder}, args...)...)
}

// trashThreads moves a person's conversations from Inbox and Archive to Trash, which remembers where they were, and lists them.
func trashThreads(ctx context.Context, tx *db.Tx, userID string, threadIDs []string) ([]string, error) {
	list, args := db.In(2, threadIDs)
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE mail_member
		SET before_trash = folder, folder = 'trash'
		WHERE user_id = $1 AND folder IN ('inbox', 'archive') AND thread_id IN `+list+`
		RETURNING thread_id`, append([]any{userID}, args...)...)
}

// restoreThreads puts a person's conversations back from Trash to where they were and lists them.
func restoreThreads(ctx context.Context, tx *db.Tx, userID string, threadIDs []string) ([]string, error) {
	list, args := db.In(2, threadIDs)
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE mail_member
		SET folder = COALESCE(before_trash, 'inbox'), before_trash = NULL
		WHERE user_id = $1 AND folder = 'trash' AND thread_id IN `+list+`
		RETURNING thread_id`, append([]any{userID}, args...)...)
}

// markThreads makes a person's conversations read or unread and lists those that stand in a folder. The next view of each is
// recorded again, because what was marked as read was not opened.
func markThreads(ctx context.Context, tx *db.Tx, userID string, threadIDs []string, unread bool) ([]string, error) {
	list, args := db.In(3, threadIDs)
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE mail_member
		SET unread = $2, viewed_at = NULL, viewed_session = NULL
		WHERE user_id = $1 AND folder IN ('inbox', 'archive') AND thread_id IN `+list+`
		RETURNING thread_id`, append([]any{userID, unread}, args...)...)
}

// folderOf is where a person's conversation stands; "" when they take no part in it.
func folderOf(ctx context.Context, r db.Reader, userID, threadID string) (string, error) {
	folder, _, err := db.One(ctx, r, db.Scan1[string], `
		SELECT folder
		FROM mail_member
		WHERE user_id = $1 AND thread_id = $2`, userID, threadID)
	return folder, err
}
