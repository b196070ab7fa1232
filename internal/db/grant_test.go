package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

func TestProgramRoleCannotRewriteHistory(t *testing.T) {
	d := dbtest.Postgres(t)
	try := func(statement string) error {
		return d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
	}
	for _, allowed := range []string{
		"INSERT INTO audit_event (id, at, action, outcome, actor_kind, detail, row_mac) VALUES ('e', 1, 'a', 'ok', 'system', '{}', 'm')",
		"INSERT INTO audit_pending (event_id) VALUES ('e')",
		"DELETE FROM audit_pending",
		"INSERT INTO audit_seal (n, at, count, event_ids_hash, prev_hash, hash, signature) VALUES (1, 1, 1, 'h', 'h', 'h', 's')",
		"INSERT INTO audit_seal_event (n, pos, event_id) VALUES (1, 1, 'e')",
		"INSERT INTO audit_lease (id, holder, until_at) VALUES (1, 'h', 1) ON CONFLICT (id) DO UPDATE SET until_at = 2",
		"UPDATE limit_hit SET n = 1",
		"DELETE FROM river_job",
	} {
		if err := try(allowed); err != nil {
			t.Errorf("%s: %v", allowed, err)
		}
	}
	for _, table := range []string{"audit_event", "audit_seal", "audit_seal_event", "account_terms", "account_terms_text", "goose_db_version", "river_migration"} {
		wantDenied(t, try("DELETE FROM "+table), table)
		wantDenied(t, try("TRUNCATE "+table), table)
		wantDenied(t, try("DROP TABLE "+table), table)
		wantDenied(t, try("ALTER TABLE "+table+" ADD COLUMN more BIGINT"), table)
	}
	for _, denied := range []string{
		"UPDATE audit_event SET action = 'b'", "UPDATE audit_event SET detail = '' WHERE id = 'e'", "UPDATE audit_seal SET count = 2",
		"UPDATE audit_seal_event SET pos = 2", "UPDATE audit_pending SET event_id = 'f'", "UPDATE goose_db_version SET version_id = 1",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)",
		"CREATE TABLE mine (id BIGINT)", "CREATE INDEX mine ON mail_thread (last_at)", "CREATE SCHEMA mine",
		"CREATE RULE r AS ON INSERT TO audit_event DO INSTEAD NOTHING",
		"ALTER TABLE audit_event DISABLE TRIGGER ALL", "DROP TABLE mail_thread", "TRUNCATE mail_message",
		"SET ROLE postgres", "ALTER ROLE CURRENT_USER SUPERUSER",
	} {
		wantDenied(t, try(denied), denied)
	}
}

func wantDenied(t *testing.T, err error, what string) {
	t.Helper()
	var state interface{ SQLState() string }
	if !errors.As(err, &state) || state.SQLState() != "42501" {
		t.Errorf("%s: %v, want insufficient privilege", what, err)
	}
}

// A grant to a role with rights of its own would protect nothing.
func TestGrantRefusesMightyRoles(t *testing.T) {
	owner, _ := dbtest.PostgresURLs(t)
	d, err := db.Open(t.Context(), owner, db.Options{})
	must(t, err)
	defer d.Close()
	if err := db.Grant(t.Context(), d, "postgres"); !errors.Is(err, db.ErrOwner) {
		t.Errorf("Grant to the owner = %v, want ErrOwner", err)
	}
	if err := db.Grant(t.Context(), d, "nobody-of-this-name"); err == nil || !strings.Contains(err.Error(), "no role") {
		t.Errorf("Grant to nobody = %v", err)
	}
	must(t, db.Grant(t.Context(), d, "securepractice_program")) // again, after each migration
	if err := db.Grant(t.Context(), dbtest.SQLite(t), "anybody"); err == nil {
		t.Error("Grant on SQLite pretended to protect something")
	}
}

func TestVersionsAndMigrateTwice(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		have, want, err := db.Versions(t.Context(), d)
		if err != nil || have != want || want < 10 {
			t.Errorf("Versions = %d, %d, %v", have, want, err)
		}
	})
	owner, _ := dbtest.PostgresURLs(t)
	for _, url := range []string{owner, "sqlite:" + t.TempDir() + "/new.db"} {
		d, err := db.Open(t.Context(), url, db.Options{})
		must(t, err)
		defer d.Close()
		if !d.Postgres() {
			if have, want, err := db.Versions(t.Context(), d); have != 0 || want == 0 || err != nil {
				t.Errorf("Versions of an empty database = %d, %d, %v", have, want, err)
			}
		}
		must(t, db.Migrate(t.Context(), d))
		must(t, db.Migrate(t.Context(), d))
	}
}

// Several nodes start at once on an empty database.
func TestMigrateUnderALock(t *testing.T) {
	owner, _ := dbtest.PostgresURLs(t)
	d, err := db.Open(t.Context(), owner, db.Options{})
	must(t, err)
	defer d.Close()
	must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DROP SCHEMA public CASCADE")
		if err == nil {
			_, err = tx.Exec(ctx, "CREATE SCHEMA public")
		}
		return err
	}))
	var nodes sync.WaitGroup
	for range 3 {
		nodes.Go(func() {
			n, err := db.Open(t.Context(), owner, db.Options{Conns: 4})
			if err != nil {
				t.Error(err)
				return
			}
			defer n.Close()
			if err := db.Migrate(t.Context(), n); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	if have, want, err := db.Versions(t.Context(), d); err != nil || have != want {
		t.Errorf("Versions = %d, %d, %v", have, want, err)
	}
}

func TestOpenSaysNoSecret(t *testing.T) {
	for _, url := range []string{
		"postgres://user:hunter2@127.0.0.1:1/db?connect_timeout=1", "postgres://user:hunter2@[bad", "mysql://user:hunter2@host/db", "hunter2",
	} {
		if _, err := db.Open(t.Context(), url, db.Options{}); err == nil || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("Open = %v, want an error without the password", err)
		}
	}
}

func TestPostgresCommitsAreDurable(t *testing.T) {
	owner, program := dbtest.PostgresURLs(t)
	o, err := db.Open(t.Context(), owner, db.Options{})
	must(t, err)
	defer o.Close()
	must(t, o.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		name, _, err := db.One(ctx, tx, db.Scan1[string], "SELECT current_database()")
		if err == nil {
			_, err = tx.Exec(ctx, "ALTER DATABASE "+name+" SET synchronous_commit = off")
		}
		return err
	}))
	d, err := db.Open(t.Context(), program, db.Options{})
	must(t, err)
	defer d.Close()
	if v, _, err := db.One(t.Context(), d, db.Scan1[string], "SHOW synchronous_commit"); err != nil || v != "on" {
		t.Errorf("synchronous_commit = %q, %v, want on", v, err)
	}
	must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		if v, _, err := db.One(ctx, tx, db.Scan1[string], "SHOW transaction_isolation"); err != nil || v != "read committed" {
			t.Errorf("isolation = %q, %v", v, err)
		}
		return nil
	}))
}
