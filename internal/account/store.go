package account

import (
	"context"
	"strings"

	"golang.org/x/text/unicode/norm"

	"securepractice/internal/db"
)

const userColumns = `u.id, u.email, u.email_canon, u.role, COALESCE(u.practice_id, ''), u.owner_id, u.is_manager, u.tier = 'paid', u.first_name, u.last_name,
	u.phone, u.cell, u.zone, u.ada_number, u.specialties, u.two_step, u.state, u.wrong_tries, COALESCE(u.password_hash, ''), COALESCE(u.password_at, 0), u.version`

// into are the destinations of userColumns.
func (u *User) into(specialties *string) []any {
	return []any{&u.ID, &u.Email, &u.canon, &u.Role, &u.PracticeID, &u.OwnerID, &u.Manager, &u.Paid, &u.First, &u.Last,
		&u.Phone, &u.Cell, &u.Zone, &u.ADA, specialties, &u.TwoStep, &u.State, &u.wrongTries, &u.hash, &u.PasswordAt, &u.Version}
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

func scanUser(row db.Row) (User, error) {
	var u User
	var specialties string
	err := row(u.into(&specialties)...)
	u.Specialties = lines(specialties)
	return u, err
}

func findUser(ctx context.Context, r db.Reader, id string) (User, bool, error) {
	return db.One(ctx, r, scanUser, "SELECT "+userColumns+" FROM account_user u WHERE u.id = $1", id)
}

func findByEmail(ctx context.Context, r db.Reader, canon string) (User, bool, error) {
	return db.One(ctx, r, scanUser, "SELECT "+userColumns+" FROM account_user u WHERE u.email_canon = $1", canon)
}

func listUsers(ctx context.Context, r db.Reader, ids []string) ([]User, error) {
	in, args := db.In(1, ids)
	return db.All(ctx, r, scanUser, "SELECT "+userColumns+" FROM account_user u WHERE u.id IN "+in, args...)
}

func listManagers(ctx context.Context, r db.Reader, practiceID string) ([]User, error) {
	return db.All(ctx, r, scanUser, "SELECT "+userColumns+" FROM account_user u WHERE u.practice_id = $1 AND u.is_manager AND u.state <> 'deactivated' ORDER BY u.id", practiceID)
}

// nameCanon is a name as Support searches and lists sort it.
func nameCanon(first, last string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(last+" "+first))), " ")
}

func tier(paid bool) string {
	if paid {
		return "paid"
	}
	return "free"
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullTime(us int64) any {
	if us == 0 {
		return nil
	}
	return us
}

func insertUser(ctx context.Context, tx *db.Tx, u User, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO account_user (id, email, email_canon, role, practice_id, owner_id, is_manager, tier, first_name, last_name, name_canon,
			phone, cell, zone, ada_number, specialties, two_step, state, wrong_tries, password_hash, password_at, created_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 'active', 0, $18, $19, $20, 1)
		ON CONFLICT (email_canon) DO NOTHING`,
		u.ID, u.Email, u.canon, string(u.Role), null(u.PracticeID), u.OwnerID, u.Manager, tier(u.Paid), u.First, u.Last, nameCanon(u.First, u.Last),
		u.Phone, u.Cell, u.Zone, u.ADA, strings.Join(u.Specialties, "\n"), u.TwoStep, null(u.hash), nullTime(u.PasswordAt), now)
	return n == 1, err
}

func insertPassword(ctx context.Context, tx *db.Tx, userID, hash string, now int64) error {
	_, err := tx.Exec(ctx, "INSERT INTO account_password (user_id, at, hash) VALUES ($1, $2, $3) ON CONFLICT (user_id, at) DO UPDATE SET hash = $3", userID, now, hash)
	return err
}

// trimPasswords keeps the newest of a person's passwords.
func trimPasswords(ctx context.Context, tx *db.Tx, userID string, most int) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM account_password
		WHERE user_id = $1 AND at NOT IN (SELECT at FROM account_password WHERE user_id = $1 ORDER BY at DESC LIMIT $2)`, userID, most)
	return err
}

