package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"securepractice/internal/clock"
)

// Report is what Verify found. No Problems = every event stands in the chain as it was written.
type Report struct {
	Seals, Events, Pending int64
	Head                   []byte // hash of the last seal: keep it elsewhere, and a cut-off end shows
	Problems               []string
}

// overdue is how long an event may wait for its seal before Verify calls it a problem.
const overdue = time.Minute

// Verify walks the chain from its first seal, then every event.
func (s *Service) Verify(ctx context.Context) (Report, error) {
	var r Report
	prev := seal{hash: make([]byte, sha256.Size)}
	for {
		seals, err := sealsAfter(ctx, s.d, prev.n, 100)
		if err != nil {
			return r, fmt.Errorf("verify the audit trail: %w", err)
		}
		for _, next := range seals {
			if err := s.verifySeal(ctx, &r, prev, next); err != nil {
				return r, err
			}
			prev = next
		}
		if len(seals) < 100 {
			break
		}
	}
	r.Head = prev.hash
	return r, s.verifyRest(ctx, &r)
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (s *Service) verifySeal(ctx context.Context, r *Report, prev, next seal) error {
	r.Seals++
	if next.n != prev.n+1 {
		r.problem("seal %d is missing", prev.n+1)
	}
	if !bytes.Equal(next.prevHash, prev.hash) {
		r.problem("seal %d does not follow seal %d", next.n, prev.n)
	}
	if !bytes.Equal(next.hash, next.chain()) || !s.keys.VerifySignature("audit seal", next.hash, next.signed) {
		r.problem("seal %d was changed", next.n)
	}
	ids, err := sealedEvents(ctx, s.d, next.n)
	if err != nil {
		return fmt.Errorf("verify seal %d: %w", next.n, err)
	}
	if int64(len(ids)) != next.count || len(ids) == 0 {
		r.problem("seal %d holds %d events, not %d", next.n, len(ids), next.count)
		if len(ids) == 0 {
			return nil
		}
	}
	events, err := listEvents(ctx, s.d, ids)
	if err != nil {
		return fmt.Errorf("verify seal %d: %w", next.n, err)
	}
	macs := make(map[string][]byte, len(events))
	for _, id := range ids {
		e, ok := events[id]
		if !ok {
			r.problem("event %s was removed", id)
			continue
		}
		macs[id] = e.mac
		s.verifyRow(r, e)
	}
	if !bytes.Equal(next.eventsHash, eventsHash(ids, macs)) {
		r.problem("seal %d: its events were changed, removed or reordered", next.n)
	}
	return nil
}

func (s *Service) verifyRow(r *Report, e row) {
	if !s.keys.Equal(e.mac, "audit row", e.fields()...) {
		r.problem("event %s was changed", e.id)
	}
}

// verifyRest checks what is not in the chain yet, and that nothing else is.
func (s *Service) verifyRest(ctx context.Context, r *Report) error {
	var err error
	if r.Events, err = countEvents(ctx, s.d); err != nil {
		return fmt.Errorf("verify events: %w", err)
	}
	if r.Pending, err = countPending(ctx, s.d); err != nil {
		return fmt.Errorf("verify events: %w", err)
	}
	lost, err := listLost(ctx, s.d)
	if err != nil {
		return fmt.Errorf("verify events: %w", err)
	}
	for _, id := range lost {
		r.problem("event %s stands outside the chain", id)
	}
	waiting, err := listWaiting(ctx, s.d)
	if err != nil {
		return fmt.Errorf("verify events: %w", err)
	}
	if int64(len(waiting)) != r.Pending {
		r.problem("%d events were removed before they were sealed", r.Pending-int64(len(waiting)))
	}
	late := clock.Micros(s.clock.Now().Add(-overdue))
	for _, e := range waiting {
		s.verifyRow(r, e)
		if e.at < late {
			r.problem("event %s waits for its seal since %s", e.id, clock.Time(e.at).Format(time.RFC3339))
		}
	}
	return nil
}
