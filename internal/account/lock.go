package account

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// lock locks an account whose tries are spent; false when it was locked before or has tries left.
func (s *Service) lock(ctx context.Context, tx *db.Tx, u User) (bool, error) {
	locked, err := lockIfSpent(ctx, tx, u.ID, s.set.WrongTries)
	if err != nil {
		return false, fmt.Errorf("lock the account: %w", err)
	}
	if !locked || s.set.LockFor <= 0 {
		return locked, nil
	}
	times, err := countLock(ctx, tx, u.ID)
	if err != nil {
		return false, fmt.Errorf("count the lock: %w", err)
	}
	if err := setLockEnd(ctx, tx, u.ID, clock.Micros(s.o.Clock.Now().Add(s.lockTime(times)))); err != nil {
		return false, fmt.Errorf("time the lock: %w", err)
	}
	return true, nil
}

// lockTime is how long the n-th lock in a row lasts: each twice as long as the one before, up to the longest.
func (s *Service) lockTime(n int64) time.Duration {
	wait := s.set.LockFor
	for ; n > 1 && wait < s.set.LockMost; n-- {
		wait *= 2
	}
	return min(wait, s.set.LockMost)
}

// reopen opens a lock whose time is over, for one try: the next wrong one locks for twice as long. Locks without an end
// stay.
func (s *Service) reopen(ctx context.Context, tx *db.Tx, u User) (User, error) {
	if u.State != "locked" || s.set.LockFor <= 0 {
		return u, nil
	}
	ok, err := openTimedLock(ctx, tx, u.ID, clock.Micros(s.o.Clock.Now()), s.set.WrongTries-1)
	if err != nil || !ok {
		return u, err
	}
	u.State = "active"
	return u, s.o.Audit.Record(ctx, tx, actor.ByProgram("lock"), audit.Event{Action: audit.SigninUnlocked, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID})
}
