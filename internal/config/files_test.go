package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"securepractice/internal/config"
)

// Where files are kept is on the disk unless said; a bucket needs all that reaches it, and TLS beyond this machine.
func TestFilesSettings(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "s3")
	must(t, os.WriteFile(secret, []byte("hidden\n"), 0o600))
	all := []string{"--files", "s3", "--s3-endpoint", "https://s3.example", "--s3-bucket", "b", "--s3-access-key", "AK", "--s3-secret-key-file", secret}
	c, err := parse(t, "", all...)
	must(t, err)
	must(t, c.Complete())
	if c.Files != config.FilesS3 || c.S3SecretKey != "hidden" || c.S3Region != "us-east-1" {
		t.Errorf("%+v", c)
	}
	c, err = parse(t, "")
	must(t, err)
	must(t, c.Complete())
	if c.Files != config.FilesDisk {
		t.Errorf("files are kept on %q", c.Files)
	}
	for want, args := range map[string][]string{
		"s3_endpoint:":   {"--files", "s3", "--s3-bucket", "b", "--s3-access-key", "AK", "--s3-secret-key", "x"},
		"s3_bucket:":     {"--files", "s3", "--s3-endpoint", "https://s3.example", "--s3-access-key", "AK", "--s3-secret-key", "x"},
		"s3_access_key:": {"--files", "s3", "--s3-endpoint", "https://s3.example", "--s3-bucket", "b", "--s3-secret-key", "x"},
		"s3_secret_key:": {"--files", "s3", "--s3-endpoint", "https://s3.example", "--s3-bucket", "b", "--s3-access-key", "AK"},
		"this machine":   append(append([]string{}, all...), "--s3-endpoint", "http://10.0.0.5:9000"),
		"without a path": append(append([]string{}, all...), "--s3-endpoint", "https://s3.example/bucket"),
		"files: set it":  {"--s3-bucket", "b"},
	} {
		c, err := parse(t, "", args...)
		must(t, err)
		if err := c.Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	c, err = parse(t, "", append(all, "--s3-endpoint", "http://127.0.0.1:9000")...)
	must(t, err)
	must(t, c.Complete())
	if _, err := parse(t, "", "--files", "tape"); err == nil {
		t.Error("files on tape were taken")
	}
}
