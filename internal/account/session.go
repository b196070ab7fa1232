package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// tokenBytes of randomness make a session's cookie; the database keeps its hash.
const tokenBytes = 32

func newToken() (token string, hash []byte, err error) {
	b := make([]byte, tokenBytes)
	if _, err := rand.Read(b); err != nil {
		return "", nil, fmt.Errorf("make a session: %w", err)
	}
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, hashToken(token), nil
}

func hashToken(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// openSession makes the session; proof names the second step that was done before it, "" when there was none.
func (s *Service) openSession(ctx context.Context, tx *db.Tx, by actor.Actor, u User, hash []byte, proof string) error {
	now := clock.Micros(s.o.Clock.Now())
	id := db.NewID()
	if by.SessionID != "" { // who signs in again at this browser leaves no session behind
		if err := deleteSession(ctx, tx, by.SessionID); err != nil {
			return fmt.Errorf("end the earlier session: %w", err)
		}
	}
	if err := insertSession(ctx, tx, session{hash: hash, id: id, userID: u.ID, now: now, second: proof != "", ip: by.IP, agent: by.Agent}); err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	by.SessionID, by.Kind, by.ID, by.PracticeID = id, actor.User, u.ID, u.PracticeID
	if u.Role == actor.Support {
		by.Kind = actor.Staff
	}
	e := audit.Event{Action: audit.SigninOK, SubjectKind: "user", SubjectID: u.ID}
	if proof != "" {
		e.Detail = map[string]string{"second": proof}
	}
	return s.o.Audit.Record(ctx, tx, by, e)
}

// Session finds who a cookie belongs to, by one statement. False when there is no such living session.
func (s *Service) Session(ctx context.Context, token string) (actor.Actor, bool, error) {
	if len(token) > 100 {
		return actor.Actor{}, false, nil
	}
	now := s.o.Clock.Now()
	row, found, err := findSession(ctx, s.o.DB, hashToken(token), clock.Micros(now.Add(-s.set.Session)), clock.Micros(now.Add(-s.set.Idle)))
	if err != nil {
		return actor.Actor{}, false, fmt.Errorf("find the session: %w", err)
	}
	if !found || row.user.Role == actor.Support && !row.second {
		return actor.Actor{}, false, nil
	}
	u := row.user
	a := actor.Actor{Kind: actor.User, ID: u.ID, PracticeID: u.PracticeID, OwnerID: u.OwnerID, Role: u.Role, Manager: u.Manager,
		Paid: u.Paid && u.Role != actor.Patient, SessionID: row.id, Email: u.Email, First: u.First, Last: u.Last, Zone: u.Zone, Look: row.look}
	if u.Role == actor.Support {
		a.Kind = actor.Staff
	}
	return a, true, nil
}

// touchEvery is how old seen_at may grow before an act writes it again.
const touchEvery = 30 * time.Second

// Touch notes that the person did something. It writes at most every 30 seconds a session.
func (s *Service) Touch(ctx context.Context, by actor.Actor) error {
	if by.SessionID == "" {
		return nil
	}
	now := clock.Micros(s.o.Clock.Now())
	if !s.dueTouch(by.SessionID, now) {
		return nil
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return touchSession(ctx, tx, by.SessionID, now, now-touchEvery.Microseconds())
	})
}

func (s *Service) dueTouch(id string, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.touched[id]; ok && now >= last && now-last < touchEvery.Microseconds() {
		return false
	}
	if len(s.touched) > 10_000 {
		clear(s.touched) // costs each session one write
	}
	s.touched[id] = now
	return true
}

// EndSessions signs a person out everywhere but in one session ("" = everywhere), with a word that says why. No browser
// is known for them afterwards: the next sign-in asks for the second step wherever it comes from.
func (s *Service) EndSessions(ctx context.Context, tx *db.Tx, userID, exceptSession, why string) error {
	n, err := deleteSessions(ctx, tx, userID, exceptSession)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	if err := deleteDevices(ctx, tx, userID); err != nil {
		return fmt.Errorf("forget browsers: %w", err)
	}
	if n == 0 {
		return nil
	}
	return s.o.Audit.Record(ctx, tx, actor.ByProgram("sessions"), audit.Event{Action: audit.SessionEnded, SubjectKind: "user", SubjectID: userID, Detail: map[string]string{"why": why}})
}

// SignOut ends the actor's session, and a sign-in that stopped at a step in the same browser.
func (s *Service) SignOut(ctx context.Context, by actor.Actor, browser string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.o.Verify.EndBrowser(ctx, tx, signinKind, browser, "signed out"); err != nil {
			return err
		}
		if !by.SignedIn() {
			return nil
		}
		if err := deleteSession(ctx, tx, by.SessionID); err != nil {
			return fmt.Errorf("sign out: %w", err)
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.Signout, SubjectKind: "user", SubjectID: by.ID})
	})
}

// SweepSessions removes sessions that have ended by themselves, and what else has run out beside them.
func (s *Service) SweepSessions(ctx context.Context) error {
	now := s.o.Clock.Now()
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := deleteOldCeremonies(ctx, tx, clock.Micros(now)); err != nil {
			return fmt.Errorf("remove old challenges: %w", err)
		}
		if err := deleteOldDevices(ctx, tx, clock.Micros(now)); err != nil {
			return fmt.Errorf("remove old browsers: %w", err)
		}
		return deleteStale(ctx, tx, clock.Micros(now.Add(-s.set.Session)), clock.Micros(now.Add(-s.set.Idle)))
	})
}

// Unlock opens a locked account. Support only.
func (s *Service) Unlock(ctx context.Context, tx *db.Tx, by actor.Actor, userID string) error {
	if by.Kind != actor.Staff {
		return fault.ErrNotFound()
	}
	if err := s.mustChange(unlockUser(ctx, tx, userID)); err != nil {
		return err
	}
	if err := forgetLocks(ctx, tx, userID); err != nil {
		return fmt.Errorf("forget earlier locks: %w", err)
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.SigninUnlocked, SubjectKind: "user", SubjectID: userID})
}
