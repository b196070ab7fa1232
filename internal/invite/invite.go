package invite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
)

// Role is the part the inviter gives a person: what they are, and whether they join the inviter's practice.
type Role string

// The five roles of compose.
const (
	DoctorIn  Role = "doctor_in"
	StaffIn   Role = "staff_in"
	DoctorOut Role = "doctor_out"
	StaffOut  Role = "staff_out"
	Patient   Role = "patient"
)

// Roles lists the choices as compose shows them.
func Roles() []ui.Option {
	return []ui.Option{
		{Value: string(DoctorIn), Label: "Doctor in my practice"}, {Value: string(StaffIn), Label: "Staff in my practice"},
		{Value: string(DoctorOut), Label: "Doctor in another practice"}, {Value: string(StaffOut), Label: "Staff in another practice"},
		{Value: string(Patient), Label: "Patient"},
	}
}

// Known says whether it is one of the five.
func (r Role) Known() bool {
	for _, o := range Roles() {
		if o.Value == string(r) {
			return true
		}
	}
	return false
}

// Joins says whether the person joins the inviting practice.
func (r Role) Joins() bool { return r == DoctorIn || r == StaffIn }

// Account is the role the account will have.
func (r Role) Account() actor.Role {
	switch r {
	case DoctorIn, DoctorOut:
		return actor.Doctor
	case StaffIn, StaffOut:
		return actor.Helper
	}
	return actor.Patient
}

// Word is the role as registration shows it.
func (r Role) Word() string {
	switch r.Account() {
	case actor.Doctor:
		return "Dentist"
	case actor.Helper:
		return "Staff"
	}
	return "Patient"
}

// Invitation is one practice's invitation of one address.
type Invitation struct {
	ID, PracticeID, InviterID string
	Email, First, Last        string
	Phone, Cell               string // E.164
	Role                      Role
	BySupport, Manager, Paid  bool
	TwoStep                   bool   // from Finish on: a code is asked for
	State                     string // invited, started, held, accepted, replaced, withdrawn
	AcceptedBy, ReplacedBy    string // ids, once it is accepted or its address was corrected
	WrongNumberAt             int64  // when the person said that a number is not theirs; 0 = they have not, or it was corrected
	CreatedAt, SentAt         int64
	Version                   int64
	canon                     string
	registration              []byte
}

// Name is the person's name as the inviter gave it.
func (i Invitation) Name() string { return strings.TrimSpace(i.First + " " + i.Last) }

func (i Invitation) phones() verify.Phones {
	return verify.Phones{Phone: i.Phone, Cell: i.Cell, Patient: i.Role == Patient}
}

func (i Invitation) open() bool { return i.State == "invited" || i.State == "started" }

// Settings are the limits of the room; New fills what is zero with the default beside.
type Settings struct {
	InviteLink   time.Duration // 30 days
	PasswordLink time.Duration // 7 days
	MaxName      int           // 100 characters
	NewPerDay    int64         // new addresses a person and day; 50
	TermsVersion string
	TermsText    string
	SupportEmail string // told of wrong numbers in Support's invitations; "" = the inviting member of staff
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
	Account  *account.Service
	Settings Settings
}

// Accepted tells who an invitation has become.
type Accepted struct {
	InvitationID, UserID, OwnerID string
	Role                          actor.Role
}

// Service keeps the invitations.
type Service struct {
	o   Options
	set Settings

	// OnAccepted is called when an invitation becomes an account or is claimed, in that transaction: the room of
	// messages hands over what waited.
	OnAccepted func(ctx context.Context, tx *db.Tx, a Accepted) error
}

// The kinds of links and flows here; their subject is the invitation.
const (
	registerKind = "register"
	signupKind   = "signup"
	claimKind    = "claim"
)

// New makes the service and registers its notices.
func New(o Options) *Service {
	s := &Service{o: o, set: o.Settings}
	if s.set.InviteLink == 0 {
		s.set.InviteLink = 30 * 24 * time.Hour
	}
	if s.set.PasswordLink == 0 {
		s.set.PasswordLink = 7 * 24 * time.Hour
	}
	if s.set.MaxName == 0 {
		s.set.MaxName = 100
	}
	if s.set.NewPerDay == 0 {
		s.set.NewPerDay = 50
	}
	s.registerNotices()
	return s
}

// NewInvitation is what an inviter says of a person.
type NewInvitation struct {
	PracticeID, Email, First, Last, Phone, Cell string
	Role                                        Role
	BySupport, Manager, Paid                    bool
}

