package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/notify"
)

// The kinds of factor, as the database and the trail name them.
const (
	factorApp      = "totp"
	factorPasskey  = "passkey"
	factorRecovery = "recovery"
)

// Limits of what is asked and kept; none of them is a matter of taste.
const (
	confirmLife   = 10 * time.Minute // how long an entered password allows changes of factors
	ceremonyLife  = 10 * time.Minute // how long a challenge or a new app's secret waits for its answer
	maxPasskeys   = 20
	maxFactorName = 60 // characters of a passkey's name
)

// Factor is an authenticator app or a passkey as its owner sees it.
type Factor struct {
	ID, Kind, Name string
	AddedAt        time.Time
	UsedAt         time.Time // zero: never
}

// IsApp says whether it is the authenticator app.
func (f Factor) IsApp() bool { return f.Kind == factorApp }

// Means are the ways a person can prove themselves beside a sent code.
type Means struct {
	App, Passkey bool
	Codes        int64 // recovery codes left
}

// Any says whether there is one at all.
func (m Means) Any() bool { return m.App || m.Passkey || m.Codes > 0 }

// Means reads which factors a person has.
func (s *Service) Means(ctx context.Context, r db.Reader, userID string) (Means, error) {
	m, err := findMeans(ctx, r, userID)
	if err != nil {
		return m, fmt.Errorf("read a person's factors: %w", err)
	}
	m.Passkey = m.Passkey && s.rp != nil
	return m, nil
}

// errConfirm says that the password must be entered again first.
var errConfirm = errors.New("account: the password was not entered lately")

// ConfirmPassword notes in the actor's session that they know the password, which allows changes of factors for ten
// minutes. Tries count like those of Change Password.
func (s *Service) ConfirmPassword(ctx context.Context, by actor.Actor, password string) error {
	if password == "" {
		return fault.Field("current_password", "Enter your current password")
	}
	u, err := s.Find(ctx, s.o.DB, by.ID)
	if err != nil {
		return err
	}
	if err := s.countCurrent(ctx, u); err != nil {
		return err
	}
	right, err := s.hasher.matches(ctx, fold(password), u.hash)
	if err != nil {
		return err
	}
	if !right {
		return fault.Field("current_password", "Your current password is not right")
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := confirmSession(ctx, tx, by.SessionID, u, clock.Micros(s.o.Clock.Now()))
		if err != nil {
			return fmt.Errorf("note the password: %w", err)
		}
		if !ok { // the session ended, or the password is another by now
			return fault.New(fault.SignIn, "")
		}
		return nil
	})
}

// Confirmed says whether the actor entered their password within the last ten minutes of this session.
func (s *Service) Confirmed(ctx context.Context, by actor.Actor) (bool, error) {
	ok, err := isConfirmed(ctx, s.o.DB, by.SessionID, by.ID, s.confirmedSince())
	if err != nil {
		return false, fmt.Errorf("look for the password: %w", err)
	}
	return ok, nil
}

func (s *Service) confirmedSince() int64 { return clock.Micros(s.o.Clock.Now().Add(-confirmLife)) }

// holdConfirmed begins each change of factors: it holds the person's row, so that changes from two devices come one
// after the other, and the session's, and refuses when the password was not entered lately. The answer is the person
// as the act sees them.
func (s *Service) holdConfirmed(ctx context.Context, tx *db.Tx, by actor.Actor) (User, error) {
	if err := holdUser(ctx, tx, by.ID); err != nil {
		return User{}, fmt.Errorf("hold the account: %w", err)
	}
	ok, err := holdSession(ctx, tx, by.SessionID, by.ID, s.confirmedSince())
	if err != nil {
		return User{}, fmt.Errorf("hold the session: %w", err)
	}
	if !ok {
		return User{}, errConfirm
	}
	return s.Find(ctx, tx, by.ID)
}

