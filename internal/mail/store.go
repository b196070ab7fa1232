package mail

import (
	"context"
	"strconv"
	"strings"

	"securepractice/internal/db"
)

// member is a row of mail_member: one person's view of a thread.
type member struct {
	userID, threadID, ownerID string
	role, folder              string
	unread                    bool
	lastAt                    int64
	other                     party // who the thread is with; last_from_id and last_from_name_sealed
	otherSealed               []byte
	subjectSealed             []byte
	snippetSealed             []byte
	files, messages           int64
	viewedAt                  int64
	viewedSession             string
	accessUntil, snippetUntil int64  // when everything in it ends for its person, and what its snippet shows; 0 = no end
	subject, snippet          string // opened
	wrapped                   []byte // the thread's key for this member's owner, where it was read too
	version                   int64  // the thread's, where it was read too
	withdrawn                 bool   // nothing of the thread is left to this person
}

// message is a row of mail_message.
type message struct {
	threadID, id, authorID, authorOwner string
	formID                              string // the first message of the same form; "" for that one itself
	sealed                              []byte
	files                               int64
	state                               string
	writtenAt, deliveredAt              int64 // deliveredAt 0 = not yet
	leavesAt                            int64 // until when its author may take it back; 0 = nothing holds it for that
}

// rows writes "($1,$2),($3,$4)" for n rows of so many columns.
func rows(n, columns int) string {
	var b strings.Builder
	for i := range n * columns {
		switch {
		case i == 0:
			b.WriteByte('(')
		case i%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteByte(')')
	return b.String()
}

// null keeps what is not there NULL.
func null[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// lockThread begins an act on a thread that is not the actor's message: it waits for the acts before it.
func lockThread(ctx context.Context, tx *db.Tx, threadID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_thread
		SET version = version + 1
		WHERE id = $1`, threadID)
	return err
}

// addToThread begins a reply and tells which version of the thread it makes; not found when the thread is not there or the
// person takes no part in it.
func addToThread(ctx context.Context, tx *db.Tx, threadID, userID string, now int64) (version int64, found bool, err error) {
	return db.One(ctx, tx, db.Scan1[int64], `
		UPDATE mail_thread
		SET version = version + 1, messages = messages + 1, last_at = $3
		WHERE id = $1 AND EXISTS (SELECT 1 FROM mail_member WHERE thread_id = $1 AND user_id = $2)
		RETURNING version`, threadID, userID, now)
}

func insertThread(ctx context.Context, tx *db.Tx, id, startedBy string, subject []byte, now int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_thread (id, subject_sealed, started_by, last_at, messages, version)
		VALUES ($1, $2, $3, $4, 1, 1)`, id, subject, startedBy, now)
	return err
}

// wrap is a row of mail_thread_key.
type wrap struct {
	threadID, ownerID string
	key               []byte
}

func insertKeys(ctx context.Context, tx *db.Tx, keys []wrap) error {
	if len(keys) == 0 {
		return nil
	}
	var args []any
	for _, k := range keys {
		args = append(args, k.threadID, k.ownerID, k.key)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_thread_key (thread_id, owner_id, wrapped_key)
		VALUES `+rows(len(keys), 3)+`
		ON CONFLICT (thread_id, owner_id) DO NOTHING`, args...)
	return err
}

// insertMessage is false when the author has a message of this id already.
func insertMessage(ctx context.Context, tx *db.Tx, m message) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO mail_message (thread_id, id, author_id, author_owner_id, body_sealed, files, state, written_at, delivered_at, form_id, leaves_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (author_id, id) DO NOTHING`,
		m.threadID, m.id, m.authorID, m.authorOwner, m.sealed, m.files, m.state, m.writtenAt, null(m.deliveredAt), null(m.formID), null(m.leavesAt))
	return n == 1, err
}

// moveMessage takes a waiting message to another state; false when it no longer waits.
func moveMessage(ctx context.Context, tx *db.Tx, m message, state string, deliveredAt int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_message
		SET state = $3, delivered_at = $4
		WHERE thread_id = $1 AND id = $2 AND state = 'waiting'`, m.threadID, m.id, state, null(deliveredAt))
	return n == 1, err
}

// delivery is a row of mail_delivery.
type delivery struct {
	userID, messageID, threadID, role string
	deliveredAt                       int64 // 0 = not yet
	until                             int64 // when its recipient can open it no more; 0 = no end
}

func insertDeliveries(ctx context.Context, tx *db.Tx, list []delivery) error {
	if len(list) == 0 {
		return nil
	}
	var args []any
	for _, d := range list {
		args = append(args, d.userID, d.messageID, d.threadID, d.role, null(d.deliveredAt), null(d.until))
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_delivery (user_id, message_id, thread_id, role, delivered_at, access_until)
		VALUES `+rows(len(list), 6), args...)
	return err
}

// deliverRows makes a message visible to those it was written to.
func deliverRows(ctx context.Context, tx *db.Tx, messageID string, now int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_delivery
		SET delivered_at = $2
		WHERE message_id = $1 AND role = 'to' AND delivered_at IS NULL`, messageID, now)
	return err
}

// dropDeliveries forgets to whom a message would have been given.
func dropDeliveries(ctx context.Context, tx *db.Tx, messageID string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM mail_delivery
		WHERE message_id = $1 AND role = 'to' AND delivered_at IS NULL`, messageID)
	return err
}

func insertPending(ctx context.Context, tx *db.Tx, m message, invitationIDs []string) error {
	if len(invitationIDs) == 0 {
		return nil
	}
	var args []any
	for _, id := range invitationIDs {
		args = append(args, id, m.id, m.threadID, "waiting")
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_pending (invitation_id, message_id, thread_id, state)
		VALUES `+rows(len(invitationIDs), 4), args...)
	return err
}

func dropPending(ctx context.Context, tx *db.Tx, messageID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_pending
		SET state = 'undeliverable'
		WHERE message_id = $1 AND state = 'waiting'`, messageID)
	return err
}

