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

// sentBefore answers a form whose messages are stored: the same again, unless it now says something else.
func (s *Service) sentBefore(ctx context.Context, by actor.Actor, c Compose, to []target) (Sent, error) {
	was, err := s.formSent(ctx, by, c.DraftID)
	if err != nil {
		return Sent{}, err
	}
	if slices.ContainsFunc(to, func(t target) bool { return t.unknown != nil }) { // when this form was looked at, the first one was not stored yet
		var f fault.Fields
		if to, err = s.resolve(ctx, by, c, &f); err != nil {
			return Sent{}, err
		}
	}
	list := s.parcels(c.DraftID, to)
	if len(list) != len(was) {
		return Sent{}, errOtherContent()
	}
	for _, p := range list {
		if w, found := was[p.id]; !found || !w.says(c) || !w.wentTo(p.to) {
			return Sent{}, errOtherContent()
		}
	}
	first := was[c.DraftID].sent
	first.Messages = len(list)
	return first, nil
}

func (w sending) says(c Compose) bool { return w.subject == c.Subject && w.body == c.Body }

// wentTo says whether a message was written to exactly these.
func (w sending) wentTo(to []target) bool {
	for _, t := range to {
		if !slices.ContainsFunc(w.targets, func(k addressed) bool { return k.id == t.id() }) {
			return false
		}
	}
	n := 0
	for _, k := range w.targets {
		if !k.claimed { // whoever claimed an invitation stands there as a person too
			n++
		}
	}
	return n == len(to)
}

// formSent reads the messages a form became, by their ids, in an act as wasSent does.
func (s *Service) formSent(ctx context.Context, by actor.Actor, form string) (map[string]sending, error) {
	was := map[string]sending{}
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		list, err := listForm(ctx, tx, by.ID, form)
		if err != nil {
			return fmt.Errorf("read what was sent: %w", err)
		}
		for _, m := range list {
			if was[m.id], err = s.readSending(ctx, tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(was) == 0 {
		err = fault.ErrNotFound()
	}
	return was, err
}

// sending is what a form's id has sent before.
type sending struct {
	sent          Sent
	subject, body string
	targets       []addressed
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
		}
		was, err = s.readSending(ctx, tx, m)
		return err
	})
	return was, err
}

// readSending opens a stored message.
func (s *Service) readSending(ctx context.Context, tx *db.Tx, m stored) (was sending, err error) {
	if m.state == Stopped {
		return was, errCameBack()
	}
	key, err := s.unwrap(ctx, tx, m.threadID, m.authorOwner, m.wrapped)
	if err != nil {
		return was, err
	}
	was.sent = Sent{MessageID: m.id, ThreadID: m.threadID, State: m.state, Messages: 1}
	if was.subject, err = subjectOf(key, m); err != nil {
		return was, err
	}
	if was.body, err = openBody(key, m.id, m.sealed); err != nil {
		return was, err
	}
	if was.targets, err = listTargets(ctx, tx, m.id); err != nil {
		return was, fmt.Errorf("read to whom it was sent: %w", err)
	}
	return was, nil
}

func subjectOf(key *crypt.Thread, m stored) (string, error) {
	b, err := key.Open("mail_thread", "subject_sealed", m.threadID, m.subject)
	if err != nil {
		return "", fmt.Errorf("open the subject of thread %s: %w", m.threadID, err)
	}
	return string(b), nil
}
