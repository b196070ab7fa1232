package account

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

// When users are asked for a second step at sign-in. Support always is.
const (
	MFAOff       = "off"
	MFANewDevice = "new_device"
	MFAAlways    = "always"
)

// deviceLife is how long a browser is known after a second step.
const deviceLife = 90 * 24 * time.Hour

// Where the second step of a sign-in is.
const (
	secondPath      = "/signin/second"
	staffSecondPath = "/support/second"
)

// offKind is the flow in which two-step verification is turned off; its subject is the user.
const offKind = "second_off"

// began is what a sign-in's flow keeps of its beginning.
type began struct {
	Known  bool   `json:"known,omitempty"`  // this browser has done the second step before
	Device []byte `json:"device,omitempty"` // hash of the token it had
	Next   string `json:"next,omitempty"`   // the page that was asked for
}

func (b began) bytes() ([]byte, error) {
	data, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("keep a sign-in's beginning: %w", err)
	}
	return data, nil
}

func beganOf(f verify.Flow) began {
	var b began
	if f.Data == nil || json.Unmarshal(f.Data, &b) != nil {
		return began{} // nothing is known: the stricter answer
	}
	return b
}

// begin is how a sign-in begins in this browser.
func (s *Service) begin(ctx context.Context, r db.Reader, u User, device, next string) (began, error) {
	b := began{Next: next}
	if device == "" {
		return b, nil
	}
	b.Device = hashToken(device)
	var err error
	b.Known, err = isDevice(ctx, r, b.Device, u.ID, clock.Micros(s.o.Clock.Now()))
	if err != nil {
		return b, fmt.Errorf("look for a browser: %w", err)
	}
	return b, nil
}

// asksSecond says whether a second step stands between a right password and the session.
func (s *Service) asksSecond(u User, b began) bool {
	if u.Role == actor.Support {
		return true
	}
	return s.set.MFAAtLogin == MFAAlways || s.set.MFAAtLogin == MFANewDevice && !b.Known
}

// secondStep is where the second step is: Support's goes to the codes when there is nothing else to choose.
func (s *Service) secondStep(ctx context.Context, r db.Reader, u User) (string, error) {
	if u.Role != actor.Support {
		return secondPath, nil
	}
	m, err := s.Means(ctx, r, u.ID)
	if err != nil || !m.Any() {
		return staffCodePath, err
	}
	return staffSecondPath, nil
}

// remember makes this browser known after a second step. It gets a new token, for everybody it was known for. The
// owner is told of a browser that was not known before.
func (s *Service) remember(ctx context.Context, tx *db.Tx, u User, b began) (token string, err error) {
	if s.set.MFAAtLogin != MFANewDevice || u.Role == actor.Support {
		return "", nil
	}
	token, hash, err := newToken()
	if err != nil {
		return "", err
	}
	now := s.o.Clock.Now()
	if b.Device != nil {
		if err := replaceDevice(ctx, tx, b.Device, hash); err != nil {
			return "", fmt.Errorf("renew a browser's token: %w", err)
		}
	}
	if err := upsertDevice(ctx, tx, hash, u.ID, clock.Micros(now), clock.Micros(now.Add(deviceLife))); err != nil {
		return "", fmt.Errorf("remember a browser: %w", err)
	}
	if b.Known {
		return token, nil
	}
	return token, s.notice(ctx, tx, u, "account.new_device")
}

// SecondFlow is the subject of the code steps of a user's sign-in in this browser.
func (s *Service) SecondFlow(ctx context.Context, browser string) (verify.Subject, error) {
	u, f, err := s.Second(ctx, browser, false)
	if err != nil {
		return verify.Subject{}, err
	}
	return verify.Subject{ID: u.ID, Generation: f.Generation, Phones: u.Phones(), Contact: "Support", Name: s.o.Notify.Product(), TTL: signinLife}, nil
}

// Second is the sign-in under way in this browser whose second step is asked for, of a user or of Support.
func (s *Service) Second(ctx context.Context, browser string, staff bool) (User, verify.Flow, error) {
	u, f, found, err := s.pending(ctx, s.o.DB, browser)
	if err != nil {
		return User{}, f, err
	}
	if !found || (u.Role == actor.Support) != staff {
		return User{}, f, fault.New(fault.SignIn, "")
	}
	return u, f, nil
}

// countSignIn bounds the sign-ins that come from one network address.
func (s *Service) countSignIn(ctx context.Context, tx *db.Tx, by actor.Actor) error {
	ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "sign-ins an address", Max: s.set.SignInsPerIP, Window: 15 * time.Minute}, by.IP)
	if err != nil || ok {
		return err
	}
	return fault.New(fault.TooMany, "Too many tries. Try again in 15 minutes.")
}

