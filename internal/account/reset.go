package account

import (
	"context"
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

// resetKind is both the link and the flow of a reset; its subject is the user.
const resetKind = "reset"

// Forgot sends a reset link when the address has an account. The answer never tells: only a wrong format is a fault, and
// every address takes the same time, whatever is done for it.
func (s *Service) Forgot(ctx context.Context, by actor.Actor, email string) error {
	canon, ok := CanonEmail(email)
	if !ok {
		return fault.Field("email", EmailFormat)
	}
	even := time.NewTimer(s.set.ForgotTime)
	defer even.Stop()
	err := s.sendForgotten(ctx, by, canon)
	select {
	case <-even.C:
	case <-ctx.Done():
	}
	return err
}

// sendForgotten sends whatever an address that forgot its password is sent.
func (s *Service) sendForgotten(ctx context.Context, by actor.Actor, canon string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "resets an address", Max: s.set.SignInsPerIP, Window: time.Hour}, by.IP)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.TooMany, "Too many tries. Try again in 15 minutes.")
		}
		u, found, err := findByEmail(ctx, tx, canon)
		if err != nil {
			return fmt.Errorf("find the account: %w", err)
		}
		if !found {
			if s.OnUnknown != nil {
				return s.OnUnknown(ctx, tx, canon)
			}
			return nil
		}
		_, err = s.sendReset(ctx, tx, by, u, "account.reset")
		return err
	})
}

// sendReset makes a new reset link and its e-mail, a few times a day and account; false when there were enough today.
func (s *Service) sendReset(ctx context.Context, tx *db.Tx, by actor.Actor, u User, template string) (bool, error) {
	if u.State == "deactivated" {
		return false, nil
	}
	ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "resets an account", Max: s.set.ResetsPerDay, Window: 24 * time.Hour}, u.ID)
	if err != nil || !ok {
		return false, err
	}
	life := s.set.ResetLink
	if u.hash == "" {
		life, template = s.set.StaffLink, "account.staff"
	}
	if err := s.o.Verify.NewLink(ctx, tx, resetKind, u.ID, life); err != nil {
		return false, err
	}
	return true, s.sendLink(ctx, tx, by, u, template)
}

// sendLink sends the reset link there is.
func (s *Service) sendLink(ctx context.Context, tx *db.Tx, by actor.Actor, u User, template string) error {
	if err := s.notice(ctx, tx, u, template); err != nil {
		return err
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.LinkSent, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID})
}

// SendReset lets Support send a person a reset link; Support never sets a password. sent is false when today's limit
// is reached or the account is closed.
func (s *Service) SendReset(ctx context.Context, tx *db.Tx, by actor.Actor, userID string) (sent bool, err error) {
	if by.Kind != actor.Staff {
		return false, fault.ErrNotFound()
	}
	u, err := s.Find(ctx, tx, userID)
	if err != nil {
		return false, err
	}
	return s.sendReset(ctx, tx, by, u, "account.reset")
}

// resetting is the living link behind a token and whose it is.
func (s *Service) resetting(ctx context.Context, r db.Reader, token string) (verify.Link, User, error) {
	l, err := s.o.Verify.CheckToken(ctx, r, resetKind, token)
	if err != nil {
		return l, User{}, err
	}
	u, err := s.Find(ctx, r, l.Subject)
	if fault.Is(err, fault.NotFound) || err == nil && u.State == "deactivated" {
		return l, u, verify.Gone()
	}
	return l, u, err
}

// needsCode says whether a reset asks for a code. Support's always does.
func (u User) needsCode() bool { return u.TwoStep || u.Role == actor.Support }

// Reset is what the last page of a reset sends.
type Reset struct{ Token, Browser, Password, Confirm string }

// Reset sets the new password: link used up, flow finished with its proofs, all sessions ended, account unlocked, the
// owner told, together or not at all.
func (s *Service) Reset(ctx context.Context, by actor.Actor, in Reset) error {
	l, u, err := s.resetting(ctx, s.o.DB, in.Token)
	if err != nil {
		return err
	}
	hash, err := s.newHash(ctx, u, in.Password, in.Confirm)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.o.Verify.UseLink(ctx, tx, l); err != nil {
			return err
		}
		f, err := s.o.Verify.Begin(ctx, tx, verify.Start{Kind: resetKind, Subject: u.ID, Generation: l.Generation, Browser: in.Browser})
		if err != nil {
			return err
		}
		if err := s.o.Verify.Finish(ctx, tx, f, verify.Need{Phone: u.needsCode()}); err != nil {
			return err
		}
		if err := s.putPassword(ctx, tx, u, hash); err != nil {
			return err
		}
		// A sign-in that is half done began with the old password.
		if err := s.o.Verify.EndFlows(ctx, tx, u.ID, signinKind, "password"); err != nil {
			return err
		}
		if err := s.EndSessions(ctx, tx, u.ID, "", "password"); err != nil {
			return err
		}
		if by.SessionID != "" { // somebody else's, whose cookie this browser is about to lose
			if err := deleteSession(ctx, tx, by.SessionID); err != nil {
				return fmt.Errorf("end this browser's session: %w", err)
			}
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PasswordReset, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID})
	})
}

