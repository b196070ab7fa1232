package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/jobs"
)

// The sizes of the index, in messages.
const (
	segmentSize = 256     // a new segment; fewer messages are read themselves
	mergeFactor = 16      // so many neighbours of one size become one of the next
	mostSegment = 65_536  // which is not merged any more
	pending     = 4_096   // ids of messages held at once while indexing
	indexRun    = 64      // segments written by one run of the job; then it makes way for others
	clearStep   = 4_096   // numbers taken back in one act of a rebuild
	mostFresh   = 2 * 256 // messages without a number that a search reads itself
)

// keepFor is how long a person's index is kept up without a search; the next search catches up by itself.
const keepFor = 90 * 24 * time.Hour

// IndexArgs is the job that indexes a person's messages.
type IndexArgs struct {
	UserID string `json:"user_id"`
}

// Kind names the job.
func (IndexArgs) Kind() string { return "mail_index" }

// errOvertaken says that another indexer of the same person was faster. What it did is done.
var errOvertaken = errors.New("mail: another node indexes this mailbox")

// registerSearch names what keeps the index.
func (s *Service) registerSearch() {
	jobs.Handle(s.o.Jobs, jobs.Work{Timeout: 5 * time.Minute}, func(ctx context.Context, a IndexArgs) error { return s.index(ctx, a.UserID) })
	s.o.Jobs.Every("mail index", 5*time.Minute, s.KeepIndexes)
}

// KeepIndexes indexes what came since, for everybody who has searched within 90 days. It may run on many nodes: each
// step is one act that only one of them makes.
func (s *Service) KeepIndexes(ctx context.Context) error {
	since := clock.Micros(s.o.Clock.Now().Add(-keepFor))
	var errs []error
	for after := ""; ; {
		list, err := listBoxes(ctx, s.o.DB, after, since, 200)
		if err != nil {
			return fmt.Errorf("list mailboxes: %w", err)
		}
		for _, b := range list { // one that fails holds up nobody else's
			after = b.userID
			errs = append(errs, s.index(ctx, b.userID))
		}
		if len(list) < 200 || ctx.Err() != nil {
			return errors.Join(append(errs, ctx.Err())...)
		}
	}
}

// index does what there is to do for a person's index; after its share it leaves the rest to another run. Each step is
// whole by itself, so that a run may end anywhere.
func (s *Service) index(ctx context.Context, userID string) error {
	var ids []string
	for range indexRun {
		more, err := s.indexStep(ctx, userID, &ids)
		if errors.Is(err, errOvertaken) {
			return nil
		}
		if err != nil || !more {
			return err
		}
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.o.Jobs.Enqueue(ctx, tx, IndexArgs{UserID: userID})
	})
}

// indexStep makes one step: taking back numbers, merging or indexing; false when there is nothing to do. ids are
// messages that wait, oldest first.
func (s *Service) indexStep(ctx context.Context, userID string, ids *[]string) (bool, error) {
	b, known, err := findBox(ctx, s.o.DB, userID)
	if err != nil || !known {
		return false, err
	}
	if b.clean < b.base {
		return true, s.takeBack(ctx, b)
	}
	if merged, err := s.merge(ctx, b); merged || err != nil {
		if errors.Is(err, errDamaged) {
			err = s.rebuild(ctx, userID)
		}
		return true, err
	}
	if len(*ids) < segmentSize {
		if *ids, err = listUnnumbered(ctx, s.o.DB, userID, s.now(), pending); err != nil {
			return false, fmt.Errorf("list what is to be indexed: %w", err)
		}
	}
	if len(*ids) < segmentSize {
		return false, nil
	}
	next := (*ids)[:segmentSize]
	*ids = (*ids)[segmentSize:]
	done, err := s.indexSegment(ctx, b, next)
	if !done {
		*ids = nil // some of them are not to be indexed any more
	}
	return true, err
}

// onBox is an act on a person's index that nobody else has touched since b was read; b holds what it changes.
func (s *Service) onBox(ctx context.Context, b box, act func(ctx context.Context, tx *db.Tx) error) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		still, err := setBox(ctx, tx, b)
		if err != nil {
			return fmt.Errorf("begin an act on an index: %w", err)
		}
		if !still {
			return errOvertaken
		}
		return act(ctx, tx)
	})
}

