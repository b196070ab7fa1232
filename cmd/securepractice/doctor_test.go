package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
)

// doctorOf is a doctor of a new installation in a folder, whose settings are whole.
func doctorOf(t *testing.T, more ...string) *doctorCmd {
	t.Helper()
	dir := t.TempDir()
	where := []string{"--data", filepath.Join(dir, "data"), "--root-key-file", filepath.Join(dir, "root.key")}
	must(t, run(t.Context(), append([]string{"migrate"}, where...)))
	var cli commands
	args := append([]string{"doctor", "--base-url", "https://portal.example", "--support-phone", "1", "--support-email", "s@portal.example", "--billing-phone", "2",
		"--notify-address", "n@portal.example", "--allow-standins", "outbox,outbox-email,demo-scanner"}, where...)
	_, err := parse(t.Context(), &cli, append(args, more...))
	must(t, err)
	return &cli.Doctor
}

func TestDoctor(t *testing.T) {
	c := doctorOf(t)
	var out bytes.Buffer
	must(t, c.examine(t.Context(), &out, &out))
	if text := out.String(); !strings.Contains(text, "Nothing is wrong.") || strings.Contains(text, "PROBLEM") {
		t.Errorf("of a new installation it says:\n%s", text)
	}
	// What is wrong makes it fail, what it mends does not.
	orphan := filepath.Join(c.Data, "blobs", "ab", "nofile", "0-orphan")
	must(t, errors.Join(os.MkdirAll(filepath.Dir(orphan), 0o700), os.WriteFile(orphan, nil, 0o600)))
	old := time.Now().Add(-48 * time.Hour)
	must(t, os.Chtimes(orphan, old, old))
	out.Reset()
	want(t, c.examine(t.Context(), &out, &out), "1 problems")
	if text := out.String(); !strings.Contains(text, "PROBLEM: Object ab/nofile/0-orphan belongs to no file.") {
		t.Errorf("it says:\n%s", text)
	}
	c.Repair = true
	out.Reset()
	must(t, c.examine(t.Context(), &out, &out))
	if text := out.String(); !strings.Contains(text, "MENDED: Object ab/nofile/0-orphan") || !strings.Contains(text, "1 problems were mended") {
		t.Errorf("it says:\n%s", text)
	}
}

func TestDoctorSaysWhatKeepsItFromLooking(t *testing.T) {
	c := doctorOf(t)
	root, err := os.ReadFile(c.RootKey)
	must(t, err)
	for name, harm := range map[string]func(){
		"smtp_host":               func() { c.AllowStandins = []string{"outbox", "demo-scanner"} },
		"root key":                func() { must(t, os.WriteFile(c.RootKey, append([]byte("x"), root[1:]...), 0o600)) },
		"securepractice migrate`": func() { must(t, oldDatabase(t.Context(), c.DatabaseURL())) },
		"does not answer": func() {
			c.Files, c.S3Endpoint, c.S3Bucket, c.S3AccessKey, c.S3SecretKey = "s3", "http://127.0.0.1:1", "b", "a", "s"
		},
	} {
		t.Run(name, func(t *testing.T) {
			c = doctorOf(t)
			if name == "root key" {
				root, err = os.ReadFile(c.RootKey)
				must(t, err)
			}
			harm()
			var out bytes.Buffer
			if err := c.examine(t.Context(), &out, &out); err == nil || !strings.Contains(out.String(), "PROBLEM: ") || !strings.Contains(out.String(), name) {
				t.Errorf("%v, it says:\n%s", err, &out)
			}
		})
	}
}

// oldDatabase takes the newest migration off the database's own list.
func oldDatabase(ctx context.Context, url string) error {
	d, err := db.Open(ctx, url, db.Options{})
	if err != nil {
		return err
	}
	err = d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)")
		return err
	})
	return errors.Join(err, d.Close())
}
