package attach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"securepractice/internal/blob"
	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// grace is how long anything unfinished or unwanted stays: an upload without progress, an object without a row, an
// object put aside. A backup that runs meanwhile finds every object its rows name.
const grace = 24 * time.Hour

// Recover gives files of dead workers back to be checked, and ends uploads that were abandoned. Every node runs it
// every minute; each row is taken by one.
func (s *Service) Recover(ctx context.Context) error {
	now := s.clock.Now()
	err := s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ids, err := recoverChecks(ctx, tx, clock.Micros(now), clock.Micros(now.Add(-staleCheck)))
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.jobs.Enqueue(ctx, tx, CheckArgs{FileID: id}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("recover files being checked: %w", err)
	}
	err = s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ids, err := abortStale(ctx, tx, clock.Micros(now.Add(-grace)))
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := deleteUploads(ctx, tx, ids); err != nil {
			return err
		}
		return trashParts(ctx, tx, ids, clock.Micros(now))
	})
	if err != nil {
		return fmt.Errorf("end abandoned uploads: %w", err)
	}
	return nil
}

// Collect removes objects that were put aside a day ago, puts aside those that no row names, and removes the rows of
// files that ended. Every node runs it every hour; doing it twice is harmless.
func (s *Service) Collect(ctx context.Context) error {
	if err := s.emptyTrash(ctx); err != nil {
		return fmt.Errorf("empty the trash: %w", err)
	}
	if err := s.shredInfected(ctx); err != nil {
		return fmt.Errorf("shred infected files: %w", err)
	}
	if err := s.findOrphans(ctx); err != nil {
		return fmt.Errorf("find orphans: %w", err)
	}
	before := clock.Micros(s.clock.Now().Add(-grace))
	err := s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return deleteEnded(ctx, tx, before) })
	if err != nil {
		return fmt.Errorf("remove rows of ended files: %w", err)
	}
	return nil
}

func (s *Service) emptyTrash(ctx context.Context) error {
	before := clock.Micros(s.clock.Now().Add(-grace))
	for {
		keys, err := listTrash(ctx, s.d, before)
		if err != nil || len(keys) == 0 {
			return err
		}
		unused, err := s.unused(ctx, keys)
		if err != nil {
			return err
		}
		for _, key := range unused {
			// A name the store does not take cannot be an object of it: its row goes, and there is nothing else.
			if err := s.blobs.Del(ctx, key); err != nil && !errors.Is(err, blob.ErrKey) {
				return err
			}
		}
		err = s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return deleteTrash(ctx, tx, keys) })
		if err != nil {
			return err
		}
	}
}

// findOrphans puts aside what a crash between storing a part and its row left behind, and half-written leftovers.
func (s *Service) findOrphans(ctx context.Context) error {
	before := s.clock.Now().Add(-grace)
	var old []string
	err := s.blobs.List(ctx, func(o blob.Object) error {
		if o.At.After(before) {
			return nil
		}
		old = append(old, o.Key)
		if len(old) < 200 {
			return nil
		}
		err := s.trashOrphans(ctx, old)
		old = old[:0]
		return err
	})
	if err != nil {
		return err
	}
	return s.trashOrphans(ctx, old)
}

func (s *Service) trashOrphans(ctx context.Context, keys []string) error {
	orphans, err := s.unused(ctx, keys)
	if err != nil || len(orphans) == 0 {
		return err
	}
	now := clock.Micros(s.clock.Now())
	return s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return insertTrash(ctx, tx, orphans, now) })
}

// unused leaves out the objects that a file still owns. It stands before every deletion, so that no mistake elsewhere
// removes a part of a file.
func (s *Service) unused(ctx context.Context, keys []string) ([]string, error) {
	var fileIDs []string
	for _, key := range keys {
		if id := fileOfKey(key); id != "" && !slices.Contains(fileIDs, id) {
			fileIDs = append(fileIDs, id)
		}
	}
	if len(fileIDs) == 0 {
		return keys, nil
	}
	used, err := listUsed(ctx, s.d, fileIDs)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(used, key) }), nil
}
