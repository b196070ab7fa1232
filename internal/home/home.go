package home

import (
	"cmp"
	"context"
	_ "embed" // the default texts
	"log/slog"
	"strings"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/mail"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

//go:embed texts/terms.txt
var defaultTerms string

//go:embed texts/privacy.txt
var defaultPrivacy string

//go:embed texts/help.txt
var defaultHelp string

// Texts are what the operator says. Terms have a version: the date in their first line.
type Texts struct{ Terms, TermsVersion, Privacy, Help string }

// DefaultTexts are ours, for an operator who brings none.
func DefaultTexts() Texts {
	t := Texts{Privacy: defaultPrivacy, Help: defaultHelp}
	t.SetTerms(defaultTerms)
	return t
}

// SetTerms takes a text of the terms whose first line is the version's date.
func (t *Texts) SetTerms(text string) {
	version, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	t.TermsVersion, t.Terms = strings.TrimSpace(version), strings.TrimSpace(rest)
}

// DevAccount is one of the demo's people, as /dev/accounts.json lists them.
type DevAccount struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	Manager  bool   `json:"manager"`
	Practice string `json:"practice"`
	Tier     string `json:"tier"`
}

// Options of New.
type Options struct {
	DB       *db.DB
	Clock    *clock.Clock
	Account  *account.Service
	Practice *practice.Service
	Mail     *mail.Service
	Notify   *notify.Service
	Texts    Texts
	Plain    ui.Shell // product and Support, as every page shows them
	Idle     time.Duration
	Warn     time.Duration
	Accounts func() []DevAccount // the demo's people; nil outside the demo
	Ready    func(ctx context.Context) error
	Log      *slog.Logger
}

// Service shows the pages.
type Service struct{ o Options }

// New makes the service.
func New(o Options) *Service { return &Service{o: o} }

// Mount registers the room's pages.
func (s *Service) Mount(rt *web.Router) {
	rt.Get(web.User, "/", s.showDashboard)
	rt.Get(web.Public, "/help", s.text("Help", s.o.Texts.Help))
	rt.Get(web.Public, "/terms", s.text("Terms of Use", s.o.Texts.Terms))
	rt.Get(web.Public, "/privacy", s.text("Privacy", s.o.Texts.Privacy))
	rt.Quiet(web.Public, "/healthz", s.showHealth)
	rt.Quiet(web.Public, "/readyz", s.showReady)
	if s.o.Accounts != nil {
		rt.Get(web.Dev, "/dev/outbox", s.showOutbox)
		rt.Quiet(web.Dev, "/dev/outbox.json", s.showOutboxJSON)
		rt.Quiet(web.Dev, "/dev/accounts.json", s.showAccounts)
	}
}

// Shell is what surrounds a page: at most three reads by key, none for somebody who is not signed in.
func (s *Service) Shell(ctx context.Context, by actor.Actor) (ui.Shell, error) {
	shell := s.o.Plain
	shell.Now, shell.Idle, shell.Warn, shell.Dev = s.o.Clock.Now(), s.o.Idle, s.o.Warn, s.o.Accounts != nil
	if !by.SignedIn() {
		return shell, nil
	}
	shell.SignedIn, shell.Name, shell.Zone = true, by.Name(), zone(by.Zone)
	shell.Theme, shell.Compact, shell.NoShortcuts = by.Look.Theme, by.Look.Compact, by.Look.NoShortcuts
	if by.Kind == actor.Staff {
		shell.Staff = true
		shell.Menu = []ui.Tab{{Key: "support", Label: "Support console", Icon: "users", Href: "/support"}, {Key: "security", Label: "Security", Icon: "lock", Href: "/support/security"}}
		return shell, nil
	}
	shell.Menu = []ui.Tab{
		{Key: "home", Label: "Dashboard", Icon: "layout-grid", Href: "/"}, {Key: "profile", Label: "Profile", Icon: "user-round", Href: "/profile/account"},
		{Key: "password", Label: "Change Password", Icon: "key-round", Href: "/password"},
	}
	if by.Manager {
		shell.Menu = append(shell.Menu, ui.Tab{Key: "users", Label: "Manage Users", Icon: "users", Href: "/users"})
	}
	if by.PracticeID != "" {
		p, err := s.o.Practice.Find(ctx, s.o.DB, by.PracticeID)
		if err != nil {
			return shell, err
		}
		shell.Practice, shell.PracticePhone = p.Name, p.Phone
	}
	products, err := s.products(ctx, by)
	if err != nil {
		return shell, err
	}
	for _, p := range products {
		if p.key == practice.SecureMail {
			shell.Tabs = append(shell.Tabs, ui.Tab{Key: "mail", Label: p.name, Icon: p.icon, Href: p.href, Count: p.count})
			shell.Events, shell.Poll = mail.EventsPath, mail.PollPath
		}
	}
	return shell, nil
}

// zone is the person's time zone; a name the program does not know shows Pacific time, the default.
func zone(name string) *time.Location {
	return cmp.Or(account.Location(name), account.Location(account.DefaultZone), time.UTC)
}

// product is one tile of the dashboard.
type product struct {
	key, name, icon, href, colour string
	count                         int
	away                          bool // opens elsewhere
}

// catalogue is how the products look, whoever serves them.
func catalogue() []product {
	return []product{
		{key: practice.SecureMail, name: "SecureMail", icon: "mail", href: "/mail", colour: "5"},
		{key: "seo-reporting", name: "SEO Reporting", icon: "search", colour: "3"},
		{key: "ada-tv", name: "ADA TV", icon: "image", colour: "2"},
		{key: "launch-services", name: "Launch Services", icon: "box", colour: "6"},
		{key: "hosted-email", name: "Hosted Email", icon: "inbox", colour: "1"},
	}
}

// products are those this person has: a patient has SecureMail, others what Support has switched on for the practice
// and can be opened.
func (s *Service) products(ctx context.Context, by actor.Actor) ([]product, error) {
	on := map[string]string{}
	if by.Role == actor.Patient {
		on[practice.SecureMail] = ""
	} else {
		has, err := s.o.Practice.Products(ctx, s.o.DB, by.PracticeID)
		if err != nil {
			return nil, err
		}
		for _, p := range has {
			if p.On {
				on[p.Name] = p.URL
			}
		}
	}
	var list []product
	for _, p := range catalogue() {
		url, has := on[p.key]
		if !has || p.href == "" && url == "" {
			continue
		}
		if p.href == "" {
			p.href, p.away = url, true
		}
		if p.key == practice.SecureMail {
			n, err := s.o.Mail.Unread(ctx, s.o.DB, by.ID)
			if err != nil {
				return nil, err
			}
			p.count = n
		}
		list = append(list, p)
	}
	return list, nil
}
