package invite

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

// Edit is what a User Manager corrects of an invitation. Version is the invitation's that the form was made from.
type Edit struct {
	ID, Email, Phone, Cell string
	Version                int64
}

// Edited is what became of it. A new address is a new invitation with an id of its own.
type Edited struct {
	Invitation            Invitation
	Changed, EmailChanged bool
}

// Bounds of what managers do, a day.
const (
	editsADay     = 100 // addresses one manager tries: enough to correct, too few to search for accounts
	reinvitesADay = 10  // of one invitation
)

// reinviteAfter is how long a link is fresh: pressing Re-invite twice sends once.
const reinviteAfter = time.Minute

// errAddressTaken is the sentence of an address somebody registered has.
func errAddressTaken() error {
	return fault.Field("email", "Another account uses this email address")
}

func errInvitedTwice() error {
	return fault.Field("email", "The practice has already invited this email address")
}

// errEdited says that somebody else was faster; what the manager typed stays in the form.
func errEdited() error {
	return fault.New(fault.Conflict, "Someone else has changed these details since you opened this page. Look at what is on file now, then save again.")
}

// Editable says whether the practice may still correct it: until a password is set.
func (i Invitation) Editable() bool { return i.open() || i.State == "held" }

// check refuses what is no address or number, and gives the numbers in E.164.
func (s *Service) checkEdit(e Edit) (Edit, error) {
	var f fault.Fields
	e.Email = account.TidyEmail(e.Email)
	if _, ok := account.CanonEmail(e.Email); !ok {
		f.Add("email", account.EmailFormat)
	}
	for _, p := range []struct {
		field string
		value *string
	}{{"phone", &e.Phone}, {"cell_phone", &e.Cell}} {
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
	return e, f.Err()
}

// says whether the invitation holds what the form does.
func (i Invitation) says(e Edit) bool {
	return i.Email == e.Email && i.Phone == e.Phone && i.Cell == e.Cell
}

// Edit corrects the address or the numbers of an invitation of the manager's own practice, as long as no password is
// set. Every link, code and flow of the invitation ends. Another address makes another invitation; messages stay with
// the old one and are not delivered. The same form again changes nothing more; a form made before somebody else's edit
// is a Conflict.
func (s *Service) Edit(ctx context.Context, by actor.Actor, e Edit) (out Edited, err error) {
	if e, err = s.checkEdit(e); err != nil {
		return out, err
	}
	if err := s.mayEdit(ctx, by); err != nil {
		return out, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		was, open, err := s.lockOwn(ctx, tx, by, e.ID)
		if err != nil {
			return err
		}
		switch {
		case !open:
			out, err = s.late(ctx, tx, by, e)
			return err
		case was.says(e):
			out = Edited{Invitation: was, Changed: was.Version != e.Version}
			return nil
		case was.Version != e.Version:
			return errEdited()
		}
		out, err = s.edit(ctx, tx, by, was, e)
		return err
	})
	return out, err
}

// Correct is Edit by Support, of any practice's invitation and in Support's own act. Support may also change the address
// of somebody who will be a User Manager.
func (s *Service) Correct(ctx context.Context, tx *db.Tx, by actor.Actor, e Edit) (out Edited, err error) {
	if by.Kind != actor.Staff {
		return out, fault.ErrNotFound()
	}
	if e, err = s.checkEdit(e); err != nil {
		return out, err
	}
	i, err := s.Find(ctx, tx, e.ID)
	if err != nil {
		return out, err
	}
	was, open, err := lockOwn(ctx, tx, e.ID, i.PracticeID)
	switch {
	case err != nil:
		return out, fmt.Errorf("lock an invitation: %w", err)
	case !open:
		return out, fault.New(fault.Conflict, "This invitation is no longer open.")
	case was.says(e):
		return Edited{Invitation: was}, nil
	case was.Version != e.Version:
		return out, errEdited()
	}
	return s.edit(ctx, tx, by, was, e)
}

// mayEdit counts in an act of its own, so that refusals count too.
func (s *Service) mayEdit(ctx context.Context, by actor.Actor) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "invitations edited", Max: editsADay, Window: 24 * time.Hour}, by.ID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.TooMany, "You have corrected as many people as a day allows. Try again tomorrow.")
		}
		return nil
	})
}

