package support

import (
	"context"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/practice"
)

// doCorrect is how a correction is noted.
const doCorrect = "correct"

// Correction is what Support corrects of an invitation that nobody has accepted yet. Form is the hidden id of the form.
type Correction struct {
	Form, Reason string
	invite.Edit
}

// Correct does it, once for each form, with its reason: the person said that a number is not theirs, or the practice gave a
// wrong address. The answer is where the person is found from now on; another address makes another invitation.
func (s *Service) Correct(ctx context.Context, by actor.Actor, in Correction) (id string, err error) {
	if by.Kind != actor.Staff || !known(in.Form) {
		return "", fault.ErrNotFound()
	}
	in.Reason = practice.OneLine(in.Reason)
	if err := checkReason(in.Reason); err != nil {
		return "", err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		id = in.ID
		first, err := s.once(ctx, tx, by, Change{ID: in.Form, Do: doCorrect, Subject: in.ID, Reason: in.Reason})
		if err != nil || !first {
			return err
		}
		out, err := s.o.Invite.Correct(ctx, tx, by, in.Edit)
		if err != nil {
			return err
		}
		id = out.Invitation.ID
		e := audit.Event{Action: audit.SupportChanged, SubjectKind: "invitation", SubjectID: in.ID, PracticeID: out.Invitation.PracticeID, OnBehalf: out.Invitation.PracticeID,
			Detail: map[string]string{"do": doCorrect, "change": in.Form, "now": id}}
		return s.o.Audit.Record(ctx, tx, by, e)
	})
	return id, err
}
