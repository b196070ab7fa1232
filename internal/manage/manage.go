package manage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/practice"
)

// Options of New.
type Options struct {
	DB       *db.DB
	Keys     *crypt.Keys
	Audit    *audit.Service
	Practice *practice.Service
	Account  *account.Service
	Invite   *invite.Service
}

// Service is Manage Users.
type Service struct{ o Options }

// New makes the service.
func New(o Options) *Service { return &Service{o: o} }

// Person is a member of the practice or somebody it invited. Of an outsider only the invitation is known here.
type Person struct {
	ID, Name, Email, Phone, Cell string // numbers in E.164
	Role, Status                 string // in words
	Version                      int64  // of the invitation
	SignedInAt                   int64  // µs; 0 = never, or not a member
	Member, Editable, Locked     bool
	WrongNumber                  bool // they say that a number is not theirs
	moved                        string
}

// The words of a status.
const (
	statusInvited    = "Invited, not registered"
	statusTwoStep    = "Registered, two-step not completed"
	statusNoPassword = "Registered, password not set"
	statusHeld       = "Waiting for confirmation"
	statusFull       = "Fully registered"
	statusClosed     = "Deactivated"
)

// may refuses everybody but User Managers, after a line in the trail: the page does not exist for them. id is whom the
// page is of, if anybody.
func (s *Service) may(ctx context.Context, by actor.Actor, id string) error {
	switch {
	case by.Kind == actor.User && by.Manager && by.PracticeID != "":
		return nil
	case id == "":
		return s.refuse(ctx, by, "user", by.ID)
	}
	return s.refuse(ctx, by, "person", id)
}

// refuse is the answer for what is not there or not theirs, after a line in the trail that is written for both.
func (s *Service) refuse(ctx context.Context, by actor.Actor, kind, id string) error {
	if !isID(id) {
		return fault.ErrNotFound()
	}
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.AccessRefused, Outcome: audit.Refused, SubjectKind: kind, SubjectID: id})
	})
	return errors.Join(err, fault.ErrNotFound())
}

// isID says whether it looks like an id; the trail takes nothing else.
func isID(s string) bool { return len(s) == 36 && strings.Trim(s, "0123456789abcdef-") == "" }

// person finds a member, or somebody the practice invited; NotFound for all others. An invitation whose address was
// corrected, and one that became a member, are found under their new id.
func (s *Service) person(ctx context.Context, by actor.Actor, id string) (Person, error) {
	u, err := s.o.Account.Find(ctx, s.o.DB, id)
	switch {
	case err == nil && u.PracticeID == by.PracticeID:
		return s.member(ctx, u)
	case err == nil:
		return Person{}, fault.ErrNotFound()
	case !fault.Is(err, fault.NotFound):
		return Person{}, err
	}
	i, err := s.o.Invite.Find(ctx, s.o.DB, id)
	if err != nil {
		return Person{}, err
	}
	if i.PracticeID != by.PracticeID || i.State == "withdrawn" {
		return Person{}, fault.ErrNotFound()
	}
	return s.invited(ctx, by, i)
}

func (s *Service) member(ctx context.Context, u account.User) (Person, error) {
	p := Person{ID: u.ID, Name: u.Name(), Email: u.Email, Phone: u.Phone, Cell: u.Cell, Role: roleWords(u.Role), Status: statusFull, Member: true, Locked: u.State == "locked"}
	if u.State == "deactivated" {
		p.Status = statusClosed
	}
	at, err := listSignIns(ctx, s.o.DB, []string{u.ID})
	if err != nil {
		return p, fmt.Errorf("find the last sign-in: %w", err)
	}
	p.SignedInAt = at[u.ID]
	return p, nil
}

func (s *Service) invited(ctx context.Context, by actor.Actor, i invite.Invitation) (Person, error) {
	p := Person{ID: i.ID, Name: i.Name(), Email: i.Email, Phone: i.Phone, Cell: i.Cell, Role: roleWords(i.Role.Account()), Status: statusOf(i.State, i.TwoStep),
		Version: i.Version, Editable: i.Editable(), WrongNumber: i.WrongNumberAt > 0, moved: i.ReplacedBy}
	if i.State != "accepted" {
		return p, nil
	}
	u, err := s.o.Account.Find(ctx, s.o.DB, i.AcceptedBy)
	if err == nil && u.PracticeID == by.PracticeID {
		p.moved = u.ID
	}
	return p, err
}

func statusOf(state string, twoStep bool) string {
	switch {
	case state == "held":
		return statusHeld
	case state == "accepted":
		return statusFull
	case state == "started" && twoStep:
		return statusTwoStep
	case state == "started":
		return statusNoPassword
	}
	return statusInvited
}

func roleWords(r actor.Role) string {
	switch r {
	case actor.Doctor:
		return "Doctor"
	case actor.Helper:
		return "Staff"
	}
	return "Patient"
}

// setTwoStep turns one of the practice's switches.
func (s *Service) setTwoStep(ctx context.Context, by actor.Actor, g practice.Group, on bool) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.o.Practice.SetTwoStep(ctx, tx, by, g, on); err != nil {
			return err
		}
		return s.o.Account.CheckManager(ctx, tx, by)
	})
}
