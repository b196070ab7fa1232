package support

import (
	"context"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/invite"
)

// How long the lists of the console are at most.
const (
	mostFound      = 25
	mostNewest     = 20
	mostMembers    = 500
	mostInvited    = 200
	mostSignIns    = 10
	mostDeliveries = 25
	mostChanges    = 25
)

// PracticeRow is a practice in a list.
type PracticeRow struct {
	ID, Name, Phone, City, Region string
	CreatedAt                     int64
	Users                         int64
}

const practiceColumns = `p.id, p.name, p.phone, p.city, p.region, p.created_at, (SELECT COUNT(*) FROM account_user u WHERE u.practice_id = p.id)`

func scanPractice(row db.Row) (PracticeRow, error) {
	var p PracticeRow
	err := row(&p.ID, &p.Name, &p.Phone, &p.City, &p.Region, &p.CreatedAt, &p.Users)
	return p, err
}

// listNewest are the practices made last: their ids grow with time.
func listNewest(ctx context.Context, r db.Reader, most int) ([]PracticeRow, error) {
	return db.All(ctx, r, scanPractice, `
		SELECT `+practiceColumns+`
		FROM practice_practice p
		ORDER BY p.id DESC
		LIMIT $1`, most)
}

// searchPractices reads the whole list of practices: a few thousand at most, for a few members of staff. A practice's
// number stands as it was typed, so what people put between its digits is taken away first.
func searchPractices(ctx context.Context, r db.Reader, t terms, most int) ([]PracticeRow, error) {
	return db.All(ctx, r, scanPractice, `
		SELECT `+practiceColumns+`
		FROM practice_practice p
		WHERE p.name_canon LIKE $1 ESCAPE '\' AND p.name_canon LIKE $2 ESCAPE '\' AND p.name_canon LIKE $3 ESCAPE '\' AND p.name_canon LIKE $4 ESCAPE '\'
			OR $5 <> '' AND REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(p.phone, ' ', ''), '-', ''), '(', ''), ')', ''), '.', ''), '+', '') IN ($5, $6)
		ORDER BY p.name_canon, p.id
		LIMIT $7`, t.words[0], t.words[1], t.words[2], t.words[3], t.national, "1"+t.national, most)
}

// PersonRow is an account in a list.
type PersonRow struct {
	ID, Name, Email, PracticeID, Practice, State string
	Role                                         actor.Role
	Manager, Paid, HasPassword                   bool
	SignedInAt                                   int64 // µs; 0 = never
}

const personColumns = `u.id, u.first_name || ' ' || u.last_name, u.email, COALESCE(u.practice_id, ''), COALESCE(p.name, ''), u.state, u.role, u.is_manager, u.tier = 'paid',
	u.password_at IS NOT NULL, COALESCE((SELECT MAX(e.at) FROM audit_event e WHERE e.subject_id = u.id AND e.action = 'signin.ok'), 0)`

func scanPerson(row db.Row) (PersonRow, error) {
	var p PersonRow
	err := row(&p.ID, &p.Name, &p.Email, &p.PracticeID, &p.Practice, &p.State, &p.Role, &p.Manager, &p.Paid, &p.HasPassword, &p.SignedInAt)
	return p, err
}

// searchPeople looks in all accounts but Support's own.
func searchPeople(ctx context.Context, r db.Reader, t terms, most int) ([]PersonRow, error) {
	return db.All(ctx, r, scanPerson, `
		SELECT `+personColumns+`
		FROM account_user u
		LEFT JOIN practice_practice p ON p.id = u.practice_id
		WHERE u.role <> 'support'
			AND (u.name_canon LIKE $1 ESCAPE '\' AND u.name_canon LIKE $2 ESCAPE '\' AND u.name_canon LIKE $3 ESCAPE '\' AND u.name_canon LIKE $4 ESCAPE '\'
				OR u.email_canon LIKE $5 ESCAPE '\'
				OR $6 <> '' AND (u.phone = $6 OR u.cell = $6))
		ORDER BY u.name_canon, u.id
		LIMIT $7`, t.words[0], t.words[1], t.words[2], t.words[3], t.email, t.e164, most)
}

