package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// Policies of passwords.
const modern = "modern"

// Complete reads the secrets that are given as files, fills in what the policy decides, and checks every value that is
// given. Its error names all that is wrong, one a line.
func (c *Config) Complete() error {
	l := &c.Limits
	if l.Policy == modern {
		l.PasswordAnyChars = true
	}
	if l.MinPassword == 0 {
		l.MinPassword = 8
		if l.Policy == modern && l.MFAAtLogin != "always" { // where a second step stands beside it, 8 are enough
			l.MinPassword = 15
		}
	}
	if l.PasswordAge == 0 {
		l.PasswordAge = 90 * 24 * time.Hour
		if l.Policy == modern {
			l.PasswordAge = -1
		}
	}
	if l.LockFor == 0 {
		l.LockFor = -1
		if l.Policy == modern {
			l.LockFor = time.Minute
		}
	}
	_, err := c.Prefixes()
	return errors.Join(c.readSecrets(), c.checkValues(), err, l.check())
}

// readSecrets fills the settings that are given as files.
func (c *Config) readSecrets() error {
	var p problems
	for _, s := range []struct {
		name, file string
		into       *string
	}{
		{"database", c.DatabaseFile, &c.Database},
		{"migrate_database", c.MigrateDatabaseFile, &c.MigrateDatabase},
		{"smtp_password", c.SMTPPasswordFile, &c.SMTPPassword},
		{"twilio_token", c.TwilioTokenFile, &c.TwilioToken},
		{"s3_secret_key", c.S3SecretKeyFile, &c.S3SecretKey},
	} {
		if s.file == "" {
			continue
		}
		p.when(*s.into != "", s.name+": it is given twice; set either it or "+s.name+"_file")
		b, err := os.ReadFile(s.file)
		*s.into = strings.TrimSpace(string(b))
		switch {
		case err != nil:
			p = append(p, fmt.Errorf("%s_file: %w", s.name, err))
		case *s.into == "":
			p.when(true, s.name+"_file: "+s.file+" is empty")
		}
	}
	return errors.Join(p...)
}

// problems collects what is wrong, for one answer that says all of it.
type problems []error

func (p *problems) when(bad bool, text string) {
	if bad {
		*p = append(*p, errors.New(text))
	}
}

// checkValues looks at what is given, not at what is missing.
func (c Config) checkValues() error {
	var p problems
	p.when(c.BaseURL != "" && !isOrigin(c.BaseURL), "base_url: give the portal's address without a path, such as https://portal.example")
	p.when(c.NotifyAddress != "" && !isAddress(c.NotifyAddress), "notify_address: give one e-mail address, without a name")
	p.when(c.SupportEmail != "" && !isAddress(c.SupportEmail), "support_email: give one e-mail address, without a name")
	p.when(c.SMTPPort < 0 || c.SMTPPort > 65535, "smtp_port: there is no such port")
	p.when(c.SMTPTLS == "none" && c.SMTPHost != "" && !isLoopback(c.SMTPHost), "smtp_tls: none is for a mail server on this machine only")
	p.when(c.SMTPHost != "" && (c.SMTPUser == "") != (c.SMTPPassword == "" && c.SMTPPasswordFile == ""), "smtp_user, smtp_password: set both or neither")
	p.when(c.TwilioAccount != "" && (c.TwilioToken == "" && c.TwilioTokenFile == "" || c.TwilioFrom == ""), "twilio_account: set twilio_token and twilio_from with it")
	p.when(c.TwilioAccount == "" && (c.TwilioToken != "" || c.TwilioFrom != "" || c.TwilioService != ""), "twilio_account: set it with the other settings of Twilio, or none of them")
	p.when(c.TwilioFrom != "" && !isE164(c.TwilioFrom), "twilio_from: give the number with a plus sign and digits alone, such as +12065550100")
	p.when(c.TwilioAPI != "" && !isOrigin(c.TwilioAPI), "twilio_api: give an address without a path, such as https://api.twilio.com")
	for _, f := range []struct{ name, path string }{{"terms_file", c.TermsFile}, {"privacy_file", c.PrivacyFile}, {"help_file", c.HelpFile}} {
		if f.path == "" {
			continue
		}
		if _, err := os.Stat(f.path); err != nil {
			p = append(p, fmt.Errorf("%s: %w", f.name, err))
		}
	}
	for _, s := range c.AllowStandins {
		p.when(s != Outbox && s != OutboxEmail && s != DemoScanner, "allow_standins: there is no stand-in "+s+"; there are outbox, outbox-email and demo-scanner")
	}
	return errors.Join(append(p, c.checkFiles()...)...)
}

