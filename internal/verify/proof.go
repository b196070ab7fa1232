package verify

import (
	"context"
	"fmt"
	"strconv"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// Proof is another way than a sent code to pass a flow's code step: an authenticator app, a passkey, a recovery code.
// The room that keeps them says what is right; the flow counts the tries, the same few as those of sent codes.
type Proof struct {
	Method string // kept with the flow and in the trail: "app"
	Field  string // the form field a refusal stands beside
	// Check says whether what was given is right, in the act that has counted the try. What it uses up is used up
	// with the proof.
	Check func(ctx context.Context, tx *db.Tx) (bool, error)
}

// Prove counts a try, then looks at the proof, and confirms the flow when it is right. Refusals are faults on the
// proof's field. It opens its own transaction.
func (s *Service) Prove(ctx context.Context, by actor.Actor, f Flow, p Proof) error {
	var refused error
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		refused = nil
		t, found, err := countTry(ctx, tx, f.ID, s.now(), s.set.Tries)
		if err != nil {
			return fmt.Errorf("count the try: %w", err)
		}
		if !found {
			refused = fault.Field(p.Field, f.spent())
			return nil
		}
		right, err := p.Check(ctx, tx)
		if err != nil {
			return err
		}
		if right {
			return s.Confirm(ctx, tx, f, p.Method)
		}
		if refused, err = s.wrong(ctx, tx, f, p, t); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.CodeRefused, Outcome: audit.Refused, SubjectKind: f.Kind, SubjectID: f.Subject,
			Detail: map[string]string{"tries": strconv.FormatInt(t.tries, 10), "method": p.Method}})
	})
	if err != nil { // the try was not stored, so nothing may be said of the proof
		return err
	}
	return refused
}

// wrong says how many tries are left, and ends the flow with the last one.
func (s *Service) wrong(ctx context.Context, tx *db.Tx, f Flow, p Proof, t try) (refused, err error) {
	left := s.set.Tries - t.tries
	if left > 0 {
		return fault.Field(p.Field, notRight(left)), nil
	}
	if err := endFlow(ctx, tx, f.ID, "tries"); err != nil {
		return nil, fmt.Errorf("end the flow: %w", err)
	}
	return fault.Field(p.Field, f.spent()), nil
}

// Confirm notes that the flow's person was proved by another way than a code, which no number is proved by. Conflict
// when the flow has ended.
func (s *Service) Confirm(ctx context.Context, tx *db.Tx, f Flow, method string) error {
	ok, err := confirmBy(ctx, tx, f, method, s.now())
	if err != nil {
		return fmt.Errorf("confirm the flow: %w", err)
	}
	return conflict(ok)
}
