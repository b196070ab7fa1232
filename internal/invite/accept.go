package invite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/verify"
)

// errHasAccount says that the invitation's address got an account through another practice.
var errHasAccount = errors.New("invite: the address has an account")

// linked is the open invitation behind a living link. errHasAccount when the address has an account by now.
func (s *Service) linked(ctx context.Context, r db.Reader, kind, token string) (verify.Link, Invitation, error) {
	l, err := s.o.Verify.CheckToken(ctx, r, kind, token)
	if fault.Is(err, fault.Gone) {
		return l, Invitation{}, s.whyDead(ctx, r, kind, token)
	}
	if err != nil {
		return l, Invitation{}, err
	}
	i, err := s.Find(ctx, r, l.Subject)
	if err != nil {
		return l, i, err
	}
	if i.State == "held" || i.State == "accepted" {
		return l, i, errHasAccount
	}
	if !i.open() || kind == registerKind && i.BySupport || kind == signupKind && !i.BySupport && i.State != "started" {
		return l, i, verify.Gone()
	}
	if _, has, err := s.o.Account.ByEmail(ctx, r, i.Email); err != nil || has {
		return l, i, errors.Join(err, errHasAccount)
	}
	return l, i, nil
}

// whyDead tells people who come back by the link that made their account from those whose link just ended.
func (s *Service) whyDead(ctx context.Context, r db.Reader, kind, token string) error {
	id, ok, err := s.o.Verify.DeadSubject(ctx, r, kind, token)
	if err != nil || !ok {
		return errors.Join(err, verify.Gone())
	}
	i, err := s.Find(ctx, r, id)
	if err == nil && i.State == "accepted" {
		return errHasAccount
	}
	return errors.Join(err, verify.Gone())
}

// finish is the last page of registration: what was typed is kept on the invitation and the second e-mail goes out.
func (s *Service) finish(ctx context.Context, by actor.Actor, l verify.Link, i Invitation, f verify.Flow, reg Registration) error {
	sealed, err := s.sealRegistration(i.ID, reg)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := startInvitation(ctx, tx, i, sealed, reg.TwoStep)
		if err != nil {
			return fmt.Errorf("finish registration: %w", err)
		}
		if !ok {
			return fault.New(fault.Conflict, "This was already done in another window. Look for the second email.")
		}
		if err := s.o.Verify.Finish(ctx, tx, f, verify.Need{}); err != nil {
			return err
		}
		if err := s.o.Verify.NewLink(ctx, tx, signupKind, i.ID, s.set.PasswordLink); err != nil {
			return err
		}
		if err := s.notice(ctx, tx, i, "invite.password"); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, s.event(audit.LinkSent, i))
	})
}

// sendAgain sends the second e-mail once more, at most once a minute and five times a day.
func (s *Service) sendAgain(ctx context.Context, i Invitation) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, rule := range []limit.Rule{{Name: "second mail a minute", Max: 1, Window: time.Minute}, {Name: "second mail a day", Max: 5, Window: 24 * time.Hour}} {
			ok, err := s.o.Limit.Allow(ctx, tx, rule, i.ID)
			if err != nil {
				return err
			}
			if !ok {
				return fault.New(fault.TooMany, "We have just sent it. Wait a minute and look in your junk folder too.")
			}
		}
		_, err := s.again(ctx, tx, i)
		return err
	})
}

// ask is "Ask for a new link" on a dead link: a new one goes out when the invitation is open and none was asked for
// today. The answer is always the same.
func (s *Service) ask(ctx context.Context, by actor.Actor, kind, token string) error {
	id, ok, err := s.o.Verify.DeadSubject(ctx, s.o.DB, kind, token)
	if err != nil || !ok {
		return err
	}
	i, err := s.Find(ctx, s.o.DB, id)
	if err != nil || !i.open() {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "new link asked", Max: 1, Window: 24 * time.Hour}, i.ID)
		if err != nil || !ok {
			return err
		}
		return s.Send(ctx, tx, by, i.ID)
	})
}

// password is what the last page of sign-up sends.
type password struct{ Token, Browser, New, Confirm string }

