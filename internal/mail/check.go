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

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
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

// checkCompose refuses what cannot be sent, all at once, and finds out who is meant.
func (s *Service) checkCompose(ctx context.Context, by actor.Actor, c Compose) ([]target, error) {
	var f fault.Fields
	if tooLong(&f, "to", "To", c.To, maxTo); len(f) > 0 {
		return nil, f.Err()
	}
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