// putMembers writes the rows of those a message concerns: new members, and for known ones what is new. A message that
// arrives brings the thread to the Inbox, unread, from wherever it was; one's own leaves it where it is. Labels follow.
func putMembers(ctx context.Context, tx *db.Tx, list []member) error {
	if len(list) == 0 {
		return nil
	}
	var args []any
	for _, m := range list {
		args = append(args, m.userID, m.threadID, m.ownerID, m.role, m.folder, m.unread, m.lastAt, m.other.ID, m.otherSealed,
			m.subjectSealed, m.snippetSealed, m.files, m.messages, null(m.accessUntil), null(m.snippetUntil))
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_member (user_id, thread_id, owner_id, as_role, folder, unread, last_at, last_from_id, last_from_name_sealed,
			subject_sealed, snippet_sealed, files, messages, access_until, snippet_until)
		VALUES `+rows(len(list), 15)+`
		ON CONFLICT (user_id, thread_id) DO UPDATE
		SET folder = CASE WHEN excluded.folder = 'inbox' THEN 'inbox' ELSE mail_member.folder END,
			unread = CASE WHEN excluded.folder = 'inbox' THEN excluded.unread ELSE mail_member.unread END,
			subject_sealed = CASE WHEN mail_member.withdrawn AND excluded.folder = 'inbox' THEN excluded.subject_sealed ELSE mail_member.subject_sealed END,
			withdrawn = mail_member.withdrawn AND excluded.folder <> 'inbox',
			last_at = excluded.last_at, last_from_id = excluded.last_from_id, last_from_name_sealed = excluded.last_from_name_sealed,
			snippet_sealed = excluded.snippet_sealed, files = mail_member.files + excluded.files,
			messages = mail_member.messages + excluded.messages, snippet_until = excluded.snippet_until,
			access_until = CASE WHEN mail_member.access_until > excluded.access_until THEN mail_member.access_until
				WHEN mail_member.access_until IS NULL AND NOT mail_member.withdrawn THEN NULL ELSE excluded.access_until END`, args...)
	if err != nil {
		return err
	}
	return followLabels(ctx, tx, list)
}

// renameOther writes who a thread is with, once an invited person has registered. The rows exist.
func renameOther(ctx context.Context, tx *db.Tx, list []member) error {
	if len(list) == 0 {
		return nil
	}
	var args []any
	for _, m := range list {
		args = append(args, m.userID, m.threadID, m.ownerID, m.role, none, false, m.lastAt, m.other.ID, m.otherSealed,
			m.subjectSealed, m.snippetSealed, int64(0), int64(0))
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_member (user_id, thread_id, owner_id, as_role, folder, unread, last_at, last_from_id, last_from_name_sealed,
			subject_sealed, snippet_sealed, files, messages)
		VALUES `+rows(len(list), 13)+`
		ON CONFLICT (user_id, thread_id) DO UPDATE
		SET last_from_id = excluded.last_from_id, last_from_name_sealed = excluded.last_from_name_sealed`, args...)
	return err
}

// deleteMember takes a thread from a person's lists.
func deleteMember(ctx context.Context, tx *db.Tx, userID, threadID string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM mail_member
		WHERE user_id = $1 AND thread_id = $2`, userID, threadID)
	return err
}

// withdraw takes one message from its author's row, which then shows another's beginning.
func withdraw(ctx context.Context, tx *db.Tx, m message, snippet []byte) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_member
		SET messages = messages - 1, files = files - $3, snippet_sealed = $4
		WHERE user_id = $1 AND thread_id = $2`, m.authorID, m.threadID, m.files, snippet)
	return err
}

// setViewed notes that a person sees a thread now; seen says that they see its newest messages. It holds the row until
// the end of the act, so that what is read after it is what the person is shown.
func setViewed(ctx context.Context, tx *db.Tx, m member, seen bool, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_member
		SET unread = unread AND $5, viewed_at = $3, viewed_session = $4
		WHERE user_id = $1 AND thread_id = $2`, m.userID, m.threadID, now, m.viewedSession, !seen)
	return n == 1, err
}

// openDeliveries notes that a person has opened messages that were given to them.
func openDeliveries(ctx context.Context, tx *db.Tx, userID string, messageIDs []string, now int64) error {
	list, args := db.In(3, messageIDs)
	_, err := tx.Exec(ctx, `
		UPDATE mail_delivery
		SET opened_at = $2
		WHERE user_id = $1 AND role = 'to' AND opened_at IS NULL AND delivered_at IS NOT NULL
			AND (access_until IS NULL OR access_until > $2) AND message_id IN `+list,
		append([]any{userID, now}, args...)...)
	return err
}

// claimPending takes what waits in these threads for an invitation.
func claimPending(ctx context.Context, tx *db.Tx, invitationID string) ([]string, error) {
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE mail_pending
		SET state = 'claimed'
		WHERE invitation_id = $1 AND state = 'waiting'
		RETURNING message_id`, invitationID)
}

// putContact notes a person as somebody's contact, or that the contact was used again.
func putContacts(ctx context.Context, tx *db.Tx, list []contact) error {
	if len(list) == 0 {
		return nil
	}
	var args []any
	for _, c := range list {
		args = append(args, c.userID, c.id, c.personID, c.sealed, false, false, c.usedAt)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_contact (user_id, id, contact_user_id, name_sealed, favourite, hidden, used_at)
		VALUES `+rows(len(list), 7)+`
		ON CONFLICT (user_id, contact_user_id) DO UPDATE
		SET used_at = excluded.used_at`, args...)
	return err
}
