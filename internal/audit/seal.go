package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
)

const (
	// sealMost bounds one seal, so that the statement that writes it stays small.
	sealMost = 200
	// lease is how long a sealer that died keeps others from sealing.
	lease = 30 * time.Second
)

// Seal chains what is new and returns how many events it sealed. One process seals at a time; another returns 0.
func (s *Service) Seal(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := s.sealOnce(ctx)
		total += n
		if err != nil || n < sealMost {
			return total, err
		}
	}
}

func (s *Service) sealOnce(ctx context.Context) (int, error) {
	sealed := 0
	err := s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		sealed = 0
		now := s.clock.Now()
		mine, err := takeLease(ctx, tx, s.node, clock.Micros(now), clock.Micros(now.Add(lease)))
		if err != nil || !mine {
			return err
		}
		ids, err := listPending(ctx, tx, sealMost)
		if err != nil || len(ids) == 0 {
			return err
		}
		macs, err := listMACs(ctx, tx, ids)
		if err != nil {
			return err
		}
		last, _, err := lastSeal(ctx, tx)
		if err != nil {
			return err
		}
		next := s.link(last, clock.Micros(now), ids, macs)
		sealed = len(ids)
		return insertSeal(ctx, tx, next, ids)
	})
	if err != nil {
		return 0, fmt.Errorf("seal the audit trail: %w", err)
	}
	return sealed, nil
}

// link makes the seal that follows last. An event that was removed before it was sealed is hashed as empty and so
// stays visible for ever.
func (s *Service) link(last seal, at int64, ids []string, macs map[string][]byte) seal {
	next := seal{n: last.n + 1, at: at, count: int64(len(ids)), prevHash: last.hash}
	if next.prevHash == nil {
		next.prevHash = make([]byte, sha256.Size)
	}
	next.eventsHash = eventsHash(ids, macs)
	next.hash = next.chain()
	next.signed = s.keys.Sign("audit seal", next.hash)
	return next
}

// eventsHash covers which events a seal holds, in which order, and each one's keyed hash. Every part is preceded by its
// length, so that no other list of events has the same bytes.
func eventsHash(ids []string, macs map[string][]byte) []byte {
	h := sha256.New()
	part := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	for _, id := range ids {
		part([]byte(id))
		part(macs[id])
	}
	return h.Sum(nil)
}

// chain is the hash of a seal over its place, time, events and the seal before it.
func (s seal) chain() []byte {
	h := sha256.New()
	for _, v := range []int64{s.n, s.at, s.count} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(v))) //nolint:gosec // G115: only the bits matter to a hash
	}
	h.Write(s.eventsHash)
	h.Write(s.prevHash)
	return h.Sum(nil)
}
