package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"
)

// Config holds the settings. Field tags are read by the command line: names, help and defaults stand there.
type Config struct {
	Listen   string `help:"Address to listen on." default:"127.0.0.1:8080"`
	BaseURL  string `name:"base-url" help:"Address of the portal as people type it, such as https://portal.example. Links in e-mails use it and nothing else."`
	Data     string `help:"Folder for attachments and, with SQLite, the database." default:"./data"`
	RootKey  string `name:"root-key-file" help:"File with the root key. Keep it outside the data folder and outside backups of it."`
	Database string `help:"postgres://… or sqlite:/path/file.db; empty: SQLite in the data folder."`

	DatabaseFile        string `help:"File that holds the database address, instead of it."`
	MigrateDatabase     string `help:"PostgreSQL address of the tables' owner, for migrate only."`
	MigrateDatabaseFile string `help:"File that holds it, instead of it."`
	MigrateRole         string `help:"PostgreSQL role that the program runs as; migrate grants it what it needs."`

	Product       string `help:"Name of the portal." default:"SecurePractice"`
	SupportPhone  string `help:"Phone of Support, printed wherever a page says contact."`
	SupportEmail  string `help:"E-mail address of Support."`
	BillingPhone  string `help:"Phone for questions about payments."`
	NotifyAddress string `help:"Address that notices come from."`
	TermsFile     string `help:"Text of the Terms of Use; its first line is the version's date."`
	PrivacyFile   string `help:"Text of the privacy statement."`
	HelpFile      string `help:"Text of the help page."`

	SMTPHost         string `name:"smtp-host" help:"Mail server."`
	SMTPPort         int    `name:"smtp-port" help:"Its port." default:"587"`
	SMTPUser         string `name:"smtp-user" help:"User name at the mail server; empty: none."`
	SMTPPassword     string `name:"smtp-password" help:"Password at the mail server."`
	SMTPPasswordFile string `name:"smtp-password-file" help:"File that holds it, instead of it."`
	SMTPTLS          string `name:"smtp-tls" help:"starttls, tls, or none (loopback only)." default:"starttls" enum:"starttls,tls,none"`

	TwilioAccount   string `help:"SID of the Twilio account for texts and calls, AC…."`
	TwilioToken     string `help:"Its auth token."`
	TwilioTokenFile string `help:"File that holds it, instead of it."`
	TwilioFrom      string `help:"Number that calls and texts come from, such as +12065550100."`
	TwilioService   string `help:"SID of a Twilio messaging service that sends the texts, MG…; empty: the number does."`
	TwilioAPI       string `name:"twilio-api" help:"Address of Twilio's API." default:"https://api.twilio.com"`

	Files           string `help:"Where attachments are kept: disk (in the data folder) or s3 (in a bucket)." default:"disk" enum:"disk,s3"`
	S3Endpoint      string `name:"s3-endpoint" help:"Address of the S3 service, such as https://s3.us-east-2.amazonaws.com. http:// is for a service on this machine only."`
	S3Bucket        string `name:"s3-bucket" help:"Its bucket. Nothing else may remove or change objects below the prefix."`
	S3Region        string `name:"s3-region" help:"The bucket's region." default:"us-east-1"`
	S3Prefix        string `name:"s3-prefix" help:"What the names of all objects begin with, such as portal/files; empty: nothing."`
	S3AccessKey     string `name:"s3-access-key" help:"Access key that may list the bucket, and store, read and remove its objects."`
	S3SecretKey     string `name:"s3-secret-key" help:"Its secret key."`
	S3SecretKeyFile string `name:"s3-secret-key-file" help:"File that holds it, instead of it."`
	S3PathStyle     bool   `name:"s3-path-style" help:"Name the bucket in the path of every address. Without it the service's name decides: Amazon's has it in the host name, others in the path."`

	Scanner string `help:"What looks for malware in files: clamd, or none to take files that nothing looks at, on purpose." enum:",clamd,none" default:""`
	Clamd   string `help:"Address of clamd: unix:/path/of/its/socket or tcp:host:port. What goes over TCP is not encrypted." default:"unix:/run/clamav/clamd.ctl"`

	AllowStandins []string `help:"Stand-ins that serve may use: outbox (texts and calls stay in the database), outbox-email (e-mails too, without a mail server), demo-scanner (files are only checked for the EICAR test file)."`
	PlainCookies  bool     `help:"Development without HTTPS: cookies without the __Host- prefix. Refused by serve."`
	Proxies       []string `help:"Networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8."`

	Limits Limits `embed:""`

	Dev    bool `kong:"-"` // set by the demo: stand-ins, the outbox pages, loopback
	Beside bool `kong:"-"` // set by short commands that may run beside the portal
}

