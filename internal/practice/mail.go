package practice

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
)

// MostRecipients is the largest number of recipients of one message that a practice may allow.
const MostRecipients = 20

// The bounds of a practice's times, in days; none at all has no end.
const (
	MostAccess     = 3650
	LeastRetention = 30
	MostRetention  = 36500
)

// RetentionNotice is how long nothing ends after the time for which a practice keeps conversations was made shorter, and
// how long before an end its User Managers are told.
const RetentionNotice = 30 * 24 * time.Hour

// ErrShorter says that the rules keep conversations for a shorter time than before, which asks for a word of its own.
var ErrShorter = errors.New("practice: conversations would be kept for a shorter time")

// MailRules are how a practice writes and keeps messages. Version is the practice's that the form was made from.
type MailRules struct {
	MaxRecipients int  // of one message
	AccessDays    int  // how long people outside the practice can read a new message; 0 = no end
	RetentionDays int  // how long it keeps a conversation after its newest message; 0 = no end
	Confirmed     bool // a shorter retention is meant
	Version       int64
}

func (r MailRules) check() error {
	var f fault.Fields
	if r.MaxRecipients < 1 || r.MaxRecipients > MostRecipients {
		f.Add("max_recipients", "Enter a number from 1 to "+strconv.Itoa(MostRecipients))
	}
	if r.AccessDays < 0 || r.AccessDays > MostAccess {
		f.Add("access_days", "Enter a number of days from 1 to "+strconv.Itoa(MostAccess)+", or leave this empty")
	}
	if r.RetentionDays != 0 && (r.RetentionDays < LeastRetention || r.RetentionDays > MostRetention) {
		f.Add("retention_days", "Enter a number of days from "+strconv.Itoa(LeastRetention)+" to "+strconv.Itoa(MostRetention)+", or leave this empty")
	}
	return f.Err()
}

// shorter says that conversations end which p would keep, or end sooner.
func (r MailRules) shorter(p Practice) bool {
	return r.RetentionDays > 0 && (p.RetentionDays == 0 || r.RetentionDays < p.RetentionDays)
}

// SetMailRules changes them for the actor's practice, with the caller's act. Only a User Manager may; NotFound for
// others. When somebody else has saved since, the answer is Conflict, and ErrShorter when conversations would be kept for
// a shorter time and that was not confirmed: then nothing ends before RetentionNotice has passed. The same rules again
// change nothing.
func (s *Service) SetMailRules(ctx context.Context, tx *db.Tx, by actor.Actor, r MailRules) error {
	if by.Kind != actor.User || !by.Manager || by.PracticeID == "" {
		return fault.ErrNotFound()
	}
	if err := r.check(); err != nil {
		return err
	}
	same, err := lockVersion(ctx, tx, by.PracticeID, r.Version)
	if err != nil {
		return fmt.Errorf("set the rules of messages: %w", err)
	}
	if !same {
		return fault.New(fault.Conflict, "Someone else has changed your practice's settings since you opened this page. Check what they saved, then save again.")
	}
	was, err := s.Find(ctx, tx, by.PracticeID)
	if err != nil {
		return err
	}
	if was.MaxRecipients == r.MaxRecipients && was.AccessDays == r.AccessDays && was.RetentionDays == r.RetentionDays {
		return nil
	}
	from := was.RetentionFrom
	if r.shorter(was) {
		if !r.Confirmed {
			return ErrShorter
		}
		from = s.o.Clock.Now().Add(RetentionNotice)
	}
	if r.RetentionDays == 0 {
		from = time.Time{}
	}
	if err := updateMailRules(ctx, tx, by.PracticeID, r, from); err != nil {
		return fmt.Errorf("set the rules of messages: %w", err)
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PracticeEdited, SubjectKind: "practice", SubjectID: by.PracticeID, PracticeID: by.PracticeID,
		Detail: map[string]string{"max_recipients": strconv.Itoa(r.MaxRecipients), "access_days": strconv.Itoa(r.AccessDays), "retention_days": strconv.Itoa(r.RetentionDays)}})
}

// Retaining lists the practices, closed ones too, that do not keep conversations for ever.
func (s *Service) Retaining(ctx context.Context, r db.Reader) ([]Practice, error) {
	ids, err := listRetaining(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("list practices with a retention: %w", err)
	}
	var list []Practice
	for _, id := range ids {
		p, err := s.Find(ctx, r, id)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// EndedBy is the instant before which a conversation's newest message is, if the practice's retention of it has ended at
// a moment; false when nothing ends by then.
func (p Practice) EndedBy(at time.Time) (time.Time, bool) {
	if p.RetentionDays == 0 || p.RetentionFrom.IsZero() || at.Before(p.RetentionFrom) {
		return time.Time{}, false
	}
	return at.Add(-time.Duration(p.RetentionDays) * 24 * time.Hour), true
}

// Ahead is the practice with a retention of so many days as if it was confirmed now, and the end of the notice.
func (s *Service) Ahead(p Practice, days int) (Practice, time.Time) {
	p.RetentionDays, p.RetentionFrom = days, s.o.Clock.Now().Add(RetentionNotice)
	return p, p.RetentionFrom
}

// Soon is when the notice ends that is given now.
func (s *Service) Soon() time.Time { return s.o.Clock.Now().Add(RetentionNotice) }

// TakeRetentionNotice notes that a practice's User Managers are told now of conversations that end; false when they were
// within the last RetentionNotice.
func (s *Service) TakeRetentionNotice(ctx context.Context, tx *db.Tx, practiceID string) (bool, error) {
	now := s.o.Clock.Now()
	taken, err := takeRetentionNotice(ctx, tx, practiceID, clock.Micros(now), clock.Micros(now.Add(-RetentionNotice)))
	if err != nil {
		return false, fmt.Errorf("take the notice of a retention: %w", err)
	}
	return taken, nil
}
