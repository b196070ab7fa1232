// Package config is everything an operator can set.
//
// A setting is given as a flag, as SECUREPRACTICE_… in the environment, or in a TOML file, in that order. A name that
// is not one of these is an error: a setting that is misspelled must not silently be the default. Secrets can be given
// as files.
package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config holds the settings. Field tags are read by the command line: names, help and defaults stand there.
type Config struct {
	Listen   string `help:"Address to listen on." default:"127.0.0.1:8080"`
	BaseURL  string `name:"base-url" help:"Address of the portal as people type it, such as https://portal.example. Links in e-mails use it and nothing else."`
	Data     string `help:"Folder for attachments and, with SQLite, the database." default:"./data" type:"path"`
	RootKey  string `name:"root-key-file" help:"File with the root key. Keep it outside the data folder and outside backups of it." type:"path"`
	Database string `help:"postgres://… or sqlite:/path/file.db; empty: SQLite in the data folder."`

	DatabaseFile    string `help:"File that holds the database address, instead of it." type:"path"`
	MigrateDatabase string `help:"PostgreSQL address of the tables' owner, for migrate only."`
	MigrateRole     string `help:"PostgreSQL role that the program runs as; migrate grants it what it needs."`

	Product       string `help:"Name of the portal." default:"SecurePractice"`
	SupportPhone  string `help:"Phone of Support, printed wherever a page says contact."`
	SupportEmail  string `help:"E-mail address of Support."`
	BillingPhone  string `help:"Phone for questions about payments."`
	NotifyAddress string `help:"Address that notices come from."`
	TermsFile     string `help:"Text of the Terms of Use; its first line is the version's date." type:"path"`
	PrivacyFile   string `help:"Text of the privacy statement." type:"path"`
	HelpFile      string `help:"Text of the help page." type:"path"`

	SMTPHost         string `name:"smtp-host" help:"Mail server."`
	SMTPPort         int    `name:"smtp-port" help:"Its port." default:"587"`
	SMTPUser         string `name:"smtp-user" help:"User name at the mail server; empty: none."`
	SMTPPassword     string `name:"smtp-password" help:"Password at the mail server."`
	SMTPPasswordFile string `name:"smtp-password-file" help:"File that holds it, instead of it." type:"path"`
	SMTPTLS          string `name:"smtp-tls" help:"starttls, tls, or none (loopback only)." default:"starttls" enum:"starttls,tls,none"`

	AllowStandins []string `help:"Stand-ins that serve may use: outbox (texts and calls stay in the database), demo-scanner (files are only checked for the EICAR test file)."`
	PlainCookies  bool     `help:"Development without HTTPS: cookies without the __Host- prefix. Refused by serve."`
	Proxies       []string `help:"Networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8."`

	Limits Limits `embed:""`

	Dev    bool `kong:"-"` // set by the demo: stand-ins, the outbox pages, loopback
	Beside bool `kong:"-"` // set by short commands that may run beside the portal
}

// Limits are the numbers of the product.
type Limits struct {
	InviteLink       time.Duration `help:"Life of an invitation link." default:"720h"`
	PasswordLink     time.Duration `help:"Life of a set-password link." default:"168h"`
	ResetLink        time.Duration `help:"Life of a reset link." default:"24h"`
	CodeLife         time.Duration `help:"Life of a secret code." default:"10m"`
	CodeTries        int64         `help:"Wrong codes that end a flow." default:"5"`
	CodesPerFlow     int64         `help:"Codes in 15 minutes and flow." default:"3"`
	CodesPerNumber   int64         `help:"Codes a number and day." default:"10"`
	CodesPerDay      int64         `help:"Codes a day for the whole installation." default:"5000"`
	FlowsPerLink     int64         `help:"Flows with a code, a link and day." default:"3"`
	MaxSubject       int           `help:"Characters of a subject." default:"200"`
	MaxBody          int           `help:"Characters of a message." default:"100000"`
	MaxFiles         int64         `help:"Files a message." default:"100"`
	MaxTotal         int64         `help:"Bytes of all files of a message." default:"300000000"`
	NewAddresses     int64         `help:"New addresses a person may invite a day." default:"50"`
	MinPassword      int           `help:"Characters of a password, at least." default:"8"`
	PasswordHistory  int           `help:"Earlier passwords that are refused." default:"6"`
	PasswordAge      time.Duration `help:"After what time a password must be changed; negative: never." default:"2160h"`
	PasswordAnyChars bool          `help:"Passwords need no mix of characters."`
	WrongPasswords   int64         `help:"Wrong passwords that lock an account." default:"5"`
	Idle             time.Duration `help:"After what time without an act a session ends." default:"30m"`
	IdleWarning      time.Duration `help:"When its page warns." default:"25m"`
	Session          time.Duration `help:"Life of a session in any case." default:"12h"`
	Hashers          int           `help:"Password hashes computed at once, 46 MiB each; 0: the number of processors."`
}

