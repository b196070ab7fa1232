package account

import (
	"context"
	_ "embed" // the list of common passwords
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/verify"
)

// Settings are the limits of the room; New fills what is zero with the default beside.
type Settings struct {
	MinPassword   int           // 8 characters
	MaxPassword   int           // 256 characters
	NoClasses     bool          // true: any characters will do
	History       int           // earlier passwords refused; 6
	MaxAge        time.Duration // 90 days; negative: passwords do not expire
	Reminders     []int         // days before a password expires on which its owner is told; 14, 7 and 1; empty: none
	WrongTries    int64         // that lock an account; 5
	LockFor       time.Duration // the first lock; each in a row lasts twice as long; 0: until a reset or Support opens it
	LockMost      time.Duration // the longest such lock; 24 hours
	Idle          time.Duration // 30 minutes
	Session       time.Duration // 12 hours
	ResetLink     time.Duration // 24 hours
	StaffLink     time.Duration // 7 days
	UndoLink      time.Duration // how long a change of address can be undone; 7 days
	ChangesPerDay int64         // e-mails about a new address, a person and an address, a day; 5
	MaxName       int           // 100 characters
	ArgonMemory   uint32        // KiB; 46 MiB
	ArgonTime     uint32        // 1
	Hashers       int           // hashes computed at once; twice the number of processors
	HashWait      time.Duration // how long a sign-in waits for its turn and for its hash before it is told to come back; 5 seconds
	SignInsPerIP  int64         // tries an address and 15 minutes; 300
	ForgotTime    time.Duration // how long Forgot Password takes at least, whatever the address; 200 ms
	ResetsPerDay  int64         // reset e-mails an account and day; 5
	TermsVersion  string
	TermsText     string
	NoticesPerDay int64  // of one kind to a locked or unregistered address; 1
	MFAAtLogin    string // when users are asked for a second step: MFAOff, MFANewDevice or MFAAlways; MFAOff
	SecondTries   int64  // tries of authenticator app and recovery codes a person and day; 30
}

