package practice

import (
	"context"
	"fmt"
	"strconv"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// MostRecipients is the largest number of recipients of one message that a practice may allow.
const MostRecipients = 20

// MailRules are how a practice writes messages. Version is the practice's that the form was made from.
type MailRules struct {
	MaxRecipients int // of one message
	Version       int64
}

// SetMailRules changes them for the actor's practice, with the caller's act. Only a User Manager may; NotFound for
// others. When somebody else has saved since, the answer is Conflict. The same rules again change nothing.
func (s *Service) SetMailRules(ctx context.Context, tx *db.Tx, by actor.Actor, r MailRules) error {
	if by.Kind != actor.User || !by.Manager || by.PracticeID == "" {
		return fault.ErrNotFound()
	}
	if r.MaxRecipients < 1 || r.MaxRecipients > MostRecipients {
		return fault.Field("max_recipients", "Enter a number from 1 to "+strconv.Itoa(MostRecipients))
	}
	was, changed, err := updateMailRules(ctx, tx, by.PracticeID, r)
	if err != nil {
		return fmt.Errorf("set the rules of messages: %w", err)
	}
	if !changed {
		return fault.New(fault.Conflict, "Someone else has changed your practice's settings since you opened this page. Check what they saved, then save again.")
	}
	if was.MaxRecipients == r.MaxRecipients {
		return nil
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PracticeEdited, SubjectKind: "practice", SubjectID: by.PracticeID, PracticeID: by.PracticeID,
		Detail: map[string]string{"max_recipients": strconv.Itoa(r.MaxRecipients)}})
}