func listMembers(ctx context.Context, r db.Reader, practiceID string, most int) ([]PersonRow, error) {
	return db.All(ctx, r, scanPerson, `
		SELECT `+personColumns+`
		FROM account_user u
		LEFT JOIN practice_practice p ON p.id = u.practice_id
		WHERE u.practice_id = $1
		ORDER BY u.name_canon, u.id
		LIMIT $2`, practiceID, most)
}

// InvitedRow is an open invitation in a list.
type InvitedRow struct {
	ID, Name, Email, PracticeID, Practice, State string
	Role                                         invite.Role
	BySupport, TwoStep                           bool
	SentAt                                       int64
}

const invitedColumns = `i.id, i.first_name || ' ' || i.last_name, i.email, i.practice_id, p.name, i.state, i.role, i.by_support, i.two_step, COALESCE(i.sent_at, 0)`

func scanInvited(row db.Row) (InvitedRow, error) {
	var i InvitedRow
	err := row(&i.ID, &i.Name, &i.Email, &i.PracticeID, &i.Practice, &i.State, &i.Role, &i.BySupport, &i.TwoStep, &i.SentAt)
	return i, err
}

// searchInvited looks in open invitations. Their names are kept as they were typed; LOWER knows other letters than
// a to z on PostgreSQL only, so a name is also compared as it was typed here.
func searchInvited(ctx context.Context, r db.Reader, t terms, most int) ([]InvitedRow, error) {
	return db.All(ctx, r, scanInvited, `
		SELECT `+invitedColumns+`
		FROM invite_invitation i
		JOIN practice_practice p ON p.id = i.practice_id
		WHERE i.state IN ('invited', 'started', 'held')
			AND (LOWER(i.first_name || ' ' || i.last_name) LIKE $1 ESCAPE '\' AND LOWER(i.first_name || ' ' || i.last_name) LIKE $2 ESCAPE '\'
					AND LOWER(i.first_name || ' ' || i.last_name) LIKE $3 ESCAPE '\' AND LOWER(i.first_name || ' ' || i.last_name) LIKE $4 ESCAPE '\'
				OR i.first_name || ' ' || i.last_name LIKE $5 ESCAPE '\'
				OR i.email_canon LIKE $6 ESCAPE '\'
				OR $7 <> '' AND (i.phone = $7 OR i.cell = $7))
		ORDER BY i.id DESC
		LIMIT $8`, t.words[0], t.words[1], t.words[2], t.words[3], t.typed, t.email, t.e164, most)
}

func listInvited(ctx context.Context, r db.Reader, practiceID string, most int) ([]InvitedRow, error) {
	return db.All(ctx, r, scanInvited, `
		SELECT `+invitedColumns+`
		FROM invite_invitation i
		JOIN practice_practice p ON p.id = i.practice_id
		WHERE i.practice_id = $1 AND i.state IN ('invited', 'started', 'held')
		ORDER BY i.created_at DESC, i.id DESC
		LIMIT $2`, practiceID, most)
}

// hasManager says whether a practice has a User Manager, or one who is invited.
func hasManager(ctx context.Context, r db.Reader, practiceID string) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[string], `
		SELECT id FROM account_user WHERE practice_id = $1 AND is_manager AND state <> 'deactivated'
		UNION ALL
		SELECT id FROM invite_invitation WHERE practice_id = $1 AND is_manager AND state IN ('invited', 'started', 'held')
		LIMIT 1`, practiceID)
	return found, err
}

// hasAccount says whether an address has an account of any sort, Support's own included.
func hasAccount(ctx context.Context, r db.Reader, canon string) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[string], "SELECT id FROM account_user WHERE email_canon = $1", canon)
	return found, err
}

func findCreated(ctx context.Context, r db.Reader, userID string) (int64, error) {
	at, _, err := db.One(ctx, r, db.Scan1[int64], "SELECT created_at FROM account_user WHERE id = $1", userID)
	return at, err
}

// listAccepted are the invitations that became this account.
func listAccepted(ctx context.Context, r db.Reader, userID string) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], "SELECT id FROM invite_invitation WHERE accepted_by = $1 AND state = 'accepted' ORDER BY id LIMIT 100", userID)
}

// flowRow is how far the newest flow of an invitation has come.
type flowRow struct {
	kind, state, why                  string
	sends, phoneAt, termsAt, expireAt int64
}