func (s Settings) withDefaults() Settings {
	set(&s.MinPassword, 8)
	set(&s.MaxPassword, 256)
	set(&s.History, 6)
	set(&s.MaxAge, 90*24*time.Hour)
	if s.Reminders == nil {
		s.Reminders = []int{14, 7, 1}
	}
	set(&s.WrongTries, 5)
	set(&s.LockMost, 24*time.Hour)
	set(&s.Idle, 30*time.Minute)
	set(&s.Session, 12*time.Hour)
	set(&s.ResetLink, 24*time.Hour)
	set(&s.StaffLink, 7*24*time.Hour)
	set(&s.UndoLink, 7*24*time.Hour)
	set(&s.ChangesPerDay, 5)
	set(&s.MaxName, 100)
	set(&s.ArgonMemory, 46*1024)
	set(&s.ArgonTime, 1)
	set(&s.HashWait, 5*time.Second)
	set(&s.SignInsPerIP, 300)
	set(&s.ResetsPerDay, 5)
	set(&s.ForgotTime, 200*time.Millisecond)
	set(&s.NoticesPerDay, 1)
	set(&s.MFAAtLogin, MFAOff)
	set(&s.SecondTries, 30)
	return s
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Options of New.
type Options struct {
	DB       *db.DB
	Keys     *crypt.Keys
	Clock    *clock.Clock
	Notify   *notify.Service
	Limit    *limit.Limiter
	Audit    *audit.Service
	Practice *practice.Service
	Verify   *verify.Service
	Settings Settings
}

// Service keeps the accounts.
type Service struct {
	o      Options
	set    Settings
	hasher *hasher
	rp     *webauthn.WebAuthn // nil when the portal's address allows no passkeys

	// OnUnknown is called when a sign-in or a reset names an address without an account, in its transaction. The
	// room of invitations sends an open invitation's link again.
	OnUnknown func(ctx context.Context, tx *db.Tx, emailCanon string) error
	// OnAddress is called when an account's address changes, in the change's transaction, with the addresses' compared
	// forms.
	OnAddress func(ctx context.Context, tx *db.Tx, left, taken string) error

	mu      sync.Mutex
	touched map[string]int64 // session id → when its seen_at was last written by this process
}

// New makes the service and registers its notices.
func New(o Options) *Service {
	s := &Service{o: o, set: o.Settings.withDefaults(), touched: map[string]int64{}}
	s.hasher = newHasher(s.set)
	s.rp = relyingParty(o.Notify)
	s.registerNotices()
	s.registerChangeNotices()
	return s
}

// User is an account as its own room sees it.
type User struct {
	ID, Email, PracticeID, OwnerID string
	First, Last, Phone, Cell       string // numbers in E.164
	Zone, ADA                      string
	Specialties                    []string
	Role                           actor.Role
	Manager, Paid, TwoStep         bool
	State                          string // active, locked, deactivated
	PasswordAt                     int64  // µs; 0 = no password yet
	Version                        int64
	canon, hash                    string
	wrongTries                     int64
}

// Name is the full name.
func (u User) Name() string { return strings.TrimSpace(u.First + " " + u.Last) }

// Phones are the numbers codes can be sent to.
func (u User) Phones() verify.Phones {
	return verify.Phones{Phone: u.Phone, Cell: u.Cell, Patient: u.Role == actor.Patient}
}

// Card is what other rooms show of a person.
type Card struct {
	ID, Name, First, Last, Email string
	Role                         actor.Role
	PracticeID, Practice         string // Practice is its name; both empty for patients
	OwnerID, Phone, Cell, Zone   string
	Paid, Manager, Active        bool
	PracticePhone                string
	AccessDays                   int // how long others can read the practice's messages; 0 = no end
}

// Find reads one user; NotFound when there is none.
func (s *Service) Find(ctx context.Context, r db.Reader, id string) (User, error) {
	u, found, err := findUser(ctx, r, id)
	if err != nil {
		return User{}, fmt.Errorf("find user: %w", err)
	}
	if !found {
		return User{}, fault.ErrNotFound()
	}
	return u, nil
}

// Cards reads what is shown of several people, in two statements whatever their number.
func (s *Service) Cards(ctx context.Context, r db.Reader, ids []string) (map[string]Card, error) {
	cards := map[string]Card{}
	if len(ids) == 0 {
		return cards, nil
	}
	users, err := listUsers(ctx, r, ids)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	var practices []string
	for _, u := range users {
		if u.PracticeID != "" {
			practices = append(practices, u.PracticeID)
		}
	}
	names, err := s.o.Practice.Many(ctx, r, practices)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		cards[u.ID] = Card{ID: u.ID, Name: u.Name(), First: u.First, Last: u.Last, Email: u.Email, Role: u.Role, PracticeID: u.PracticeID,
			Practice: names[u.PracticeID].Name, OwnerID: u.OwnerID, Phone: u.Phone, Cell: u.Cell, Zone: u.Zone, Paid: u.Paid, Manager: u.Manager, Active: u.State != "deactivated",
			PracticePhone: names[u.PracticeID].Phone, AccessDays: names[u.PracticeID].AccessDays}
	}
	return cards, nil
}

// ByEmail finds the account of an address, compared in canonical form. Support's accounts are not found: nobody
// writes to them.
func (s *Service) ByEmail(ctx context.Context, r db.Reader, email string) (Card, bool, error) {
	canon, ok := CanonEmail(email)
	if !ok {
		return Card{}, false, nil
	}
	u, found, err := findByEmail(ctx, r, canon)
	if err != nil {
		return Card{}, false, fmt.Errorf("find an address: %w", err)
	}
	if !found || u.Role == actor.Support {
		return Card{}, false, nil
	}
	cards, err := s.Cards(ctx, r, []string{u.ID})
	return cards[u.ID], err == nil, err
}

// Managers lists the User Managers of a practice.
func (s *Service) Managers(ctx context.Context, r db.Reader, practiceID string) ([]User, error) {
	all, err := listManagers(ctx, r, practiceID)
	if err != nil {
		return nil, fmt.Errorf("list managers: %w", err)
	}
	return all, nil
}

// NewUser is an account about to be made. PasswordHash comes from Hash.
type NewUser struct {
	ID, Email, PracticeID, First, Last   string
	Phone, Cell, Zone, ADA, PasswordHash string
	TermsVersion, IP                     string
	Specialties                          []string
	Role                                 actor.Role
	Manager, Paid, TwoStep               bool
}

