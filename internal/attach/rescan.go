package attach

import (
	"context"
	"errors"
	"fmt"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
)

const (
	rescanEvery = 10 * time.Minute
	rescanFor   = 5 * time.Minute // of these, so that one node uses half of a processor for it at most
	rescanAfter = 20 * time.Hour  // a file is looked at again at most so often
)

// Rescan lets the scanner look again at files that older signatures, or no scanner, passed: those that were not looked at
// for the longest time first. What is found infected cannot be opened any more from that moment on, and its holders are
// told. Any number of nodes may run it; each file is taken by one. An error means that the scanner does not work: what it
// passed before stays open.
func (s *Service) Rescan(ctx context.Context) error {
	signed, ok := s.scanner.(interface {
		Version(ctx context.Context) (string, error)
	})
	if !ok { // nothing will ever know more than it did
		return nil
	}
	signature, err := signed.Version(ctx)
	if err != nil {
		return fmt.Errorf("ask the scanner for its signatures: %w", err)
	}
	for end := time.Now().Add(rescanFor); time.Now().Before(end); {
		more, err := s.rescanOne(ctx, signature)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (s *Service) rescanOne(ctx context.Context, signature string) (more bool, err error) {
	now := s.clock.Now()
	var f file
	err = s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		f, more, err = takeScanned(ctx, tx, signature, clock.Micros(now), clock.Micros(now.Add(-rescanAfter)))
		return err
	})
	if err != nil || !more {
		return false, err
	}
	v, err := s.lookAgain(ctx, f)
	switch {
	case errors.Is(err, ErrDamaged) || errors.Is(err, crypt.ErrSealed):
		return true, nil // nobody can open it either; doctor names it
	case err != nil:
		return false, fmt.Errorf("scan file %s again: %w", f.id, err)
	case v.state == Rejected: // the scanner sees only a part of it: what was passed before stays
		return true, nil
	}
	if v.state == Infected {
		v.reason = reasonLater
	}
	return true, s.concludeAgain(ctx, f, v)
}

func (s *Service) lookAgain(ctx context.Context, f file) (verdict, error) {
	r, err := s.openFile(ctx, f)
	if err != nil {
		return verdict{}, err
	}
	v, err := s.scan(ctx, f, r, "")
	return v, errors.Join(err, r.Close())
}

// concludeAgain stores a second verdict. A file that was removed meanwhile keeps the state it has.
func (s *Service) concludeAgain(ctx context.Context, f file, v verdict) error {
	err := s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		still, err := updateScanned(ctx, tx, f, v)
		if err != nil || !still || v.state == Clean {
			return err
		}
		if err := s.audit.Record(ctx, tx, program, blockedEvent(f, v)); err != nil {
			return err
		}
		if err := s.judged(ctx, tx, f, v.state); err != nil {
			return err
		}
		return s.tell(ctx, tx, f.id)
	})
	if err != nil {
		return fmt.Errorf("record what was found in file %s: %w", f.id, err)
	}
	return nil
}

// shredInfected ends the keeping of infected files after their time: the rows say what was found, and there is nothing to
// open any more.
func (s *Service) shredInfected(ctx context.Context) error {
	now := s.clock.Now()
	return s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ids, err := wipeInfected(ctx, tx, clock.Micros(now.Add(-s.set.Quarantine)))
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := trashParts(ctx, tx, ids, clock.Micros(now)); err != nil {
			return err
		}
		return s.audit.RecordAll(ctx, tx, program, shredded(ids))
	})
}