// acceptPasskey goes on from a right signature: to the session, or to the step that is left.
func (s *Service) acceptPasskey(ctx context.Context, by actor.Actor, u User, signed *webauthn.Credential, in PasskeySignIn) (e Entry, err error) {
	token, tokenHash, err := newToken()
	if err != nil {
		return Entry{}, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		e = Entry{To: in.Next}
		used, err := s.usePasskey(ctx, tx, u, signed)
		if err != nil {
			return err
		}
		if u, err = s.Find(ctx, tx, u.ID); err != nil {
			return err
		}
		if !used || u.State != "active" || u.Role == actor.Support || u.hash == "" {
			return errPasskey
		}
		b, err := s.begin(ctx, tx, u, in.Device, in.Next)
		if err != nil {
			return err
		}
		if e.Next, err = s.nextStep(ctx, tx, u, verify.Flow{Phone: true}); err != nil {
			return err
		}
		if err := s.o.Verify.EndBrowser(ctx, tx, signinKind, in.Browser, "again"); err != nil {
			return err
		}
		if e.Next != "" {
			return s.stop(ctx, tx, u, in.Browser, b, byPasskey)
		}
		if e.Device, err = s.remember(ctx, tx, u, b); err != nil {
			return err
		}
		e.Token = token
		return s.openSession(ctx, tx, by, u, tokenHash, byPasskey)
	})
	return e, err
}

// stop begins the flow that leads through the steps before a session; proof names the second step already done, or "".
func (s *Service) stop(ctx context.Context, tx *db.Tx, u User, browser string, b began, proof string) error {
	data, err := b.bytes()
	if err != nil {
		return err
	}
	f, err := s.o.Verify.Begin(ctx, tx, verify.Start{Kind: signinKind, Subject: u.ID, Browser: browser, TTL: signinLife, Data: data})
	if err != nil || proof == "" {
		return err
	}
	return s.o.Verify.Confirm(ctx, tx, f, proof)
}

// refusePasskey writes the trail of a refused sign-in and gives the one answer to all of them; what is no refusal
// stays what it is.
func (s *Service) refusePasskey(ctx context.Context, by actor.Actor, u User, why error) error {
	if why != errPasskey { //nolint:errorlint // errPasskey is never wrapped
		return why
	}
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.SigninRefused, Outcome: audit.Refused, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID,
			Detail: map[string]string{"method": byPasskey}})
	})
	if err != nil {
		return err
	}
	return passkeyWrong()
}

// TurnOn turns the actor's two-step verification on, at once.
func (s *Service) TurnOn(ctx context.Context, by actor.Actor) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.switchTwoStep(ctx, tx, by, true) })
}

func (s *Service) switchTwoStep(ctx context.Context, tx *db.Tx, by actor.Actor, on bool) error {
	changed, err := updateTwoStep(ctx, tx, by.ID, on)
	if err != nil {
		return fmt.Errorf("change two-step: %w", err)
	}
	if !changed { // it is so already, as after a second press of the button
		return nil
	}
	u, err := s.Find(ctx, tx, by.ID)
	if err != nil {
		return err
	}
	action, template := audit.SecondOff, "account.second_off"
	if on {
		action, template = audit.SecondOn, "account.second_on"
	}
	if err := s.noticeOf(ctx, tx, u, template, notify.Params{"user": u.ID}); err != nil {
		return err
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: action, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID})
}

// BeginOff begins to turn the actor's two-step verification off: the password was entered, a code is left.
func (s *Service) BeginOff(ctx context.Context, by actor.Actor, browser string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, err := s.holdConfirmed(ctx, tx, by)
		if err != nil {
			return err
		}
		_, err = s.o.Verify.Begin(ctx, tx, verify.Start{Kind: offKind, Subject: u.ID, Browser: browser, TTL: signinLife})
		return err
	})
}

// Off is the turning off under way in this browser; found is false when there is none.
func (s *Service) Off(ctx context.Context, by actor.Actor, browser string) (u User, f verify.Flow, found bool, err error) {
	if u, err = s.Find(ctx, s.o.DB, by.ID); err != nil {
		return u, f, false, err
	}
	f, found, err = s.o.Verify.Flow(ctx, s.o.DB, offKind, u.ID, browser, 0)
	return u, f, found, err
}

// TurnOff turns the actor's two-step verification off, when the password was entered and a code confirmed in this
// browser: the statements ask for both again.
func (s *Service) TurnOff(ctx context.Context, by actor.Actor, browser string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, err := s.holdConfirmed(ctx, tx, by)
		if err != nil {
			return err
		}
		f, found, err := s.o.Verify.Flow(ctx, tx, offKind, u.ID, browser, 0)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.Conflict, "This was already done in another window.")
		}
		if err := s.o.Verify.Finish(ctx, tx, f, verify.Need{Phone: true}); err != nil {
			return err
		}
		return s.switchTwoStep(ctx, tx, by, false)
	})
}