// sealer gives the keys a person's factors are sealed by: those of their practice, or their own; the program's for
// Support, who own nothing.
func (s *Service) sealer(ctx context.Context, r db.Reader, ownerID string) (crypt.Sealer, error) {
	if ownerID == "" {
		return s.o.Keys.System(), nil
	}
	o, err := s.o.Keys.Owner(ctx, r, ownerID)
	if err != nil {
		return nil, fmt.Errorf("keys of a factor's owner: %w", err)
	}
	return o, nil
}

// factorOwner names the keys that seal what this person adds.
func factorOwner(u User) string {
	if u.Role == actor.Support {
		return ""
	}
	return u.OwnerID
}

// place binds a sealed secret to its person and row, so that one put into another's row does not open.
func (f factorRow) place() string { return f.userID + "/" + f.id }

func (s *Service) sealFactor(ctx context.Context, r db.Reader, f factorRow, secret []byte) ([]byte, error) {
	k, err := s.sealer(ctx, r, f.ownerID)
	if err != nil {
		return nil, err
	}
	sealed, err := k.Seal("account_factor", "secret_sealed", f.place(), secret)
	if err != nil {
		return nil, fmt.Errorf("seal a factor: %w", err)
	}
	return sealed, nil
}

func (s *Service) openFactor(ctx context.Context, r db.Reader, f factorRow) ([]byte, error) {
	k, err := s.sealer(ctx, r, f.ownerID)
	if err != nil {
		return nil, err
	}
	secret, err := k.Open("account_factor", "secret_sealed", f.place(), f.sealed)
	if err != nil {
		return nil, fmt.Errorf("open a factor: %w", err)
	}
	return secret, nil
}

// addFactor stores what a person has added, with the line in the trail and the notice to its owner.
func (s *Service) addFactor(ctx context.Context, tx *db.Tx, by actor.Actor, u User, f factorRow, secret []byte) error {
	sealed, err := s.sealFactor(ctx, tx, f, secret)
	if err != nil {
		return err
	}
	f.sealed = sealed
	f.createdAt = clock.Micros(s.o.Clock.Now())
	made, err := insertFactor(ctx, tx, f)
	if err != nil {
		return fmt.Errorf("add a factor: %w", err)
	}
	if !made {
		return fault.New(fault.Conflict, "This was already added in another window.")
	}
	return s.factorChanged(ctx, tx, by, u, f.kind, true)
}

// factorChanged writes the trail of a factor that came or went, and tells its owner.
func (s *Service) factorChanged(ctx context.Context, tx *db.Tx, by actor.Actor, u User, kind string, added bool) error {
	action, template := audit.FactorRemoved, "account.factor_removed"
	if added {
		action, template = audit.FactorAdded, "account.factor_added"
	}
	if err := s.noticeOf(ctx, tx, u, template, notify.Params{"user": u.ID, "kind": kind}); err != nil {
		return err
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: action, SubjectKind: "user", SubjectID: u.ID, PracticeID: u.PracticeID, Detail: map[string]string{"kind": kind}})
}

// FindFactor reads one factor of the actor's own.
func (s *Service) FindFactor(ctx context.Context, by actor.Actor, id string) (Factor, error) {
	f, found, err := findFactor(ctx, s.o.DB, by.ID, id)
	if err != nil {
		return Factor{}, fmt.Errorf("find a factor: %w", err)
	}
	if !found {
		return Factor{}, s.refuseForeign(ctx, by, "factor", id)
	}
	return f, nil
}

// RemoveFactor takes away an app or a passkey of the actor's own. Browsers it was used in are asked again.
func (s *Service) RemoveFactor(ctx context.Context, by actor.Actor, id string) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, err := s.holdConfirmed(ctx, tx, by)
		if err != nil {
			return err
		}
		kind, found, err := deleteFactor(ctx, tx, u.ID, id)
		if err != nil {
			return fmt.Errorf("remove a factor: %w", err)
		}
		if !found {
			return fault.ErrNotFound()
		}
		if err := deleteDevices(ctx, tx, u.ID); err != nil {
			return fmt.Errorf("forget browsers: %w", err)
		}
		return s.factorChanged(ctx, tx, by, u, kind, false)
	})
	if fault.Is(err, fault.NotFound) {
		return s.refuseForeign(ctx, by, "factor", id)
	}
	return err
}