func findFlow(ctx context.Context, r db.Reader, invitationID string) (flowRow, bool, error) {
	return db.One(ctx, r, func(row db.Row) (flowRow, error) {
		var f flowRow
		err := row(&f.kind, &f.state, &f.why, &f.sends, &f.phoneAt, &f.termsAt, &f.expireAt)
		return f, err
	}, `
		SELECT kind, state, COALESCE(ended_why, ''), sends, COALESCE(phone_at, 0), COALESCE(terms_at, 0), expires_at
		FROM verify_flow
		WHERE subject_id = $1 AND kind IN ('register', 'signup')
		ORDER BY created_at DESC, id DESC
		LIMIT 1`, invitationID)
}

// linkRow is the newest link of an invitation, as far as Support may know it.
type linkRow struct {
	sentAt, expiresAt int64
	used              bool
}

func findLink(ctx context.Context, r db.Reader, subjectID string) (linkRow, bool, error) {
	return db.One(ctx, r, func(row db.Row) (linkRow, error) {
		var l linkRow
		err := row(&l.sentAt, &l.expiresAt, &l.used)
		return l, err
	}, `
		SELECT sent_at, expires_at, used_at IS NOT NULL
		FROM verify_link
		WHERE subject_id = $1
		ORDER BY sent_at DESC
		LIMIT 1`, subjectID)
}

// SignIn is one try to sign in.
type SignIn struct {
	At         int64
	Action, IP string
}

func listSignIns(ctx context.Context, r db.Reader, userID string, most int) ([]SignIn, error) {
	return db.All(ctx, r, func(row db.Row) (SignIn, error) {
		var i SignIn
		err := row(&i.At, &i.Action, &i.IP)
		return i, err
	}, `
		SELECT at, action, COALESCE(ip, '')
		FROM audit_event
		WHERE subject_id = $1 AND action IN ('signin.ok', 'signin.refused', 'signin.locked', 'signin.unlocked')
		ORDER BY at DESC, id DESC
		LIMIT $2`, userID, most)
}

// Delivery is an e-mail, a text or a call, with its result and nothing of what it said or where it went.
type Delivery struct {
	Kind, Template, State   string
	QueuedAt, DoneAt, Tries int64
}

// listDeliveries are those that concern any of the given people and invitations.
func listDeliveries(ctx context.Context, r db.Reader, subjects []string, most int) ([]Delivery, error) {
	in, args := db.In(2, subjects)
	return db.All(ctx, r, func(row db.Row) (Delivery, error) {
		var d Delivery
		err := row(&d.Kind, &d.Template, &d.State, &d.QueuedAt, &d.DoneAt, &d.Tries)
		return d, err
	}, `
		SELECT kind, template, state, queued_at, COALESCE(done_at, 0), tries
		FROM notify_message
		WHERE user_id IN `+in+` OR invitation_id IN `+in+`
		ORDER BY queued_at DESC, id DESC
		LIMIT $1`, append([]any{most}, args...)...)
}

// Change is an act of Support under its form's id, and why it was done.
type Change struct {
	ID, Do, Subject, By, Name, Reason string // Name is who did it
	At                                int64
}

// insertChange is false when the form was sent before.
func insertChange(ctx context.Context, tx *db.Tx, c Change) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO support_change (id, kind, subject_id, asked_by, reason, at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO NOTHING`, c.ID, c.Do, c.Subject, c.By, c.Reason, c.At)
	return n == 1, err
}

// listChanges are the acts that had a reason, of any of the given people and invitations.
func listChanges(ctx context.Context, r db.Reader, subjects []string, most int) ([]Change, error) {
	in, args := db.In(2, subjects)
	return db.All(ctx, r, func(row db.Row) (Change, error) {
		var c Change
		err := row(&c.ID, &c.Do, &c.Subject, &c.By, &c.Name, &c.Reason, &c.At)
		return c, err
	}, `
		SELECT c.id, c.kind, c.subject_id, c.asked_by, u.first_name || ' ' || u.last_name, c.reason, c.at
		FROM support_change c
		JOIN account_user u ON u.id = c.asked_by
		WHERE c.subject_id IN `+in+` AND c.reason <> ''
		ORDER BY c.at DESC, c.id DESC
		LIMIT $1`, append([]any{most}, args...)...)
}
