package mail

import (
	"context"

	"securepractice/internal/db"
)

// labelRow is a row of mail_label_name, and whether the conversation that was asked about wears it.
type labelRow struct {
	userID, id, ownerID string
	slot                int64
	sealed, mac         []byte
	colour              int64
	on                  bool
}

// listRail reads what stands beside every list, in one statement: how many drafts there are, to a hundred, and the
// person's labels, with those that one conversation wears.
func listRail(ctx context.Context, r db.Reader, userID, threadID string) (drafts int64, labels []labelRow, err error) {
	rows, err := db.All(ctx, r, func(row db.Row) (labelRow, error) {
		l := labelRow{userID: userID}
		err := row(&drafts, &l.id, &l.ownerID, &l.slot, &l.sealed, &l.colour, &l.on)
		return l, err
	}, `
		SELECT d.n, COALESCE(l.id, ''), COALESCE(l.owner_id, ''), COALESCE(l.slot, 0), l.name_sealed, COALESCE(l.colour, 0), m.thread_id IS NOT NULL
		FROM (SELECT COUNT(*) AS n FROM (SELECT 1 FROM mail_draft WHERE author_id = $1 LIMIT 100) few) d
		LEFT JOIN mail_label_name l ON l.user_id = $1
		LEFT JOIN mail_label m ON m.user_id = l.user_id AND m.label = l.id AND m.thread_id = $2`, userID, threadID)
	for _, l := range rows {
		if l.id != "" {
			labels = append(labels, l)
		}
	}
	return drafts, labels, err
}

// insertLabel is false when the name or the slot is taken.
func insertLabel(ctx context.Context, tx *db.Tx, l labelRow) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO mail_label_name (user_id, id, owner_id, slot, name_sealed, name_mac, colour)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`, l.userID, l.id, l.ownerID, l.slot, l.sealed, l.mac, l.colour)
	return n == 1, err
}

// hasLabelNamed says whether a person has another label of a name.
func hasLabelNamed(ctx context.Context, r db.Reader, l labelRow) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT 1
		FROM mail_label_name
		WHERE user_id = $1 AND name_mac = $2 AND id <> $3`, l.userID, l.mac, l.id)
	return found, err
}

// holdLabel begins an act on a label: it waits for those before it. False when the person has no such label.
func holdLabel(ctx context.Context, tx *db.Tx, userID, id string) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_label_name
		SET colour = colour
		WHERE user_id = $1 AND id = $2`, userID, id)
	return n == 1, err
}

func updateLabel(ctx context.Context, tx *db.Tx, l labelRow) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_label_name
		SET owner_id = $3, name_sealed = $4, name_mac = $5, colour = $6
		WHERE user_id = $1 AND id = $2`, l.userID, l.id, l.ownerID, l.sealed, l.mac, l.colour)
	return err
}

// deleteLabel takes a label away, from its conversations too; false when the person has no such label.
func deleteLabel(ctx context.Context, tx *db.Tx, userID, id string) (bool, error) {
	n, err := tx.Exec(ctx, `
		DELETE FROM mail_label_name
		WHERE user_id = $1 AND id = $2`, userID, id)
	return n == 1, err
}

// holdMembers waits for the acts that change a person's rows of some conversations and lists the rows there are.
func holdMembers(ctx context.Context, tx *db.Tx, userID string, threadIDs []string) ([]string, error) {
	list, args := db.In(2, threadIDs)
	return db.All(ctx, tx, db.Scan1[string], `
		UPDATE mail_member
		SET unread = unread
		WHERE user_id = $1 AND thread_id IN `+list+`
		RETURNING thread_id`, append([]any{userID}, args...)...)
}

// putLabel puts a label on those conversations that are the person's.
func putLabel(ctx context.Context, tx *db.Tx, userID, label string, threadIDs []string) error {
	list, args := db.In(3, threadIDs)
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_label (user_id, label, thread_id, last_at)
		SELECT mm.user_id, n.id, mm.thread_id, mm.last_at
		FROM mail_member mm
		JOIN mail_label_name n ON n.user_id = mm.user_id AND n.id = $2
		WHERE mm.user_id = $1 AND mm.thread_id IN `+list+`
		ON CONFLICT (user_id, label, thread_id) DO NOTHING`, append([]any{userID, label}, args...)...)
	return err
}

func takeLabel(ctx context.Context, tx *db.Tx, userID, label string, threadIDs []string) error {
	list, args := db.In(3, threadIDs)
	_, err := tx.Exec(ctx, `
		DELETE FROM mail_label
		WHERE user_id = $1 AND label = $2 AND thread_id IN `+list, append([]any{userID, label}, args...)...)
	return err
}

// followLabels lets the labels of conversations follow their member rows, which have just changed.
func followLabels(ctx context.Context, tx *db.Tx, changed []member) error {
	var people, threads []string
	for _, m := range changed {
		people, threads = append(people, m.userID), append(threads, m.threadID)
	}
	who, args := db.In(1, people)
	which, more := db.In(len(args)+1, threads)
	_, err := tx.Exec(ctx, `
		UPDATE mail_label
		SET last_at = (SELECT mm.last_at FROM mail_member mm WHERE mm.user_id = mail_label.user_id AND mm.thread_id = mail_label.thread_id)
		WHERE user_id IN `+who+` AND thread_id IN `+which, append(args, more...)...)
	return err
}
