package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

// A change of address: the flow's subject is the person, its data the new address. The link mailed there belongs to that
// very flow, so that it confirms no other address. The undo link belongs to the change, so that nothing the person (or
// who holds their session) does later ends it.
const (
	emailKind   = "email_change"
	confirmKind = "email_confirm"
	undoKind    = "email_undo"
)

// emailTaken is what somebody reads who has proved that they hold an address of another account.
const emailTaken = "Another account uses this email address"

// errElsewhere answers a living link in a browser that did not begin its flow.
var errElsewhere = errors.New("account: the change was begun in another browser")

// EmailChange is what the form of a new address sends.
type EmailChange struct{ Email, Current, Browser string }

// typedEmail is what the flow keeps.
type typedEmail struct{ Email, Canon string }

// BeginEmail begins the change of the actor's own address. It never tells whether an account has the new one.
func (s *Service) BeginEmail(ctx context.Context, by actor.Actor, in EmailChange) error {
	u, err := s.Find(ctx, s.o.DB, by.ID)
	if err != nil {
		return err
	}
	canon, ok := CanonEmail(in.Email)
	var f fault.Fields
	switch {
	case !ok:
		f.Add("email", EmailFormat)
	case canon == u.canon:
		f.Add("email", "This is your email address already")
	case len(verify.Methods(u.Phones())) == 0:
		f.Add("email", "Add a phone number to your profile first. We send a secret code to it.")
	}
	if in.Current == "" {
		f.Add("current_password", "Enter your current password")
	}
	if err := f.Err(); err != nil {
		return err
	}
	if err := s.provePassword(ctx, u, in.Current); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.beginChange(ctx, tx, u, in.Browser, typedEmail{TidyEmail(in.Email), canon}, emailKind)
	})
}

// SendEmailLink mails the link to the new address once the code was right, a few times a day. An address that has an
// account gets a notice instead, and the answer is the same.
func (s *Service) SendEmailLink(ctx context.Context, by actor.Actor, browser string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		f, to, err := changeFlow[typedEmail](ctx, s, tx, emailKind, by.ID, browser)
		if err != nil {
			return err
		}
		if !f.Phone {
			return errBegin()
		}
		if err := s.allowChange(ctx, tx, by, to.Canon); err != nil {
			return err
		}
		m := notify.Message{Kind: notify.Email, To: to.Email, Template: "account.email_confirm", Params: notify.Params{"flow": f.ID}, UserID: by.ID, PracticeID: by.PracticeID}
		holder, taken, err := findByEmail(ctx, tx, to.Canon)
		if err != nil {
			return fmt.Errorf("find the address: %w", err)
		}
		if taken {
			m.To, m.Template, m.UserID, m.PracticeID = holder.Email, "account.email_taken", holder.ID, holder.PracticeID
		} else if err := s.o.Verify.NewLink(ctx, tx, confirmKind, f.ID, s.set.ResetLink); err != nil {
			return err
		}
		if err := s.o.Notify.Send(ctx, tx, m); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.LinkSent, SubjectKind: "user", SubjectID: by.ID, PracticeID: by.PracticeID})
	})
}

// allowChange bounds how many e-mails a person causes, and how many an address gets.
func (s *Service) allowChange(ctx context.Context, tx *db.Tx, by actor.Actor, canon string) error {
	for _, r := range []struct{ name, key string }{{"new addresses a person", by.ID}, {"new addresses an address", canon}} {
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: r.name, Max: s.set.ChangesPerDay, Window: 24 * time.Hour}, r.key)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.TooMany, "Too many emails were sent today. Try again tomorrow.")
		}
	}
	return nil
}

// confirming is what a link to a new address stands for in this browser: Gone for a dead one, errElsewhere for one whose
// flow was begun in another browser, or has ended.
func (s *Service) confirming(ctx context.Context, r db.Reader, by actor.Actor, token, browser string) (l verify.Link, f verify.Flow, to typedEmail, err error) {
	if l, err = s.o.Verify.CheckToken(ctx, r, confirmKind, token); err != nil {
		return l, f, to, err
	}
	f, to, err = changeFlow[typedEmail](ctx, s, r, emailKind, by.ID, browser)
	if fault.Is(err, fault.Gone) || err == nil && f.ID != l.Subject {
		err = errElsewhere
	}
	return l, f, to, err
}

// ConfirmEmail changes the actor's address to the one that the link was mailed to: link and flow used up, everything that
// went to the old address ended, both addresses told. The answer is the session's new token.
func (s *Service) ConfirmEmail(ctx context.Context, by actor.Actor, linkToken, browser string) (token string, err error) {
	l, _, _, err := s.confirming(ctx, s.o.DB, by, linkToken, browser)
	if err != nil {
		return "", err
	}
	token, tokenHash, err := newToken()
	if err != nil {
		return "", err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.o.Verify.UseLink(ctx, tx, l); err != nil {
			return err
		}
		f, to, err := changeFlow[typedEmail](ctx, s, tx, emailKind, by.ID, browser)
		if err != nil {
			return err
		}
		if f.ID != l.Subject {
			return errBegin()
		}
		if err := s.finishChange(ctx, tx, f, verify.Need{Phone: true}); err != nil {
			return err
		}
		u, err := s.Find(ctx, tx, by.ID)
		if err != nil {
			return err
		}
		if err := s.putEmail(ctx, tx, u, to); err != nil {
			return err
		}
		if err := s.renew(ctx, tx, by, "email", tokenHash); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.EmailChanged, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID})
	})
	return token, err
}

