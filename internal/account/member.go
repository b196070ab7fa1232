package account

import (
	"context"
	"fmt"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// CheckManager refuses everybody but a User Manager of the actor's practice, as the role stands now and not when the
// request began; NotFound for all others. Paid or free makes no difference.
func (s *Service) CheckManager(ctx context.Context, r db.Reader, by actor.Actor) error {
	if by.Kind != actor.User || by.PracticeID == "" {
		return fault.ErrNotFound()
	}
	u, err := s.Find(ctx, r, by.ID)
	if err != nil {
		return err
	}
	if !u.Manager || u.PracticeID != by.PracticeID || u.State == "deactivated" {
		return fault.ErrNotFound()
	}
	return nil
}

// Taken says whether an address has an account of any sort, Support's own included.
func (s *Service) Taken(ctx context.Context, r db.Reader, email string) (bool, error) {
	canon, ok := CanonEmail(email)
	if !ok {
		return false, nil
	}
	_, found, err := findByEmail(ctx, r, canon)
	if err != nil {
		return false, fmt.Errorf("look for an address: %w", err)
	}
	return found, nil
}

// UnlockMember opens the locked account of a member of the manager's own practice; false when it is not locked any
// more. NotFound for everybody else's, and for who is no User Manager.
func (s *Service) UnlockMember(ctx context.Context, by actor.Actor, userID string) (unlocked bool, err error) {
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if unlocked, err = unlockMember(ctx, tx, userID, by.PracticeID); err != nil {
			return fmt.Errorf("unlock a member: %w", err)
		}
		if err := s.CheckManager(ctx, tx, by); err != nil {
			return err
		}
		if unlocked {
			return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.SigninUnlocked, SubjectKind: "user", SubjectID: userID, PracticeID: by.PracticeID})
		}
		u, err := s.Find(ctx, tx, userID)
		if err == nil && u.PracticeID != by.PracticeID {
			return fault.ErrNotFound()
		}
		return err
	})
	return unlocked, err
}
