package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// Speech is what a call says now. Empty: it has nothing to say any more.
type Speech struct {
	Intro string // first, until a key is pressed: an answering machine presses none
	Code  string // after the key
}

// Speak is what the voice of a call says. A code is given out once, to a key that was pressed: with it the notice is over.
// providerID is the provider's name for the call; somebody else's call learns nothing.
func (s *Service) Speak(ctx context.Context, id, providerID string, pressed bool) (speech Speech, err error) {
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		speech = Speech{}
		m, found, err := findCall(ctx, tx, id, providerID)
		if err != nil {
			return fmt.Errorf("find a call: %w", err)
		}
		if !found {
			return nil
		}
		t, p, _, c, err := s.write(ctx, tx, m)
		if errors.Is(err, ErrDrop) {
			return nil
		}
		if err != nil {
			return err
		}
		if !pressed {
			speech.Intro = c.Intro
			return nil
		}
		speech.Code = c.Code
		return s.over(ctx, tx, t, p)
	})
	return speech, err
}

func (s *Service) over(ctx context.Context, tx *db.Tx, t Template, p Params) error {
	if t.Sent == nil {
		return nil
	}
	return t.Sent(ctx, tx, p)
}

// What a provider says of a notice that will not arrive, and of a call that has ended.
var (
	lostStates  = []string{"failed", "undelivered"}
	endedStates = []string{"completed", "busy", "no-answer", "canceled", "failed"}
)

// Progress notes what the provider tells of a text or a call. It may come twice, late, or before the answer to our own
// request; a notice that did not arrive stays so. A call nobody took is no wrong number.
func (s *Service) Progress(ctx context.Context, id, providerID, state string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if slices.Contains(lostStates, state) {
			if err := bounceMessage(ctx, tx, id, providerID, clock.Micros(s.o.Clock.Now())); err != nil {
				return fmt.Errorf("note that a notice was lost: %w", err)
			}
		}
		if !slices.Contains(endedStates, state) {
			return nil
		}
		m, found, err := findCall(ctx, tx, id, providerID)
		if err != nil {
			return fmt.Errorf("find a call: %w", err)
		}
		if !found {
			return nil
		}
		p, _, err := s.unseal(m)
		if err != nil {
			return err
		}
		return s.over(ctx, tx, s.templates[m.template], p)
	})
}

// lostFor is for how long a number counts as out of reach after a notice of its kind did not arrive there.
const lostFor = 15 * time.Minute

// Lost says whether the last text, or the last call, to a number did not arrive a short while ago.
func (s *Service) Lost(ctx context.Context, r db.Reader, kind Kind, to string) (bool, error) {
	state, err := lastState(ctx, r, kind, s.o.Keys.MAC("notify to", to), clock.Micros(s.o.Clock.Now().Add(-lostFor)))
	if err != nil {
		return false, fmt.Errorf("look for the last notice to a number: %w", err)
	}
	return state == "bounced" || state == "failed", nil
}