// Limits are the numbers of the product. Characters are those of Unicode; bytes are said to be bytes.
type Limits struct {
	InviteLink   time.Duration `help:"Life of an invitation link." default:"720h"`
	PasswordLink time.Duration `help:"Life of a set-password link." default:"168h"`
	ResetLink    time.Duration `help:"Life of a reset link." default:"24h"`

	CodeLife        time.Duration `help:"Life of a secret code." default:"10m"`
	CodeTries       int64         `help:"Wrong codes that end a flow." default:"5"`
	CodesPerFlow    int64         `help:"Codes in 15 minutes and flow." default:"3"`
	CodesPerNumber  int64         `help:"Codes a number and day." default:"10"`
	CodesPerCountry int64         `help:"Codes a country and day." default:"5000"`
	Countries       []string      `help:"Countries that codes may be sent to (ISO 3166-1), the usual one first: its numbers need no country code. Territories of the United States count as US." default:"US,CA"`
	CodesPerAddress int64         `help:"Codes a network address and day." default:"50"`
	CodesPerDay     int64         `help:"Codes a day for the whole installation." default:"5000"`
	FlowsPerLink    int64         `help:"Flows with a code, a link and day." default:"3"`

	MaxName         int           `help:"Characters of a first or last name." default:"100"`
	MaxPracticeName int           `help:"Characters of a practice's name." default:"120"`
	MaxSubject      int           `help:"Characters of a subject." default:"200"`
	MaxBody         int           `help:"Characters of a message." default:"100000"`
	MaxFiles        int64         `help:"Files a message." default:"100"`
	MaxTotal        int64         `help:"Bytes of all files of a message." default:"300000000"`
	MoreTypes       []string      `help:"Types of files accepted beyond the list that every portal has: any of csv, heic, heif, ply, webp; none for none." default:"csv,heic,heif,ply,webp"`
	Previews        int           `help:"Previews of files drawn at once. Each takes up to a gibibyte of memory, and as much as its file is long." default:"2"`
	Quarantine      time.Duration `help:"How long an infected file is kept, sealed and open to nobody, before it is destroyed." default:"720h"`
	NewAddresses    int64         `help:"New addresses a person may invite a day." default:"50"`

	Policy           string        `help:"Rules for passwords. classic: 8 characters of four sorts, changed every 90 days. modern: 15 characters of any sort (8 where mfa_at_login is always), never changed by the calendar; a lock opens by itself after a growing delay." default:"classic" enum:"classic,modern"`
	MinPassword      int           `help:"Characters of a password, at least; 0: as the policy says." default:"0"`
	MaxPassword      int           `help:"Characters of a password, at most." default:"256"`
	PasswordAnyChars bool          `help:"Passwords need no mix of characters; always so with policy modern."`
	PasswordHistory  int           `help:"Earlier passwords that are refused." default:"6"`
	PasswordAge      time.Duration `help:"After what time a password must be changed; 0: as the policy says; negative: never." default:"0"`
	WrongPasswords   int64         `help:"Wrong passwords that lock an account." default:"5"`

	PasswordReminders []int         `help:"Days before a password expires on which its owner is reminded by e-mail, once each; from the first on the dashboard warns." default:"14,7,1"`
	LockFor           time.Duration `help:"For how long wrong passwords lock an account the first time; each time in a row is twice as long. 0: as the policy says (modern: 1m); negative, and with policy classic: until a password reset, or Support, opens it." default:"0"`
	LockMost          time.Duration `help:"The longest lock that opens by itself." default:"24h"`

	MFAAtLogin    string `name:"mfa-at-login" help:"When users are asked for a second step at sign-in: off, new_device (each browser once in 90 days), or always. Support always is." default:"off" enum:"off,new_device,always"`
	SecondTries   int64  `help:"Codes of authenticator apps and recovery codes that a person may try a day." default:"30"`
	SignIns       int64  `help:"Sign-ins a network address may try in 15 minutes." default:"300"`
	Resets        int64  `help:"Reset e-mails an account and day." default:"5"`
	NoticesPerDay int64  `help:"Notices of one kind a day to a locked or not yet registered address." default:"1"`

	UndoLink      time.Duration `help:"How long the holder of an old e-mail address can undo its change." default:"168h"`
	AddressEmails int64         `help:"E-mails about a new address, a person and an address, a day." default:"5"`
	MaxSignature  int           `help:"Characters of a signature." default:"500"`
	UndoSend      time.Duration `help:"How long a message that was sent from a page can be taken back before it leaves; 0 = not at all." default:"10s"`
	DraftFiles    time.Duration `help:"After what time without an edit a draft loses its attachments, a week after its writer was told; what they wrote stays. 8 days at least; negative: never." default:"720h"`
	MessageTexts  int64         `help:"Texts about new messages a person and day; an e-mail goes instead of more." default:"20"`

	Idle        time.Duration `help:"After what time without an act a session ends." default:"30m"`
	IdleWarning time.Duration `help:"When its page warns." default:"25m"`
	Session     time.Duration `help:"Life of a session in any case." default:"12h"`
	Hashers     int           `help:"Password hashes computed at once; 0: twice the number of processors."`
	HashWait    time.Duration `help:"How long a sign-in waits for its turn to be hashed before it is told to come back (503)." default:"5s"`
	HashMemory  int           `help:"Mebibytes of memory a password hash (argon2id) takes. Stored hashes follow at their next sign-in." default:"46"`
	HashPasses  int           `help:"Passes a password hash makes over its memory." default:"1"`
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
		if n.Bits() == 0 {
			return nil, fmt.Errorf("proxies: %q is everybody, who could then pretend to come from anywhere; name your proxies' network", p)
		}
		all = append(all, n)
	}
	return all, nil
}

// Places for files.
const (
	FilesDisk = "disk"
	FilesS3   = "s3"
)

// Scanners.
const (
	ScannerClamd = "clamd"
	ScannerNone  = "none"
)

// Stand-ins take the place of outside services. In production each must be allowed by its name.
const (
	Outbox      = "outbox"       // keeps texts and calls in the database
	OutboxEmail = "outbox-email" // keeps e-mails there too
	DemoScanner = "demo-scanner" // knows one harmless test virus
)

// Allows says whether a stand-in may be used.
func (c Config) Allows(standin string) bool {
	return c.Dev || slices.Contains(c.AllowStandins, standin)
}
