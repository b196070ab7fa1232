package support

import (
	"context"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/limit"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
)

// Limits of what Support sends, a day.
const (
	sendsADay   = 10  // of one invitation
	invitesADay = 200 // of one practice
)

// maxReason is how long a reason may be, in characters.
const maxReason = 500

// checkReason refuses an act without one.
func checkReason(reason string) error {
	switch n := utf8.RuneCountInString(reason); {
	case n == 0:
		return fault.Field("reason", "Enter a reason")
	case n > maxReason:
		return fault.Field("reason", "Reason must be "+strconv.Itoa(maxReason)+" characters or fewer")
	}
	return nil
}

// Act is something Support does for a person. Form is the hidden id of the form.
type Act struct{ Form, Person, Do, Reason string }

// Act does it, once for each form. Its reason is kept beside, for the trail takes no words. The sentence says what was done.
func (s *Service) Act(ctx context.Context, by actor.Actor, in Act) (done string, err error) {
	if by.Kind != actor.Staff || !known(in.Form) || in.Do != doInvite && in.Do != doReset && in.Do != doUnlock {
		return "", fault.ErrNotFound()
	}
	in.Reason = practice.OneLine(in.Reason)
	if err := checkReason(in.Reason); err != nil {
		return "", err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		done = doneWords(in.Do)
		first, err := s.once(ctx, tx, by, Change{ID: in.Form, Do: in.Do, Subject: in.Person, Reason: in.Reason})
		if err != nil || !first {
			return err
		}
		p, err := s.person(ctx, tx, in.Person)
		if err != nil {
			return err
		}
		if !p.Can(in.Do) {
			return fault.Field("reason", cannot(in.Do))
		}
		e := audit.Event{Action: audit.SupportChanged, SubjectKind: p.kind(), SubjectID: p.ID, PracticeID: p.PracticeID, OnBehalf: p.PracticeID,
			Detail: map[string]string{"do": in.Do, "change": in.Form}}
		if err := s.o.Audit.Record(ctx, tx, by, e); err != nil {
			return err
		}
		return s.do(ctx, tx, by, in)
	})
	return done, err
}

func (s *Service) do(ctx context.Context, tx *db.Tx, by actor.Actor, in Act) error {
	switch in.Do {
	case doInvite:
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "invitation sent by support", Max: sendsADay, Window: 24 * time.Hour}, in.Person)
		if err != nil {
			return err
		}
		if !ok {
			return fault.Field("reason", "This invitation was sent "+strconv.Itoa(sendsADay)+" times today. Try again tomorrow.")
		}
		return s.o.Invite.Send(ctx, tx, by, in.Person)
	case doReset:
		sent, err := s.o.Account.SendReset(ctx, tx, by, in.Person)
		if err == nil && !sent {
			return fault.Field("reason", "Several links were sent to them today already. Try again tomorrow.")
		}
		return err
	}
	return s.o.Account.Unlock(ctx, tx, by, in.Person)
}

func doneWords(do string) string {
	switch do {
	case doInvite:
		return "The invitation is on its way. Links sent before no longer work."
	case doReset:
		return "The link to reset the password is on its way."
	}
	return "The account is unlocked."
}

func cannot(do string) string {
	switch do {
	case doInvite:
		return "This invitation is no longer open."
	case doReset:
		return "This account is deactivated."
	}
	return "This account is not locked any more."
}

// NewPerson is somebody Support invites to a practice. Form is the hidden id of the form.
type NewPerson struct {
	Form, PracticeID, Email, First, Last, Phone, Cell, Role, Tier string
}

// roles are those Support can give: whoever belongs to a practice.
func roles() []ui.Option {
	return []ui.Option{{Value: string(invite.DoctorIn), Label: "Doctor"}, {Value: string(invite.StaffIn), Label: "Staff"}}
}

func tiers() []ui.Option {
	return []ui.Option{{Value: "paid", Label: "Paid: writes to anyone, replies"}, {Value: "free", Label: "Free: replies only"}}
}