// lockOwn holds an open invitation of the manager's practice in place: whoever accepts it comes wholly before or after.
func (s *Service) lockOwn(ctx context.Context, tx *db.Tx, by actor.Actor, id string) (Invitation, bool, error) {
	i, open, err := lockOwn(ctx, tx, id, by.PracticeID)
	if err != nil {
		return i, false, fmt.Errorf("lock an invitation: %w", err)
	}
	return i, open, s.o.Account.CheckManager(ctx, tx, by)
}

// late answers an edit that meets no open invitation.
func (s *Service) late(ctx context.Context, tx *db.Tx, by actor.Actor, e Edit) (Edited, error) {
	was, err := s.Find(ctx, tx, e.ID)
	if err != nil {
		return Edited{}, err
	}
	switch {
	case was.PracticeID != by.PracticeID:
		return Edited{}, fault.ErrNotFound()
	case was.State == "accepted":
		return Edited{}, fault.New(fault.Conflict, "This person has registered meanwhile. Only they can change these details now.")
	case was.ReplacedBy == "":
		return Edited{}, errEdited()
	}
	next, err := s.Find(ctx, tx, was.ReplacedBy)
	if err == nil && !next.says(e) {
		err = errEdited()
	}
	return Edited{Invitation: next, Changed: true, EmailChanged: true}, err
}

// edit writes what is new. Numbers are never taken away whole: the holder of a link would then type their own.
func (s *Service) edit(ctx context.Context, tx *db.Tx, by actor.Actor, was Invitation, e Edit) (out Edited, err error) {
	if e.Phone == "" && e.Cell == "" && was.Phone+was.Cell != "" {
		return out, fault.Field("phone", verify.PhoneMissing)
	}
	canon, _ := account.CanonEmail(e.Email)
	out = Edited{Invitation: was, Changed: true, EmailChanged: canon != was.canon}
	i := &out.Invitation
	i.Email, i.Phone, i.Cell, i.canon, i.SentAt, i.WrongNumberAt = e.Email, e.Phone, e.Cell, canon, 0, 0
	if out.EmailChanged {
		err = s.replace(ctx, tx, by, was, i)
	} else {
		err = s.correct(ctx, tx, by, i)
	}
	if err != nil {
		return Edited{}, err
	}
	return out, s.o.Verify.EndLinks(ctx, tx, was.ID, "edited")
}

func (s *Service) correct(ctx context.Context, tx *db.Tx, by actor.Actor, i *Invitation) error {
	if err := updateDetails(ctx, tx, *i); err != nil {
		return fmt.Errorf("correct an invitation: %w", err)
	}
	i.Version++
	return s.o.Audit.Record(ctx, tx, by, s.event(audit.InviteEdited, *i))
}

// replace makes the invitation of the new address and ends the old one, whose address is told so. What the person
// typed on the way to registration is not carried over: another person may read the new mailbox.
func (s *Service) replace(ctx context.Context, tx *db.Tx, by actor.Actor, was Invitation, next *Invitation) error {
	if was.Manager && by.Kind != actor.Staff {
		return fault.Field("email", "This person will be a User Manager, so only Support can change their email address")
	}
	if taken, err := s.o.Account.Taken(ctx, tx, next.Email); err != nil || taken {
		return either(err, errAddressTaken())
	}
	next.ID, next.State, next.TwoStep, next.registration = db.NewID(), "invited", true, nil
	next.CreatedAt, next.Version = clock.Micros(s.o.Clock.Now()), 1
	if made, err := insertInvitation(ctx, tx, *next); err != nil || !made {
		return either(err, errInvitedTwice())
	}
	if err := replaceInvitation(ctx, tx, was.ID, next.ID); err != nil {
		return fmt.Errorf("replace an invitation: %w", err)
	}
	if was.SentAt > 0 || was.Version > 1 {
		if err := s.notice(ctx, tx, was, "invite.replaced"); err != nil {
			return err
		}
	}
	old, made := s.event(audit.InviteReplaced, was), s.event(audit.InviteMade, *next)
	old.Detail, made.Detail = map[string]string{"by": next.ID}, map[string]string{"replaces": was.ID}
	return s.o.Audit.RecordAll(ctx, tx, by, []audit.Event{old, made})
}