// DatabaseURL is the database address in force.
func (c Config) DatabaseURL() string {
	if c.Database != "" {
		return c.Database
	}
	return "sqlite:" + filepath.Join(c.Data, "securepractice.db")
}

// Prefixes are the proxies' networks.
func (c Config) Prefixes() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, p := range c.Proxies {
		n, err := netip.ParsePrefix(p)
		if err != nil {
			return nil, fmt.Errorf("proxies: %q is no network such as 10.0.0.0/8", p)
		}
		all = append(all, n)
	}
	return all, nil
}

// ReadSecrets fills the settings that are given as files.
func (c *Config) ReadSecrets() error {
	var errs []error
	for _, s := range []struct {
		file string
		into *string
	}{{c.DatabaseFile, &c.Database}, {c.SMTPPasswordFile, &c.SMTPPassword}} {
		if s.file == "" {
			continue
		}
		b, err := os.ReadFile(s.file)
		if err != nil {
			errs = append(errs, fmt.Errorf("read a secret: %w", err))
			continue
		}
		*s.into = strings.TrimSpace(string(b))
	}
	return errors.Join(errs...)
}

// Standin names what takes the place of an outside service.
const (
	Outbox      = "outbox"
	DemoScanner = "demo-scanner"
)

// Allows says whether a stand-in may be used.
func (c Config) Allows(standin string) bool {
	return c.Dev || slices.Contains(c.AllowStandins, standin)
}

// CheckServe names everything that keeps these settings from production, all at once.
func (c Config) CheckServe() error {
	var errs []error
	need := func(bad bool, text string) {
		if bad {
			errs = append(errs, errors.New(text))
		}
	}
	u, err := url.Parse(c.BaseURL)
	need(err != nil || u.Scheme != "https" || u.Host == "", "base_url: set the portal's address, beginning with https://")
	need(c.RootKey == "", "root_key_file: set the file with the root key, outside the data folder")
	need(c.RootKey != "" && within(c.Data, c.RootKey), "root_key_file: it must not be inside the data folder")
	for name, v := range map[string]string{"support_phone": c.SupportPhone, "support_email": c.SupportEmail, "billing_phone": c.BillingPhone, "notify_address": c.NotifyAddress} {
		need(v == "", name+": set it; it is printed wherever a page says contact, or stands in notices")
	}
	need(c.SMTPHost == "" && !c.Allows(Outbox), "smtp_host: set the mail server")
	need(!c.Allows(Outbox), "allow_standins: texts and calls have no provider yet; name outbox to keep them in the database on purpose")
	need(!c.Allows(DemoScanner), "allow_standins: files have no malware scanner yet; name demo-scanner to run without one on purpose")
	need(c.PlainCookies, "plain_cookies: only for development")
	for _, s := range c.AllowStandins {
		need(s != Outbox && s != DemoScanner, "allow_standins: there is no stand-in "+s+"; there are outbox and demo-scanner")
	}
	_, err = c.Prefixes()
	return errors.Join(append(errs, err)...)
}

// within says whether a file lies below a folder.
func within(folder, file string) bool {
	a, err1 := filepath.Abs(folder)
	b, err2 := filepath.Abs(file)
	rel, err3 := filepath.Rel(a, b)
	return err1 == nil && err2 == nil && err3 == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
