package attach

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// Unsent lists which of some holders have files that were attached and not sent.
func (s *Service) Unsent(ctx context.Context, r db.Reader, holders []string) ([]string, error) {
	if len(holders) == 0 {
		return nil, nil
	}
	list, err := listHolding(ctx, r, holders)
	if err != nil {
		return nil, fmt.Errorf("list what holds unsent files: %w", err)
	}
	return list, nil
}

// Warn notes that the writer of a draft is told now, in this act, that its files will be removed. It is false when they were
// told since they last edited or attached, when something was attached since idle, or when there are no files.
func (s *Service) Warn(ctx context.Context, tx *db.Tx, holder string, edited, idle time.Time) (bool, error) {
	warned, err := warnHolder(ctx, tx, holder, clock.Micros(edited), clock.Micros(idle), clock.Micros(s.clock.Now()))
	if err != nil {
		return false, fmt.Errorf("note a warning: %w", err)
	}
	return warned, nil
}

// Expire takes all files off a draft whose writer was told of it before a time and has neither edited nor attached since.
// The draft takes new ones. It is false when that is not so, and nothing is changed.
func (s *Service) Expire(ctx context.Context, tx *db.Tx, by actor.Actor, holder string, edited, told time.Time) (bool, error) {
	expired, err := expireHolder(ctx, tx, holder, clock.Micros(edited), clock.Micros(told), clock.Micros(s.clock.Now()))
	if err != nil || !expired {
		return false, err
	}
	fileIDs, err := deleteLinks(ctx, tx, holder)
	if err != nil {
		return false, fmt.Errorf("take files off a draft: %w", err)
	}
	return true, s.drop(ctx, tx, by, fileIDs)
}

// Expired is when a draft lost its files; the zero time when it did not.
func (s *Service) Expired(ctx context.Context, r db.Reader, holder string) (time.Time, error) {
	at, err := readExpired(ctx, r, holder)
	if err != nil || at == 0 {
		return time.Time{}, err
	}
	return clock.Time(at), nil
}
