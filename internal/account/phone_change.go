package account

import (
	"context"
	"fmt"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
)

// A change of number is two flows of the person, begun together by the password: one proves a number on file, the other
// the new one. The second opens only when the first is proved; when either ends, both are begun again.
const (
	phoneKind    = "phone_change"
	newPhoneKind = "phone_new"
)

// PhoneChange is what the form of a new number sends. Which is "phone" or "cell".
type PhoneChange struct{ Which, Number, Current, Browser string }

// typedPhone is what both flows keep.
type typedPhone struct{ Which, Number string }

// phones are the new number alone, as a code can be sent to it.
func (p typedPhone) phones(u User) verify.Phones {
	if p.Which == "cell" {
		return verify.Phones{Cell: p.Number}
	}
	return verify.Phones{Phone: p.Number, Patient: u.Role == actor.Patient}
}

// in is the person's numbers with the new one in its place.
func (p typedPhone) in(u User) (phone, cell string) {
	if p.Which == "cell" {
		return u.Phone, p.Number
	}
	return p.Number, u.Cell
}

// hasPhone says whether a code can be sent to a number on file.
func (u User) hasPhone() bool { return len(verify.Methods(u.Phones())) > 0 }

// BeginPhone begins the change of one of the actor's own numbers.
func (s *Service) BeginPhone(ctx context.Context, by actor.Actor, in PhoneChange) error {
	u, err := s.Find(ctx, s.o.DB, by.ID)
	if err != nil {
		return err
	}
	var f fault.Fields
	number, ok := s.o.Verify.ParsePhone(in.Number)
	was := u.Phone
	if in.Which == "cell" {
		was = u.Cell
	}
	if in.Which != "cell" && in.Which != "phone" {
		f.Add("which", "Choose which number to change")
	}
	switch {
	case in.Number == "":
		f.Add("number", "Enter a phone number")
	case !ok:
		f.Add("number", verify.PhoneFormat)
	case number == was:
		f.Add("number", "This number is on file already")
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
		return s.beginChange(ctx, tx, u, in.Browser, typedPhone{in.Which, number}, phoneKind, newPhoneKind)
	})
}

// phoneFlows are both flows of the actor in this browser; Gone when one is not there.
func (s *Service) phoneFlows(ctx context.Context, r db.Reader, by actor.Actor, browser string) (old, now verify.Flow, to typedPhone, err error) {
	if old, _, err = changeFlow[typedPhone](ctx, s, r, phoneKind, by.ID, browser); err != nil {
		return old, now, to, err
	}
	now, to, err = changeFlow[typedPhone](ctx, s, r, newPhoneKind, by.ID, browser)
	return old, now, to, err
}

// SavePhone changes the number once both codes were right. The answer is the session's new token.
func (s *Service) SavePhone(ctx context.Context, by actor.Actor, browser string) (token string, err error) {
	token, tokenHash, err := newToken()
	if err != nil {
		return "", err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		old, now, to, err := s.phoneFlows(ctx, tx, by, browser)
		if err != nil {
			return err
		}
		u, err := s.Find(ctx, tx, by.ID)
		if err != nil {
			return err
		}
		if err := s.finishChange(ctx, tx, old, verify.Need{Phone: u.hasPhone()}); err != nil {
			return err
		}
		if err := s.finishChange(ctx, tx, now, verify.Need{Phone: true}); err != nil {
			return err
		}
		if !s.o.Verify.Proved(now, to.Number) {
			return errBegin()
		}
		if err := s.putPhone(ctx, tx, u, to); err != nil {
			return err
		}
		if err := s.renew(ctx, tx, by, "phone", tokenHash); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PhoneChanged, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID, Detail: map[string]string{"which": to.Which}})
	})
	return token, err
}

// putPhone stores a new number and tells the person by e-mail.
func (s *Service) putPhone(ctx context.Context, tx *db.Tx, u User, to typedPhone) error {
	phone, cell := to.in(u)
	ok, err := updatePhone(ctx, tx, u, phone, cell)
	if err != nil {
		return fmt.Errorf("change a number: %w", err)
	}
	if !ok {
		return errBegin()
	}
	return s.notice(ctx, tx, u, "account.phone_changed")
}
