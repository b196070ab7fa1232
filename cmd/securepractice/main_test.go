package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want fails unless err says all of these.
func want(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(explain(err), text) {
			t.Errorf("err = %v, want one that says %q", err, text)
		}
	}
}

func TestServeRefusesUntilAllIsSet(t *testing.T) {
	want(t, run(t.Context(), []string{"serve", "--max-subject", "0", "--smtp-password-file", "/nowhere/pw"}),
		"base_url", "root_key_file", "support_phone", "support_email", "billing_phone", "notify_address", "smtp_host", "name outbox", "scanner: set it to clamd", "max_subject", "/nowhere/pw")
	want(t, run(t.Context(), []string{"serve", "--dev"}), "unknown flag --dev")
	t.Setenv("SECUREPRACTICE_DEV", "true")
	want(t, run(t.Context(), []string{"serve"}), "unknown setting SECUREPRACTICE_DEV")
}

func TestSettingsComeFromTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "portal.toml")
	must(t, os.WriteFile(path, []byte("support_phone = \"(800) 555-0100\"\nidle = \"10m\"\nidle_warning = \"8m\""), 0o600))
	for _, args := range [][]string{{"serve", "--config", path}, {"serve", "--config=" + path}} {
		var cli commands
		_, err := parse(t.Context(), &cli, args)
		must(t, err)
		if cli.Serve.SupportPhone != "(800) 555-0100" || cli.Serve.Limits.Idle.Minutes() != 10 {
			t.Errorf("%q: %+v", args, cli.Serve.Config)
		}
	}
	t.Setenv("SECUREPRACTICE_CONFIG", path)
	var cli commands
	_, err := parse(t.Context(), &cli, []string{"audit", "verify"})
	must(t, err)
	if cli.Audit.Verify.SupportPhone != "(800) 555-0100" {
		t.Errorf("%+v", cli.Audit.Verify.Config)
	}
	want(t, run(t.Context(), []string{"version", "--config", path + "x"}), "no such file")
}

// The settings of a real portal must not lead the demo to that portal's database.
func TestDemoTakesNoSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "portal.toml")
	must(t, os.WriteFile(path, []byte("database = \"postgres://real\"\ndata = \"/srv/real\""), 0o600))
	t.Setenv("SECUREPRACTICE_DATABASE", "postgres://real")
	t.Setenv("SECUREPRACTICE_DATA", "/srv/real")
	var cli commands
	_, err := parse(t.Context(), &cli, []string{"demo", "--config", path})
	must(t, err)
	if cli.Demo.Database != "" || cli.Demo.Data == "/srv/real" || cli.Demo.Port != 8080 {
		t.Errorf("%+v", cli.Demo)
	}
}

func TestMigrateBeginsAnInstallation(t *testing.T) {
	dir := t.TempDir()
	data, key := filepath.Join(dir, "data"), filepath.Join(dir, "root.key")
	args := []string{"migrate", "--data", data, "--root-key-file", key}
	must(t, run(t.Context(), args))
	made, err := os.ReadFile(key)
	must(t, err)
	with := func(args ...string) []string { return append(args, "--data", data, "--root-key-file", key) }
	must(t, run(t.Context(), with("staff", "add", "--email", "sam@portal.example", "--first", "Sam", "--last", "Ibarra", "--cell", "+1 206 555 0190")))
	want(t, run(t.Context(), with("staff", "add", "--email", "sam@portal.example", "--first", "Sam", "--last", "Ibarra", "--cell", "+1 206 555 0190")), "")
	must(t, run(t.Context(), with("audit", "verify")))

	must(t, run(t.Context(), args)) // once more changes nothing
	if again, err := os.ReadFile(key); err != nil || !bytes.Equal(again, made) {
		t.Errorf("the root key was replaced: %v", err)
	}
	must(t, os.Rename(key, key+".away"))
	want(t, run(t.Context(), args), "there is no root key file")
	_, err = crypt.CreateRoot(key)
	must(t, err)
	if err := run(t.Context(), args); !errors.Is(err, crypt.ErrWrongRoot) {
		t.Errorf("err = %v, want that this is not the key", err)
	}
}

func TestAuditVerifyFailsOnAChangedTrail(t *testing.T) {
	dir := t.TempDir()
	with := func(args ...string) []string {
		return append(args, "--data", filepath.Join(dir, "data"), "--root-key-file", filepath.Join(dir, "root.key"))
	}
	must(t, run(t.Context(), with("migrate")))
	must(t, run(t.Context(), with("staff", "add", "--email", "sam@portal.example", "--first", "Sam", "--last", "Ibarra", "--cell", "+1 206 555 0190")))
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(dir, "data", "securepractice.db"), db.Options{})
	must(t, err)
	err = d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE audit_event SET actor_id = 'somebody else'")
		return err
	})
	must(t, errors.Join(err, d.Close()))
	want(t, run(t.Context(), with("audit", "verify")), "problems in the audit trail")
}

