package db

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// What the program's role may do with tables where the usual four rights are too many. A table not named here gets
// SELECT, INSERT, UPDATE and DELETE.
var rights = map[string]string{
	"audit_event":        "SELECT, INSERT", // what happened is never rewritten
	"audit_seal":         "SELECT, INSERT",
	"audit_seal_event":   "SELECT, INSERT",
	"audit_pending":      "SELECT, INSERT, DELETE",
	"account_terms":      "SELECT, INSERT", // who agreed to what
	"account_terms_text": "SELECT, INSERT", // and what it said
	"support_change":     "SELECT, INSERT", // why Support acted
	"goose_db_version":   "SELECT",         // the schema is the owner's
	"river_migration":    "SELECT",
}

// ErrOwner is returned by Grant when the role could get past its rights.
var ErrOwner = errors.New("db: the program's role must not be a superuser nor own a table")

// Grant gives the program's role what it needs on a migrated database and takes away everything else. d is open as the
// owner of the tables; role is another, which owns nothing and is no superuser. Call it after every Migrate. PostgreSQL
// only: on SQLite there are no roles, and asking for one is an error.
func Grant(ctx context.Context, d *DB, role string) error {
	if d.pg == nil {
		return errors.New("db: roles exist on PostgreSQL only")
	}
	return d.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		mighty, found, err := One(ctx, tx, Scan1[bool], `
			SELECT r.rolsuper OR EXISTS (
				SELECT 1 FROM pg_class c
				WHERE c.relnamespace = current_schema()::regnamespace AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
			FROM pg_roles r
			WHERE r.rolname = $1`, role)
		switch {
		case err != nil:
			return fmt.Errorf("look at the program's role: %w", err)
		case !found:
			return fmt.Errorf("db: there is no role %q; make it with CREATE ROLE … LOGIN", role)
		case mighty:
			return ErrOwner
		}
		tables, err := All(ctx, tx, Scan1[string], "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
		if err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		schema, _, err := One(ctx, tx, Scan1[string], "SELECT current_schema()")
		if err != nil {
			return fmt.Errorf("find the schema: %w", err)
		}
		for _, statement := range grants(schema, role, tables) {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("grant: %w", err)
			}
		}
		return nil
	})
}

func grants(schema, role string, tables []string) []string {
	in, to := pgx.Identifier{schema}.Sanitize(), pgx.Identifier{role}.Sanitize()
	list := []string{
		"REVOKE CREATE ON SCHEMA " + in + " FROM PUBLIC", // before PostgreSQL 15 everybody may
		"REVOKE ALL ON SCHEMA " + in + " FROM " + to,
		"REVOKE ALL ON ALL TABLES IN SCHEMA " + in + " FROM " + to,
		"GRANT USAGE ON SCHEMA " + in + " TO " + to,
		"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA " + in + " TO " + to,
	}
	for _, table := range tables {
		right := rights[table]
		if right == "" {
			right = "SELECT, INSERT, UPDATE, DELETE"
		}
		list = append(list, strings.Join([]string{"GRANT", right, "ON", pgx.Identifier{schema, table}.Sanitize(), "TO", to}, " "))
	}
	return list
}
