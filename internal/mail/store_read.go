package mail

import (
	"context"

	"securepractice/internal/db"
)

// spot is where a page of a list begins: after the row of this time and id.
type spot struct {
	at int64
	id string
}

const memberColumns = `mm.user_id, mm.thread_id, mm.owner_id, mm.as_role, mm.folder, mm.unread, mm.last_at, mm.last_from_id,
	mm.last_from_name_sealed, mm.subject_sealed, mm.snippet_sealed, mm.files, mm.messages, COALESCE(mm.viewed_at, 0),
	COALESCE(mm.viewed_session, ''), COALESCE(mm.access_until, 0), COALESCE(mm.snippet_until, 0), mm.withdrawn`

func (m *member) into() []any {
	return []any{&m.userID, &m.threadID, &m.ownerID, &m.role, &m.folder, &m.unread, &m.lastAt, &m.other.ID, &m.otherSealed,
		&m.subjectSealed, &m.snippetSealed, &m.files, &m.messages, &m.viewedAt, &m.viewedSession, &m.accessUntil, &m.snippetUntil, &m.withdrawn}
}

func scanMember(row db.Row) (member, error) {
	var m member
	err := row(m.into()...)
	return m, err
}

func scanKeyedMember(row db.Row) (member, error) {
	var m member
	err := row(append(m.into(), &m.wrapped)...)
	return m, err
}

// listMembers is one page of a folder, newest first: one range of mail_member_folder, with what a list shows.
func listMembers(ctx context.Context, r db.Reader, userID, folder string, after spot, most int) ([]member, error) {
	return db.All(ctx, r, listed(userID), `
		SELECT `+listColumns+`
		FROM mail_member mm
		WHERE mm.user_id = $1 AND mm.folder = $2 AND (mm.last_at, mm.thread_id) < ($3, $4)
		ORDER BY mm.last_at DESC, mm.thread_id DESC
		LIMIT $5`, userID, folder, after.at, after.id, most)
}

// findMember finds a person's view of a thread with the thread's key as their owner holds it. It is the permission.
func findMember(ctx context.Context, r db.Reader, userID, threadID string) (member, bool, error) {
	return db.One(ctx, r, scanKeyedMember, `
		SELECT `+memberColumns+`, k.wrapped_key
		FROM mail_member mm
		JOIN mail_thread_key k ON k.thread_id = mm.thread_id AND k.owner_id = mm.owner_id
		WHERE mm.user_id = $1 AND mm.thread_id = $2`, userID, threadID)
}

// listParticipants lists a thread's members with its key as their owners hold it, and its version.
func listParticipants(ctx context.Context, r db.Reader, threadID string) ([]member, error) {
	return db.All(ctx, r, func(row db.Row) (member, error) {
		var m member
		err := row(append(m.into(), &m.wrapped, &m.version)...)
		return m, err
	}, `
		SELECT `+memberColumns+`, k.wrapped_key, t.version
		FROM mail_member mm
		JOIN mail_thread_key k ON k.thread_id = mm.thread_id AND k.owner_id = mm.owner_id
		JOIN mail_thread t ON t.id = mm.thread_id
		WHERE mm.thread_id = $1
		ORDER BY mm.user_id`, threadID)
}

func isMember(ctx context.Context, r db.Reader, userID, threadID string) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT 1
		FROM mail_member
		WHERE user_id = $1 AND thread_id = $2`, userID, threadID)
	return found, err
}

// countUnread counts unread threads of the Inbox, to a hundred.
func countUnread(ctx context.Context, r db.Reader, userID string) (int64, error) {
	return countFresh(ctx, r, userID, 0)
}

// countFresh counts those among them that came after a time, to a hundred.
func countFresh(ctx context.Context, r db.Reader, userID string, since int64) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT COUNT(*)
		FROM (SELECT 1 FROM mail_member WHERE user_id = $1 AND unread AND last_at > $2 AND folder = 'inbox' LIMIT 100) few`, userID, since)
	return n, err
}