// putEmail stores a new address with the record by which it can be undone, and tells both.
func (s *Service) putEmail(ctx context.Context, tx *db.Tx, u User, to typedEmail) error {
	ok, err := updateEmail(ctx, tx, u, to.Email, to.Canon)
	if err != nil {
		return fmt.Errorf("change an address: %w", err)
	}
	if !ok {
		return fault.New(fault.Conflict, emailTaken)
	}
	c := emailChange{id: db.NewID(), userID: u.ID, oldEmail: u.Email, oldCanon: u.canon, newEmail: to.Email, changedAt: clock.Micros(s.o.Clock.Now())}
	if err := insertEmailChange(ctx, tx, c); err != nil {
		return fmt.Errorf("note a change of address: %w", err)
	}
	if err := s.o.Verify.NewLink(ctx, tx, undoKind, c.id, s.set.UndoLink); err != nil {
		return err
	}
	if err := s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: u.Email, Template: "account.email_changed", Params: notify.Params{"change": c.id}, UserID: u.ID, PracticeID: u.PracticeID}); err != nil {
		return err
	}
	if err := s.moved(ctx, tx, u.canon, to.Canon); err != nil {
		return err
	}
	u.Email = to.Email
	return s.notice(ctx, tx, u, "account.email_new")
}

// moved tells who else knows people by their address.
func (s *Service) moved(ctx context.Context, tx *db.Tx, left, taken string) error {
	if s.OnAddress == nil {
		return nil
	}
	return s.OnAddress(ctx, tx, left, taken)
}

// undoing is the change behind a living undo link.
func (s *Service) undoing(ctx context.Context, r db.Reader, token string) (verify.Link, emailChange, error) {
	l, err := s.o.Verify.CheckToken(ctx, r, undoKind, token)
	if err != nil {
		return l, emailChange{}, err
	}
	c, found, err := findEmailChange(ctx, r, l.Subject)
	if err != nil {
		return l, c, fmt.Errorf("find a change of address: %w", err)
	}
	if !found || c.undone {
		return l, c, verify.Gone()
	}
	return l, c, nil
}

// UndoEmail gives a person their old address back. Whoever changed it may know the password and hold a session: all
// sessions end, no password is right any more, and the old address gets a link to choose a new one.
func (s *Service) UndoEmail(ctx context.Context, by actor.Actor, token string) error {
	l, c, err := s.undoing(ctx, s.o.DB, token)
	if err != nil {
		return err
	}
	hash, err := s.unknownPassword(ctx)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.o.Verify.UseLink(ctx, tx, l); err != nil {
			return err
		}
		undone, err := undoEmailChanges(ctx, tx, c, clock.Micros(s.o.Clock.Now()))
		if err != nil {
			return fmt.Errorf("undo a change of address: %w", err)
		}
		u, err := s.Find(ctx, tx, c.userID)
		if err != nil {
			return err
		}
		if len(undone) == 0 || u.State == "deactivated" {
			return verify.Gone()
		}
		ok, err := updateEmail(ctx, tx, u, c.oldEmail, c.oldCanon)
		if err != nil {
			return fmt.Errorf("restore an address: %w", err)
		}
		if !ok {
			return fault.New(fault.Conflict, emailTaken)
		}
		if err := s.moved(ctx, tx, u.canon, c.oldCanon); err != nil {
			return err
		}
		if err := s.shutOut(ctx, tx, u, hash); err != nil {
			return err
		}
		return s.tellUndone(ctx, tx, by, u, c)
	})
}

// shutOut ends everything by which a person's account can be entered or changed: whoever held it may have added an app, a
// passkey or recovery codes of their own, so none of them stays.
func (s *Service) shutOut(ctx context.Context, tx *db.Tx, u User, hash string) error {
	if err := replacePassword(ctx, tx, u.ID, hash); err != nil {
		return fmt.Errorf("replace the password: %w", err)
	}
	n, err := deleteFactors(ctx, tx, u.ID)
	if err != nil {
		return fmt.Errorf("remove every factor: %w", err)
	}
	if n > 0 {
		err := s.o.Audit.Record(ctx, tx, actor.ByProgram("undo"), audit.Event{Action: audit.FactorRemoved, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID, Detail: map[string]string{"kind": "all"}})
		if err != nil {
			return err
		}
	}
	if err := s.o.Verify.EndLinks(ctx, tx, u.ID, "undo"); err != nil {
		return err
	}
	return s.EndSessions(ctx, tx, u.ID, "", "email")
}

// tellUndone tells the address that is left, and sends the restored one the link to a new password, however many were
// sent today.
func (s *Service) tellUndone(ctx context.Context, tx *db.Tx, by actor.Actor, u User, c emailChange) error {
	if err := s.notice(ctx, tx, u, "account.email_undone"); err != nil {
		return err
	}
	if err := s.o.Verify.NewLink(ctx, tx, resetKind, u.ID, s.set.ResetLink); err != nil {
		return err
	}
	u.Email = c.oldEmail
	if err := s.sendLink(ctx, tx, by, u, "account.email_restored"); err != nil {
		return err
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.EmailChanged, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID, Detail: map[string]string{"undo": "yes"}})
}
