package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"securepractice/internal/actor"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// errStored ends an act whose message was stored by an earlier sending of the same form.
var errStored = errors.New("mail: the message is stored already")

// The answers to a form that was sent before.
func errOtherContent() error {
	return fault.New(fault.Conflict, "This message was already sent with other content. What is below was not sent. To send it as a new message, select Send.")
}

func errCameBack() error {
	return fault.New(fault.Conflict, "This message was not delivered because an attachment was blocked. It is in your Drafts.")
}

// sentBefore answers a form whose message is stored: the same again, unless it now says something else.
func (s *Service) sentBefore(ctx context.Context, by actor.Actor, c Compose, to target) (Sent, error) {
	was, err := s.wasSent(ctx, by, c.DraftID)
	if err != nil {
		return Sent{}, err
	}
	if to.unknown != nil { // when this form was looked at, the first one was not stored yet
		var f fault.Fields
		if to, err = s.resolve(ctx, by, c, &f); err != nil {
			return Sent{}, err
		}
	}
	if !slices.Contains(was.targets, to.id()) || was.subject != c.Subject || was.body != c.Body {
		return Sent{}, errOtherContent()
	}
	return was.sent, nil
}

// sending is what a form's id has sent before.
type sending struct {
	sent          Sent
	subject, body string
	targets       []string
}

// wasSent reads what a form's id has sent. It is an act, though it only reads: an act answers when what it has seen is on
// disk, and the first sending may share its commit with this one.
func (s *Service) wasSent(ctx context.Context, by actor.Actor, id string) (was sending, err error) {
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		m, found, err := findStored(ctx, tx, by.ID, id)
		switch {
		case err != nil:
			return fmt.Errorf("read what was sent: %w", err)
		case !found:
			return fault.ErrNotFound()
		case m.state == Stopped:
			return errCameBack()
		}
		key, err := s.unwrap(ctx, tx, m.threadID, m.authorOwner, m.wrapped)
		if err != nil {
			return err
		}
		was.sent = Sent{MessageID: m.id, ThreadID: m.threadID, State: m.state}
		if was.subject, err = subjectOf(key, m); err != nil {
			return err
		}
		if was.body, err = openBody(key, m.id, m.sealed); err != nil {
			return err
		}
		if was.targets, err = listTargets(ctx, tx, id); err != nil {
			return fmt.Errorf("read to whom it was sent: %w", err)
		}
		return nil
	})
	return was, err
}

func subjectOf(key *crypt.Thread, m stored) (string, error) {
	b, err := key.Open("mail_thread", "subject_sealed", m.threadID, m.subject)
	if err != nil {
		return "", fmt.Errorf("open the subject of thread %s: %w", m.threadID, err)
	}
	return string(b), nil
}
