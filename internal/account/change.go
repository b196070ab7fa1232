package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
)

// errBegin sends somebody whose flow is not there, or lacks an earlier step, to the beginning of the change.
func errBegin() error {
	return fault.New(fault.Gone, "This was changed in another window. Begin again in your profile.")
}

// provePassword refuses a wrong current password. Tries count like those of Change Password.
func (s *Service) provePassword(ctx context.Context, u User, current string) error {
	if current == "" {
		return fault.Field("current_password", "Enter your current password")
	}
	if err := s.countCurrent(ctx, u); err != nil {
		return err
	}
	right, err := s.hasher.matches(ctx, fold(current), u.hash)
	if err != nil {
		return err
	}
	if !right {
		return fault.Field("current_password", "Your current password is not right")
	}
	return nil
}

// beginChange begins flows of the person in this browser after the password was proved; what they began earlier ends. A
// flow without data is one that no password stands behind: every step refuses it.
func (s *Service) beginChange(ctx context.Context, tx *db.Tx, u User, browser string, data any, kinds ...string) error {
	hash, err := findPassword(ctx, tx, u.ID)
	if err != nil {
		return fmt.Errorf("read the password: %w", err)
	}
	if hash != u.hash { // changed since it was compared
		return fault.Field("current_password", "Your current password is not right")
	}
	typed, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("keep what was typed: %w", err)
	}
	for _, kind := range kinds {
		if err := s.o.Verify.EndFlows(ctx, tx, u.ID, kind, "newer"); err != nil {
			return err
		}
		if _, err := s.o.Verify.Begin(ctx, tx, verify.Start{Kind: kind, Subject: u.ID, Browser: browser, Data: typed}); err != nil {
			return err
		}
	}
	return nil
}

// changeFlow is the person's open flow of a kind in this browser, with what was typed when it began.
func changeFlow[T any](ctx context.Context, s *Service, r db.Reader, kind, userID, browser string) (f verify.Flow, data T, err error) {
	f, found, err := s.o.Verify.Flow(ctx, r, kind, userID, browser, 0)
	if err != nil {
		return f, data, err
	}
	if !found || f.Data == nil {
		return f, data, errBegin()
	}
	if err := json.Unmarshal(f.Data, &data); err != nil {
		return f, data, fmt.Errorf("read what was typed: %w", err)
	}
	return f, data, nil
}

// finishChange ends a flow with its proof.
func (s *Service) finishChange(ctx context.Context, tx *db.Tx, f verify.Flow, n verify.Need) error {
	err := s.o.Verify.Finish(ctx, tx, f, n)
	if fault.Is(err, fault.Conflict) {
		return errBegin()
	}
	return err
}

// renew ends what was opened or begun with the old address or number, links, flows and sessions; the actor's own session
// goes on under the new token.
func (s *Service) renew(ctx context.Context, tx *db.Tx, by actor.Actor, why string, tokenHash []byte) error {
	if err := s.o.Verify.EndLinks(ctx, tx, by.ID, why); err != nil {
		return err
	}
	if err := s.EndSessions(ctx, tx, by.ID, by.SessionID, why); err != nil {
		return err
	}
	ok, err := replaceToken(ctx, tx, by.SessionID, by.ID, tokenHash)
	if err != nil {
		return fmt.Errorf("renew the session: %w", err)
	}
	if !ok { // ended meanwhile, and with it the right to change anything
		return fault.New(fault.SignIn, "")
	}
	return nil
}

// unknownPassword makes the stored form of a password that nobody knows.
func (s *Service) unknownPassword(ctx context.Context) (string, error) {
	b := make([]byte, tokenBytes)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make a password: %w", err)
	}
	return s.Hash(ctx, base64.RawURLEncoding.EncodeToString(b))
}