func listPasswords(ctx context.Context, r db.Reader, userID string, most int) ([]string, error) {
	return db.All(ctx, r, db.Scan1[string], "SELECT hash FROM account_password WHERE user_id = $1 ORDER BY at DESC LIMIT $2", userID, most)
}

func insertOwner(ctx context.Context, tx *db.Tx, userID, ownerID string, now int64) error {
	_, err := tx.Exec(ctx, "INSERT INTO account_owner (user_id, owner_id, from_at) VALUES ($1, $2, $3) ON CONFLICT (user_id, owner_id) DO NOTHING", userID, ownerID, now)
	return err
}

func insertTerms(ctx context.Context, tx *db.Tx, userID, version, ip string, now int64) error {
	_, err := tx.Exec(ctx, "INSERT INTO account_terms (user_id, version, accepted_at, ip) VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, version) DO NOTHING", userID, version, now, ip)
	return err
}

func insertTermsText(ctx context.Context, tx *db.Tx, version, digest, text string, now int64) error {
	_, err := tx.Exec(ctx, "INSERT INTO account_terms_text (version, digest, text, from_at) VALUES ($1, $2, $3, $4) ON CONFLICT (version, digest) DO NOTHING", version, digest, text, now)
	return err
}

func hasTerms(ctx context.Context, r db.Reader, userID, version string) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[string], "SELECT version FROM account_terms WHERE user_id = $1 AND version = $2", userID, version)
	return found, err
}

func updateTier(ctx context.Context, tx *db.Tx, userID string, paid bool) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_user SET tier = $2, version = version + 1 WHERE id = $1 AND role IN ('doctor', 'staff')", userID, tier(paid))
	return n == 1, err
}

func updateManager(ctx context.Context, tx *db.Tx, userID string, on bool) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_user SET is_manager = $2, version = version + 1 WHERE id = $1 AND practice_id IS NOT NULL", userID, on)
	return n == 1, err
}

// countWrong counts a try before it is judged; not found when no try is left or the account is not active.
func countWrong(ctx context.Context, tx *db.Tx, userID string, most int64) (int64, bool, error) {
	return db.One(ctx, tx, db.Scan1[int64], `
		UPDATE account_user
		SET wrong_tries = wrong_tries + 1
		WHERE id = $1 AND state = 'active' AND wrong_tries < $2
		RETURNING wrong_tries`, userID, most)
}

func lockIfSpent(ctx context.Context, tx *db.Tx, userID string, most int64) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_user SET state = 'locked', version = version + 1 WHERE id = $1 AND state = 'active' AND wrong_tries >= $2", userID, most)
	return n == 1, err
}

// uncountTry gives back a counted try whose password was never looked at.
func uncountTry(ctx context.Context, tx *db.Tx, userID string) error {
	_, err := tx.Exec(ctx, "UPDATE account_user SET wrong_tries = wrong_tries - 1 WHERE id = $1 AND state = 'active' AND wrong_tries > 0", userID)
	return err
}

// resetTries forgets wrong tries after a right password, and keeps its hash with today's parameters. It names the hash
// that was compared: a password changed in between must not come back, nor open a session.
func resetTries(ctx context.Context, tx *db.Tx, u User, hash string) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_user SET wrong_tries = 0, password_hash = $2 WHERE id = $1 AND state = 'active' AND password_hash = $3", u.ID, hash, u.hash)
	return n == 1, err
}

// updatePassword replaces the password that u was read with; not when it was changed since.
func updatePassword(ctx context.Context, tx *db.Tx, u User, hash string, now int64) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE account_user
		SET password_hash = $2, password_at = $3, wrong_tries = 0, state = 'active', version = version + 1
		WHERE id = $1 AND state <> 'deactivated' AND COALESCE(password_hash, '') = $4`, u.ID, hash, now, u.hash)
	return n == 1, err
}

func unlockUser(ctx context.Context, tx *db.Tx, userID string) (bool, error) {
	n, err := tx.Exec(ctx, "UPDATE account_user SET state = 'active', wrong_tries = 0, version = version + 1 WHERE id = $1 AND state <> 'deactivated'", userID)
	return n == 1, err
}
