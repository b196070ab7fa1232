package account

import (
	"context"
	"fmt"
	"strings"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// SessionRow is a device that is signed in, as its person sees it.
type SessionRow struct {
	ID, IP, Browser string
	SeenAt          time.Time
	This            bool // the session that asks
	agent           string
}

// SignedIn is an earlier sign-in.
type SignedIn struct {
	At          time.Time
	IP, Browser string
}

// Security is what the Security tab shows.
type Security struct {
	User     User
	Factors  []Factor
	Codes    int64 // recovery codes left
	Sessions []SessionRow
	SignIns  []SignedIn
}

// App is the authenticator app, nil when there is none.
func (p Security) App() *Factor {
	for _, f := range p.Factors {
		if f.IsApp() {
			return &f
		}
	}
	return nil
}

// Passkeys are the factors that are passkeys.
func (p Security) Passkeys() (keys []Factor) {
	for _, f := range p.Factors {
		if !f.IsApp() {
			keys = append(keys, f)
		}
	}
	return keys
}

// shownSignIns is how many sign-ins the tab shows.
const shownSignIns = 10

// Security reads the actor's own.
func (s *Service) Security(ctx context.Context, by actor.Actor) (p Security, err error) {
	if p.User, err = s.Find(ctx, s.o.DB, by.ID); err != nil {
		return p, err
	}
	if p.Factors, err = listFactors(ctx, s.o.DB, by.ID); err != nil {
		return p, fmt.Errorf("list factors: %w", err)
	}
	m, err := s.Means(ctx, s.o.DB, by.ID)
	if err != nil {
		return p, err
	}
	p.Codes = m.Codes
	now := s.o.Clock.Now()
	if p.Sessions, err = listSessions(ctx, s.o.DB, by.ID, clock.Micros(now.Add(-s.set.Session)), clock.Micros(now.Add(-s.set.Idle))); err != nil {
		return p, fmt.Errorf("list sessions: %w", err)
	}
	for i := range p.Sessions {
		p.Sessions[i].This, p.Sessions[i].Browser = p.Sessions[i].ID == by.SessionID, browserName(p.Sessions[i].agent)
	}
	past, err := s.o.Audit.Latest(ctx, s.o.DB, by.ID, audit.SigninOK, shownSignIns)
	for _, e := range past {
		p.SignIns = append(p.SignIns, SignedIn{At: e.At, IP: e.IP, Browser: browserName(e.Agent)})
	}
	return p, err
}

// EndSession signs out one of the actor's own devices.
func (s *Service) EndSession(ctx context.Context, by actor.Actor, id string) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		found, err := deleteOwnSession(ctx, tx, by.ID, id)
		if err != nil {
			return fmt.Errorf("end a session: %w", err)
		}
		if !found {
			return fault.ErrNotFound()
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.SessionEnded, SubjectKind: "session", SubjectID: id, Detail: map[string]string{"why": "person"}})
	})
	if fault.Is(err, fault.NotFound) {
		return s.refuseForeign(ctx, by, "session", id)
	}
	return err
}

// EndOtherSessions signs the actor out everywhere but here; no other browser is known afterwards either.
func (s *Service) EndOtherSessions(ctx context.Context, by actor.Actor) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.EndSessions(ctx, tx, by.ID, by.SessionID, "person")
	})
}

// agentWord is a word of a browser's own description, and what it tells. The telling ones come first: Edge calls itself
// Chrome too, and Chrome Safari.
type agentWord struct{ word, name string }

// browserName is a browser's description in a few words people know.
func browserName(agent string) string {
	browser := firstOf(agent, "A browser", []agentWord{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"}, {"Safari/", "Safari"}})
	system := firstOf(agent, "", []agentWord{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"}, {"Macintosh", "Mac"}, {"Linux", "Linux"}})
	if system == "" {
		return browser
	}
	return browser + " on " + system
}

func firstOf(text, otherwise string, all []agentWord) string {
	for _, n := range all {
		if strings.Contains(text, n.word) {
			return n.name
		}
	}
	return otherwise
}
