package verify

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// Link is a living link: what it is for and which of its generations it is.
type Link struct {
	Kind, Subject string
	Generation    int64
}

// Gone is the answer to a dead link; pages turn it into DeadLink.
func Gone() error { return fault.New(fault.Gone, "This link has expired or was already used") }

// NewLink gives the subject a new link of a kind that lives for ttl. Older ones and their flows end.
func (s *Service) NewLink(ctx context.Context, tx *db.Tx, kind, subject string, ttl time.Duration) error {
	now := s.o.Clock.Now()
	if err := upsertLink(ctx, tx, kind, subject, clock.Micros(now), clock.Micros(now.Add(ttl))); err != nil {
		return fmt.Errorf("new link: %w", err)
	}
	if err := endFlowsOf(ctx, tx, subject, kind, "newer"); err != nil {
		return fmt.Errorf("end older flows: %w", err)
	}
	return nil
}

// RenewLink lets the present link live for ttl from now; false when there is none to renew.
func (s *Service) RenewLink(ctx context.Context, tx *db.Tx, kind, subject string, ttl time.Duration) (bool, error) {
	now := s.o.Clock.Now()
	ok, err := extendLink(ctx, tx, kind, subject, clock.Micros(now), clock.Micros(now.Add(ttl)))
	if err != nil {
		return false, fmt.Errorf("renew link: %w", err)
	}
	return ok, nil
}

// Token is the subject's present link of a kind, made again; ErrNoLink when it was used, ended or has run out.
func (s *Service) Token(ctx context.Context, r db.Reader, kind, subject string) (string, error) {
	l, found, err := findLink(ctx, r, kind, subject)
	if err != nil {
		return "", fmt.Errorf("find link: %w", err)
	}
	if !found || l.used || l.expiresAt <= s.now() {
		return "", ErrNoLink
	}
	return s.o.Keys.Token(kind, subject, l.generation), nil
}

// CheckToken finds the living link behind a token; a Gone fault for every other token.
func (s *Service) CheckToken(ctx context.Context, r db.Reader, kind, token string) (Link, error) {
	subject, ok := s.o.Keys.ParseToken(token)
	if !ok {
		return Link{}, Gone()
	}
	l, found, err := findLink(ctx, r, kind, subject)
	if err != nil {
		return Link{}, fmt.Errorf("find link: %w", err)
	}
	if !found || l.used || l.expiresAt <= s.now() || !s.o.Keys.TokenIs(token, kind, subject, l.generation) {
		return Link{}, Gone()
	}
	return Link{kind, subject, l.generation}, nil
}

// oldest is how many earlier generations DeadSubject still recognises.
const oldest = 50

// DeadSubject says whom a dead link once belonged to, so that its holder can be sent a new one: only a token that
// really was sent passes. ok is also true for a link that lives.
func (s *Service) DeadSubject(ctx context.Context, r db.Reader, kind, token string) (subject string, ok bool, err error) {
	id, ok := s.o.Keys.ParseToken(token)
	if !ok {
		return "", false, nil
	}
	l, found, err := findLink(ctx, r, kind, id)
	if err != nil || !found {
		return "", false, err
	}
	for g := l.generation; g > 0 && g > l.generation-oldest; g-- {
		if s.o.Keys.TokenIs(token, kind, id, g) {
			return id, true, nil
		}
	}
	return "", false, nil
}

// UseLink uses a link up; a Gone fault when somebody else has, or it has ended since it was checked.
func (s *Service) UseLink(ctx context.Context, tx *db.Tx, l Link) error {
	ok, err := useLink(ctx, tx, l, s.now())
	if err != nil {
		return fmt.Errorf("use link: %w", err)
	}
	if !ok {
		return Gone()
	}
	return nil
}

// EndLinks ends every link of the subject and every flow, with a word that says why ("edited", "deactivated").
func (s *Service) EndLinks(ctx context.Context, tx *db.Tx, subject, why string) error {
	return s.EndLink(ctx, tx, "", subject, why)
}

// EndLink ends the subject's link of one kind ("" = of every kind) and the flows of that kind.
func (s *Service) EndLink(ctx context.Context, tx *db.Tx, kind, subject, why string) error {
	if err := endLinks(ctx, tx, subject, kind, s.now()); err != nil {
		return fmt.Errorf("end links: %w", err)
	}
	if err := endFlowsOf(ctx, tx, subject, kind, why); err != nil {
		return fmt.Errorf("end flows: %w", err)
	}
	return nil
}
