package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
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

// mostNamed bounds the list of events that are outside the chain: with more, it is not single events that are wrong.
const mostNamed = 100

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

// verifySeal checks one link of the chain and the events it holds.
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
	if len(ids) == 0 {
		r.problem("seal %d holds 0 events, not %d", next.n, next.count)
		return nil
	}
	events, err := listEvents(ctx, s.d, ids)
	if err != nil {
		return fmt.Errorf("verify seal %d: %w", next.n, err)
	}
	s.verifyEvents(r, next, ids, events)
	return nil
}

// verifyEvents checks the events of a seal: that all are there, as they were written, and in their order.
func (s *Service) verifyEvents(r *Report, sealed seal, ids []string, events map[string]row) {
	found := len(r.Problems)
	if int64(len(ids)) != sealed.count {
		r.problem("seal %d holds %d events, not %d", sealed.n, len(ids), sealed.count)
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
	if len(r.Problems) == found && !bytes.Equal(sealed.eventsHash, eventsHash(ids, macs)) {
		r.problem("seal %d: its events were reordered or exchanged", sealed.n)
	}
}

func (s *Service) verifyRow(r *Report, e row) {
	if !s.keys.Equal(e.mac, "audit row", e.fields()...) {
		r.problem("event %s was changed", e.id)
	}
}

// verifyRest checks what is not in the chain yet, and that nothing else is outside it. It may run beside a portal that
// records and seals.
func (s *Service) verifyRest(ctx context.Context, r *Report) error {
	events, err1 := countEvents(ctx, s.d)
	lost, err2 := listLost(ctx, s.d)
	orphans, err3 := listOrphans(ctx, s.d)
	waiting, err4 := listWaiting(ctx, s.d)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return fmt.Errorf("verify events: %w", err)
	}
	r.Events, r.Pending = events, int64(len(waiting)+len(orphans))
	for _, id := range lost {
		r.problem("event %s stands outside the chain", id)
	}
	for _, id := range orphans {
		r.problem("event %s was removed before it was sealed", id)
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