// newCheck is what a new password of a person must not be.
func (s *Service) newCheck(ctx context.Context, u User, password, confirm string) (PasswordCheck, error) {
	c := PasswordCheck{Password: password, Confirm: confirm, Field: "new_password", ConfirmField: "confirm_password", Email: u.Email, First: u.First, Last: u.Last, UserID: u.ID}
	if u.PracticeID != "" {
		p, err := s.o.Practice.Find(ctx, s.o.DB, u.PracticeID)
		if err != nil {
			return c, err
		}
		c.Practice = p.Name
	}
	return c, nil
}

// newHash checks a new password of a person and makes its stored form.
func (s *Service) newHash(ctx context.Context, u User, password, confirm string) (string, error) {
	c, err := s.newCheck(ctx, u, password, confirm)
	if err != nil {
		return "", err
	}
	if err := s.CheckNewPassword(ctx, c); err != nil {
		return "", err
	}
	return s.Hash(ctx, password)
}

// putPassword stores a new password, unlocks the account, and tells its owner.
func (s *Service) putPassword(ctx context.Context, tx *db.Tx, u User, hash string) error {
	now := clock.Micros(s.o.Clock.Now())
	ok, err := updatePassword(ctx, tx, u, hash, now)
	if err != nil {
		return fmt.Errorf("change the password: %w", err)
	}
	if !ok {
		return fault.New(fault.Conflict, "Your password was changed in another window. Sign in with the new one.")
	}
	if err := forgetLocks(ctx, tx, u.ID); err != nil {
		return fmt.Errorf("forget earlier locks: %w", err)
	}
	if err := insertPassword(ctx, tx, u.ID, hash, now); err != nil {
		return fmt.Errorf("keep the password: %w", err)
	}
	if err := trimPasswords(ctx, tx, u.ID, max(s.set.History, 1)); err != nil {
		return fmt.Errorf("forget older passwords: %w", err)
	}
	if u.hash == "" { // a first password is no change to warn of
		return nil
	}
	return s.notice(ctx, tx, u, "account.password_changed")
}

// Change is what the Change Password page sends.
type Change struct{ Current, New, Confirm string }

// ChangePassword changes the actor's own password. Other sessions end; this one goes on under the new token that is
// the answer.
func (s *Service) ChangePassword(ctx context.Context, by actor.Actor, in Change) (token string, err error) {
	u, err := s.Find(ctx, s.o.DB, by.ID)
	if err != nil {
		return "", err
	}
	hash, err := s.checkChange(ctx, u, in)
	if err != nil {
		return "", err
	}
	token, tokenHash, err := newToken()
	if err != nil {
		return "", err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.storeChange(ctx, tx, by, u, hash); err != nil {
			return err
		}
		ok, err := replaceToken(ctx, tx, by.SessionID, u.ID, tokenHash)
		if err != nil {
			return fmt.Errorf("renew the session: %w", err)
		}
		if !ok { // ended meanwhile, and with it the right to change anything
			return fault.New(fault.SignIn, "")
		}
		return nil
	})
	return token, err
}

func (s *Service) storeChange(ctx context.Context, tx *db.Tx, by actor.Actor, u User, hash string) error {
	if err := s.putPassword(ctx, tx, u, hash); err != nil {
		return err
	}
	if err := s.o.Verify.EndLinks(ctx, tx, u.ID, "password"); err != nil {
		return err
	}
	if err := s.EndSessions(ctx, tx, u.ID, by.SessionID, "password"); err != nil {
		return err
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PasswordChanged, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID})
}