// Create makes an account. A patient gets a keyset of their own; others seal under their practice's. Conflict when
// the address has an account.
func (s *Service) Create(ctx context.Context, tx *db.Tx, by actor.Actor, n NewUser) (User, error) {
	canon, ok := CanonEmail(n.Email)
	if !ok {
		return User{}, fault.Field("email", EmailFormat)
	}
	if n.ID == "" {
		n.ID = db.NewID()
	}
	n.First, n.Last = practice.OneLine(n.First), practice.OneLine(n.Last)
	now := clock.Micros(s.o.Clock.Now())
	u := User{ID: n.ID, Email: n.Email, canon: canon, PracticeID: n.PracticeID, OwnerID: n.PracticeID, First: n.First, Last: n.Last,
		Phone: n.Phone, Cell: n.Cell, Zone: n.Zone, ADA: n.ADA, Specialties: n.Specialties, Role: n.Role, Manager: n.Manager,
		Paid: n.Paid && n.Role != actor.Patient, TwoStep: n.TwoStep, State: "active", hash: n.PasswordHash}
	if u.Zone == "" {
		u.Zone = DefaultZone
	}
	if u.OwnerID == "" {
		u.OwnerID = u.ID
	}
	if n.PasswordHash != "" {
		u.PasswordAt = now
	}
	made, err := insertUser(ctx, tx, u, now)
	if err != nil {
		return User{}, fmt.Errorf("make an account: %w", err)
	}
	if !made {
		return User{}, fault.New(fault.Conflict, "This email address already has an account.")
	}
	if u.OwnerID == u.ID && u.Role == actor.Patient {
		if err := s.o.Keys.NewOwner(ctx, tx, u.ID); err != nil {
			return User{}, fmt.Errorf("make a person's keys: %w", err)
		}
	}
	return u, s.record(ctx, tx, by, u, n, now)
}

// record writes what goes with a new account: first password, accepted terms, owner.
func (s *Service) record(ctx context.Context, tx *db.Tx, by actor.Actor, u User, n NewUser, now int64) error {
	if u.hash != "" {
		if err := insertPassword(ctx, tx, u.ID, u.hash, now); err != nil {
			return fmt.Errorf("keep the password: %w", err)
		}
	}
	if err := insertOwner(ctx, tx, u.ID, u.OwnerID, now); err != nil {
		return fmt.Errorf("note the owner: %w", err)
	}
	if n.TermsVersion == "" {
		return nil
	}
	if err := insertTerms(ctx, tx, u.ID, n.TermsVersion, n.IP, now); err != nil {
		return fmt.Errorf("note the terms: %w", err)
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.TermsAccepted, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID, Detail: s.termsDetail()})
}

// SetTier makes a practice user paid or free. The tier is a fact here; who decides it calls this.
func (s *Service) SetTier(ctx context.Context, tx *db.Tx, userID string, paid bool) error {
	return s.mustChange(updateTier(ctx, tx, userID, paid))
}

// SetManager gives or takes the User Manager's role, and tells the person. Their sessions end, so that none carries the
// old role.
func (s *Service) SetManager(ctx context.Context, tx *db.Tx, by actor.Actor, userID string, on bool) error {
	if err := s.mustChange(updateManager(ctx, tx, userID, on)); err != nil {
		return err
	}
	action, template := audit.ManagerRevoked, "account.manager_taken"
	if on {
		action, template = audit.ManagerGranted, "account.manager_given"
	}
	if err := s.o.Audit.Record(ctx, tx, by, audit.Event{Action: action, SubjectKind: "user", SubjectID: userID}); err != nil {
		return err
	}
	u, err := s.Find(ctx, tx, userID)
	if err != nil {
		return err
	}
	if err := s.notice(ctx, tx, u, template); err != nil {
		return err
	}
	return s.EndSessions(ctx, tx, userID, "", "role")
}

func (s *Service) mustChange(ok bool, err error) error {
	if err != nil {
		return fmt.Errorf("change an account: %w", err)
	}
	if !ok {
		return fault.ErrNotFound()
	}
	return nil
}