// Check refuses what cannot be an invitation, by the form's fields, and gives the numbers in E.164.
func (s *Service) Check(n NewInvitation) (NewInvitation, error) {
	var f fault.Fields
	if _, ok := account.CanonEmail(n.Email); !ok {
		f.Add("email", account.EmailFormat)
	}
	if !n.Role.Known() {
		f.Add("role", "Choose the person's role")
	}
	for _, l := range []struct{ field, label, value, missing string }{
		{"first_name", "First name", n.First, "Enter their first name"}, {"last_name", "Last name", n.Last, "Enter their last name"}} {
		switch {
		case l.value == "":
			f.Add(l.field, l.missing)
		case len([]rune(l.value)) > 100:
			f.Add(l.field, l.label+" must be 100 characters or fewer")
		}
	}
	if n.Phone == "" && n.Cell == "" && !n.BySupport {
		f.Add("phone", verify.PhoneMissing)
	}
	for _, p := range []struct {
		field string
		value *string
	}{{"phone", &n.Phone}, {"cell_phone", &n.Cell}} {
		if *p.value == "" {
			continue
		}
		e164, ok := s.o.Verify.ParsePhone(*p.value)
		if !ok {
			f.Add(p.field, verify.PhoneFormat)
			continue
		}
		*p.value = e164
	}
	return n, f.Err()
}

// Create makes an invitation with the caller's act. This practice's open invitation of the address is returned as it
// is: what it says of the person is changed elsewhere. Nothing is sent; see Send.
func (s *Service) Create(ctx context.Context, tx *db.Tx, by actor.Actor, n NewInvitation) (Invitation, error) {
	n, err := s.Check(n)
	if err != nil {
		return Invitation{}, err
	}
	if open, found, err := s.OpenFor(ctx, tx, n.PracticeID, n.Email); err != nil || found {
		return open, err
	}
	if !n.BySupport {
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "new addresses", Max: s.set.NewPerDay, Window: 24 * time.Hour}, by.ID)
		if err != nil {
			return Invitation{}, err
		}
		if !ok {
			return Invitation{}, fault.New(fault.TooMany, "You have invited as many new people as a day allows. Try again tomorrow.")
		}
	}
	canon, _ := account.CanonEmail(n.Email)
	inv := Invitation{ID: db.NewID(), PracticeID: n.PracticeID, InviterID: by.ID, Email: account.TidyEmail(n.Email), canon: canon, First: n.First, Last: n.Last,
		Phone: n.Phone, Cell: n.Cell, Role: n.Role, BySupport: n.BySupport, Manager: n.Manager, Paid: n.Paid, TwoStep: true, State: "invited", CreatedAt: clock.Micros(s.o.Clock.Now())}
	made, err := insertInvitation(ctx, tx, inv)
	if err != nil {
		return Invitation{}, fmt.Errorf("make an invitation: %w", err)
	}
	if !made { // a colleague was faster
		open, _, err := s.OpenFor(ctx, tx, n.PracticeID, n.Email)
		return open, err
	}
	return inv, s.o.Audit.Record(ctx, tx, by, s.event(audit.InviteMade, inv))
}

func (s *Service) event(action string, i Invitation) audit.Event {
	return audit.Event{Action: action, SubjectKind: "invitation", SubjectID: i.ID, PracticeID: i.PracticeID}
}

// OpenFor finds a practice's own open invitation of an address.
func (s *Service) OpenFor(ctx context.Context, r db.Reader, practiceID, email string) (Invitation, bool, error) {
	canon, ok := account.CanonEmail(email)
	if !ok {
		return Invitation{}, false, nil
	}
	i, found, err := findOpen(ctx, r, practiceID, canon)
	if err != nil {
		return Invitation{}, false, fmt.Errorf("find an invitation: %w", err)
	}
	return i, found, nil
}

// Cards reads invitations by id, in one statement.
func (s *Service) Cards(ctx context.Context, r db.Reader, ids []string) (map[string]Invitation, error) {
	cards := map[string]Invitation{}
	if len(ids) == 0 {
		return cards, nil
	}
	all, err := listInvitations(ctx, r, ids)
	if err != nil {
		return nil, fmt.Errorf("read invitations: %w", err)
	}
	for _, i := range all {
		cards[i.ID] = i
	}
	return cards, nil
}

// Find reads one invitation; NotFound when there is none.
func (s *Service) Find(ctx context.Context, r db.Reader, id string) (Invitation, error) {
	all, err := s.Cards(ctx, r, []string{id})
	if err != nil {
		return Invitation{}, err
	}
	i, ok := all[id]
	if !ok {
		return Invitation{}, fault.ErrNotFound()
	}
	return i, nil
}

