package audit

import (
	"context"
	"fmt"
	"strings"

	"securepractice/internal/db"
)

const eventColumns = `id, at, action, outcome, actor_kind, actor_id, on_behalf_practice_id, subject_kind, subject_id,
	practice_id, thread_id, session_id, ip, agent, detail, row_mac`

func insertEvents(ctx context.Context, tx *db.Tx, rows []row) error {
	var events, pending strings.Builder
	var args, ids []any
	for i, r := range rows {
		events.WriteString(values(i, 16))
		pending.WriteString(values(i, 1))
		args = append(args, r.id, r.at, r.action, r.outcome, r.actorKind, null(r.actorID), null(r.onBehalf), null(r.subjectKind),
			null(r.subjectID), null(r.practiceID), null(r.threadID), null(r.sessionID), null(r.ip), null(r.agent), r.detail, r.mac)
		ids = append(ids, r.id)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO audit_event ("+eventColumns+") VALUES "+events.String(), args...); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO audit_pending (event_id) VALUES "+pending.String(), ids...)
	return err
}

// values is the i-th group of n placeholders of a multi-row INSERT.
func values(i, n int) string {
	var b strings.Builder
	if i > 0 {
		b.WriteString(", ")
	}
	for c := range n {
		sep := ","
		if c == 0 {
			sep = "("
		}
		fmt.Fprintf(&b, "%s$%d", sep, i*n+c+1)
	}
	return b.String() + ")"
}

// null keeps an absent id absent.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func scanRow(scan db.Row) (row, error) {
	var r row
	var opt [9]*string
	err := scan(&r.id, &r.at, &r.action, &r.outcome, &r.actorKind, &opt[0], &opt[1], &opt[2], &opt[3], &opt[4], &opt[5], &opt[6], &opt[7], &opt[8], &r.detail, &r.mac)
	for i, to := range []*string{&r.actorID, &r.onBehalf, &r.subjectKind, &r.subjectID, &r.practiceID, &r.threadID, &r.sessionID, &r.ip, &r.agent} {
		if opt[i] != nil {
			*to = *opt[i]
		}
	}
	return r, err
}

// takeLease makes holder the sealer until the given time; false when another still is.
func takeLease(ctx context.Context, tx *db.Tx, holder string, now, until int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO audit_lease (id, holder, until_at)
		VALUES (1, $1, $2)
		ON CONFLICT (id) DO UPDATE SET holder = $1, until_at = $2
		WHERE audit_lease.holder = $1 OR audit_lease.until_at < $3`, holder, until, now)
	return n == 1, err
}

func listPending(ctx context.Context, tx *db.Tx, most int) ([]string, error) {
	return db.All(ctx, tx, db.Scan1[string], "SELECT event_id FROM audit_pending ORDER BY event_id LIMIT $1", most)
}

func listMACs(ctx context.Context, r db.Reader, ids []string) (map[string][]byte, error) {
	list, args := db.In(1, ids)
	rows, err := db.All(ctx, r, func(scan db.Row) (row, error) {
		var e row
		return e, scan(&e.id, &e.mac)
	}, "SELECT id, row_mac FROM audit_event WHERE id IN "+list, args...)
	macs := make(map[string][]byte, len(rows))
	for _, e := range rows {
		macs[e.id] = e.mac
	}
	return macs, err
}

func listEvents(ctx context.Context, r db.Reader, ids []string) (map[string]row, error) {
	list, args := db.In(1, ids)
	rows, err := db.All(ctx, r, scanRow, "SELECT "+eventColumns+" FROM audit_event WHERE id IN "+list, args...)
	all := make(map[string]row, len(rows))
	for _, e := range rows {
		all[e.id] = e
	}
	return all, err
}

// seal is one link of the chain.
type seal struct {
	n, at, count                       int64
	eventsHash, prevHash, hash, signed []byte
}

func scanSeal(scan db.Row) (seal, error) {
	var s seal
	err := scan(&s.n, &s.at, &s.count, &s.eventsHash, &s.prevHash, &s.hash, &s.signed)
	return s, err
}

const sealColumns = "n, at, count, event_ids_hash, prev_hash, hash, signature"

func lastSeal(ctx context.Context, r db.Reader) (seal, bool, error) {
	return db.One(ctx, r, scanSeal, "SELECT "+sealColumns+" FROM audit_seal ORDER BY n DESC LIMIT 1")
}

func sealsAfter(ctx context.Context, r db.Reader, n int64, most int) ([]seal, error) {
	return db.All(ctx, r, scanSeal, "SELECT "+sealColumns+" FROM audit_seal WHERE n > $1 ORDER BY n LIMIT $2", n, most)
}

func sealedEvents(ctx context.Context, r db.Reader, n int64) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], "SELECT event_id FROM audit_seal_event WHERE n = $1 ORDER BY pos", n)
}

func insertSeal(ctx context.Context, tx *db.Tx, s seal, ids []string) error {
	if _, err := tx.Exec(ctx, "INSERT INTO audit_seal ("+sealColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7)",
		s.n, s.at, s.count, s.eventsHash, s.prevHash, s.hash, s.signed); err != nil {
		return err
	}
	var b strings.Builder
	var args []any
	for i, id := range ids {
		b.WriteString(values(i, 3))
		args = append(args, s.n, int64(i), id)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO audit_seal_event (n, pos, event_id) VALUES "+b.String(), args...); err != nil {
		return err
	}
	list, gone := db.In(1, ids)
	_, err := tx.Exec(ctx, "DELETE FROM audit_pending WHERE event_id IN "+list, gone...)
	return err
}

// What Verify asks. Each answer is one statement, so that a seal made meanwhile is in it wholly or not at all.

func countEvents(ctx context.Context, r db.Reader) (int64, error) {
	n, _, err := db.One(ctx, r, db.Scan1[int64], "SELECT COUNT(*) FROM audit_event")
	return n, err
}

// listLost are events in neither the chain nor the queue for it. A place in a seal that does not exist is no place.
func listLost(ctx context.Context, r db.Reader) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT e.id
		FROM audit_event e
		WHERE NOT EXISTS (SELECT 1 FROM audit_pending p WHERE p.event_id = e.id)
			AND NOT EXISTS (SELECT 1 FROM audit_seal_event s JOIN audit_seal l ON l.n = s.n WHERE s.event_id = e.id)
		ORDER BY e.id
		LIMIT $1`, mostNamed)
}

// listOrphans are events that wait for their seal and are gone.
func listOrphans(ctx context.Context, r db.Reader) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], `
		SELECT p.event_id
		FROM audit_pending p
		WHERE NOT EXISTS (SELECT 1 FROM audit_event e WHERE e.id = p.event_id)
		ORDER BY p.event_id
		LIMIT $1`, mostNamed)
}

// listWaiting are events that wait for their seal, oldest first.
func listWaiting(ctx context.Context, r db.Reader) ([]row, error) {
	return db.All(ctx, r, scanRow, `
		SELECT `+eventColumns+`
		FROM audit_event
		WHERE id IN (SELECT event_id FROM audit_pending)
		ORDER BY id`)
}
