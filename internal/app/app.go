package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/blob"
	"securepractice/internal/clock"
	"securepractice/internal/config"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/home"
	"securepractice/internal/invite"
	"securepractice/internal/jobs"
	"securepractice/internal/limit"
	"securepractice/internal/mail"
	"securepractice/internal/manage"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/support"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// App is the whole program, built and not yet started.
type App struct {
	Config   config.Config
	Log      *slog.Logger
	Clock    *clock.Clock
	DB       *db.DB
	Keys     *crypt.Keys
	Jobs     *jobs.Client
	Router   *web.Router
	Notify   *notify.Service
	Audit    *audit.Service
	Practice *practice.Service
	Verify   *verify.Service
	Account  *account.Service
	Invite   *invite.Service
	Attach   *attach.Service
	Mail     *mail.Service
	Manage   *manage.Service
	Support  *support.Service
	Home     *home.Service

	limit    *limit.Limiter
	hub      *web.Hub
	endRelay func() // after the last act that wakes anybody
	texts    home.Texts
	base     *url.URL
	floor    []byte
	blobs    blob.Store
}

// heapFloor in bytes is never touched and so costs no memory; it only makes the collector wait. A quiet program's heap is a
// few MB, which it would otherwise walk a hundred times a second under load: a fifth of what a page costs. An operator's
// GOGC and GOMEMLIMIT still hold.
const heapFloor = 24 << 20

