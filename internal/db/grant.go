package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// insertOnly are the tables whose rows nobody changes: the program may add to them and read them.
var insertOnly = []string{"audit_event", "audit_seal", "audit_seal_event", "account_terms"}

// Grant lets the program's role do what it needs and no more: it owns no table, cannot change the schema, and cannot
// change or remove what is insert-only. d is opened as the owner. PostgreSQL only; run after each Migrate.
func Grant(ctx context.Context, d *DB, role string) error {
	if !d.Postgres() {
		return errors.New("db: roles exist on PostgreSQL only")
	}
	r := pgx.Identifier{role}.Sanitize()
	acts := []string{
		"REVOKE CREATE ON SCHEMA public FROM PUBLIC",
		"GRANT USAGE ON SCHEMA public TO " + r,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + r,
		"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO " + r,
		"REVOKE INSERT, UPDATE, DELETE ON goose_db_version, river_migration FROM " + r,
	}
	for _, t := range insertOnly {
		acts = append(acts, "REVOKE UPDATE, DELETE ON "+t+" FROM "+r)
	}
	return d.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		for _, a := range acts {
			if _, err := tx.Exec(ctx, a); err != nil {
				return fmt.Errorf("grant to the program's role: %w", err)
			}
		}
		return nil
	})
}
