package mail

import (
	"context"

	"securepractice/internal/db"
)

// templateRow is a row of mail_template.
type templateRow struct {
	practiceID, id, by string
	title, body        []byte // sealed by the practice's owner
	version, updatedAt int64
}

const templateColumns = "practice_id, id, title_sealed, body_sealed, version, updated_by, updated_at"

func scanTemplate(row db.Row) (templateRow, error) {
	var t templateRow
	err := row(&t.practiceID, &t.id, &t.title, &t.body, &t.version, &t.by, &t.updatedAt)
	return t, err
}

func listTemplates(ctx context.Context, r db.Reader, practiceID string) ([]templateRow, error) {
	return db.All(ctx, r, scanTemplate, `
		SELECT `+templateColumns+`
		FROM mail_template
		WHERE practice_id = $1
		ORDER BY id`, practiceID)
}

func findTemplate(ctx context.Context, r db.Reader, practiceID, id string) (templateRow, bool, error) {
	return db.One(ctx, r, scanTemplate, `
		SELECT `+templateColumns+`
		FROM mail_template
		WHERE practice_id = $1 AND id = $2`, practiceID, id)
}

// insertTemplate is false when the practice has a template of this id, or as many as it may have.
func insertTemplate(ctx context.Context, tx *db.Tx, t templateRow, most int) (bool, error) {
	n, err := tx.Exec(ctx, `
		INSERT INTO mail_template (`+templateColumns+`)
		SELECT $1, $2, $3, $4, 1, $5, $6
		WHERE (SELECT COUNT(*) FROM mail_template WHERE practice_id = $1) < $7
		ON CONFLICT (practice_id, id) DO NOTHING`, t.practiceID, t.id, t.title, t.body, t.by, t.updatedAt, most)
	return n == 1, err
}

// updateTemplate saves over the version the writer has seen; false when there is another by now, or none.
func updateTemplate(ctx context.Context, tx *db.Tx, t templateRow) (bool, error) {
	n, err := tx.Exec(ctx, `
		UPDATE mail_template
		SET title_sealed = $4, body_sealed = $5, version = version + 1, updated_by = $6, updated_at = $7
		WHERE practice_id = $1 AND id = $2 AND version = $3`, t.practiceID, t.id, t.version, t.title, t.body, t.by, t.updatedAt)
	return n == 1, err
}

func deleteTemplate(ctx context.Context, tx *db.Tx, practiceID, id string) (bool, error) {
	n, err := tx.Exec(ctx, `
		DELETE FROM mail_template
		WHERE practice_id = $1 AND id = $2`, practiceID, id)
	return n == 1, err
}