// accept sets the password and makes the account: all of it or nothing.
func (s *Service) accept(ctx context.Context, by actor.Actor, in password) error {
	l, i, err := s.linked(ctx, s.o.DB, signupKind, in.Token)
	if err != nil {
		return err
	}
	reg, err := s.openRegistration(i)
	if err != nil {
		return err
	}
	err = s.o.Account.CheckNewPassword(ctx, account.PasswordCheck{Password: in.New, Confirm: in.Confirm, Field: "new_password", ConfirmField: "confirm_password",
		Email: i.Email, First: reg.First, Last: reg.Last, Practice: reg.Practice})
	if err != nil {
		return err
	}
	hash, err := s.o.Account.Hash(ctx, in.New)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		f, found, err := s.o.Verify.Flow(ctx, tx, signupKind, i.ID, in.Browser, l.Generation)
		if err != nil {
			return err
		}
		if !found {
			return verify.Gone()
		}
		return s.become(ctx, tx, by, becoming{link: l, inv: i, flow: f, reg: reg, hash: hash})
	})
}

// becoming is everything the deciding transaction needs.
type becoming struct {
	link verify.Link
	inv  Invitation
	flow verify.Flow
	reg  Registration
	hash string
}

func (s *Service) become(ctx context.Context, tx *db.Tx, by actor.Actor, b becoming) error {
	userID := db.NewID()
	ok, err := acceptInvitation(ctx, tx, b.inv, userID)
	if err != nil {
		return fmt.Errorf("accept an invitation: %w", err)
	}
	if !ok {
		return verify.Gone()
	}
	if err := s.o.Verify.UseLink(ctx, tx, b.link); err != nil {
		return err
	}
	if err := s.o.Verify.Finish(ctx, tx, b.flow, verify.Need{Phone: b.inv.TwoStep, Terms: s.set.TermsVersion}); err != nil {
		return err
	}
	u, err := s.makeUser(ctx, tx, by, userID, b)
	if err != nil {
		return err
	}
	if err := s.claimed(ctx, tx, by, b.inv, u, audit.InviteAccepted); err != nil {
		return err
	}
	if b.inv.Role.Joins() && !b.inv.BySupport {
		if err := s.tellManagers(ctx, tx, u); err != nil {
			return err
		}
	}
	return s.others(ctx, tx, by, b.flow, u)
}

// makeUser makes the account and, for somebody from another practice, that practice.
func (s *Service) makeUser(ctx context.Context, tx *db.Tx, by actor.Actor, userID string, b becoming) (account.User, error) {
	n := account.NewUser{ID: userID, Email: b.inv.Email, First: b.reg.First, Last: b.reg.Last, Phone: b.inv.Phone, Cell: b.inv.Cell, Zone: b.reg.Zone, ADA: b.reg.ADA,
		Specialties: b.reg.Specialties, PasswordHash: b.hash, TermsVersion: s.set.TermsVersion, IP: by.IP, Role: b.inv.Role.Account(), Manager: b.inv.Manager,
		Paid: b.inv.Paid, TwoStep: b.inv.TwoStep}
	switch {
	case b.inv.Role.Joins():
		n.PracticeID = b.inv.PracticeID
	case b.inv.Role != Patient:
		id, err := s.o.Practice.Create(ctx, tx, by, practice.Practice{Name: b.reg.Practice, Phone: b.reg.Phone, Street: b.reg.Street, City: b.reg.City, Region: b.reg.Region, Zip: b.reg.Zip, Specialties: b.reg.Specialties})
		if err != nil {
			return account.User{}, err
		}
		n.PracticeID, n.Manager = id, true // a practice's first account is its User Manager
	}
	return s.o.Account.Create(ctx, tx, by, n)
}

// claimed tells the trail and the room of messages that an invitation is this person's.
func (s *Service) claimed(ctx context.Context, tx *db.Tx, by actor.Actor, i Invitation, u account.User, action string) error {
	e := s.event(action, i)
	e.Detail = map[string]string{"user": u.ID}
	if err := s.o.Audit.Record(ctx, tx, by, e); err != nil {
		return err
	}
	if s.OnAccepted == nil {
		return nil
	}
	return s.OnAccepted(ctx, tx, Accepted{InvitationID: i.ID, UserID: u.ID, OwnerID: u.OwnerID, Role: u.Role})
}

func (s *Service) tellManagers(ctx context.Context, tx *db.Tx, u account.User) error {
	managers, err := s.o.Account.Managers(ctx, tx, u.PracticeID)
	if err != nil {
		return err
	}
	for _, m := range managers {
		if err := s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: m.Email, Template: "invite.joined", UserID: m.ID, PracticeID: m.PracticeID}); err != nil {
			return err
		}
	}
	return nil
}

