package account

import (
	"context"
	"time"

	"securepractice/internal/db"
)

// factorRow is a factor with what only this room may see.
type factorRow struct {
	userID, id, kind, name, ownerID string
	sealed, credential, code        []byte
	counter, createdAt              int64
}

func insertFactor(ctx context.Context, tx *db.Tx, f factorRow) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO account_factor (user_id, id, kind, name, owner_id, secret_sealed, credential_hash, code_mac, counter, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT DO NOTHING`, f.userID, f.id, f.kind, f.name, f.ownerID, f.sealed, f.credential, f.code, f.counter, f.createdAt)
	return n == 1, err
}

func findMeans(ctx context.Context, r db.Reader, userID string) (Means, error) {
	m, _, err := db.One(ctx, r, func(row db.Row) (Means, error) {
		var m Means
		var app, passkeys int64
		err := row(&app, &passkeys, &m.Codes)
		m.App, m.Passkey = app > 0, passkeys > 0
		return m, err
	}, `
		SELECT COUNT(*) FILTER (WHERE kind = 'totp'), COUNT(*) FILTER (WHERE kind = 'passkey'), COUNT(*) FILTER (WHERE kind = 'recovery' AND used_at IS NULL)
		FROM account_factor
		WHERE user_id = $1`, userID)
	return m, err
}

func scanFactor(row db.Row) (Factor, error) {
	var f Factor
	var added, used int64
	err := row(&f.ID, &f.Kind, &f.Name, &added, &used)
	f.AddedAt = time.UnixMicro(added)
	if used > 0 {
		f.UsedAt = time.UnixMicro(used)
	}
	return f, err
}

func listFactors(ctx context.Context, r db.Reader, userID string) ([]Factor, error) {
	return db.All(ctx, r, scanFactor, `
		SELECT id, kind, name, created_at, COALESCE(used_at, 0)
		FROM account_factor
		WHERE user_id = $1 AND kind IN ('totp', 'passkey')
		ORDER BY created_at, id`, userID)
}

func findFactor(ctx context.Context, r db.Reader, userID, id string) (Factor, bool, error) {
	return db.One(ctx, r, scanFactor, `
		SELECT id, kind, name, created_at, COALESCE(used_at, 0)
		FROM account_factor
		WHERE user_id = $1 AND id = $2 AND kind IN ('totp', 'passkey')`, userID, id)
}

func deleteFactor(ctx context.Context, tx *db.Tx, userID, id string) (string, bool, error) {
	return db.One(ctx, tx, db.Scan1[string], "DELETE FROM account_factor WHERE user_id = $1 AND id = $2 AND kind IN ('totp', 'passkey') RETURNING kind", userID, id)
}

const sealedColumns = "user_id, id, kind, name, owner_id, secret_sealed, counter"

func scanSecret(row db.Row) (factorRow, error) {
	var f factorRow
	err := row(&f.userID, &f.id, &f.kind, &f.name, &f.ownerID, &f.sealed, &f.counter)
	return f, err
}

func findApp(ctx context.Context, r db.Reader, userID string) (factorRow, bool, error) {
	return db.One(ctx, r, scanSecret, "SELECT "+sealedColumns+" FROM account_factor WHERE user_id = $1 AND kind = 'totp'", userID)
}

// useStep uses up an app's time step, and with it all that came before; false when it was used already.
func useStep(ctx context.Context, tx *db.Tx, f factorRow, step, now int64) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_factor SET counter = $3, used_at = $4 WHERE user_id = $1 AND id = $2 AND counter < $3", f.userID, f.id, step, now)
	return n == 1, err
}

func listPasskeys(ctx context.Context, r db.Reader, userID string) ([]factorRow, error) {
	return db.All(ctx, r, scanSecret, "SELECT "+sealedColumns+" FROM account_factor WHERE user_id = $1 AND kind = 'passkey' ORDER BY created_at, id", userID)
}

// findPasskey finds a passkey by its own id and its person's; either alone finds nothing.
func findPasskey(ctx context.Context, r db.Reader, userID string, credential []byte) (factorRow, bool, error) {
	return db.One(ctx, r, scanSecret, "SELECT "+sealedColumns+" FROM account_factor WHERE user_id = $1 AND kind = 'passkey' AND credential_hash = $2", userID, credential)
}

// usePasskey stores the record after a signature; false when another signature came between.
func usePasskey(ctx context.Context, tx *db.Tx, f factorRow, sealed []byte, counter, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE account_factor
		SET secret_sealed = $4, counter = $5, used_at = $6
		WHERE user_id = $1 AND id = $2 AND counter = $3`, f.userID, f.id, f.counter, sealed, counter, now)
	return n == 1, err
}

// deleteFactors removes every factor of a person, recovery codes included, and says how many.
func deleteFactors(ctx context.Context, tx *db.Tx, userID string) (int64, error) {
	return tx.Exec(ctx, "DELETE FROM account_factor WHERE user_id = $1", userID)
}

func deleteCodes(ctx context.Context, tx *db.Tx, userID string) error {
	_, err := tx.Exec(ctx, "DELETE FROM account_factor WHERE user_id = $1 AND kind = 'recovery'", userID)
	return err
}

// useCode uses up a recovery code; false when there is none such, or it was used.
func useCode(ctx context.Context, tx *db.Tx, userID string, mac []byte, now int64) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_factor SET used_at = $3 WHERE user_id = $1 AND kind = 'recovery' AND code_mac = $2 AND used_at IS NULL", userID, mac, now)
	return n == 1, err
}

func upsertCeremony(ctx context.Context, tx *db.Tx, c ceremony, mac, sealed []byte, expires int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO account_ceremony (browser_mac, kind, user_id, data_sealed, expires_at)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (browser_mac, kind) DO UPDATE SET user_id = $3, data_sealed = $4, expires_at = $5`, mac, c.kind, c.userID, sealed, expires)
	return err
}

func findCeremony(ctx context.Context, r db.Reader, c ceremony, mac []byte, now int64) ([]byte, bool, error) {
	return db.One(ctx, r, db.Scan1[[]byte], `
		SELECT data_sealed
		FROM account_ceremony
		WHERE browser_mac = $1 AND kind = $2 AND user_id = $3 AND expires_at > $4`, mac, c.kind, c.userID, now)
}

func deleteCeremony(ctx context.Context, tx *db.Tx, c ceremony, mac []byte, now int64) ([]byte, bool, error) {
	return db.One(ctx, tx, db.Scan1[[]byte], `
		DELETE FROM account_ceremony
		WHERE browser_mac = $1 AND kind = $2 AND user_id = $3 AND expires_at > $4
		RETURNING data_sealed`, mac, c.kind, c.userID, now)
}

func deleteOldCeremonies(ctx context.Context, tx *db.Tx, now int64) error {
	_, err := tx.Exec(ctx, "DELETE FROM account_ceremony WHERE expires_at <= $1", now)
	return err
}
