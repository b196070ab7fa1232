package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

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

// What a command takes for itself is no setting: in the file it would look as if it did something.
func TestFlagsOfOneCommandAreNoSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.toml")
	must(t, os.WriteFile(path, []byte("port = 9000\nconfig = \"other.toml\""), 0o600))
	file, err := config.ReadFile(path)
	must(t, err)
	var cli struct {
		config.Config
		Path string `name:"config" env:"SECUREPRACTICE_CONFIG"`
		Port int    `env:"-"`
	}
	k, err := kong.New(&cli, kong.DefaultEnvars("SECUREPRACTICE"), kong.Resolvers(file))
	must(t, err)
	_, err = k.Parse(nil)
	for _, want := range []string{`"port"`, `"config"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want one about %s", err, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	c, err := parse(t, "")
	must(t, err)
	must(t, c.Complete())
	day := 24 * time.Hour
	want := config.Limits{
		InviteLink: 30 * day, PasswordLink: 7 * day, ResetLink: day,
		CodeLife: 10 * time.Minute, CodeTries: 5, CodesPerFlow: 3, CodesPerNumber: 10, CodesPerAddress: 50, CodesPerCountry: 5000, Countries: []string{"US", "CA"}, CodesPerDay: 5000, FlowsPerLink: 3,
		MaxName: 100, MaxPracticeName: 120, MaxSubject: 200, MaxBody: 100_000, MaxFiles: 100, MaxTotal: 300_000_000, MoreTypes: []string{"csv", "heic", "heif", "ply", "webp"}, Previews: 2, Quarantine: 30 * day, NewAddresses: 50,
		Policy: "classic", MinPassword: 8, MaxPassword: 256, PasswordHistory: 6, PasswordAge: 90 * day, WrongPasswords: 5, MFAAtLogin: "off", SecondTries: 30, SignIns: 300, PasswordReminders: []int{14, 7, 1}, LockFor: -1, LockMost: day, HashWait: 5 * time.Second, HashMemory: 46, HashPasses: 1, Resets: 5, NoticesPerDay: 1,
		UndoLink: 7 * day, AddressEmails: 5, MaxSignature: 500, MessageTexts: 20, UndoSend: 10 * time.Second, DraftFiles: 30 * day,
		Idle: 30 * time.Minute, IdleWarning: 25 * time.Minute, Session: 12 * time.Hour,
	}
	if diff := cmp.Diff(want, c.Limits); diff != "" {
		t.Error(diff)
	}
	if c.Listen != "127.0.0.1:8080" || c.Product != "SecurePractice" || c.SMTPPort != 587 || c.SMTPTLS != "starttls" || c.PlainCookies || len(c.AllowStandins) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestPolicyModern(t *testing.T) {
	c, err := parse(t, "policy = \"modern\"")
	must(t, err)
	must(t, c.Complete())
	if l := c.Limits; l.MinPassword != 15 || !l.PasswordAnyChars || l.PasswordAge >= 0 || l.LockFor != time.Minute {
		t.Errorf("%+v", l)
	}
	c, err = parse(t, "policy = \"modern\"\nmin_password = 20\npassword_age = \"8760h\"")
	must(t, err)
	must(t, c.Complete())
	if l := c.Limits; l.MinPassword != 20 || l.PasswordAge != 365*24*time.Hour {
		t.Errorf("a number of one's own goes before the policy: %+v", l)
	}
	c, err = parse(t, "policy = \"modern\"\nmfa_at_login = \"always\"")
	must(t, err)
	must(t, c.Complete())
	if l := c.Limits; l.MinPassword != 8 || l.MFAAtLogin != "always" {
		t.Errorf("beside a second step: %+v", l)
	}
	if _, err := parse(t, "mfa_at_login = \"sometimes\""); err == nil {
		t.Error("a second step nobody knows was taken")
	}
	if _, err := parse(t, "policy = \"strict\""); err == nil {
		t.Error("a policy nobody knows was taken")
	}
}

func TestPasswordNumbers(t *testing.T) {
	c, err := parse(t, "password_reminders = [10, 3]\nlock_for = \"2m\"\nlock_most = \"1h\"\nhash_memory = 64\nhash_passes = 2\nhash_wait = \"1s\"")
	must(t, err)
	must(t, c.Complete())
	if l := c.Limits; !slices.Equal(l.PasswordReminders, []int{10, 3}) || l.LockFor != 2*time.Minute || l.LockMost != time.Hour || l.HashMemory != 64 || l.HashPasses != 2 || l.HashWait != time.Second {
		t.Errorf("%+v", l)
	}
	c, err = parse(t, "password_reminders = []")
	must(t, err)
	must(t, c.Complete())
	if l := c.Limits; l.PasswordReminders == nil || len(l.PasswordReminders) != 0 {
		t.Errorf("no reminders: %#v", l.PasswordReminders)
	}
	for toml, want := range map[string]string{
		"password_reminders = [14, 0]": "password_reminders:", "password_age = \"240h\"": "password_reminders:", "lock_for = \"48h\"": "lock_for:", "lock_most = \"0s\"": "lock_most:",
		"hash_memory = 8": "hash_memory:", "hash_memory = 100000": "hash_memory:", "hash_passes = 0": "hash_passes:", "hash_wait = \"0s\"": "hash_wait:",
	} {
		c, err := parse(t, toml)
		must(t, err)
		if err := c.Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", toml, err)
		}
	}
}

func TestValuesThatCannotBeAreRefusedTogether(t *testing.T) {
	c, err := parse(t, `
		base_url = "https://portal.example/mail"
		notify_address = "Portal <notify@portal.example>"
		support_email = "support"
		smtp_host = "mail.example"
		smtp_tls = "none"
		smtp_user = "portal"
		terms_file = "/nowhere/terms.txt"
		allow_standins = ["outbocks"]
		proxies = ["10.0.0.1"]
		max_subject = 0
		codes_per_flow = -1
		min_password = 6
		max_password = 32
		idle = "20m"
		session = "10m"
		smtp_password_file = ""
		`)
	must(t, err)
	err = c.Complete()
	for _, want := range []string{
		"base_url:", "notify_address:", "support_email:", "smtp_tls:", "smtp_user, smtp_password:", "terms_file:", "no stand-in outbocks", "proxies:",
		"max_subject:", "codes_per_flow:", "min_password:", "max_password:", "idle_warning:", "idle: it is longer",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it is not said that %q is wrong:\n%v", want, err)
		}
	}
	if c.Proxies = []string{"0.0.0.0/0"}; c.Complete() == nil {
		t.Error("the whole world was taken for a proxy")
	}
}

func TestServeSaysAllThatIsMissing(t *testing.T) {
	err := config.Config{BaseURL: "http://portal.example"}.CheckServe()
	for _, want := range []string{"base_url", "root_key_file", "support_phone", "support_email", "billing_phone", "notify_address", "smtp_host", "name outbox ", "scanner: set it to clamd"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("serve does not ask for %s: %v", want, err)
		}
	}
	ok := config.Config{BaseURL: "https://portal.example", Data: "/srv/data", RootKey: "/etc/root.key", SupportPhone: "1", SupportEmail: "s@x.example", BillingPhone: "2",
		NotifyAddress: "n@x.example", SMTPHost: "mail", AllowStandins: []string{"outbox", "demo-scanner"}}
	if err := ok.CheckServe(); err != nil {
		t.Error(err)
	}
	ok.AllowStandins = []string{"outbox"}
	for _, scanner := range []string{"clamd", "none"} {
		if ok.Scanner = scanner; ok.CheckServe() != nil {
			t.Errorf("refused with the scanner %s", scanner)
		}
	}
	ok.Scanner, ok.AllowStandins = "", []string{"outbox", "demo-scanner"}
	ok.SMTPHost = ""
	if err := ok.CheckServe(); err == nil || !strings.Contains(err.Error(), "outbox-email") {
		t.Errorf("e-mails would go nowhere: %v", err)
	}
	if ok.AllowStandins = append(ok.AllowStandins, "outbox-email"); ok.CheckServe() != nil {
		t.Error("the stand-in for e-mail was named and refused")
	}
	ok.AllowStandins = []string{"demo-scanner", "outbox-email"}
	if err := ok.CheckServe(); err == nil || !strings.Contains(err.Error(), "twilio_account") {
		t.Errorf("texts and calls would go nowhere: %v", err)
	}
	ok.TwilioAccount, ok.TwilioToken, ok.TwilioFrom, ok.TwilioAPI = "AC1", "secret", "+12065550100", "https://api.twilio.com"
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
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	c, err := parse(t, "", "--smtp-host", "mail.example", "--smtp-user", "portal", "--smtp-password-file", write("pw", "s3cret\n"),
		"--database-file", write("db", "postgres://program:pw@db.example/portal"), "--migrate-database-file", write("owner", "postgres://owner:pw@db.example/portal"))
	must(t, err)
	must(t, c.Complete())
	if c.SMTPPassword != "s3cret" || c.DatabaseURL() != "postgres://program:pw@db.example/portal" || c.MigrateDatabase != "postgres://owner:pw@db.example/portal" {
		t.Errorf("%q, %q, %q", c.SMTPPassword, c.DatabaseURL(), c.MigrateDatabase)
	}
	for name, args := range map[string][]string{
		"missing":     {"--smtp-password-file", filepath.Join(dir, "none")},
		"empty":       {"--smtp-password-file", write("empty", "\n")},
		"given twice": {"--database-file", write("twice", "postgres://a"), "--database", "postgres://b"},
	} {
		c, err := parse(t, "", args...)
		must(t, err)
		if err := c.Complete(); err == nil || strings.Contains(err.Error(), "postgres://") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