func TestSearchRebuildTakesBackEveryNumber(t *testing.T) {
	dir := t.TempDir()
	with := func(args ...string) []string {
		return append(args, "--data", filepath.Join(dir, "data"), "--root-key-file", filepath.Join(dir, "root.key"))
	}
	must(t, run(t.Context(), with("migrate")))
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(dir, "data", "securepractice.db"), db.Options{})
	must(t, err)
	defer func() { must(t, d.Close()) }() // the command runs beside the program that has the folder open
	must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO mail_box (user_id, next_n, base_n, clean_n, searched_at, version) VALUES ('u', 9000, 0, 0, 1, 1)")
		if err == nil {
			_, err = tx.Exec(ctx, "INSERT INTO mail_delivery (user_id, message_id, thread_id, role, n) VALUES ('u', 'a', 't', 'to', 0), ('u', 'b', 't', 'to', 8999)")
		}
		return err
	}))
	want(t, run(t.Context(), with("search", "rebuild", "--user", "nobody@portal.example")), "Nobody signs in with this address")
	must(t, run(t.Context(), with("search", "rebuild")))
	for query, n := range map[string]int64{"SELECT COUNT(*) FROM mail_delivery WHERE n IS NOT NULL": 0, "SELECT clean_n FROM mail_box": 9000, "SELECT COUNT(*) FROM river_job WHERE kind = 'mail_index'": 1} {
		if got, _, err := db.One(t.Context(), d, db.Scan1[int64], query); err != nil || got != n {
			t.Errorf("%s: %d, want %d (%v)", query, got, n, err)
		}
	}
}

func TestMigratePostgresByItsOwner(t *testing.T) {
	owner, program := dbtest.PostgresURLs(t)
	key := filepath.Join(t.TempDir(), "root.key")
	_, err := crypt.CreateRoot(key)
	must(t, err)
	base := []string{"migrate", "--root-key-file", key, "--database", program}
	want(t, run(t.Context(), append(base, "--migrate-database", owner)), "migrate_role")
	must(t, run(t.Context(), append(base, "--migrate-database", owner, "--migrate-role", "securepractice_program")))
	want(t, run(t.Context(), append(base, "--migrate-role", "securepractice_program")), "migrate_database")
}

func TestDemoKeepsItsKeyAndNeverReplacesIt(t *testing.T) {
	cfg := (&demoCmd{Data: t.TempDir()}).config()
	must(t, prepare(t.Context(), cfg))
	made, err := os.ReadFile(cfg.RootKey)
	must(t, err)
	must(t, prepare(t.Context(), cfg))
	if again, err := os.ReadFile(cfg.RootKey); err != nil || !bytes.Equal(again, made) {
		t.Errorf("the second start has another key: %v", err)
	}
	must(t, os.Remove(cfg.RootKey))
	want(t, prepare(t.Context(), cfg), "there is no root key file")
	if _, err := os.Stat(cfg.RootKey); err == nil {
		t.Error("a new key was made beside existing data")
	}
}

// A database that was migrated and never used has no keys yet: the first start makes them.
func TestDemoOnAMigratedDatabase(t *testing.T) {
	owner, _ := dbtest.PostgresURLs(t)
	first := (&demoCmd{Data: t.TempDir(), Database: owner}).config()
	must(t, prepare(t.Context(), first))
	root, err := crypt.LoadRoot(first.RootKey)
	must(t, err)
	d, err := db.Open(t.Context(), owner, db.Options{})
	must(t, err)
	_, err = crypt.Open(t.Context(), d, root)
	must(t, errors.Join(err, d.Close()))

	second := (&demoCmd{Data: t.TempDir(), Database: owner}).config()
	want(t, prepare(t.Context(), second), "there is no root key file")
	if _, err := os.Stat(second.RootKey); err == nil {
		t.Error("a new key was made beside existing data")
	}
}

// Whatever a colleague hands to the log, only fields of the list get into it.
func TestLogHoldsAllowedFieldsOnly(t *testing.T) {
	for _, json := range []bool{true, false} {
		var out bytes.Buffer
		log := logger(&out, json)
		log.Info("request", "route", "/mail", "subject", "planted", "email", "planted", slog.Group("form", "body", "planted", "status", 200))
		log.With("token", "planted").WithGroup("x").Error("failed", "cause", "timeout", "cookie", "planted")
		if strings.Contains(out.String(), "planted") || !strings.Contains(out.String(), "/mail") || !strings.Contains(out.String(), "timeout") {
			t.Errorf("the log:\n%s", &out)
		}
	}
}

func TestLogIsJSON(t *testing.T) {
	var out bytes.Buffer
	logger(&out, true).Info("serving", "address", "127.0.0.1:8080")
	var line map[string]any
	must(t, json.Unmarshal(out.Bytes(), &line))
	if line["msg"] != "serving" || line["level"] != "INFO" || line["address"] != "127.0.0.1:8080" || line["time"] == nil {
		t.Errorf("%v", line)
	}
}
