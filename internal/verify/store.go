package verify

import (
	"context"

	"securepractice/internal/db"
)

// linkRow is a subject's link of one kind.
type linkRow struct {
	generation, expiresAt int64
	used                  bool
}

func upsertLink(ctx context.Context, tx *db.Tx, kind, subject string, now, expires int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO verify_link (kind, subject_id, generation, sent_at, expires_at)
		VALUES ($1, $2, 1, $3, $4)
		ON CONFLICT (kind, subject_id) DO UPDATE
		SET generation = verify_link.generation + 1, sent_at = $3, expires_at = $4, used_at = NULL`, kind, subject, now, expires)
	return err
}

func extendLink(ctx context.Context, tx *db.Tx, kind, subject string, now, expires int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE verify_link
		SET sent_at = $3, expires_at = $4
		WHERE kind = $1 AND subject_id = $2 AND used_at IS NULL`, kind, subject, now, expires)
	return n == 1, err
}

func findLink(ctx context.Context, r db.Reader, kind, subject string) (linkRow, bool, error) {
	return db.One(ctx, r, func(row db.Row) (linkRow, error) {
		var l linkRow
		var used *int64
		err := row(&l.generation, &l.expiresAt, &used)
		l.used = used != nil
		return l, err
	}, "SELECT generation, expires_at, used_at FROM verify_link WHERE kind = $1 AND subject_id = $2", kind, subject)
}

func useLink(ctx context.Context, tx *db.Tx, l Link, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE verify_link
		SET used_at = $4
		WHERE kind = $1 AND subject_id = $2 AND generation = $3 AND used_at IS NULL AND expires_at > $4`, l.Kind, l.Subject, l.Generation, now)
	return n == 1, err
}

// endLinks ends the links of a subject, of one kind or, with kind "", of all.
func endLinks(ctx context.Context, tx *db.Tx, subject, kind string, now int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE verify_link
		SET generation = generation + 1, used_at = $3
		WHERE subject_id = $1 AND ($2 = '' OR kind = $2)`, subject, kind, now)
	return err
}

const flowColumns = `id, kind, subject_id, generation, phone_at, phone_mac, COALESCE(terms_version, ''), code_mac IS NOT NULL, COALESCE(method, ''), data_sealed, version`

func scanFlow(row db.Row) (Flow, error) {
	var f Flow
	var phoneAt *int64
	err := row(&f.ID, &f.Kind, &f.Subject, &f.Generation, &phoneAt, &f.phoneMAC, &f.Terms, &f.CodeSent, &f.Method, &f.sealed, &f.Version)
	f.Phone = phoneAt != nil
	return f, err
}

func findFlow(ctx context.Context, r db.Reader, kind, subject string, browser []byte, generation, now int64) (Flow, bool, error) {
	return db.One(ctx, r, scanFlow, `
		SELECT `+flowColumns+`
		FROM verify_flow
		WHERE subject_id = $1 AND kind = $2 AND browser_mac = $3 AND state = 'open' AND generation = $4 AND expires_at > $5`,
		subject, kind, browser, generation, now)
}

func findFlowIn(ctx context.Context, r db.Reader, kind string, browser []byte, now int64) (Flow, bool, error) {
	return db.One(ctx, r, scanFlow, `
		SELECT `+flowColumns+`
		FROM verify_flow
		WHERE browser_mac = $1 AND kind = $2 AND state = 'open' AND expires_at > $3
		ORDER BY created_at DESC
		LIMIT 1`, browser, kind, now)
}

func findFinished(ctx context.Context, r db.Reader, kind, subject string, browser []byte) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[string], "SELECT id FROM verify_flow WHERE subject_id = $1 AND kind = $2 AND browser_mac = $3 AND state = 'done' LIMIT 1", subject, kind, browser)
	return found, err
}

// newFlow is a flow about to begin.
type newFlow struct {
	id, kind, subject string
	browser, data     []byte
	generation        int64
	now, expires      int64
}

// endStale ends this browser's open flow when it belongs to an older link or has run out.
func endStale(ctx context.Context, tx *db.Tx, n newFlow) error {
	_, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET state = 'ended', ended_why = 'expired', code_mac = NULL, code_sealed = NULL, data_sealed = NULL, version = version + 1
		WHERE subject_id = $1 AND kind = $2 AND browser_mac = $3 AND state = 'open' AND (generation <> $4 OR expires_at <= $5)`,
		n.subject, n.kind, n.browser, n.generation, n.now)
	return err
}

func insertFlow(ctx context.Context, tx *db.Tx, n newFlow) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO verify_flow (id, kind, subject_id, browser_mac, generation, state, link_at, data_sealed, tries, sends, created_at, expires_at, version)
		VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, 0, 0, $6, $8, 1)
		ON CONFLICT (subject_id, kind, browser_mac) WHERE state = 'open' DO NOTHING`,
		n.id, n.kind, n.subject, n.browser, n.generation, n.now, n.data, n.expires)
	return err
}

func saveData(ctx context.Context, tx *db.Tx, f Flow, sealed []byte, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET data_sealed = $3, version = version + 1
		WHERE id = $1 AND version = $2 AND state = 'open' AND expires_at > $4`, f.ID, f.Version, sealed, now)
	return n == 1, err
}

func acceptTerms(ctx context.Context, tx *db.Tx, f Flow, version string, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET terms_version = $3, terms_at = $4, version = version + 1
		WHERE id = $1 AND generation = $2 AND state = 'open' AND expires_at > $4`, f.ID, f.Generation, version, now)
	return n == 1, err
}

