package support

import (
	"context"
	"fmt"
	"strings"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
)

// Person is somebody as the console shows them: an account, or an invitation that is not one yet.
type Person struct {
	ID, Name, Email, Phone, Cell string // numbers in E.164
	PracticeID, Practice         string
	User                         account.User // its ID is empty for an invitation
	Invitation                   invite.Invitation
	Status, Step                 string
	CreatedAt, LinkUntil         int64 // LinkUntil: until when the newest link works; 0 = none does
	SignIns                      []SignIn
	Deliveries                   []Delivery
	Changes                      []Change // what Support did, newest first
}

// Registered says whether it is an account.
func (p Person) Registered() bool { return p.User.ID != "" }

// What Support can do for a person.
const (
	doInvite = "invitation"
	doReset  = "reset"
	doUnlock = "unlock"
)

// Other acts of Support, as they are noted.
const (
	doPractice = "practice"
	doPerson   = "person"
)

// Can says whether an act makes sense for this person now.
func (p Person) Can(do string) bool {
	switch do {
	case doInvite:
		return !p.Registered() && (p.Invitation.State == "invited" || p.Invitation.State == "started")
	case doReset:
		return p.Registered() && p.User.State != "deactivated"
	case doUnlock:
		return p.Registered() && p.User.State == "locked"
	}
	return false
}

func (p Person) kind() string {
	if p.Registered() {
		return "user"
	}
	return "invitation"
}

// Look reads a person, and records the look before anything is shown. Members of Support are not found here.
func (s *Service) Look(ctx context.Context, l Looker, id string) (Person, error) {
	p, err := s.person(ctx, s.o.DB, id)
	if err != nil {
		return p, err
	}
	if err := s.history(ctx, &p); err != nil {
		return p, err
	}
	return p, s.record(ctx, l, []audit.Event{looked(p.kind(), p.ID, p.PracticeID, "page")})
}

// person reads an account or an invitation by its id.
func (s *Service) person(ctx context.Context, r db.Reader, id string) (Person, error) {
	u, err := s.o.Account.Find(ctx, r, id)
	if fault.Is(err, fault.NotFound) {
		return s.invited(ctx, r, id)
	}
	if err != nil {
		return Person{}, err
	}
	if u.Role == actor.Support {
		return Person{}, fault.ErrNotFound()
	}
	p := Person{ID: u.ID, Name: u.Name(), Email: u.Email, Phone: u.Phone, Cell: u.Cell, PracticeID: u.PracticeID, User: u, Status: statusOf(u.State, u.PasswordAt > 0)}
	return p, s.namePractice(ctx, r, &p)
}

func (s *Service) invited(ctx context.Context, r db.Reader, id string) (Person, error) {
	i, err := s.o.Invite.Find(ctx, r, id)
	if err != nil {
		return Person{}, err
	}
	p := Person{ID: i.ID, Name: i.Name(), Email: i.Email, Phone: i.Phone, Cell: i.Cell, PracticeID: i.PracticeID, Invitation: i, CreatedAt: i.CreatedAt,
		Status: invitedStatus(i.State, i.TwoStep)}
	return p, s.namePractice(ctx, r, &p)
}

func (s *Service) namePractice(ctx context.Context, r db.Reader, p *Person) error {
	if p.PracticeID == "" {
		return nil
	}
	found, err := s.o.Practice.Find(ctx, r, p.PracticeID)
	p.Practice = found.Name
	return err
}

// history reads what has happened with a person: how far they came, their sign-ins, what was sent to them.
func (s *Service) history(ctx context.Context, p *Person) (err error) {
	subjects := []string{p.ID}
	if p.Registered() {
		accepted, err := listAccepted(ctx, s.o.DB, p.ID)
		if err != nil {
			return fmt.Errorf("find invitations: %w", err)
		}
		subjects = append(subjects, accepted...)
		if p.CreatedAt, err = findCreated(ctx, s.o.DB, p.ID); err != nil {
			return fmt.Errorf("find when: %w", err)
		}
		if p.SignIns, err = listSignIns(ctx, s.o.DB, p.ID, mostSignIns); err != nil {
			return fmt.Errorf("list sign-ins: %w", err)
		}
	} else if err := s.progress(ctx, p); err != nil {
		return err
	}
	if p.Deliveries, err = listDeliveries(ctx, s.o.DB, subjects, mostDeliveries); err != nil {
		return fmt.Errorf("list deliveries: %w", err)
	}
	if p.Changes, err = listChanges(ctx, s.o.DB, subjects, mostChanges); err != nil {
		return fmt.Errorf("list changes: %w", err)
	}
	return nil
}