// New opens what the settings name and builds the rooms. It changes nothing: a wrong or missing root key or missing
// migrations are errors that say what to do. clk is nil outside tests and the demo.
func New(ctx context.Context, cfg config.Config, log *slog.Logger, clk *clock.Clock) (*App, error) {
	if clk == nil {
		clk = clock.System()
	}
	a := &App{Config: cfg, Log: log, Clock: clk, floor: make([]byte, heapFloor), hub: web.NewHub(), endRelay: func() {}}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	if err := a.build(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// open reads the texts, opens the database and the keys.
func (a *App) open(ctx context.Context) (err error) {
	if a.base, err = url.Parse(a.Config.BaseURL); err != nil {
		return fmt.Errorf("base_url: %w", err)
	}
	if a.texts, err = readTexts(a.Config); err != nil {
		return err
	}
	root, err := crypt.LoadRoot(a.Config.RootKey)
	if err != nil {
		return err
	}
	if a.DB, err = db.Open(ctx, a.Config.DatabaseURL(), db.Options{Beside: a.Config.Beside}); err != nil {
		return err
	}
	if err := checkVersion(ctx, a.DB); err != nil {
		return err
	}
	if a.Keys, err = crypt.Open(ctx, a.DB, root); err != nil {
		return err
	}
	a.blobs, err = openBlobs(ctx, a.Config)
	return err
}

func checkVersion(ctx context.Context, d *db.DB) error {
	have, want, err := db.Versions(ctx, d)
	if err != nil {
		return err
	}
	if have != want {
		return fmt.Errorf("the database is at version %d, this program needs %d: run `securepractice migrate`", have, want)
	}
	return nil
}

func readTexts(c config.Config) (home.Texts, error) {
	t := home.DefaultTexts()
	var errs []error
	for _, f := range []struct {
		path string
		set  func(string)
	}{{c.TermsFile, t.SetTerms}, {c.PrivacyFile, func(s string) { t.Privacy = s }}, {c.HelpFile, func(s string) { t.Help = s }}} {
		if f.path == "" {
			continue
		}
		b, err := os.ReadFile(f.path)
		if err != nil {
			errs = append(errs, fmt.Errorf("read a text: %w", err))
			continue
		}
		f.set(string(b))
	}
	if c.TermsFile != "" && len(errs) == 0 && (t.TermsVersion == "" || t.Terms == "") {
		errs = append(errs, errors.New("terms_file: write the version's date in its first line and the text below it"))
	}
	return t, errors.Join(errs...)
}

// carrier is what takes notices out of the house.
func (a *App) carrier() notify.Carrier {
	box := notify.Outbox{DB: a.DB, Clock: a.Clock}
	by := notify.Carriers{Mailer: box, Phone: box}
	if c := a.Config; c.SMTPHost != "" {
		by.Mailer = notify.SMTP{Host: c.SMTPHost, Port: c.SMTPPort, User: c.SMTPUser, Password: c.SMTPPassword, TLS: c.SMTPTLS}
	}
	if a.Config.TwilioAccount != "" {
		by.Phone = a.twilio()
	}
	return by
}

// mountPhone registers what Twilio asks; without an account nothing is signed, and the pages do not exist.
func (a *App) mountPhone() {
	if a.Config.TwilioAccount == "" {
		a.Verify.MountPhone(a.Router, nil)
		return
	}
	a.Verify.MountPhone(a.Router, a.twilio().Signed)
}

func (a *App) twilio() notify.Twilio {
	c := a.Config
	return notify.Twilio{Account: c.TwilioAccount, Token: c.TwilioToken, From: c.TwilioFrom, Service: c.TwilioService, API: c.TwilioAPI, Back: strings.TrimRight(c.BaseURL, "/")}
}

// build makes the rooms from the bottom up and connects them.
func (a *App) build() error {
	l := a.Config.Limits
	a.Jobs = jobs.New(a.DB, a.Log)
	a.limit = &limit.Limiter{Keys: a.Keys, Clock: a.Clock}
	a.Notify = notify.New(notify.Options{DB: a.DB, Keys: a.Keys, Jobs: a.Jobs, Clock: a.Clock, Carrier: a.carrier(), From: a.Config.NotifyAddress,
		Product: a.Config.Product, BaseURL: a.base, SupportPhone: a.Config.SupportPhone, Log: a.Log})
	a.Audit = audit.New(audit.Options{DB: a.DB, Keys: a.Keys, Clock: a.Clock})
	a.Practice = practice.New(practice.Options{DB: a.DB, Keys: a.Keys, Clock: a.Clock, Audit: a.Audit, Settings: practice.Settings{MaxName: l.MaxPracticeName}})
	a.Verify = verify.New(verify.Options{DB: a.DB, Keys: a.Keys, Clock: a.Clock, Notify: a.Notify, Limit: a.limit, Audit: a.Audit,
		Settings: verify.Settings{CodeLife: l.CodeLife, Tries: l.CodeTries, CodesPerFlow: l.CodesPerFlow, CodesPerPhone: l.CodesPerNumber, CodesPerIP: l.CodesPerAddress, CodesPerCountry: l.CodesPerCountry, Countries: l.Countries, CodesPerDay: l.CodesPerDay, FlowsPerLink: l.FlowsPerLink}})
	a.Account = account.New(account.Options{DB: a.DB, Keys: a.Keys, Clock: a.Clock, Notify: a.Notify, Limit: a.limit, Audit: a.Audit, Practice: a.Practice, Verify: a.Verify,
		Settings: account.Settings{MinPassword: l.MinPassword, MaxPassword: l.MaxPassword, MaxName: l.MaxName, SignInsPerIP: l.SignIns, ResetsPerDay: l.Resets, NoticesPerDay: l.NoticesPerDay, NoClasses: l.PasswordAnyChars, History: l.PasswordHistory, MaxAge: l.PasswordAge, WrongTries: l.WrongPasswords,
			Reminders: l.PasswordReminders, LockFor: l.LockFor, LockMost: l.LockMost, HashWait: l.HashWait, ArgonMemory: uint32(l.HashMemory) * 1024, ArgonTime: uint32(l.HashPasses), //nolint:gosec // config.Complete bounds both
			UndoLink: l.UndoLink, ChangesPerDay: l.AddressEmails,
			MFAAtLogin: l.MFAAtLogin, SecondTries: l.SecondTries, Idle: l.Idle, Session: l.Session, ResetLink: l.ResetLink, StaffLink: l.PasswordLink, Hashers: l.Hashers, TermsVersion: a.texts.TermsVersion, TermsText: a.texts.Terms}})
	a.Invite = invite.New(invite.Options{DB: a.DB, Keys: a.Keys, Clock: a.Clock, Notify: a.Notify, Limit: a.limit, Audit: a.Audit, Practice: a.Practice, Verify: a.Verify, Account: a.Account,
		Settings: invite.Settings{InviteLink: l.InviteLink, PasswordLink: l.PasswordLink, MaxName: l.MaxName, NewPerDay: l.NewAddresses, TermsVersion: a.texts.TermsVersion, TermsText: a.texts.Terms,
			SupportEmail: a.Config.SupportEmail}})
	scanner, err := a.openScanner()
	if err != nil {
		return err
	}
	a.Attach = attach.New(attach.Options{DB: a.DB, Keys: a.Keys, Clock: a.Clock, Jobs: a.Jobs, Audit: a.Audit, Blobs: a.blobs, Scanner: scanner, Renderer: a.renderer(),
		Settings: attach.Settings{MaxTotal: l.MaxTotal, MaxFiles: l.MaxFiles, Quarantine: l.Quarantine, Previews: l.Previews, More: chosen(l.MoreTypes)}})
	a.Mail = mail.New(mail.Options{DB: a.DB, Keys: a.Keys, Clock: a.Clock, Notify: a.Notify, Limit: a.limit, Audit: a.Audit,
		Practice: a.Practice, Account: a.Account, Invite: a.Invite, Attach: a.Attach, Hub: a.hub, Jobs: a.Jobs, Product: a.Config.Product, Settings: mail.Settings{MaxSignature: l.MaxSignature, TextsPerDay: l.MessageTexts, UndoSend: l.UndoSend, DraftFiles: l.DraftFiles, MaxSubject: l.MaxSubject, MaxBody: l.MaxBody, MaxTotal: l.MaxTotal}})
	a.Manage = manage.New(manage.Options{DB: a.DB, Keys: a.Keys, Audit: a.Audit, Practice: a.Practice, Account: a.Account, Invite: a.Invite})
	a.Support = support.New(support.Options{DB: a.DB, Keys: a.Keys, Clock: a.Clock, Limit: a.limit, Audit: a.Audit, Practice: a.Practice, Account: a.Account, Invite: a.Invite, Verify: a.Verify})
	a.connect()
	return a.mount()
}

// connect sets the functions by which earlier rooms tell later ones.
func (a *App) connect() {
	a.Account.OnUnknown = a.Invite.Remind
	a.Account.OnAddress = a.Invite.AddressChanged
	a.Invite.OnAccepted = a.Mail.Claim
	a.Attach.OnVerdict = a.Mail.Verdict
	a.Jobs.Every("audit seal", 5*time.Second, func(ctx context.Context) error {
		_, err := a.Audit.Seal(ctx)
		return err
	})
	a.Jobs.Every("limit sweep", time.Hour, func(ctx context.Context) error { return a.limit.Sweep(ctx, a.DB) })
	a.Jobs.Every("session sweep", 10*time.Minute, a.Account.SweepSessions)
	a.Jobs.Every("password reminders", time.Hour, a.Account.RemindOfPasswords)
	a.Jobs.Every("mail leaves", time.Second, a.Mail.Leave)
	a.Jobs.Every("mail hourly", time.Minute, a.Mail.TellHourly)
	a.Jobs.Every("mail unopened", time.Hour, a.Mail.RemindUnopened)
	a.Jobs.Every("flow sweep", 10*time.Minute, a.Verify.Sweep)
}

// mount registers every room's routes.
func (a *App) mount() error {
	prefixes, err := a.Config.Prefixes()
	if err != nil {
		return err
	}
	plain := ui.Shell{Product: a.Config.Product, SupportPhone: a.Config.SupportPhone, SupportEmail: a.Config.SupportEmail, Notify: a.Config.NotifyAddress}
	var accounts func() []home.DevAccount
	if a.Config.Dev {
		accounts = DemoAccounts
	}
	a.Home = home.New(home.Options{DB: a.DB, Clock: a.Clock, Account: a.Account, Practice: a.Practice, Mail: a.Mail, Notify: a.Notify, Texts: a.texts, Plain: plain,
		Idle: a.Config.Limits.Idle, Warn: a.Config.Limits.IdleWarning, Accounts: accounts, Ready: a.DB.Ping, Log: a.Log})
	a.Router = web.New(web.Options{Log: a.Log, Clock: a.Clock, BaseURL: a.Config.BaseURL, Session: a.Account.Session, Touch: a.Account.Touch, Shell: a.Home.Shell,
		Away: db.Away, MAC: a.Keys.MAC, Plain: plain, Dev: a.Config.Dev, PlainCookies: a.Config.PlainCookies, Proxies: prefixes})
	a.Home.Mount(a.Router)
	a.Account.Mount(a.Router)
	a.Invite.Mount(a.Router)
	a.mountPhone()
	a.Mail.Mount(a.Router)
	a.Manage.Mount(a.Router)
	a.Support.Mount(a.Router)
	return nil
}

// Handler answers requests.
func (a *App) Handler() http.Handler { return a.Router.Handler() }

// Close gives back what New opened. Serve does it by itself.
func (a *App) Close() error {
	if a.DB == nil {
		return nil
	}
	return a.DB.Close()
}

// chosen is a list of types out of the settings, where "none" is said to have none.
func chosen(types []string) []string {
	return slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == "none" })
}
