package verify

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// Flow is one browser's way through one flow.
type Flow struct {
	ID, Kind, Subject string
	Generation        int64
	Phone             bool   // a code was confirmed, or what Prove took in its place
	Terms             string // version of the terms that was accepted
	CodeSent          bool   // a code waits to be entered
	Method            string // how the last code was sent, or what was taken in its place
	Data              []byte // what was typed so far
	Version           int64
	phoneMAC          []byte
	sealed            []byte
}

// Start says which flow begins. TTL zero is the setting.
type Start struct {
	Kind, Subject string
	Generation    int64
	Browser       string
	Data          []byte
	TTL           time.Duration
}

func (s *Service) browserMAC(browser string) []byte { return s.o.Keys.MAC("flow browser", browser) }

// Begin is this browser's open flow, made when there is none. Call it from a POST only.
func (s *Service) Begin(ctx context.Context, tx *db.Tx, st Start) (Flow, error) {
	if st.Browser == "" {
		return Flow{}, fmt.Errorf("begin %s flow: no browser", st.Kind)
	}
	if st.TTL == 0 {
		st.TTL = s.set.FlowLife
	}
	now, id := s.o.Clock.Now(), db.NewID()
	sealed, err := s.sealData(id, st.Data)
	if err != nil {
		return Flow{}, err
	}
	n := newFlow{id: id, kind: st.Kind, subject: st.Subject, browser: s.browserMAC(st.Browser), generation: st.Generation, data: sealed,
		now: clock.Micros(now), expires: clock.Micros(now.Add(st.TTL))}
	if err := endStale(ctx, tx, n); err != nil {
		return Flow{}, fmt.Errorf("begin flow: %w", err)
	}
	if err := insertFlow(ctx, tx, n); err != nil {
		return Flow{}, fmt.Errorf("begin flow: %w", err)
	}
	f, found, err := s.Flow(ctx, tx, st.Kind, st.Subject, st.Browser, st.Generation)
	if err != nil {
		return Flow{}, err
	}
	if !found {
		return Flow{}, fault.New(fault.Conflict, "This was already done in another window.")
	}
	return f, nil
}

// Flow finds this browser's open flow of the link's present generation.
func (s *Service) Flow(ctx context.Context, r db.Reader, kind, subject, browser string, generation int64) (Flow, bool, error) {
	if browser == "" {
		return Flow{}, false, nil
	}
	f, found, err := findFlow(ctx, r, kind, subject, s.browserMAC(browser), generation, s.now())
	if err != nil || !found {
		return Flow{}, false, err
	}
	if f.Data, err = s.openData(f); err != nil {
		return Flow{}, false, err
	}
	return f, true, nil
}

// FlowIn finds this browser's open flow of a kind, whoever its subject: for steps whose address names no link.
func (s *Service) FlowIn(ctx context.Context, r db.Reader, kind, browser string) (Flow, bool, error) {
	if browser == "" {
		return Flow{}, false, nil
	}
	f, found, err := findFlowIn(ctx, r, kind, s.browserMAC(browser), s.now())
	if err != nil || !found {
		return Flow{}, false, err
	}
	if f.Data, err = s.openData(f); err != nil {
		return Flow{}, false, err
	}
	return f, true, nil
}

// Finished says whether this browser has finished a flow of a kind of this subject, as long as the record is kept.
func (s *Service) Finished(ctx context.Context, r db.Reader, kind, subject, browser string) (bool, error) {
	if browser == "" {
		return false, nil
	}
	found, err := findFinished(ctx, r, kind, subject, s.browserMAC(browser))
	if err != nil {
		return false, fmt.Errorf("look for a finished flow: %w", err)
	}
	return found, nil
}

func (s *Service) sealData(id string, data []byte) ([]byte, error) {
	if data == nil {
		return nil, nil
	}
	sealed, err := s.o.Keys.System().Seal("verify_flow", "data_sealed", id, data)
	if err != nil {
		return nil, fmt.Errorf("seal flow data: %w", err)
	}
	return sealed, nil
}

