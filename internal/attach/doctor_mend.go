package attach

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// doctor is who mends.
var doctor = actor.ByProgram("attach_doctor")

// mend does what can be done without a loss, each thing in an act of its own.
func (x *exam) mend(ctx context.Context) error {
	trusted := x.trusted()
	for i := range x.Found {
		f := &x.Found[i]
		x.Progress("mending", int64(i+1), int64(len(x.Found)))
		if f.way == noMending || f.way == toLose && !trusted {
			continue
		}
		if err := x.s.mendOne(ctx, f); err != nil {
			return fmt.Errorf("mend: %w", err)
		}
	}
	if !trusted {
		x.add(Finding{Text: "So many files seem lost that the place where they are stored is probably the wrong one, or not there. None of them was marked. Look at the settings of files first."})
	}
	return nil
}

// trusted says whether the lost files are few enough to be just that: a store that is not the right one loses them all.
func (x *exam) trusted() bool {
	lost := int64(0)
	for _, f := range x.Found {
		if f.way == toLose {
			lost++
		}
	}
	few := lost <= lostTrust && lost < x.Files || lost <= 1
	return few || lost*5 <= x.Files
}

func (s *Service) mendOne(ctx context.Context, f *Finding) error {
	now := clock.Micros(s.clock.Now())
	return s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		f.Mended = ""
		if f.way == toPutAside {
			f.Mended = "It is put aside and deleted in a day."
			return insertTrash(ctx, tx, []string{f.key}, now)
		}
		x, found, err := findExamined(ctx, tx, f.fileID)
		if err != nil || !found {
			return err
		}
		var done bool
		switch f.way {
		case toLose:
			done, err = loseFile(ctx, tx, x)
		case toRefind:
			done, err = refindFile(ctx, tx, x, now)
		case toRecheck:
			done, err = recheckFile(ctx, tx, x, now)
		default:
			done, err = endFile(ctx, tx, x)
		}
		if err != nil || !done {
			return err
		}
		f.Mended, err = s.followMending(ctx, tx, f.way, x, now)
		return err
	})
}

// followMending does what belongs to a mending, and says what was done.
func (s *Service) followMending(ctx context.Context, tx *db.Tx, way mending, x examined, now int64) (string, error) {
	switch way {
	case toLose:
		if err := s.audit.Record(ctx, tx, doctor, blockedEvent(x.file, verdict{reason: reasonLost})); err != nil {
			return "", err
		}
		if err := trashPreviews(ctx, tx, []string{x.id}, now); err != nil {
			return "", err
		}
		return "Those who have it are told that it is lost.", s.tell(ctx, tx, x.id)
	case toEnd:
		err := s.audit.Record(ctx, tx, doctor, audit.Event{Action: audit.FileShredded, SubjectKind: "file", SubjectID: x.id})
		if err != nil {
			return "", err
		}
		return "Its key is wiped and its parts are deleted in a day.", trashParts(ctx, tx, []string{x.id}, now)
	}
	return "It is checked again.", s.jobs.EnqueueAt(ctx, tx, CheckArgs{FileID: x.id}, time.Time{})
}
