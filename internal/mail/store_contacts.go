package mail

import (
	"context"

	"securepractice/internal/db"
)

// contact is a row of mail_contact: a registered person somebody wrote to, or an address that they imported.
type contact struct {
	userID, id, personID string // personID is empty while the address is nobody's they wrote to
	sealed               []byte // the name
	email, mac           []byte // of an imported one: the sealed address and its keyed hash
	favourite, hidden    bool
	usedAt               int64
}

const contactColumns = "user_id, id, COALESCE(contact_user_id, ''), name_sealed, email_sealed, favourite, hidden, used_at"

func scanContact(row db.Row) (contact, error) {
	var c contact
	err := row(&c.userID, &c.id, &c.personID, &c.sealed, &c.email, &c.favourite, &c.hidden, &c.usedAt)
	return c, err
}

// listContacts lists a person's contacts, those used last first; hidden ones when asked for too.
func listContacts(ctx context.Context, r db.Reader, userID string, hidden bool, most int) ([]contact, error) {
	return db.All(ctx, r, scanContact, `
		SELECT `+contactColumns+`
		FROM mail_contact
		WHERE user_id = $1 AND (hidden = FALSE OR hidden = $2)
		ORDER BY used_at DESC, id DESC
		LIMIT $3`, userID, hidden, most)
}

func findContact(ctx context.Context, r db.Reader, userID, id string) (contact, bool, error) {
	return db.One(ctx, r, scanContact, `
		SELECT `+contactColumns+`
		FROM mail_contact
		WHERE user_id = $1 AND id = $2`, userID, id)
}

func hasContacts(ctx context.Context, r db.Reader, userID string) (bool, error) {
	_, found, err := db.One(ctx, r, db.Scan1[int64], `
		SELECT 1
		FROM mail_contact
		WHERE user_id = $1 AND hidden = FALSE
		LIMIT 1`, userID)
	return found, err
}

// updateContact changes what a person says of a contact; false when it is not theirs.
func updateContact(ctx context.Context, tx *db.Tx, c contact) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_contact
		SET name_sealed = $3, favourite = $4, hidden = $5
		WHERE user_id = $1 AND id = $2`, c.userID, c.id, c.sealed, c.favourite, c.hidden)
	return n == 1, err
}

// deleteContact removes an imported contact. One that was written to stays: it can be hidden.
func deleteContact(ctx context.Context, tx *db.Tx, userID, id string) (bool, error) {
	n, err := tx.Exec(ctx, `
		DELETE FROM mail_contact
		WHERE user_id = $1 AND id = $2 AND contact_user_id IS NULL`, userID, id)
	return n == 1, err
}

// adoptContact makes an imported contact of this address the person's, unless the person is a contact already.
func adoptContact(ctx context.Context, tx *db.Tx, userID string, mac []byte, personID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE mail_contact
		SET contact_user_id = $3
		WHERE user_id = $1 AND email_mac = $2 AND contact_user_id IS NULL
			AND NOT EXISTS (SELECT 1 FROM mail_contact c WHERE c.user_id = $1 AND c.contact_user_id = $3)`, userID, mac, personID)
	return err
}

// importContacts stores imported contacts and says how many were not there yet.
func importContacts(ctx context.Context, tx *db.Tx, list []contact) (int64, error) {
	var args []any
	for _, c := range list {
		args = append(args, c.userID, c.id, c.sealed, c.email, c.mac, false, false, c.usedAt)
	}
	return tx.Exec(ctx, `
		INSERT INTO mail_contact (user_id, id, name_sealed, email_sealed, email_mac, favourite, hidden, used_at)
		VALUES `+rows(len(list), 8)+`
		ON CONFLICT (user_id, email_mac) DO NOTHING`, args...)
}

// putImport keeps what a person is about to import, in place of what they kept before, and drops what nobody came back to.
func putImport(ctx context.Context, tx *db.Tx, userID, id string, sealed []byte, now, before int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO mail_contact_import (user_id, id, rows_sealed, made_at)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id) DO UPDATE
		SET id = excluded.id, rows_sealed = excluded.rows_sealed, made_at = excluded.made_at`, userID, id, sealed, now)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "DELETE FROM mail_contact_import WHERE made_at < $1", before)
	return err
}

func findImport(ctx context.Context, r db.Reader, userID, id string, since int64) ([]byte, bool, error) {
	return db.One(ctx, r, db.Scan1[[]byte], `
		SELECT rows_sealed
		FROM mail_contact_import
		WHERE user_id = $1 AND id = $2 AND made_at >= $3`, userID, id, since)
}

// takeImport ends what a person has seen in a preview; false when it was taken before.
func takeImport(ctx context.Context, tx *db.Tx, userID, id string) (bool, error) {
	n, err := tx.Exec(ctx, "DELETE FROM mail_contact_import WHERE user_id = $1 AND id = $2", userID, id)
	return n == 1, err
}