// findNewest is when the newest thread of the Inbox changed last; 0 for an empty Inbox.
func findNewest(ctx context.Context, r db.Reader, userID string) (int64, error) {
	at, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT last_at
		FROM mail_member
		WHERE user_id = $1 AND folder = 'inbox'
		ORDER BY last_at DESC, thread_id DESC
		LIMIT 1`, userID)
	return at, err
}

// hasNewer says whether a message came to a person in a thread after a time. Most often their own row says no.
func hasNewer(ctx context.Context, r db.Reader, userID, threadID string, after int64) (bool, error) {
	_, newer, err := db.One(ctx, r, db.Scan1[string], `
		SELECT m.id
		FROM mail_member own
		JOIN mail_message m ON m.thread_id = own.thread_id
		JOIN mail_delivery d ON d.user_id = $1 AND d.message_id = m.id
		WHERE own.user_id = $1 AND own.thread_id = $2 AND own.last_at > $3
			AND m.state = 'delivered' AND d.role = 'to' AND d.delivered_at > $3
		LIMIT 1`, userID, threadID, after)
	return newer, err
}

// known says to whom an id belongs already, as a draft's and as a message's.
type known struct{ drafter, author string }

func findKnown(ctx context.Context, r db.Reader, id string) (known, error) {
	k, _, err := db.One(ctx, r, func(row db.Row) (known, error) {
		var k known
		err := row(&k.drafter, &k.author)
		return k, err
	}, `
		SELECT COALESCE((SELECT author_id FROM mail_draft WHERE id = $1), ''),
			COALESCE((SELECT MIN(user_id) FROM mail_delivery WHERE message_id = $1 AND role = 'from'), '')`, id)
	return k, err
}

// stored is a message as it was first sent.
type stored struct {
	message
	subject []byte
	wrapped []byte
}

func (s *stored) into() []any {
	return []any{&s.threadID, &s.id, &s.authorID, &s.authorOwner, &s.sealed, &s.files, &s.state, &s.writtenAt, &s.deliveredAt, &s.leavesAt, &s.subject, &s.wrapped}
}

const storedColumns = `m.thread_id, m.id, m.author_id, m.author_owner_id, m.body_sealed, m.files, m.state, m.written_at, COALESCE(m.delivered_at, 0),
	COALESCE(m.leaves_at, 0), t.subject_sealed, k.wrapped_key`

func scanStored(row db.Row) (stored, error) {
	var s stored
	err := row(s.into()...)
	return s, err
}

// findStored finds a message by what its author's form called it.
func findStored(ctx context.Context, r db.Reader, authorID, id string) (stored, bool, error) {
	return db.One(ctx, r, scanStored, `
		SELECT `+storedColumns+`
		FROM mail_message m
		JOIN mail_thread t ON t.id = m.thread_id
		JOIN mail_thread_key k ON k.thread_id = m.thread_id AND k.owner_id = m.author_owner_id
		WHERE m.author_id = $1 AND m.id = $2`, authorID, id)
}

// findMessage finds a message by its id alone, for acts of the program.
func findMessage(ctx context.Context, r db.Reader, id string) (stored, bool, error) {
	return db.One(ctx, r, scanStored, `
		SELECT `+storedColumns+`
		FROM mail_delivery d
		JOIN mail_message m ON m.thread_id = d.thread_id AND m.id = d.message_id
		JOIN mail_thread t ON t.id = m.thread_id
		JOIN mail_thread_key k ON k.thread_id = m.thread_id AND k.owner_id = m.author_owner_id
		WHERE d.message_id = $1 AND d.role = 'from'`, id)
}

// listForm lists the messages that one form of a person became, those that were stopped too.
func listForm(ctx context.Context, r db.Reader, authorID, form string) ([]stored, error) {
	return db.All(ctx, r, scanStored, `
		SELECT `+storedColumns+`
		FROM mail_message m
		JOIN mail_thread t ON t.id = m.thread_id
		JOIN mail_thread_key k ON k.thread_id = m.thread_id AND k.owner_id = m.author_owner_id
		WHERE m.author_id = $1 AND (m.id = $2 OR m.form_id = $2)
		ORDER BY m.id`, authorID, form)
}

// addressed is one a message was written to: a person or an invitation, which somebody may have claimed since.
type addressed struct {
	id      string
	claimed bool
}

// listTargets lists to whom a message was written.
func listTargets(ctx context.Context, r db.Reader, messageID string) ([]addressed, error) {
	return db.All(ctx, r, func(row db.Row) (addressed, error) {
		var a addressed
		err := row(&a.id, &a.claimed)
		return a, err
	}, `
		SELECT user_id, FALSE FROM mail_delivery WHERE message_id = $1 AND role = 'to'
		UNION ALL
		SELECT invitation_id, state = 'claimed' FROM mail_pending WHERE message_id = $1`, messageID)
}

// receipt says how one message stands with one of those it was written to.
type receipt struct {
	messageID, who        string // who is a user id, or an invitation id when pending
	deliveredAt, openedAt int64
	pending               bool
	until                 int64 // when its recipient can open it no more; 0 = no end
}

func scanReceipt(row db.Row) (receipt, error) {
	var c receipt
	err := row(&c.messageID, &c.who, &c.deliveredAt, &c.openedAt, &c.pending, &c.until)
	return c, err
}

// listReceipts reads how messages stand, in one statement.
func listReceipts(ctx context.Context, r db.Reader, messageIDs []string) ([]receipt, error) {
	list, args := db.In(1, messageIDs)
	return db.All(ctx, r, scanReceipt, `
		SELECT message_id, user_id, COALESCE(delivered_at, 0), COALESCE(opened_at, 0), FALSE, COALESCE(access_until, 0)
		FROM mail_delivery
		WHERE role = 'to' AND message_id IN `+list+`
		UNION ALL
		SELECT message_id, invitation_id, 0, 0, TRUE, 0
		FROM mail_pending
		WHERE state = 'waiting' AND message_id IN `+list, args...)
}

// seen is a message as one person may see it.
type seen struct {
	message
	mine          bool
	openedAt      int64  // by this person; 0 for what is new to them
	forwardedFrom string // the message it passes on
	until         int64  // when they can open it no more; 0 = no end
	ended         bool   // they cannot: nothing of its content was read
	recalled      int64  // when it was withdrawn; 0 = it was not
}

// listSeen lists the newest messages of a thread that a person may see: their own, and what was given to them. Of one that
// was withdrawn others may see that it was there; of one that they cannot open any more neither text nor files nor origin
// is read.
func listSeen(ctx context.Context, r db.Reader, userID, threadID string, after spot, most int, now int64) ([]seen, error) {
	return db.All(ctx, r, func(row db.Row) (seen, error) {
		var s seen
		err := row(&s.threadID, &s.id, &s.authorID, &s.authorOwner, &s.sealed, &s.files, &s.state, &s.writtenAt, &s.deliveredAt, &s.mine, &s.openedAt, &s.forwardedFrom, &s.until, &s.ended, &s.recalled, &s.leavesAt)
		return s, err
	}, `
		SELECT m.thread_id, m.id, m.author_id, m.author_owner_id,
			CASE WHEN d.access_until <= $6 THEN NULL ELSE m.body_sealed END, CASE WHEN d.access_until <= $6 THEN 0 ELSE m.files END,
			m.state, m.written_at, COALESCE(m.delivered_at, 0), d.role = 'from', COALESCE(d.opened_at, 0),
			CASE WHEN d.access_until <= $6 THEN '' ELSE COALESCE(m.forwarded_from, '') END,
			COALESCE(d.access_until, 0), COALESCE(d.access_until <= $6, FALSE), COALESCE(m.recalled_at, 0), COALESCE(m.leaves_at, 0)
		FROM mail_message m
		JOIN mail_delivery d ON d.user_id = $1 AND d.message_id = m.id
		WHERE m.thread_id = $2 AND m.state IN ('waiting', 'delivered', 'recalled') AND (d.role = 'from' OR d.delivered_at IS NOT NULL)
			AND (m.written_at, m.id) < ($3, $4)
		ORDER BY m.written_at DESC, m.id DESC
		LIMIT $5`, userID, threadID, after.at, after.id, most, now)
}

// sentRow is one of a person's own messages with how its thread is called in their list.
type sentRow struct {
	message
	member member
}

// listSent is one page of a person's own messages, newest first.
func listSent(ctx context.Context, r db.Reader, userID string, after spot, most int) ([]sentRow, error) {
	return db.All(ctx, r, func(row db.Row) (sentRow, error) {
		var s sentRow
		err := row(append([]any{&s.id, &s.threadID, &s.files, &s.state, &s.writtenAt, &s.leavesAt}, s.member.into()...)...)
		return s, err
	}, `
		SELECT m.id, m.thread_id, m.files, m.state, m.written_at, COALESCE(m.leaves_at, 0), `+memberColumns+`
		FROM mail_message m
		JOIN mail_member mm ON mm.user_id = m.author_id AND mm.thread_id = m.thread_id
		WHERE m.author_id = $1 AND m.state IN ('waiting', 'delivered', 'recalled') AND (m.written_at, m.id) < ($2, $3)
		ORDER BY m.written_at DESC, m.id DESC
		LIMIT $4`, userID, after.at, after.id, most)
}

// findVisible finds the member row behind one message, if the person may see that message and can still open it.
func findVisible(ctx context.Context, r db.Reader, userID, messageID string, now int64) (member, bool, error) {
	return db.One(ctx, r, scanKeyedMember, `
		SELECT `+memberColumns+`, k.wrapped_key
		FROM mail_delivery d
		JOIN mail_message m ON m.thread_id = d.thread_id AND m.id = d.message_id
		JOIN mail_member mm ON mm.user_id = d.user_id AND mm.thread_id = d.thread_id
		JOIN mail_thread_key k ON k.thread_id = mm.thread_id AND k.owner_id = mm.owner_id
		WHERE d.user_id = $1 AND d.message_id = $2 AND (d.role = 'from' OR d.delivered_at IS NOT NULL)
			AND (m.state IN ('waiting', 'delivered') OR m.state = 'recalled' AND d.role = 'from')
			AND (d.access_until IS NULL OR d.access_until > $3)`, userID, messageID, now)
}

// listPendingThreads lists the threads in which something waits for an invitation, in the order they are locked.
func listPendingThreads(ctx context.Context, r db.Reader, invitationID string) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT DISTINCT thread_id
		FROM mail_pending
		WHERE invitation_id = $1 AND state = 'waiting'
		ORDER BY thread_id`, invitationID)
}