// check gives the invitation, its fields tidy, or what is wrong with them.
func (s *Service) checkPerson(n NewPerson) (invite.NewInvitation, error) {
	inv := invite.NewInvitation{PracticeID: n.PracticeID, Email: account.TidyEmail(n.Email), First: practice.OneLine(n.First), Last: practice.OneLine(n.Last),
		Phone: practice.OneLine(n.Phone), Cell: practice.OneLine(n.Cell), Role: invite.Role(n.Role), BySupport: true, Paid: n.Tier == "paid"}
	if !inv.Role.Joins() {
		inv.Role = ""
	}
	inv, err := s.o.Invite.Check(inv)
	f := fault.Fields(fault.From(err).Fields)
	if n.Tier != "paid" && n.Tier != "free" {
		f.Add("tier", "Choose paid or free")
	}
	return inv, f.Err()
}

// Invite invites somebody to a practice and sends the link. The first account of a practice becomes its User Manager.
// The id is the invitation's; the same form again is the same invitation.
func (s *Service) Invite(ctx context.Context, by actor.Actor, n NewPerson) error {
	if by.Kind != actor.Staff || !known(n.Form) {
		return fault.ErrNotFound()
	}
	inv, err := s.checkPerson(n)
	if err != nil {
		return err
	}
	canon, _ := account.CanonEmail(inv.Email)
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Counted first, so that two invitations to one practice follow each other and one of them is the first.
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "support invites", Max: invitesADay, Window: 24 * time.Hour}, n.PracticeID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.TooMany, "This practice was sent as many invitations as a day allows. Try again tomorrow.")
		}
		first, err := s.once(ctx, tx, by, Change{ID: n.Form, Do: doPerson, Subject: n.PracticeID})
		if err != nil {
			return err
		}
		if first {
			return s.invite(ctx, tx, by, inv, canon)
		}
		_, open, err := s.o.Invite.OpenFor(ctx, tx, n.PracticeID, inv.Email)
		if err == nil && !open {
			return fault.New(fault.Conflict, "This form has already been sent. Open a new form to invite somebody else.")
		}
		return err
	})
}

func (s *Service) invite(ctx context.Context, tx *db.Tx, by actor.Actor, n invite.NewInvitation, canon string) error {
	if _, err := s.o.Practice.Find(ctx, tx, n.PracticeID); err != nil {
		return err
	}
	taken, err := hasAccount(ctx, tx, canon)
	if err != nil {
		return err
	}
	if taken {
		return fault.Field("email", "Another account uses this email address")
	}
	_, open, err := s.o.Invite.OpenFor(ctx, tx, n.PracticeID, n.Email)
	if err != nil {
		return err
	}
	if open {
		return fault.Field("email", "This practice has already invited this address. Open that invitation to send it again.")
	}
	manager, err := hasManager(ctx, tx, n.PracticeID)
	if err != nil {
		return err
	}
	n.Manager = !manager
	made, err := s.o.Invite.Create(ctx, tx, by, n)
	if err != nil {
		return err
	}
	e := audit.Event{Action: audit.SupportChanged, SubjectKind: "invitation", SubjectID: made.ID, PracticeID: n.PracticeID, OnBehalf: n.PracticeID,
		Detail: map[string]string{"do": "invite", "manager": strconv.FormatBool(n.Manager), "paid": strconv.FormatBool(n.Paid)}}
	if err := s.o.Audit.Record(ctx, tx, by, e); err != nil {
		return err
	}
	return s.o.Invite.Send(ctx, tx, by, made.ID)
}

// Inviting is the practice somebody is invited to, and whether they will be its first account.
func (s *Service) Inviting(ctx context.Context, practiceID string) (p practice.Practice, first bool, err error) {
	if p, err = s.o.Practice.Find(ctx, s.o.DB, practiceID); err != nil {
		return p, false, err
	}
	manager, err := hasManager(ctx, s.o.DB, practiceID)
	if err != nil {
		return p, false, fmt.Errorf("look for a manager: %w", err)
	}
	return p, !manager, nil
}
