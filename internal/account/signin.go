package account

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
)

// SignIn is what the sign-in form sends. Staff says that it was Support's form: each form opens its own accounts only.
// Device is the token of a browser that has done a second step before; Next is the page that was asked for.
type SignIn struct {
	Email, Password, Browser string
	Device, Next             string
	Staff                    bool
}

// Entry is where a right password leads: to a session, or to a step that stands before it.
type Entry struct {
	Token  string // the session's; "" while a step is left
	Next   string // address of that step
	To     string // the page that was asked for when the sign-in began, or ""
	Device string // a new token for this browser, which is known from here on; "" leaves things as they are
	Staff  bool   // a member of Support: the session's first page is theirs
}

// NotRight is what every refused sign-in is told, whatever the reason.
const NotRight = "Your email address or password is not right."

// signinKind is the flow between a right password and a session.
const signinKind = "signin"

// signinLife bounds that flow.
const signinLife = 30 * time.Minute

// Where the steps before a session are.
const (
	expiredPath   = "/password/expired"
	termsPath     = "/terms/new"
	staffCodePath = "/support/method"
)

// SignIn checks an address and a password. Every refusal is the same fault; Busy when too many sign in at once.
func (s *Service) SignIn(ctx context.Context, by actor.Actor, in SignIn) (Entry, error) {
	if err := s.filled(in); err != nil {
		return Entry{}, err
	}
	canon, _ := CanonEmail(in.Email)
	leave, err := s.hasher.turn(ctx, canon)
	if err != nil {
		return Entry{}, err
	}
	defer leave()
	u, counted, err := s.countTry(ctx, by, canon, in.Staff)
	if err != nil {
		return Entry{}, err
	}
	hash := ""
	if counted {
		hash = u.hash
	}
	right, err := s.hasher.matches(ctx, fold(in.Password), hash)
	if err != nil { // never looked at: too busy, or the person went away
		return Entry{}, errors.Join(err, s.giveBack(ctx, u, counted))
	}
	if !right {
		return Entry{}, s.refuse(ctx, by, u, canon)
	}
	if s.hasher.outdated(u.hash) {
		if hash, err = s.Hash(ctx, in.Password); err != nil {
			return Entry{}, err
		}
	}
	return s.accept(ctx, by, u, in, hash)
}

func (s *Service) giveBack(ctx context.Context, u User, counted bool) error {
	if !counted {
		return nil
	}
	return s.o.DB.InTx(context.WithoutCancel(ctx), func(ctx context.Context, tx *db.Tx) error { return uncountTry(ctx, tx, u.ID) })
}

func (s *Service) filled(in SignIn) error {
	var f fault.Fields
	if in.Email == "" {
		f.Add("email", "Enter your email address")
	}
	if in.Password == "" {
		f.Add("password", "Enter your password")
	}
	return f.Err()
}

func (s *Service) notRight() error {
	text := "After " + strconv.FormatInt(s.set.WrongTries, 10) + " wrong tries in a row an account is locked."
	return &fault.Fault{Kind: fault.Invalid, Text: text, Fields: []fault.FieldError{{Field: "email", Text: NotRight}}}
}

// countTry finds the account and counts a try of it before the password is looked at. counted is false when the
// account is unknown, of the other sort, locked or not open: the same work goes on without it.
func (s *Service) countTry(ctx context.Context, by actor.Actor, canon string, staff bool) (u User, counted bool, err error) {
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, counted = User{}, false
		if err := s.countSignIn(ctx, tx, by); err != nil {
			return err
		}
		found, known, err := findByEmail(ctx, tx, canon)
		if err != nil {
			return fmt.Errorf("find the account: %w", err)
		}
		if !known || (found.Role == actor.Support) != staff || found.hash == "" {
			return nil
		}
		if u, err = s.reopen(ctx, tx, found); err != nil {
			return fmt.Errorf("open a lock that is over: %w", err)
		}
		u.wrongTries, counted, err = countWrong(ctx, tx, u.ID, s.set.WrongTries)
		return err
	})
	return u, counted, err
}

// refuse answers a wrong try: the account locks with the last one, and its owner is told.
func (s *Service) refuse(ctx context.Context, by actor.Actor, u User, canon string) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		e := audit.Event{Action: audit.SigninRefused, Outcome: audit.Refused, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID}
		if u.ID == "" {
			if s.OnUnknown != nil && canon != "" {
				if err := s.OnUnknown(ctx, tx, canon); err != nil {
					return err
				}
			}
			return s.o.Audit.Record(ctx, tx, by, e)
		}
		locked, err := s.lock(ctx, tx, u)
		if err != nil {
			return err
		}
		if locked {
			e.Action = audit.SigninLocked
		}
		if locked || u.State == "locked" {
			if err := s.noticeLocked(ctx, tx, u); err != nil {
				return err
			}
		}
		e.Detail = map[string]string{"tries": strconv.FormatInt(u.wrongTries, 10)}
		return s.o.Audit.Record(ctx, tx, by, e)
	})
	if err != nil {
		return err
	}
	return s.notRight()
}