// either is err when there is one, else the refusal.
func either(err, refusal error) error {
	if err != nil {
		return fmt.Errorf("correct an address: %w", err)
	}
	return refusal
}

// Reinvite sends an invitation of the manager's own practice again: a new link, which ends those sent before, or, to
// somebody who has an account, where their message waits. Pressing twice sends once.
func (s *Service) Reinvite(ctx context.Context, by actor.Actor, id string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		i, open, err := s.lockOwn(ctx, tx, by, id)
		if err != nil {
			return err
		}
		if !open {
			return s.notOpen(ctx, tx, by, id)
		}
		now := s.o.Clock.Now()
		if i.SentAt > clock.Micros(now.Add(-reinviteAfter)) {
			return nil
		}
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "invitation sent by manager", Max: reinvitesADay, Window: 24 * time.Hour}, i.ID)
		if err != nil {
			return err
		}
		switch {
		case !ok:
			return fault.New(fault.TooMany, "This invitation was sent several times today. Try again tomorrow, or call the person.")
		case i.State == "held":
			return s.remindHeld(ctx, tx, by, i)
		}
		return s.Send(ctx, tx, by, i.ID)
	})
}

// notOpen says why nothing can be sent; NotFound for other practices'.
func (s *Service) notOpen(ctx context.Context, tx *db.Tx, by actor.Actor, id string) error {
	i, err := s.Find(ctx, tx, id)
	switch {
	case err != nil:
		return err
	case i.PracticeID != by.PracticeID:
		return fault.ErrNotFound()
	case i.State == "accepted":
		return fault.New(fault.Conflict, "This person has registered meanwhile. They can sign in.")
	}
	return fault.New(fault.Conflict, "This invitation is no longer open.")
}

func (s *Service) remindHeld(ctx context.Context, tx *db.Tx, by actor.Actor, i Invitation) error {
	if err := updateSent(ctx, tx, i.ID, clock.Micros(s.o.Clock.Now())); err != nil {
		return fmt.Errorf("send an invitation: %w", err)
	}
	if err := s.notice(ctx, tx, i, "invite.held"); err != nil {
		return err
	}
	return s.o.Audit.Record(ctx, tx, by, s.event(audit.InviteSent, i))
}

// wrongNumber notes that the holder of an invitation says a number is not theirs, and tells who can correct it: the
// sender, or Support for its own invitations. Once a day; nothing is changed by it.
func (s *Service) wrongNumber(ctx context.Context, by actor.Actor, id string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		now := s.o.Clock.Now()
		i, noted, err := noteWrongNumber(ctx, tx, id, clock.Micros(now), clock.Micros(now.Add(-24*time.Hour)))
		if err != nil {
			return fmt.Errorf("note a wrong number: %w", err)
		}
		if !noted {
			return nil
		}
		if err := s.tellWrongNumber(ctx, tx, i); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, s.event(audit.InviteDisputed, i))
	})
}

// tellWrongNumber writes to the sender; to the practice's User Managers when the sender's account is closed.
func (s *Service) tellWrongNumber(ctx context.Context, tx *db.Tx, i Invitation) error {
	who, err := s.o.Account.Find(ctx, tx, i.InviterID)
	if err != nil {
		return err
	}
	to := []account.User{who}
	switch {
	case i.BySupport && s.set.SupportEmail != "":
		to = []account.User{{Email: s.set.SupportEmail}}
	case !i.BySupport && who.State == "deactivated":
		if to, err = s.o.Account.Managers(ctx, tx, i.PracticeID); err != nil {
			return err
		}
	}
	for _, u := range to {
		err := s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: u.Email, Template: "invite.number", Params: notify.Params{"invitation": i.ID, "to": u.ID},
			UserID: u.ID, PracticeID: i.PracticeID})
		if err != nil {
			return err
		}
	}
	return nil
}