// check refuses limits that would switch something off or contradict each other.
func (l Limits) check() error {
	var p problems
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"invite_link", int64(l.InviteLink)}, {"password_link", int64(l.PasswordLink)}, {"reset_link", int64(l.ResetLink)},
		{"code_life", int64(l.CodeLife)}, {"code_tries", l.CodeTries}, {"codes_per_flow", l.CodesPerFlow}, {"codes_per_number", l.CodesPerNumber},
		{"codes_per_address", l.CodesPerAddress}, {"codes_per_country", l.CodesPerCountry}, {"codes_per_day", l.CodesPerDay}, {"flows_per_link", l.FlowsPerLink},
		{"max_name", int64(l.MaxName)}, {"max_practice_name", int64(l.MaxPracticeName)}, {"max_subject", int64(l.MaxSubject)},
		{"max_body", int64(l.MaxBody)}, {"max_files", l.MaxFiles}, {"previews", int64(l.Previews)}, {"max_total", l.MaxTotal}, {"new_addresses", l.NewAddresses},
		{"password_history", int64(l.PasswordHistory)}, {"wrong_passwords", l.WrongPasswords}, {"lock_most", int64(l.LockMost)}, {"hash_wait", int64(l.HashWait)}, {"hash_passes", int64(l.HashPasses)},
		{"sign_ins", l.SignIns}, {"second_tries", l.SecondTries}, {"resets", l.Resets},
		{"undo_link", int64(l.UndoLink)}, {"address_emails", l.AddressEmails}, {"max_signature", int64(l.MaxSignature)}, {"message_texts", l.MessageTexts},
		{"notices_per_day", l.NoticesPerDay}, {"idle", int64(l.Idle)}, {"idle_warning", int64(l.IdleWarning)}, {"session", int64(l.Session)},
	} {
		p.when(n.value <= 0, n.name+": it must be more than nothing")
	}
	p.when(len(l.Countries) == 0, "countries: name one at least")
	for _, c := range l.Countries {
		p.when(phonenumbers.GetCountryCodeForRegion(c) == 0, "countries: give codes of two capital letters, such as US; "+c+" is none")
	}
	for _, t := range l.MoreTypes {
		p.when(!slices.Contains([]string{"csv", "heic", "heif", "ply", "webp", "none"}, t), "more_types: there is no type "+t+"; there are csv, heic, heif, ply, webp and none")
	}
	p.when(l.MinPassword < 8, "min_password: fewer than 8 characters protect nobody")
	p.when(l.MaxPassword < 64, "max_password: allow at least 64 characters")
	p.when(l.MinPassword > l.MaxPassword, "min_password: it is more than max_password")
	p.when(l.IdleWarning >= l.Idle, "idle_warning: the warning must come before idle ends the session")
	p.when(l.Idle > l.Session, "idle: it is longer than session")
	for _, d := range l.PasswordReminders {
		p.when(d < 1 || l.PasswordAge > 0 && time.Duration(d)*24*time.Hour >= l.PasswordAge, "password_reminders: each must be a day or more, and less than password_age")
	}
	p.when(l.LockFor > l.LockMost, "lock_for: it is longer than lock_most")
	p.when(l.HashMemory < 19 || l.HashMemory > 4096, "hash_memory: give 19 to 4096 mebibytes")
	p.when(l.HashPasses > 100, "hash_passes: more than 100 would take minutes")
	p.when(l.DraftFiles >= 0 && l.DraftFiles < 8*24*time.Hour, "draft_files: give 192h at least, so that its writer can be told a week before; negative means never")
	p.when(l.Hashers < 0, "hashers: it must not be negative")
	return errors.Join(p...)
}

// CheckServe names everything that keeps these settings from production, all at once.
func (c Config) CheckServe() error {
	var p problems
	p.when(!strings.HasPrefix(c.BaseURL, "https://"), "base_url: set the portal's address, beginning with https://")
	p.when(c.RootKey == "", "root_key_file: set the file with the root key, outside the data folder")
	p.when(c.RootKey != "" && within(c.Data, c.RootKey), "root_key_file: it must not be inside the data folder")
	for _, s := range []struct{ name, value string }{
		{"support_phone", c.SupportPhone}, {"support_email", c.SupportEmail}, {"billing_phone", c.BillingPhone}, {"notify_address", c.NotifyAddress},
	} {
		p.when(s.value == "", s.name+": set it; it is printed wherever a page says contact, or stands in notices")
	}
	p.when(c.SMTPHost == "" && !c.Allows(OutboxEmail), "smtp_host: set the mail server, or name outbox-email in allow_standins to keep e-mails in the database on purpose")
	p.when(c.TwilioAccount == "" && !c.Allows(Outbox), "twilio_account: set Twilio's for texts and calls, or name outbox in allow_standins to keep them in the database on purpose")
	p.when(c.TwilioAccount != "" && !strings.HasPrefix(c.TwilioAPI, "https://"), "twilio_api: it must begin with https://")
	p.when(c.Scanner == "" && !c.Allows(DemoScanner), "scanner: set it to clamd, and clamd to its address; or to none to take files that nothing looks at, on purpose")
	p.when(c.PlainCookies, "plain_cookies: only for development")
	return errors.Join(p...)
}

// checkFiles looks at where files are kept. All of it is needed by every command that opens them.
func (c Config) checkFiles() problems {
	var p problems
	if c.Files != FilesS3 {
		p.when(c.S3Endpoint != "" || c.S3Bucket != "" || c.S3AccessKey != "", "files: set it to s3 with the settings of S3, or set none of them")
		return p
	}
	p.when(c.S3Endpoint == "" || !isOrigin(c.S3Endpoint), "s3_endpoint: give the service's address without a path, such as https://s3.us-east-2.amazonaws.com")
	u, err := url.Parse(c.S3Endpoint)
	p.when(err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()), "s3_endpoint: http:// is for a service on this machine only")
	p.when(c.S3Bucket == "", "s3_bucket: name the bucket")
	p.when(c.S3AccessKey == "", "s3_access_key: set it with s3_secret_key or s3_secret_key_file")
	p.when(c.S3SecretKey == "" && c.S3SecretKeyFile == "", "s3_secret_key: set it, or s3_secret_key_file")
	return p
}

// isOrigin says whether an address is a scheme and a host alone.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// isE164 says whether s is a phone number as networks write it (ITU-T E.164).
func isE164(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && len(digits) >= 8 && len(digits) <= 15 && strings.Trim(digits, "0123456789") == ""
}

// isAddress says whether s is one bare e-mail address.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// within says whether a file lies below a folder.
func within(folder, file string) bool {
	a, err1 := filepath.Abs(folder)
	b, err2 := filepath.Abs(file)
	rel, err3 := filepath.Rel(a, b)
	return err1 == nil && err2 == nil && err3 == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