// listStored reads the messages of some threads with their keys, oldest first.
func listStored(ctx context.Context, r db.Reader, threadIDs []string) ([]stored, error) {
	list, args := db.In(1, threadIDs)
	return db.All(ctx, r, scanStored, `
		SELECT `+storedColumns+`
		FROM mail_message m
		JOIN mail_thread t ON t.id = m.thread_id
		JOIN mail_thread_key k ON k.thread_id = m.thread_id AND k.owner_id = m.author_owner_id
		WHERE m.thread_id IN `+list+`
		ORDER BY m.written_at, m.id`, args...)
}

// listThreadMembers lists the members of some threads.
func listThreadMembers(ctx context.Context, r db.Reader, threadIDs []string) ([]member, error) {
	list, args := db.In(1, threadIDs)
	return db.All(ctx, r, scanMember, `
		SELECT `+memberColumns+`
		FROM mail_member mm
		WHERE mm.thread_id IN `+list+`
		ORDER BY mm.user_id, mm.thread_id`, args...)
}

// listOwnMembers reads a person's rows of some threads.
func listOwnMembers(ctx context.Context, r db.Reader, userID string, threadIDs []string) ([]member, error) {
	list, args := db.In(2, threadIDs)
	return db.All(ctx, r, scanMember, `
		SELECT `+memberColumns+`
		FROM mail_member mm
		WHERE mm.user_id = $1 AND mm.thread_id IN `+list, append([]any{userID}, args...)...)
}
