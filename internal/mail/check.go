package mail

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
)

// validID says whether a form's id is one that a form of ours can have made.
func validID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// mayCompose refuses those who can only reply (SPEC.md, People). A patient reads nothing of paying.
func mayCompose(by actor.Actor) error {
	switch {
	case by.Kind != actor.User:
		return fault.ErrNotFound()
	case by.Role == actor.Patient:
		return fault.New(fault.Forbidden, "You can reply to every message you receive here.")
	case !by.Paid:
		return fault.New(fault.Forbidden, "Compose is part of paid SecureMail. You can reply to messages.")
	}
	return nil
}

// refuse is the answer for what is not there or not theirs, after a line in the trail: it is written for both, so that
// neither words nor time tell them apart.
func (s *Service) refuse(ctx context.Context, by actor.Actor, kind, id string) error {
	if !validID(id) {
		return fault.ErrNotFound()
	}
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.AccessRefused, Outcome: audit.Refused, SubjectKind: kind, SubjectID: id})
	})
	return errors.Join(err, fault.ErrNotFound())
}

// oneLine makes a subject or an address out of what was typed: no line ends or other controls, no space around.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// blank says whether a text holds nothing that can be read.
func blank(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }) < 0
}

// tooLong notes what passes its limit.
func tooLong(f *fault.Fields, field, label, value string, most int) {
	if utf8.RuneCountInString(value) > most {
		f.Add(field, label+" must be "+thousands(most)+" characters or fewer")
	}
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return thousands(n/1000) + "," + fmt.Sprintf("%03d", n%1000)
}

func (s *Service) checkBody(f *fault.Fields, body string) {
	if blank(body) {
		f.Add("body", "Enter a message")
	}
	tooLong(f, "body", "Message", body, s.set.MaxBody)
}

// target is whom a new message goes to: exactly one of the three is set.
type target struct {
	person  account.Card
	invited invite.Invitation
	unknown *invite.NewInvitation
}

// id is the person's or invitation's; empty for somebody still to be invited.
func (t target) id() string { return t.person.ID + t.invited.ID }

// checkCompose refuses what cannot be sent, all at once, and finds out who is meant.
func (s *Service) checkCompose(ctx context.Context, by actor.Actor, c Compose) (target, error) {
	var f fault.Fields
	to, err := s.resolve(ctx, by, c, &f)
	if err != nil {
		return to, err
	}
	if blank(c.Subject) {
		f.Add("subject", "Enter a subject")
	}
	tooLong(&f, "subject", "Subject", c.Subject, s.set.MaxSubject)
	s.checkBody(&f, c.Body)
	return to, f.Err()
}

// resolve finds the recipient. This practice's own open invitation comes before an account of the same address: until it
// is accepted or claimed, nothing shows that the account's holder is the person this practice knows.
func (s *Service) resolve(ctx context.Context, by actor.Actor, c Compose, f *fault.Fields) (target, error) {
	address, err := s.address(ctx, by, c.To, f)
	if err != nil || address == "" {
		return target{}, err
	}
	open, found, err := s.o.Invite.OpenFor(ctx, s.o.DB, by.PracticeID, address)
	if err != nil || found {
		return target{invited: open}, err
	}
	person, found, err := s.o.Account.ByEmail(ctx, s.o.DB, address)
	switch {
	case err != nil:
		return target{}, err
	case !found:
		return target{unknown: s.newcomer(by, c, address, f)}, nil
	case person.ID == by.ID:
		f.Add("to", "This is your own address. Enter another person's.")
	case !person.Active:
		f.Add("to", "This person's account is closed, so they cannot receive messages.")
	}
	return target{person: person}, nil
}

// address is the one address typed into To, or that of the contact whose name was typed.
func (s *Service) address(ctx context.Context, by actor.Actor, typed string, f *fault.Fields) (string, error) {
	switch {
	case typed == "":
		f.Add("to", "Enter a recipient")
		return "", nil
	case strings.Count(typed, "@") > 1 || strings.ContainsAny(typed, ",;") && strings.Contains(typed, "@"):
		f.Add("to", "Choose one recipient")
		return "", nil
	case !strings.Contains(typed, "@"):
		people, err := s.contacts(ctx, by, typed)
		if err != nil {
			return "", err
		}
		if found := named(people, typed); len(found) == 1 {
			return found[0].Email, nil
		} else if len(found) > 1 {
			f.Add("to", "Choose one recipient")
			return "", nil
		}
	}
	if _, ok := account.CanonEmail(typed); !ok {
		f.Add("to", "Enter a valid email address")
		return "", nil
	}
	return typed, nil
}

// newcomer checks what was typed of somebody nobody here knows.
func (s *Service) newcomer(by actor.Actor, c Compose, address string, f *fault.Fields) *invite.NewInvitation {
	if c.New == nil {
		f.Add("to", address+" is new here. Fill in “New recipient” and send again.")
		return nil
	}
	n := *c.New
	n.PracticeID, n.Email, n.First, n.Last = by.PracticeID, address, oneLine(n.First), oneLine(n.Last)
	n.BySupport, n.Manager, n.Paid = false, false, false
	n, err := s.o.Invite.Check(n)
	for _, e := range fault.From(err).Fields {
		if e.Field == "email" {
			e = fault.FieldError{Field: "to", Text: "Enter a valid email address"}
		}
		*f = append(*f, e)
	}
	return &n
}