// accept goes on from a right password: to a session when nothing else is asked for, else to the first step.
func (s *Service) accept(ctx context.Context, by actor.Actor, u User, in SignIn, hash string) (e Entry, err error) {
	token, tokenHash, err := newToken()
	if err != nil {
		return Entry{}, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		e = Entry{To: in.Next}
		ok, err := resetTries(ctx, tx, u, hash)
		if err != nil {
			return fmt.Errorf("open the account: %w", err)
		}
		if !ok { // locked or closed, or another password, in between
			return s.notRight()
		}
		if err := forgetLocks(ctx, tx, u.ID); err != nil {
			return fmt.Errorf("forget earlier locks: %w", err)
		}
		b, err := s.begin(ctx, tx, u, in.Device, in.Next)
		if err != nil {
			return err
		}
		if e.Next, err = s.stepAfter(ctx, tx, u, verify.Flow{}, b); err != nil {
			return err
		}
		// The steps find their flow by the browser: what somebody else began here must not be gone on with.
		if err := s.o.Verify.EndBrowser(ctx, tx, signinKind, in.Browser, "again"); err != nil {
			return err
		}
		if e.Next != "" {
			return s.stop(ctx, tx, u, in.Browser, b, "")
		}
		e.Token = token
		return s.openSession(ctx, tx, by, u, tokenHash, "")
	})
	return e, err
}

// nextStep is what still stands before a session, or "".
func (s *Service) nextStep(ctx context.Context, r db.Reader, u User, f verify.Flow) (string, error) {
	return s.stepAfter(ctx, r, u, f, beganOf(f))
}

func (s *Service) stepAfter(ctx context.Context, r db.Reader, u User, f verify.Flow, b began) (string, error) {
	if !f.Phone && s.asksSecond(u, b) {
		return s.secondStep(ctx, r, u)
	}
	if s.expired(u.PasswordAt, clock.Micros(s.o.Clock.Now())) {
		return expiredPath, nil
	}
	if u.Role == actor.Support || s.set.TermsVersion == "" {
		return "", nil
	}
	agreed, err := hasTerms(ctx, r, u.ID, s.set.TermsVersion)
	if err != nil {
		return "", fmt.Errorf("look for the terms: %w", err)
	}
	if !agreed {
		return termsPath, nil
	}
	return "", nil
}

// pending is the sign-in this browser has begun with a right password and not finished; found is false when there is none.
func (s *Service) pending(ctx context.Context, r db.Reader, browser string) (u User, f verify.Flow, found bool, err error) {
	f, found, err = s.o.Verify.FlowIn(ctx, r, signinKind, browser)
	if err != nil || !found {
		return User{}, f, false, err
	}
	u, err = s.Find(ctx, r, f.Subject)
	if err != nil || u.State != "active" {
		return User{}, f, false, err
	}
	return u, f, true, nil
}

// Continue goes on with a sign-in after one of its steps: to the next step, or to the session, whose statement asks
// again for every proof. found is false when this browser has none under way.
func (s *Service) Continue(ctx context.Context, by actor.Actor, browser string) (e Entry, found bool, err error) {
	token, tokenHash, err := newToken()
	if err != nil {
		return Entry{}, false, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		e = Entry{}
		u, f, ok, err := s.pending(ctx, tx, browser)
		if found = ok; err != nil || !ok {
			return err
		}
		b := beganOf(f)
		e.To = b.Next
		if e.Next, err = s.stepAfter(ctx, tx, u, f, b); err != nil || e.Next != "" {
			return err
		}
		if err := s.o.Verify.Finish(ctx, tx, f, verify.Need{Phone: s.asksSecond(u, b)}); err != nil {
			return err
		}
		e.Token, e.Staff = token, u.Role == actor.Support
		proof := ""
		if f.Phone {
			proof = f.Method
			if e.Device, err = s.remember(ctx, tx, u, b); err != nil {
				return err
			}
		}
		return s.openSession(ctx, tx, by, u, tokenHash, proof)
	})
	return e, found, err
}

// StaffFlow is the subject of the code step of a Support sign-in in this browser.
func (s *Service) StaffFlow(ctx context.Context, browser string) (verify.Subject, error) {
	u, f, found, err := s.pending(ctx, s.o.DB, browser)
	if err != nil {
		return verify.Subject{}, err
	}
	if !found || u.Role != actor.Support {
		return verify.Subject{}, fault.New(fault.SignIn, "")
	}
	return verify.Subject{ID: u.ID, Generation: f.Generation, Phones: u.Phones(), Contact: "another member of Support", Name: s.o.Notify.Product(), TTL: signinLife}, nil
}