// others settles what other practices wait for with the same address: theirs at once when the number just proved is
// one they gave, held for a code to such a number otherwise.
func (s *Service) others(ctx context.Context, tx *db.Tx, by actor.Actor, f verify.Flow, u account.User) error {
	canon, _ := account.CanonEmail(u.Email)
	open, err := listOpen(ctx, tx, canon)
	if err != nil {
		return fmt.Errorf("other invitations: %w", err)
	}
	for _, i := range open {
		if s.o.Verify.Proved(f, i.Phone) || s.o.Verify.Proved(f, i.Cell) {
			if _, err := acceptInvitation(ctx, tx, i, u.ID); err != nil {
				return fmt.Errorf("claim an invitation: %w", err)
			}
			if err := s.claimed(ctx, tx, by, i, u, audit.InviteClaimed); err != nil {
				return err
			}
			continue
		}
		if err := holdInvitation(ctx, tx, i.ID); err != nil {
			return fmt.Errorf("hold an invitation: %w", err)
		}
	}
	return nil
}

// AddressChanged follows an account that moves from one address to another: what practices have sent to the address it takes
// is held for a code to a number they gave, like any invitation of somebody who has an account; what was held for the
// address it leaves waits again for whoever registers there.
func (s *Service) AddressChanged(ctx context.Context, tx *db.Tx, left, taken string) error {
	if err := releaseInvitations(ctx, tx, left); err != nil {
		return fmt.Errorf("release the invitations of an address: %w", err)
	}
	open, err := listOpen(ctx, tx, taken)
	if err != nil {
		return fmt.Errorf("invitations of an address: %w", err)
	}
	for _, i := range open {
		if err := holdInvitation(ctx, tx, i.ID); err != nil {
			return fmt.Errorf("hold an invitation: %w", err)
		}
	}
	return nil
}

// held is an invitation that waits for the actor's claim; NotFound for everybody else.
func (s *Service) held(ctx context.Context, r db.Reader, by actor.Actor, id string) (Invitation, error) {
	i, err := s.Find(ctx, r, id)
	if err != nil {
		return i, err
	}
	canon, ok := account.CanonEmail(by.Email)
	if !ok || i.canon != canon || i.State != "held" {
		return i, fault.ErrNotFound()
	}
	return i, nil
}

// claim hands a held invitation to the actor, whose flow holds a code to a number its practice gave.
func (s *Service) claim(ctx context.Context, by actor.Actor, id, browser string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		i, err := s.held(ctx, tx, by, id)
		if err != nil {
			return err
		}
		f, found, err := s.o.Verify.Flow(ctx, tx, claimKind, i.ID, browser, 0)
		if err != nil {
			return err
		}
		// A number corrected while its code was on the way proves nothing any more.
		if !found || !s.o.Verify.Proved(f, i.Phone) && !s.o.Verify.Proved(f, i.Cell) {
			return fault.New(fault.Conflict, "Confirm your phone first.")
		}
		ok, err := acceptInvitation(ctx, tx, i, by.ID)
		if err != nil {
			return fmt.Errorf("claim an invitation: %w", err)
		}
		if !ok {
			return fault.New(fault.Conflict, "This was already done in another window.")
		}
		if err := s.o.Verify.Finish(ctx, tx, f, verify.Need{Phone: true}); err != nil {
			return err
		}
		u, err := s.o.Account.Find(ctx, tx, by.ID)
		if err != nil {
			return err
		}
		return s.claimed(ctx, tx, by, i, u, audit.InviteClaimed)
	})
}

// addPhones keeps the numbers the holder of a Support invitation typed, when it came with none.
func (s *Service) addPhones(ctx context.Context, by actor.Actor, i Invitation, phone, cell string) error {
	var f fault.Fields
	if phone == "" && cell == "" {
		f.Add("phone", verify.PhoneMissing)
	}
	for _, p := range []struct {
		field string
		value *string
	}{{"phone", &phone}, {"cell_phone", &cell}} {
		if *p.value == "" {
			continue
		}
		e164, ok := s.o.Verify.ParsePhone(*p.value)
		if !ok {
			f.Add(p.field, verify.PhoneFormat)
		}
		*p.value = e164
	}
	if err := f.Err(); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := putPhones(ctx, tx, i, phone, cell)
		if err != nil {
			return fmt.Errorf("add phones: %w", err)
		}
		if !ok {
			return fault.New(fault.Conflict, "A phone number was already added. Open the link in your email to go on.")
		}
		return s.o.Audit.Record(ctx, tx, by, s.event("invite.edited", i))
	})
}