// finishFlow names every proof that is needed, so that none can be missing when the flow is done.
func finishFlow(ctx context.Context, tx *db.Tx, f Flow, need Need, now int64) (bool, error) {
	query := `
		UPDATE verify_flow
		SET state = 'done', code_mac = NULL, code_sealed = NULL, data_sealed = NULL, version = version + 1
		WHERE id = $1 AND generation = $2 AND state = 'open' AND expires_at > $3 AND link_at IS NOT NULL`
	args := []any{f.ID, f.Generation, now}
	if need.Phone {
		query += " AND phone_at IS NOT NULL"
	}
	if need.Terms != "" {
		query += " AND terms_version = $4"
		args = append(args, need.Terms)
	}
	n, err := tx.Exec(ctx, query, args...)
	return n == 1, err
}

// endFlowsOf ends the open flows of a subject, of one kind or, with kind "", of all.
func endFlowsOf(ctx context.Context, tx *db.Tx, subject, kind, why string) error {
	_, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET state = 'ended', ended_why = $3, code_mac = NULL, code_sealed = NULL, data_sealed = NULL, version = version + 1
		WHERE subject_id = $1 AND state = 'open' AND ($2 = '' OR kind = $2)`, subject, kind, why)
	return err
}

// endBrowserFlows ends the open flows of a kind in one browser, whoever their subjects.
func endBrowserFlows(ctx context.Context, tx *db.Tx, kind string, browser []byte, why string) error {
	_, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET state = 'ended', ended_why = $3, code_mac = NULL, code_sealed = NULL, data_sealed = NULL, version = version + 1
		WHERE browser_mac = $1 AND kind = $2 AND state = 'open'`, browser, kind, why)
	return err
}

// endOtherFlows ends the subject's open flows of a kind but one.
func endOtherFlows(ctx context.Context, tx *db.Tx, f Flow, why string) error {
	_, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET state = 'ended', ended_why = $4, code_mac = NULL, code_sealed = NULL, data_sealed = NULL, version = version + 1
		WHERE subject_id = $1 AND kind = $2 AND id <> $3 AND state = 'open'`, f.Subject, f.Kind, f.ID, why)
	return err
}

// endExpired ends flows whose time is over.
func endExpired(ctx context.Context, tx *db.Tx, now int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET state = 'ended', ended_why = 'expired', code_mac = NULL, code_sealed = NULL, data_sealed = NULL, version = version + 1
		WHERE state = 'open' AND expires_at <= $1`, now)
	return err
}

// wipeExpiredCodes wipes what a notice that never left would have said.
func wipeExpiredCodes(ctx context.Context, tx *db.Tx, now int64) error {
	_, err := tx.Exec(ctx, "UPDATE verify_flow SET code_sealed = NULL WHERE code_sealed IS NOT NULL AND code_expires_at <= $1", now)
	return err
}

func deleteFlows(ctx context.Context, tx *db.Tx, before int64) error {
	_, err := tx.Exec(ctx, "DELETE FROM verify_flow WHERE state <> 'open' AND expires_at <= $1", before)
	return err
}

func endFlow(ctx context.Context, tx *db.Tx, id, why string) error {
	_, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET state = 'ended', ended_why = $2, code_mac = NULL, code_sealed = NULL, data_sealed = NULL, version = version + 1
		WHERE id = $1 AND state = 'open'`, id, why)
	return err
}

// sentCode is a code about to be stored.
type sentCode struct {
	flow, method        string
	mac, sealed, phone  []byte
	now, expires, tries int64
}

// putCode replaces the flow's code and counts the sending; not found when the flow has ended or no try is left.
func putCode(ctx context.Context, tx *db.Tx, c sentCode) (int64, bool, error) {
	return db.One(ctx, tx, db.Scan1[int64], `
		UPDATE verify_flow
		SET method = $2, code_mac = $3, code_sealed = $4, phone_mac = $5, code_expires_at = $6, sends = sends + 1, version = version + 1
		WHERE id = $1 AND state = 'open' AND phone_at IS NULL AND expires_at > $7 AND tries < $8
		RETURNING sends`, c.flow, c.method, c.mac, c.sealed, c.phone, c.expires, c.now, c.tries)
}

// try is a counted try and the code it is compared with.
type try struct {
	tries, expiresAt int64
	mac              []byte
}

func countTry(ctx context.Context, tx *db.Tx, id string, now, most int64) (try, bool, error) {
	return db.One(ctx, tx, func(row db.Row) (try, error) {
		var t try
		err := row(&t.tries, &t.mac, &t.expiresAt)
		return t, err
	}, `
		UPDATE verify_flow
		SET tries = tries + 1, version = version + 1
		WHERE id = $1 AND state = 'open' AND phone_at IS NULL AND expires_at > $2 AND tries < $3
		RETURNING tries, code_mac, COALESCE(code_expires_at, 0)`, id, now, most)
}

func confirmPhone(ctx context.Context, tx *db.Tx, id string, now int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE verify_flow
		SET phone_at = $2, code_mac = NULL, code_sealed = NULL, version = version + 1
		WHERE id = $1 AND state = 'open'`, id, now)
	return err
}

func waitingCode(ctx context.Context, r db.Reader, flow string, sends, now int64) ([]byte, bool, error) {
	return db.One(ctx, r, db.Scan1[[]byte], `
		SELECT code_sealed
		FROM verify_flow
		WHERE id = $1 AND sends = $2 AND state = 'open' AND code_sealed IS NOT NULL AND code_expires_at > $3`, flow, sends, now)
}

func wipeCode(ctx context.Context, tx *db.Tx, flow string, sends int64) error {
	_, err := tx.Exec(ctx, "UPDATE verify_flow SET code_sealed = NULL WHERE id = $1 AND sends = $2", flow, sends)
	return err
}