// progress finds how far an invited person has come.
func (s *Service) progress(ctx context.Context, p *Person) error {
	f, begun, err := findFlow(ctx, s.o.DB, p.ID)
	if err != nil {
		return fmt.Errorf("find the flow: %w", err)
	}
	l, linked, err := findLink(ctx, s.o.DB, p.ID)
	if err != nil {
		return fmt.Errorf("find the link: %w", err)
	}
	now := clock.Micros(s.o.Clock.Now())
	if linked && !l.used && l.expiresAt > now {
		p.LinkUntil = l.expiresAt
	}
	// A flow that a newer link has ended, or whose time is over, is no progress any more.
	begun = begun && (f.state == "open" && f.expireAt > now || f.why == "tries")
	p.Step = step(p.Invitation, f, begun, p.LinkUntil > 0)
	return nil
}

// step says in words which step of sign-up was reached.
func step(i invite.Invitation, f flowRow, begun, link bool) string {
	var s string
	switch {
	case i.State == "accepted":
		return "Password set, account made"
	case i.State == "held":
		return "Has an account; waits until they confirm a code to a phone this practice gave"
	case i.State == "replaced" || i.State == "withdrawn":
		return "No longer open"
	case !begun && i.BySupport && i.Phone == "" && i.Cell == "":
		s = "No phone number entered yet"
	case !begun && i.State == "started":
		s = "Registration finished, second link not used yet"
	case !begun:
		s = "Link not used yet"
	case f.kind == "register":
		s = "Registration begun, not finished"
	case f.termsAt > 0:
		s = "Terms of Use accepted, password not set"
	case f.phoneAt > 0:
		s = "Phone confirmed, Terms of Use not accepted"
	case f.why == "tries":
		s = "Five wrong codes; they can open the link again"
	case f.sends > 0:
		s = "Secret code sent, not confirmed"
	default:
		s = "Link opened, no code asked for"
	}
	if !link {
		s += ". Their link has expired or was used"
	}
	return s
}

// statusOf is an account's status in the words of Manage Users.
func statusOf(state string, password bool) string {
	switch {
	case state == "deactivated":
		return "Deactivated"
	case state == "locked":
		return "Locked"
	case !password:
		return "Password not set"
	}
	return "Fully registered"
}

func invitedStatus(state string, twoStep bool) string {
	switch state {
	case "invited":
		return "Invited, not registered"
	case "started":
		if twoStep {
			return "Registered, two-step not completed"
		}
		return "Registered, password not set"
	case "held":
		return "Waiting for confirmation"
	case "accepted":
		return "Accepted"
	}
	return "No longer open"
}

// method is how a notice travelled, in words.
func (d Delivery) method() string {
	switch d.Kind {
	case "text":
		return "Text"
	case "call":
		return "Call"
	}
	return "Email"
}

// what says what sort of notice it was; never what it said.
func (d Delivery) what() string {
	switch d.Template {
	case "verify.code":
		return "Secret code"
	case "invite.support", "invite.message":
		return "Invitation"
	case "invite.password":
		return "Link to set the password"
	case "account.reset":
		return "Link to reset the password"
	case "account.locked":
		return "Account locked"
	case "account.password_changed":
		return "Password changed"
	case "invite.joined":
		return "Someone joined the practice"
	}
	if strings.HasPrefix(d.Template, "mail.") {
		return "Notice of a message"
	}
	return "Notice"
}

// result is what became of a notice.
func (d Delivery) result() string {
	switch d.State {
	case "sent":
		return "Sent"
	case "bounced":
		return "Bounced: the address did not take it"
	case "failed":
		return "Failed for good"
	case "dropped":
		return "Not sent: no longer needed"
	}
	if d.Tries > 1 {
		return "Not sent yet, trying again"
	}
	return "On its way"
}

// bad says whether somebody should look after it.
func (d Delivery) bad() bool { return d.State == "bounced" || d.State == "failed" }

// result is what a try to sign in led to.
func (i SignIn) result() string {
	switch i.Action {
	case "signin.ok":
		return "Signed in"
	case "signin.locked":
		return "Wrong password, account locked"
	case "signin.unlocked":
		return "Unlocked by Support"
	}
	return "Refused"
}

// what says what Support did.
func (c Change) what() string {
	switch c.Do {
	case doInvite:
		return "Sent the invitation"
	case doReset:
		return "Sent a link to reset the password"
	case doUnlock:
		return "Unlocked the account"
	case doCorrect:
		return "Corrected the details"
	}
	return "Changed"
}

// personRole is what a person is, and what they may do.
func personRole(p Person) string {
	role, row := roleWords(string(p.User.Role)), PersonRow{Role: p.User.Role, Manager: p.User.Manager, Paid: p.User.Paid}
	if !p.Registered() {
		role, row = invitedRole(p.Invitation.Role), PersonRow{Role: p.Invitation.Role.Account(), Manager: p.Invitation.Manager, Paid: p.Invitation.Paid}
	}
	if row.Role == actor.Patient {
		return role
	}
	return role + ". " + standing(row)
}