// refuseForeign is the answer for an id that is not the actor's, whether or not it exists, after a line in the trail.
func (s *Service) refuseForeign(ctx context.Context, by actor.Actor, kind, id string) error {
	if !isID(id) {
		return fault.ErrNotFound()
	}
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.AccessRefused, Outcome: audit.Refused, SubjectKind: kind, SubjectID: id})
	})
	return errors.Join(err, fault.ErrNotFound())
}

// isID says whether an id is one that a page of ours can have named.
func isID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// ceremony is what a browser is asked to answer. What it holds is sealed by its person's keys, or the program's while
// nobody is known.
type ceremony struct {
	kind, browser   string
	userID, ownerID string
}

func (s *Service) ceremonyMAC(c ceremony) []byte { return s.o.Keys.MAC("ceremony browser", c.browser) }

func (c ceremony) place() string { return c.kind + "/" + c.userID }

// putCeremony keeps what the browser is asked; what it was asked before of this kind no longer counts.
func (s *Service) putCeremony(ctx context.Context, tx *db.Tx, c ceremony, data []byte) error {
	if c.browser == "" {
		return errors.New("account: a ceremony without a browser")
	}
	k, err := s.sealer(ctx, tx, c.ownerID)
	if err != nil {
		return err
	}
	sealed, err := k.Seal("account_ceremony", "data_sealed", c.place(), data)
	if err != nil {
		return fmt.Errorf("seal a ceremony: %w", err)
	}
	if err := upsertCeremony(ctx, tx, c, s.ceremonyMAC(c), sealed, clock.Micros(s.o.Clock.Now().Add(ceremonyLife))); err != nil {
		return fmt.Errorf("keep a ceremony: %w", err)
	}
	return nil
}

// takeCeremony gives what this browser was asked, once: whatever comes of the answer, it is gone.
func (s *Service) takeCeremony(ctx context.Context, c ceremony) (data []byte, found bool, err error) {
	if c.browser == "" {
		return nil, false, nil
	}
	var sealed []byte
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		sealed, found, err = deleteCeremony(ctx, tx, c, s.ceremonyMAC(c), clock.Micros(s.o.Clock.Now()))
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("take a ceremony: %w", err)
	}
	if !found {
		return nil, false, nil
	}
	return s.openCeremony(ctx, c, sealed)
}

// seeCeremony is what this browser is being asked, left where it is.
func (s *Service) seeCeremony(ctx context.Context, r db.Reader, c ceremony) (data []byte, found bool, err error) {
	if c.browser == "" {
		return nil, false, nil
	}
	sealed, found, err := findCeremony(ctx, r, c, s.ceremonyMAC(c), clock.Micros(s.o.Clock.Now()))
	if err != nil || !found {
		return nil, false, err
	}
	return s.openCeremony(ctx, c, sealed)
}

func (s *Service) openCeremony(ctx context.Context, c ceremony, sealed []byte) ([]byte, bool, error) {
	k, err := s.sealer(ctx, s.o.DB, c.ownerID)
	if err != nil {
		return nil, false, err
	}
	data, err := k.Open("account_ceremony", "data_sealed", c.place(), sealed)
	if err != nil {
		return nil, false, fmt.Errorf("open a ceremony: %w", err)
	}
	return data, true, nil
}

func credentialHash(id []byte) []byte {
	h := sha256.Sum256(id)
	return h[:]
}

// What a flow is passed by, beside a sent code.
const (
	byApp      = "app"
	byPasskey  = "passkey"
	byRecovery = "recovery"
)
