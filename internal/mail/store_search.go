package mail

import (
	"context"
	"math"
	"strconv"
	"strings"

	"securepractice/internal/db"
)

// box is a row of mail_box: how far a person's messages are indexed.
type box struct {
	userID            string
	next, base, clean int64
	version           int64
}

const boxColumns = `user_id, next_n, base_n, clean_n, version`

func scanBox(row db.Row) (box, error) {
	var b box
	err := row(&b.userID, &b.next, &b.base, &b.clean, &b.version)
	return b, err
}

func findBox(ctx context.Context, r db.Reader, userID string) (box, bool, error) {
	return db.One(ctx, r, scanBox, `
		SELECT `+boxColumns+`
		FROM mail_box
		WHERE user_id = $1`, userID)
}

// putSearched notes that a person searches; from the first time on their mail is indexed.
func putSearched(ctx context.Context, tx *db.Tx, userID string, now int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_box (user_id, next_n, base_n, clean_n, searched_at, version)
		VALUES ($1, 0, 0, 0, $2, 1)
		ON CONFLICT (user_id) DO UPDATE
		SET searched_at = excluded.searched_at`, userID, now)
	return err
}

// listBoxes lists people whose mail is indexed, by their id, who have searched since.
func listBoxes(ctx context.Context, r db.Reader, after string, since int64, most int) ([]box, error) {
	return db.All(ctx, r, scanBox, `
		SELECT `+boxColumns+`
		FROM mail_box
		WHERE user_id > $1 AND searched_at >= $2
		ORDER BY user_id
		LIMIT $3`, after, since, most)
}

// setBox begins an act on a person's index; false when another was faster.
func setBox(ctx context.Context, tx *db.Tx, b box) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_box
		SET version = version + 1, next_n = $3, base_n = $4, clean_n = $5
		WHERE user_id = $1 AND version = $2`, b.userID, b.version, b.next, b.base, b.clean)
	return n == 1, err
}

// visible is what a person may see of a delivery d of a message m in their member row mm, at the time $2.
const visible = `(d.role = 'from' OR d.delivered_at IS NOT NULL) AND m.state IN ('waiting', 'delivered')
			AND (d.access_until IS NULL OR d.access_until > $2)`

// cameAt is when a message came into a person's mail.
const cameAt = `CASE WHEN d.role = 'from' THEN m.written_at ELSE d.delivered_at END`

// found is a message as a person's search reads it.
type found struct {
	member // with the thread's key
	id     string
	sealed []byte
	files  int64
	author string
	mine   bool
	at     int64
	n      int64 // its number; -1 while it has none
}

const foundColumns = memberColumns + `, k.wrapped_key, m.id, m.body_sealed, m.files, m.author_id, d.role = 'from', ` + cameAt + `, COALESCE(d.n, -1)`

const foundTables = `
		FROM mail_delivery d
		JOIN mail_message m ON m.thread_id = d.thread_id AND m.id = d.message_id
		JOIN mail_member mm ON mm.user_id = d.user_id AND mm.thread_id = d.thread_id
		JOIN mail_thread_key k ON k.thread_id = mm.thread_id AND k.owner_id = mm.owner_id`

func scanFound(row db.Row) (found, error) {
	var f found
	err := row(append(f.into(), &f.wrapped, &f.id, &f.sealed, &f.files, &f.author, &f.mine, &f.at, &f.n)...)
	return f, err
}

// sieve is what a hit must be beside its words. The zero value of until is no end.
type sieve struct {
	folder        string // "" is every folder but the trash; "sent" one's own messages
	files, unread bool
	since, until  int64
	after         spot // hits are older than this
}

// sieved filters by a sieve, whose arguments begin at $3; $1 is the person, $2 the time.
const sieved = visible + `
			AND ($3 = '' AND mm.folder <> 'trash' OR $3 = 'sent' AND d.role = 'from' AND mm.folder <> 'trash' OR mm.folder = $3)
			AND (m.files > 0 OR NOT $4) AND (mm.unread OR NOT $5)
			AND ` + cameAt + ` >= $6 AND ` + cameAt + ` < $7 AND (` + cameAt + `, m.id) < ($8, $9)`

func (v sieve) args(userID string, now int64) []any {
	if v.until == 0 {
		v.until = math.MaxInt64
	}
	after := v.after
	if after == (spot{}) {
		after = first
	}
	return []any{userID, now, v.folder, v.files, v.unread, v.since, v.until, after.at, after.id}
}

