package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// leaveAtOnce is how many messages one turn lets leave.
const leaveAtOnce = 500

// Leave gives the messages whose time to be taken back is over. Run it every second; any number of nodes may: each
// message leaves in an act of its own, which only one of them makes.
func (s *Service) Leave(ctx context.Context) error {
	list, err := listLeaving(ctx, s.o.DB, s.now(), leaveAtOnce)
	if err != nil {
		return fmt.Errorf("find what leaves: %w", err)
	}
	var errs []error
	for _, m := range list { // one that fails holds up nobody else's
		errs = append(errs, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.leave(ctx, tx, m) }))
	}
	return errors.Join(errs...)
}

// leave takes the hold off a message and gives it, unless its files still hold it: then it goes with the last verdict.
func (s *Service) leave(ctx context.Context, tx *db.Tx, m message) error {
	if err := lockThread(ctx, tx, m.threadID); err != nil {
		return fmt.Errorf("lock a thread: %w", err)
	}
	due, err := letLeave(ctx, tx, m, s.now())
	if err != nil {
		return fmt.Errorf("let a message leave: %w", err)
	}
	if !due {
		return nil
	}
	files, err := s.o.Attach.Standing(ctx, tx, holder(m.id))
	if err != nil || !files.Clean {
		return err
	}
	whole, found, err := findMessage(ctx, tx, m.id)
	if err != nil || !found {
		return err
	}
	return s.release(ctx, tx, whole)
}

// Undo takes back what one form of the actor's has sent, while none of it has left: one draft again, with everybody it
// was for and its files. messageID is any of its messages. It returns where the draft is written on.
func (s *Service) Undo(ctx context.Context, by actor.Actor, messageID string) (where string, err error) {
	form, found, err := findForm(ctx, s.o.DB, by.ID, messageID)
	if err != nil {
		return "", fmt.Errorf("find a form: %w", err)
	}
	if !found {
		return "", s.refuse(ctx, by, "message", messageID)
	}
	list, err := listForm(ctx, s.o.DB, by.ID, form)
	if err != nil {
		return "", fmt.Errorf("find what a form sent: %w", err)
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		where, err = s.undo(ctx, tx, by, form, list)
		return err
	})
	return where, err
}

func (s *Service) undo(ctx context.Context, tx *db.Tx, by actor.Actor, form string, list []stored) (string, error) {
	_, d, err := s.takeForm(ctx, tx, by, form, list)
	if errors.Is(err, errLeft) {
		return "", fault.New(fault.Conflict, "This message has left already. Until somebody opens it you can recall it.")
	}
	if err != nil {
		return "", err
	}
	tx.AfterCommit(func() { s.o.Hub.Wake(by.ID) })
	return d.edit(), nil
}

// errLeft says that a message does not wait any more.
var errLeft = errors.New("mail: the message has left")

// takeForm makes one draft of the waiting messages of a form, with everybody they were for, and their files. errLeft when
// one of them waits no more.
func (s *Service) takeForm(ctx context.Context, tx *db.Tx, by actor.Actor, form string, list []stored) (author account.Card, d Draft, err error) {
	slices.SortFunc(list, func(a, b stored) int { return strings.Compare(a.threadID, b.threadID) })
	for _, m := range list {
		if err := lockThread(ctx, tx, m.threadID); err != nil {
			return author, d, fmt.Errorf("lock a thread: %w", err)
		}
	}
	var whole outgoing
	var all []recipient
	for _, m := range list {
		o, err := s.takeOne(ctx, tx, by, m)
		if err != nil {
			return author, d, err
		}
		if all = append(all, o.to...); m.id == form {
			whole = o
			continue
		}
		if err := s.o.Attach.Release(ctx, tx, by, holder(m.id)); err != nil { // shared with the form's first message, which keeps them
			return author, d, err
		}
	}
	whole.to = all
	if len(list) > 1 { // a draft in one of the threads would forget those of the others
		whole.members = nil
	}
	d, err = s.bringBack(ctx, tx, whole)
	return whole.author, d, err
}

// takeOne ends one message that has not left, in every list it stands in.
func (s *Service) takeOne(ctx context.Context, tx *db.Tx, by actor.Actor, m stored) (outgoing, error) {
	waited, err := moveMessage(ctx, tx, m.message, Stopped, 0)
	if err != nil {
		return outgoing{}, fmt.Errorf("stop a message: %w", err)
	}
	if !waited {
		return outgoing{}, errLeft
	}
	o, err := s.again(ctx, tx, m)
	if err != nil {
		return o, err
	}
	o.by = by
	if err := s.withdrawFrom(ctx, tx, o); err != nil {
		return o, err
	}
	var detail map[string]string
	if by.ID == m.authorID {
		detail = map[string]string{"undone": "yes"}
	}
	return o, s.o.Audit.Record(ctx, tx, by, sentEvent(audit.MailStopped, m.message, o.author.PracticeID, detail))
}