func (s *Service) openData(f Flow) ([]byte, error) {
	if f.sealed == nil {
		return nil, nil
	}
	data, err := s.o.Keys.System().Open("verify_flow", "data_sealed", f.ID, f.sealed)
	if err != nil {
		return nil, fmt.Errorf("open flow data: %w", err)
	}
	return data, nil
}

// Proved says whether the flow's confirmed code went to this very number.
func (s *Service) Proved(f Flow, e164 string) bool {
	return f.Phone && e164 != "" && s.o.Keys.Equal(f.phoneMAC, "proved number", e164)
}

func conflict(ok bool) error {
	if ok {
		return nil
	}
	return fault.New(fault.Conflict, "This was changed in another window. Open the link in your email to go on from there.")
}

// SaveData keeps what was typed; Conflict when the flow has moved on since f was read.
func (s *Service) SaveData(ctx context.Context, tx *db.Tx, f Flow, data []byte) error {
	sealed, err := s.sealData(f.ID, data)
	if err != nil {
		return err
	}
	ok, err := saveData(ctx, tx, f, sealed, s.now())
	if err != nil {
		return fmt.Errorf("save flow data: %w", err)
	}
	return conflict(ok)
}

// AcceptTerms notes that this version of the terms was accepted in this flow.
func (s *Service) AcceptTerms(ctx context.Context, tx *db.Tx, f Flow, version string) error {
	ok, err := acceptTerms(ctx, tx, f, version, s.now())
	if err != nil {
		return fmt.Errorf("accept terms: %w", err)
	}
	return conflict(ok)
}

// Need names the proofs that a flow must hold to be finished.
type Need struct {
	Phone bool
	Terms string // the version that must have been accepted; "" = none
}

// Finish ends the flow as done, by a statement that names every proof, and ends the subject's other flows of the
// kind. Conflict when a proof is missing or somebody else was faster.
func (s *Service) Finish(ctx context.Context, tx *db.Tx, f Flow, n Need) error {
	ok, err := finishFlow(ctx, tx, f, n, s.now())
	if err != nil {
		return fmt.Errorf("finish flow: %w", err)
	}
	if !ok {
		return conflict(false)
	}
	if err := endFlowsOf(ctx, tx, f.Subject, f.Kind, "newer"); err != nil {
		return fmt.Errorf("end other flows: %w", err)
	}
	return nil
}

// EndFlows ends the subject's open flows of a kind, with a word that says why.
func (s *Service) EndFlows(ctx context.Context, tx *db.Tx, subject, kind, why string) error {
	if err := endFlowsOf(ctx, tx, subject, kind, why); err != nil {
		return fmt.Errorf("end flows: %w", err)
	}
	return nil
}

// EndBrowser ends this browser's open flows of a kind, whoever their subjects: before one begins whose steps are found
// by the browser alone, so that nobody goes on with somebody else's.
func (s *Service) EndBrowser(ctx context.Context, tx *db.Tx, kind, browser, why string) error {
	if err := endBrowserFlows(ctx, tx, kind, s.browserMAC(browser), why); err != nil {
		return fmt.Errorf("end this browser's flows: %w", err)
	}
	return nil
}

// EndOthers ends the open flows of f's subject and kind in all other browsers.
func (s *Service) EndOthers(ctx context.Context, tx *db.Tx, f Flow, why string) error {
	if err := endOtherFlows(ctx, tx, f, why); err != nil {
		return fmt.Errorf("end other flows: %w", err)
	}
	return nil
}

// keepFlows is how long the record of a flow that is over stays: when it began, how often a code was sent and tried.
const keepFlows = 30 * 24 * time.Hour

// Sweep ends flows whose time is over, wipes codes that no notice will carry any more, and removes old records. Run it
// every few minutes.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.o.Clock.Now()
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := endExpired(ctx, tx, clock.Micros(now)); err != nil {
			return fmt.Errorf("end expired flows: %w", err)
		}
		if err := wipeExpiredCodes(ctx, tx, clock.Micros(now)); err != nil {
			return fmt.Errorf("wipe expired codes: %w", err)
		}
		if err := deleteFlows(ctx, tx, clock.Micros(now.Add(-keepFlows))); err != nil {
			return fmt.Errorf("remove old flows: %w", err)
		}
		return nil
	})
}