// Send gives an open invitation a new link and e-mails it. Before Finish that is the registration link (Support's:
// the set-password link), after it the set-password link.
func (s *Service) Send(ctx context.Context, tx *db.Tx, by actor.Actor, id string) error {
	i, err := s.Find(ctx, tx, id)
	if err != nil {
		return err
	}
	if !i.open() {
		return fault.New(fault.Conflict, "This invitation is no longer open.")
	}
	kind, template, life := registerKind, "invite.message", s.set.InviteLink
	switch {
	case i.BySupport:
		kind, template = signupKind, "invite.support"
	case i.State == "started":
		kind, template, life = signupKind, "invite.password", s.set.PasswordLink
	}
	if err := s.o.Verify.NewLink(ctx, tx, kind, i.ID, life); err != nil {
		return err
	}
	if err := updateSent(ctx, tx, i.ID, clock.Micros(s.o.Clock.Now())); err != nil {
		return fmt.Errorf("send an invitation: %w", err)
	}
	if err := s.notice(ctx, tx, i, template); err != nil {
		return err
	}
	return s.o.Audit.Record(ctx, tx, by, s.event(audit.InviteSent, i))
}

// Remind sends the open invitations of an address their present links again, once a day and address: somebody tried
// to sign in before registering. Older links stay good.
func (s *Service) Remind(ctx context.Context, tx *db.Tx, emailCanon string) error {
	open, err := listOpen(ctx, tx, emailCanon)
	if err != nil {
		return fmt.Errorf("look for invitations: %w", err)
	}
	if len(open) == 0 {
		return nil
	}
	ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "invitation reminder", Max: 1, Window: 24 * time.Hour}, emailCanon)
	if err != nil || !ok {
		return err
	}
	for _, i := range open {
		if _, err := s.again(ctx, tx, i); err != nil {
			return err
		}
	}
	return nil
}

// Lock reads an open invitation and keeps its row as it is until the act ends: whoever accepts it at this moment comes
// wholly before or wholly after. False when it is no longer open.
func (s *Service) Lock(ctx context.Context, tx *db.Tx, id string) (Invitation, bool, error) {
	i, found, err := lockOpen(ctx, tx, id)
	if err != nil {
		return Invitation{}, false, fmt.Errorf("lock an invitation: %w", err)
	}
	return i, found, nil
}

// Again tells the invited person of another message: the present link once more, so that a registration under way
// goes on, or a new one when there is none to renew.
func (s *Service) Again(ctx context.Context, tx *db.Tx, id string) error {
	i, err := s.Find(ctx, tx, id)
	if err != nil {
		return err
	}
	sent, err := s.again(ctx, tx, i)
	if err != nil || sent {
		return err
	}
	return s.Send(ctx, tx, actor.ByProgram("invite again"), id)
}

// again sends the link an invitation has, living longer; one that was used up or never made is left alone.
func (s *Service) again(ctx context.Context, tx *db.Tx, i Invitation) (sent bool, err error) {
	kind, template, life := registerKind, "invite.message", s.set.InviteLink
	switch {
	case i.BySupport:
		kind, template = signupKind, "invite.support"
	case i.State == "started":
		kind, template, life = signupKind, "invite.password", s.set.PasswordLink
	}
	ok, err := s.o.Verify.RenewLink(ctx, tx, kind, i.ID, life)
	if err != nil || !ok {
		return false, err
	}
	return true, s.notice(ctx, tx, i, template)
}

// HeldFor lists invitations of other practices that wait for this person's claim.
func (s *Service) HeldFor(ctx context.Context, r db.Reader, userID string) ([]Invitation, error) {
	u, err := s.o.Account.Find(ctx, r, userID)
	if err != nil {
		return nil, err
	}
	canon, _ := account.CanonEmail(u.Email)
	all, err := listHeld(ctx, r, canon)
	if err != nil {
		return nil, fmt.Errorf("list held invitations: %w", err)
	}
	return all, nil
}

// Registration is what a person typed on the way to Finish.
type Registration struct {
	Begun       bool     `json:"begun"` // Get Started was pressed
	ADADone     bool     `json:"ada_done"`
	NameDone    bool     `json:"name_done"`
	ADA         string   `json:"ada"`
	First       string   `json:"first"`
	Last        string   `json:"last"`
	Practice    string   `json:"practice"`
	Street      string   `json:"street"`
	City        string   `json:"city"`
	Region      string   `json:"region"`
	Zip         string   `json:"zip"`
	Phone       string   `json:"phone"` // the practice's, as typed: contact data, never used for codes
	Specialties []string `json:"specialties"`
	Zone        string   `json:"zone"`
	TwoStep     bool     `json:"two_step"`
}

func (s *Service) sealRegistration(id string, r Registration) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("keep the registration: %w", err)
	}
	return s.o.Keys.System().Seal("invite_invitation", "registration_sealed", id, b)
}

func (s *Service) openRegistration(i Invitation) (Registration, error) {
	r := Registration{First: i.First, Last: i.Last, TwoStep: true}
	if i.registration == nil {
		return r, nil
	}
	b, err := s.o.Keys.System().Open("invite_invitation", "registration_sealed", i.ID, i.registration)
	if err != nil {
		return r, fmt.Errorf("open the registration: %w", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("read the registration: %w", err)
	}
	return r, nil
}