// listHits reads messages by their numbers, as far as the person may see them and they pass: the permission of every hit.
func listHits(ctx context.Context, r db.Reader, userID string, now int64, v sieve, ns []int64) ([]found, error) {
	args := v.args(userID, now)
	list, more := inNumbers(len(args)+1, ns)
	return db.All(ctx, r, scanFound, `
		SELECT `+foundColumns+foundTables+`
		WHERE d.user_id = $1 AND `+sieved+` AND d.n IN `+list+`
		ORDER BY d.n DESC`, append(args, more...)...)
}

// listFresh reads the newest messages that have no number.
func listFresh(ctx context.Context, r db.Reader, userID string, now int64, v sieve, most int) ([]found, error) {
	args := v.args(userID, now)
	return db.All(ctx, r, scanFound, `
		SELECT `+foundColumns+foundTables+`
		WHERE d.user_id = $1 AND d.n IS NULL AND `+sieved+`
		ORDER BY `+cameAt+` DESC, m.id DESC
		LIMIT $10`, append(args, most)...)
}

// listByID reads messages of a person by id, for the index. The sum keeps the database from walking all messages without a
// number, a hundred thousand of them in a large mailbox, where the key finds each.
func listByID(ctx context.Context, r db.Reader, userID string, now int64, ids []string) ([]found, error) {
	list, args := db.In(3, ids)
	return db.All(ctx, r, scanFound, `
		SELECT `+foundColumns+foundTables+`
		WHERE d.user_id = $1 AND d.n + 0 IS NULL AND `+indexable+` AND d.message_id IN `+list+`
		ORDER BY `+cameAt+`, m.id`, append([]any{userID, now}, args...)...)
}

// indexable is visible without what may still change: a message that waits can come back to its author.
const indexable = visible + ` AND m.state = 'delivered'`

// listUnnumbered lists the oldest messages that are to be indexed.
func listUnnumbered(ctx context.Context, r db.Reader, userID string, now int64, most int) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT m.id
		FROM mail_delivery d
		JOIN mail_message m ON m.thread_id = d.thread_id AND m.id = d.message_id
		JOIN mail_member mm ON mm.user_id = d.user_id AND mm.thread_id = d.thread_id
		WHERE d.user_id = $1 AND d.n IS NULL AND `+indexable+`
		ORDER BY `+cameAt+`, m.id
		LIMIT $3`, userID, now, most)
}

// countUnnumbered counts them, to a limit.
func countUnnumbered(ctx context.Context, r db.Reader, userID string, now int64, most int) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT COUNT(*)
		FROM (
			SELECT 1
			FROM mail_delivery d
			JOIN mail_message m ON m.thread_id = d.thread_id AND m.id = d.message_id
			JOIN mail_member mm ON mm.user_id = d.user_id AND mm.thread_id = d.thread_id
			WHERE d.user_id = $1 AND d.n IS NULL AND `+indexable+`
			LIMIT $3) few`, userID, now, most)
	return n, err
}

// countLeft counts all of a person's messages that have no number or one that a rebuild is to take back.
func countLeft(ctx context.Context, r db.Reader, userID string, base int64) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT (SELECT COUNT(*) FROM mail_delivery WHERE user_id = $1 AND n IS NULL)
			+ (SELECT COUNT(*) FROM mail_delivery WHERE user_id = $1 AND n >= 0 AND n < $2)`, userID, base)
	return n, err
}

// numberDeliveries gives messages their numbers, from first on; how many there were says whether all still had none.
func numberDeliveries(ctx context.Context, tx *db.Tx, userID string, ids []string, from int64) (int64, error) {
	var values strings.Builder
	args := []any{userID}
	for i, id := range ids {
		if i > 0 {
			values.WriteByte(',')
		}
		at := strconv.Itoa(2 + 2*i)
		values.WriteString("($" + at + ", CAST($" + strconv.Itoa(3+2*i) + " AS BIGINT))")
		args = append(args, id, from+int64(i))
	}
	return tx.Exec(ctx, `
		WITH given (id, n) AS (VALUES `+values.String()+`)
		UPDATE mail_delivery
		SET n = given.n
		FROM given
		WHERE mail_delivery.user_id = $1 AND mail_delivery.message_id = given.id AND mail_delivery.n + 0 IS NULL`, args...)
}

// clearNumbers takes numbers back.
func clearNumbers(ctx context.Context, tx *db.Tx, userID string, from, to int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_delivery
		SET n = NULL
		WHERE user_id = $1 AND n >= $2 AND n < $3`, userID, from, to)
	return err
}

