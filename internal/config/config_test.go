package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"securepractice/internal/config"
)

func parse(t *testing.T, toml string, args ...string) (config.Config, error) {
	t.Helper()
	path := ""
	if toml != "" {
		path = filepath.Join(t.TempDir(), "c.toml")
		if err := os.WriteFile(path, []byte(toml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := config.ReadFile(path)
	if err != nil {
		return config.Config{}, err
	}
	var c config.Config
	k, err := kong.New(&c, kong.DefaultEnvars("SECUREPRACTICE"), kong.Resolvers(file))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Parse(args)
	return c, err
}

func TestPrecedence(t *testing.T) {
	const file = "product = \"From file\"\nmax_subject = 150\nallow_standins = [\"outbox\", \"demo-scanner\"]\nidle = \"20m\""
	c, err := parse(t, file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Product != "From file" || c.Limits.MaxSubject != 150 || len(c.AllowStandins) != 2 || c.Limits.Idle.Minutes() != 20 {
		t.Errorf("from the file: %+v", c)
	}
	t.Setenv("SECUREPRACTICE_PRODUCT", "From environment")
	if c, _ = parse(t, file); c.Product != "From environment" {
		t.Errorf("the environment goes before the file: %q", c.Product)
	}
	if c, _ = parse(t, file, "--product", "From flag"); c.Product != "From flag" {
		t.Errorf("a flag goes before both: %q", c.Product)
	}
	if c, _ = parse(t, ""); c.Limits.MaxSubject != 200 || c.Limits.MaxTotal != 300_000_000 {
		t.Errorf("defaults: %+v", c.Limits)
	}
}

func TestUnknownNamesAreErrors(t *testing.T) {
	_, err := parse(t, "support_fone = \"x\"")
	if err == nil || !strings.Contains(err.Error(), "support_phone") {
		t.Errorf("err = %v, want the nearest name", err)
	}
	t.Setenv("SECUREPRACTICE_SUPPORT_FONE", "x")
	if _, err = parse(t, ""); err == nil || !strings.Contains(err.Error(), "support_phone") {
		t.Errorf("err = %v, want the nearest name", err)
	}
}

func TestServeSaysAllThatIsMissing(t *testing.T) {
	err := config.Config{BaseURL: "http://portal.example"}.CheckServe()
	for _, want := range []string{"base_url", "root_key_file", "support_phone", "support_email", "billing_phone", "notify_address", "smtp_host", "outbox", "demo-scanner"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("serve does not ask for %s: %v", want, err)
		}
	}
	ok := config.Config{BaseURL: "https://portal.example", Data: "/srv/data", RootKey: "/etc/root.key", SupportPhone: "1", SupportEmail: "s@x.example", BillingPhone: "2",
		NotifyAddress: "n@x.example", SMTPHost: "mail", AllowStandins: []string{"outbox", "demo-scanner"}}
	if err := ok.CheckServe(); err != nil {
		t.Error(err)
	}
	ok.RootKey = "/srv/data/root.key"
	if err := ok.CheckServe(); err == nil {
		t.Error("a root key inside the data folder was taken")
	}
	ok.RootKey, ok.PlainCookies = "/etc/root.key", true
	if err := ok.CheckServe(); err == nil {
		t.Error("plain cookies were taken")
	}
}

func TestSecretsFromFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(path, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Config{SMTPPasswordFile: path}
	if err := c.ReadSecrets(); err != nil || c.SMTPPassword != "s3cret" {
		t.Errorf("%q, %v", c.SMTPPassword, err)
	}
	c.SMTPPasswordFile = path + "missing"
	if err := c.ReadSecrets(); err == nil {
		t.Error("a missing secret went unnoticed")
	}
}
