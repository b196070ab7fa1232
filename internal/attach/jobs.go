package attach

import (
	"context"
	"errors"
	"fmt"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/jobs"
)

// CheckArgs is the job that checks one uploaded file.
type CheckArgs struct {
	FileID string `json:"file_id"`
}

// Kind names the job.
func (CheckArgs) Kind() string { return "attach_check" }

const (
	checkLimit = 10 * time.Minute // of one try; the largest file takes a scanner some seconds to minutes
	checkTries = 50               // at 5 minutes each; then recover enqueues it anew
	lease      = 20 * time.Second // how long a dead worker keeps its file
	renewEvery = lease / 3
	staleCheck = 30 * time.Second // an uploaded file that no job took for so long has lost it: its worker died, or the queue is long
)

// program is who acts in this room's jobs.
var program = actor.ByProgram("attach_check")

func (s *Service) register() {
	jobs.Handle(s.jobs, jobs.Work{Tries: checkTries, Timeout: checkLimit, Backoff: checkBackoff}, s.check)
	s.jobs.Every("attach_previews", time.Second, s.MakePreviews)
	s.jobs.Every("attach_recover", 10*time.Second, s.Recover)
	s.jobs.Every("attach_collect", time.Hour, s.Collect)
	s.jobs.Every("attach_rescan", rescanEvery, s.Rescan)
}

// checkBackoff waits 5 s, 10 s, 20 s, … up to 5 minutes.
func checkBackoff(try int) time.Duration {
	return min(5*time.Second<<min(max(try-1, 0), 6), 5*time.Minute)
}

// verdict is what checking found, and the state that follows.
type verdict struct {
	state, found, reason, signature string
	threat                          string
	macros                          bool
	at                              int64 // when the scanner looked, µs; 0 when it did not
}

// check claims a file, judges it outside any transaction, and records the verdict. A file that another worker has, or
// that is gone, is nothing to do.
func (s *Service) check(ctx context.Context, a CheckArgs) error {
	f, found, err := s.claim(ctx, a.FileID)
	if err != nil || !found {
		return err
	}
	work, release := s.keepLease(ctx, f)
	v, err := s.judge(work, &f)
	release()
	if errors.Is(err, errLost) {
		return nil
	}
	damage := error(nil)
	if errors.Is(err, ErrDamaged) || errors.Is(err, crypt.ErrSealed) {
		// It will not open at the next try either: the sender is told to attach it again, the operator's log says why.
		damage, err = errors.Join(jobs.ErrDiscard, err), nil
		v = verdict{state: Rejected, reason: reasonDamaged}
	}
	if err == nil {
		err = s.conclude(ctx, f, v)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("check file %s: %w", f.id, err), s.giveBack(ctx, f))
	}
	return damage
}

func (s *Service) claim(ctx context.Context, fileID string) (f file, found bool, err error) {
	err = s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		f, found, err = claimFile(ctx, tx, fileID, s.leaseEnd())
		return err
	})
	if err != nil {
		return f, false, fmt.Errorf("claim a file: %w", err)
	}
	return f, found, nil
}

func (s *Service) leaseEnd() int64 { return clock.Micros(s.clock.Now().Add(lease)) }

// keepLease renews the lease until release is called. The work's context ends when the file was given to another.
func (s *Service) keepLease(ctx context.Context, f file) (work context.Context, release func()) {
	work, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(renewEvery)
		defer tick.Stop()
		for {
			select {
			case <-work.Done():
				return
			case <-tick.C:
				if !s.renew(work, f) {
					cancel()
					return
				}
			}
		}
	}()
	return work, func() { cancel(); <-done }
}

// renew is false only when the file is no longer this worker's. A database that cannot be asked just now is asked again
// before the lease ends.
func (s *Service) renew(ctx context.Context, f file) bool {
	mine := true
	err := s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		mine, err = extendLease(ctx, tx, f, s.leaseEnd())
		return err
	})
	return err != nil || mine
}

// giveBack returns a file unjudged: it stays unread, and is tried again later and later.
func (s *Service) giveBack(ctx context.Context, f file) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	at := clock.Micros(s.clock.Now().Add(checkBackoff(int(f.tries))))
	return s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return returnFile(ctx, tx, f, at) })
}

// conclude stores a verdict with its audit line, and tells the holders, in one act. A file that was meanwhile removed or
// given to another worker keeps the state it has.
func (s *Service) conclude(ctx context.Context, f file, v verdict) error {
	err := s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		mine, err := updateState(ctx, tx, f, v)
		if err != nil || !mine {
			return err
		}
		if v.state != Clean {
			if err := s.audit.Record(ctx, tx, program, blockedEvent(f, v)); err != nil {
				return err
			}
		}
		if err := s.judged(ctx, tx, f, v.state); err != nil {
			return err
		}
		return s.tell(ctx, tx, f.id)
	})
	if err != nil {
		return fmt.Errorf("record the verdict on file %s: %w", f.id, err)
	}
	return nil
}

// tell hands the new standing to whoever holds the file.
func (s *Service) tell(ctx context.Context, tx *db.Tx, fileID string) error {
	if s.OnVerdict == nil {
		return nil
	}
	holders, err := listFileHolders(ctx, tx, fileID)
	if err != nil {
		return err
	}
	for _, h := range holders {
		// Two files of one holder may be judged at once; behind its row the second sees the verdict of the first.
		if err := takeHolder(ctx, tx, h); err != nil {
			return err
		}
		m, err := countStates(ctx, tx, h)
		if err != nil {
			return err
		}
		if err := s.OnVerdict(ctx, tx, h, m); err != nil {
			return fmt.Errorf("tell the holder: %w", err)
		}
	}
	return nil
}

// blockedEvent is the trail's line for a file that is not clean. The practice is the file's owner, unless that is a
// patient, who owns what they send.
func blockedEvent(f file, v verdict) audit.Event {
	e := audit.Event{
		Action: audit.FileBlocked, Outcome: audit.Refused, SubjectKind: "file", SubjectID: f.id,
		Detail: map[string]string{"reason": v.reason},
	}
	if f.ownerID != f.userID {
		e.PracticeID = f.ownerID
	}
	if v.threat != "" {
		e.Detail["threat"] = v.threat
	}
	return e
}

// word makes of a scanner's name for a threat what the trail takes.
func word(s string) string {
	b := []byte(s[:min(len(s), 64)])
	for i, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '.' && c != '-' && c != '_' {
			b[i] = '_'
		}
	}
	return string(b)
}