// recipient ids of messages, with their message.
type wroteTo struct{ messageID, userID string }

// listPeople lists who wrote messages and who has them.
func listPeople(ctx context.Context, r db.Reader, messageIDs []string) ([]wroteTo, error) {
	list, args := db.In(1, messageIDs)
	return db.All(ctx, r, func(row db.Row) (wroteTo, error) {
		var w wroteTo
		err := row(&w.messageID, &w.userID)
		return w, err
	}, `
		SELECT message_id, user_id
		FROM mail_delivery
		WHERE message_id IN `+list, args...)
}

// segment is a row of mail_search, without its dictionary.
type segment struct {
	userID, id, ownerID string
	from, count         int64
}

// place names a segment's row, to which its columns are bound.
func (g segment) place() string { return g.userID + "/" + g.id }

// blockPlace names the row of one of its blocks.
func (g segment) blockPlace(no int64) string { return g.place() + "/" + strconv.FormatInt(no, 10) }

// listSegments lists a person's segments, newest first.
func listSegments(ctx context.Context, r db.Reader, userID string) ([]segment, error) {
	return db.All(ctx, r, func(row db.Row) (segment, error) {
		g := segment{userID: userID}
		err := row(&g.id, &g.ownerID, &g.from, &g.count)
		return g, err
	}, `
		SELECT seg, owner_id, from_n, count
		FROM mail_search
		WHERE user_id = $1
		ORDER BY from_n DESC`, userID)
}

func findDictionary(ctx context.Context, r db.Reader, g segment) ([]byte, bool, error) {
	return db.One(ctx, r, db.Scan1[[]byte], `
		SELECT dict_sealed
		FROM mail_search
		WHERE user_id = $1 AND seg = $2`, g.userID, g.id)
}

// block is a row of mail_search_block.
type block struct {
	no     int64
	sealed []byte
}

// listBlocks reads neighbouring blocks of a segment.
func listBlocks(ctx context.Context, r db.Reader, g segment, from, to int64) ([]block, error) {
	return db.All(ctx, r, func(row db.Row) (block, error) {
		var b block
		err := row(&b.no, &b.sealed)
		return b, err
	}, `
		SELECT no, postings_sealed
		FROM mail_search_block
		WHERE user_id = $1 AND seg = $2 AND no >= $3 AND no <= $4
		ORDER BY no`, g.userID, g.id, from, to)
}

func insertSegment(ctx context.Context, tx *db.Tx, g segment, dict []byte, blocks []block) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO mail_search (user_id, seg, owner_id, from_n, count, dict_sealed)
		VALUES ($1, $2, $3, $4, $5, $6)`, g.userID, g.id, g.ownerID, g.from, g.count, dict); err != nil {
		return err
	}
	if len(blocks) == 0 {
		return nil
	}
	var args []any
	for _, b := range blocks {
		args = append(args, g.userID, g.id, b.no, b.sealed)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_search_block (user_id, seg, no, postings_sealed)
		VALUES `+rows(len(blocks), 4), args...)
	return err
}

// deleteSegments removes segments with their blocks; how many there were says whether all were there.
func deleteSegments(ctx context.Context, tx *db.Tx, userID string, ids []string) (int64, error) {
	list, args := db.In(2, ids)
	args = append([]any{userID}, args...)
	if _, err := tx.Exec(ctx, `
		DELETE FROM mail_search_block
		WHERE user_id = $1 AND seg IN `+list, args...); err != nil {
		return 0, err
	}
	return tx.Exec(ctx, `
		DELETE FROM mail_search
		WHERE user_id = $1 AND seg IN `+list, args...)
}

// deleteAllSegments removes a person's whole index.
func deleteAllSegments(ctx context.Context, tx *db.Tx, userID string) error {
	if _, err := tx.Exec(ctx, `
		DELETE FROM mail_search_block
		WHERE user_id = $1`, userID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		DELETE FROM mail_search
		WHERE user_id = $1`, userID)
	return err
}

// inNumbers is db.In for numbers.
func inNumbers(from int, ns []int64) (string, []any) {
	ids := make([]string, len(ns))
	for i, n := range ns {
		ids[i] = strconv.FormatInt(n, 10)
	}
	list, args := db.In(from, ids)
	for i := range args {
		args[i] = ns[min(i, len(ns)-1)]
	}
	return list, args
}