// indexSegment indexes messages as one new segment; false when one of them has gone meanwhile.
func (s *Service) indexSegment(ctx context.Context, b box, ids []string) (bool, error) {
	list, err := listByID(ctx, s.o.DB, b.userID, s.now(), ids)
	if err != nil {
		return false, fmt.Errorf("read what is indexed: %w", err)
	}
	if len(list) != len(ids) {
		return false, nil
	}
	texts, err := s.contents(ctx, list)
	if err != nil {
		return false, err
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, []string{b.userID})
	if err != nil {
		return false, err
	}
	g := segment{userID: b.userID, id: db.NewID(), ownerID: cards[b.userID].OwnerID, from: b.next, count: int64(len(list))}
	dict, blocks, err := s.sealSegment(ctx, g, buildSegment(texts))
	if err != nil {
		return false, err
	}
	order := make([]string, len(list))
	for i, f := range list {
		order[i] = f.id
	}
	b.next += g.count
	return true, s.onBox(ctx, b, func(ctx context.Context, tx *db.Tx) error {
		n, err := numberDeliveries(ctx, tx, b.userID, order, g.from)
		if err == nil && n != g.count {
			err = errOvertaken
		}
		if err != nil {
			return fmt.Errorf("number messages: %w", err)
		}
		return insertSegment(ctx, tx, g, dict, blocks)
	})
}

// sealSegment seals what was written for its person's owner, each part for its own row.
func (s *Service) sealSegment(ctx context.Context, g segment, w *segmentWriter) (dict []byte, blocks []block, err error) {
	o, err := s.o.Keys.Owner(ctx, s.o.DB, g.ownerID)
	if err != nil {
		return nil, nil, fmt.Errorf("find the keys of an index: %w", err)
	}
	if dict, err = o.Seal("mail_search", "dict_sealed", g.place(), w.dictionary()); err != nil {
		return nil, nil, err
	}
	for i, plain := range w.blocks() {
		b := block{no: int64(i)}
		if b.sealed, err = o.Seal("mail_search_block", "postings_sealed", g.blockPlace(b.no), plain); err != nil {
			return nil, nil, err
		}
		blocks = append(blocks, b)
	}
	return dict, blocks, nil
}

// merge makes one segment of sixteen neighbours of the same size, if there are such.
func (s *Service) merge(ctx context.Context, b box) (bool, error) {
	all, err := listSegments(ctx, s.o.DB, b.userID)
	if err != nil {
		return false, fmt.Errorf("list an index: %w", err)
	}
	slices.Reverse(all)
	run := adjoining(all)
	if run == nil {
		return false, nil
	}
	g := segment{userID: b.userID, id: db.NewID(), ownerID: run[len(run)-1].ownerID, from: run[0].from}
	var parts []part
	var ids []string
	for _, old := range run {
		p, err := s.wholeSegment(ctx, old)
		if err != nil {
			return true, err
		}
		parts, ids, g.count = append(parts, p), append(ids, old.id), g.count+old.count
	}
	w, err := mergeSegments(parts)
	if err != nil {
		return true, err
	}
	dict, blocks, err := s.sealSegment(ctx, g, w)
	if err != nil {
		return true, err
	}
	return true, s.onBox(ctx, b, func(ctx context.Context, tx *db.Tx) error {
		n, err := deleteSegments(ctx, tx, b.userID, ids)
		if err == nil && n != mergeFactor {
			err = errOvertaken
		}
		if err != nil {
			return fmt.Errorf("remove what was merged: %w", err)
		}
		return insertSegment(ctx, tx, g, dict, blocks)
	})
}

// adjoining finds sixteen segments of one size without a gap, oldest first; nil when there are none.
func adjoining(all []segment) []segment {
	run := 0
	for i, g := range all {
		if i > run && (g.count != all[i-1].count || g.from != all[i-1].from+all[i-1].count) {
			run = i
		}
		if g.count < mostSegment && i-run+1 == mergeFactor {
			return all[run : i+1]
		}
	}
	return nil
}

// wholeSegment opens a segment with all its lists.
func (s *Service) wholeSegment(ctx context.Context, g segment) (part, error) {
	o, err := s.openSegment(ctx, g)
	if err != nil {
		return part{}, err
	}
	p := part{dict: o.dict, count: int(g.count)}
	if o.dict.size == 0 {
		return p, nil
	}
	p.lists, err = o.bytes(ctx, span{0, o.dict.size})
	return p, err
}