// checkChange refuses a wrong current password, whose tries count like those at sign-in, or a bad new one.
func (s *Service) checkChange(ctx context.Context, u User, in Change) (hash string, err error) {
	// What can be said without the current password is said first: it costs no try.
	var f fault.Fields
	if in.Current == "" {
		f.Add("current_password", "Enter your current password")
	}
	c, err := s.newCheck(ctx, u, in.New, in.Confirm)
	if err != nil {
		return "", err
	}
	c.UserID = ""
	err = s.CheckNewPassword(ctx, c)
	if err != nil && !fault.Is(err, fault.Invalid) {
		return "", err
	}
	if err = append(f, fault.From(err).Fields...).Err(); err != nil {
		return "", err
	}
	if err := s.countCurrent(ctx, u); err != nil {
		return "", err
	}
	right, err := s.hasher.matches(ctx, fold(in.Current), u.hash)
	if err != nil {
		return "", err
	}
	if !right {
		return "", fault.Field("current_password", "Your current password is not right")
	}
	return s.newHash(ctx, u, in.New, in.Confirm)
}

// countCurrent bounds guesses at the current password by somebody who found an open session.
func (s *Service) countCurrent(ctx context.Context, u User) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "current password", Max: 2 * s.set.WrongTries, Window: 15 * time.Minute}, u.ID)
		if err != nil || ok {
			return err
		}
		return fault.New(fault.TooMany, "Too many tries. Try again in 15 minutes.")
	})
}

// ChangeExpired changes an expired password between its sign-in and the session. found is false when this browser
// has no sign-in under way.
func (s *Service) ChangeExpired(ctx context.Context, by actor.Actor, browser string, in Change) (found bool, err error) {
	u, f, found, err := s.pending(ctx, s.o.DB, browser)
	if err != nil || !found {
		return found, err
	}
	// Another step comes first (Support's code), or none is left: Continue leads there.
	if step, err := s.nextStep(ctx, s.o.DB, u, f); err != nil || step != expiredPath {
		return true, err
	}
	hash, err := s.checkChange(ctx, u, in)
	if err != nil {
		return true, err
	}
	return true, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.putPassword(ctx, tx, u, hash); err != nil {
			return err
		}
		// Links and half-done sign-ins elsewhere go back to the old password; this one goes on.
		if err := s.o.Verify.EndLink(ctx, tx, resetKind, u.ID, "password"); err != nil {
			return err
		}
		if err := s.o.Verify.EndOthers(ctx, tx, f, "password"); err != nil {
			return err
		}
		if err := s.EndSessions(ctx, tx, u.ID, "", "password"); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PasswordChanged, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID})
	})
}

// AcceptTerms notes the new terms between a sign-in and its session.
func (s *Service) AcceptTerms(ctx context.Context, by actor.Actor, browser string) (found bool, err error) {
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, f, ok, err := s.pending(ctx, tx, browser)
		if found = ok; err != nil || !ok {
			return err
		}
		if step, err := s.nextStep(ctx, tx, u, f); err != nil || step != termsPath {
			return err
		}
		if err := insertTerms(ctx, tx, u.ID, s.set.TermsVersion, by.IP, clock.Micros(s.o.Clock.Now())); err != nil {
			return fmt.Errorf("note the terms: %w", err)
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.TermsAccepted, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID, Detail: s.termsDetail()})
	})
	return found, err
}

// DeclineTerms ends a sign-in that stopped at the terms.
func (s *Service) DeclineTerms(ctx context.Context, by actor.Actor, browser string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, _, found, err := s.pending(ctx, tx, browser)
		if err != nil || !found {
			return err
		}
		if err := s.o.Verify.EndFlows(ctx, tx, u.ID, signinKind, "declined"); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.TermsDeclined, Outcome: audit.Refused, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID})
	})
}

// NewStaff is a member of Support about to be added.
type NewStaff struct{ Email, First, Last, Cell string }

// AddStaff makes a Support account without a password and sends its holder the link to set one.
func (s *Service) AddStaff(ctx context.Context, n NewStaff) error {
	by := actor.ByProgram("staff add")
	var f fault.Fields
	if _, ok := CanonEmail(n.Email); !ok {
		f.Add("email", EmailFormat)
	}
	cell, ok := s.o.Verify.ParsePhone(n.Cell)
	if !ok {
		f.Add("cell", verify.PhoneFormat)
	}
	if n.First == "" || n.Last == "" {
		f.Add("name", "Enter first and last name")
	}
	if err := f.Err(); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, err := s.Create(ctx, tx, by, NewUser{Email: TidyEmail(n.Email), First: n.First, Last: n.Last, Cell: cell, Role: actor.Support, TwoStep: true})
		if err != nil {
			return err
		}
		if _, err := s.sendReset(ctx, tx, by, u, "account.staff"); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.StaffAdded, SubjectKind: "user", SubjectID: u.ID})
	})
}

// notice tells a person something by e-mail.
func (s *Service) notice(ctx context.Context, tx *db.Tx, u User, template string) error {
	return s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: u.Email, Template: template, Params: notify.Params{"user": u.ID}, UserID: u.ID, PracticeID: u.PracticeID})
}
