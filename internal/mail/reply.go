package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// Reply sends a message in a thread the actor takes part in; free users and patients may too. It answers when
// everything is stored; the same form sent again gets the same answer.
func (s *Service) Reply(ctx context.Context, by actor.Actor, in Reply) (Sent, error) {
	if by.Kind != actor.User || !validID(in.DraftID) {
		return Sent{}, fault.ErrNotFound()
	}
	o, err := s.answering(ctx, s.o.DB, by, in)
	if fault.Is(err, fault.NotFound) {
		return Sent{}, s.refuse(ctx, by, "thread", in.ThreadID)
	}
	if err != nil {
		return Sent{}, err
	}
	var f fault.Fields
	s.checkBody(&f, in.Body)
	if err := f.Err(); err != nil {
		return Sent{}, err
	}
	var sent Sent
	if err = mine(ctx, s.o.DB, by, in.DraftID); err == nil {
		err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
			sent, err = s.reply(ctx, tx, o, in)
			return err
		})
	}
	if errors.Is(err, errStored) {
		return s.repliedBefore(ctx, by, in)
	}
	return sent, err
}

// reply stores a message that was made ready outside the act. When somebody else's act on the thread came between, it is
// made ready anew: behind the thread's row nothing comes between any more.
func (s *Service) reply(ctx context.Context, tx *db.Tx, o outgoing, in Reply) (Sent, error) {
	version, found, err := addToThread(ctx, tx, o.msg.threadID, o.by.ID, o.msg.writtenAt)
	switch {
	case err != nil:
		return Sent{}, fmt.Errorf("add to a thread: %w", err)
	case !found:
		return Sent{}, fault.ErrNotFound()
	}
	if version != o.version+1 {
		if o, err = s.answering(ctx, tx, o.by, in); err != nil {
			return Sent{}, err
		}
	}
	return s.store(ctx, tx, o)
}

// answering makes a reply ready: thread key, subject, author and recipients, and everything sealed.
func (s *Service) answering(ctx context.Context, r db.Reader, by actor.Actor, in Reply) (outgoing, error) {
	o := outgoing{by: by, body: in.Body, hold: in.Hold, msg: message{threadID: in.ThreadID, id: in.DraftID, authorID: by.ID, writtenAt: s.now()}}
	var err error
	if o.members, err = listParticipants(ctx, r, o.msg.threadID); err != nil {
		return o, fmt.Errorf("read who takes part: %w", err)
	}
	var ids []string
	var several bool
	for _, m := range o.members {
		if m.userID != by.ID {
			ids = append(ids, m.userID)
			continue
		}
		if m.withdrawn {
			return o, fault.New(fault.Conflict, "What was written to you here was withdrawn. You can reply when a new message arrives.")
		}
		o.msg.authorOwner, o.version = m.ownerID, m.version
		if o.key, err = s.unwrap(ctx, r, m.threadID, m.ownerID, m.wrapped); err != nil {
			return o, err
		}
		m.snippetSealed = nil
		if err := s.openWhole(ctx, r, &m); err != nil {
			return o, err
		}
		o.subject, several = m.subject, m.other.All != ""
	}
	if o.key == nil {
		return o, fault.ErrNotFound()
	}
	if several || len(ids) == 0 {
		err = s.amongSeveral(ctx, r, &o)
	} else {
		err = s.people(ctx, r, &o, ids)
	}
	if err != nil {
		return o, err
	}
	return o, s.seal(ctx, r, &o)
}

// people reads who the author and the recipients are.
func (s *Service) people(ctx context.Context, r db.Reader, o *outgoing, to []string) error {
	cards, err := s.o.Account.Cards(ctx, r, append([]string{o.msg.authorID}, to...))
	if err != nil {
		return err
	}
	o.author = cards[o.msg.authorID]
	for _, id := range to {
		if !cards[id].Active {
			return errClosed()
		}
		o.to = append(o.to, recipient{person: cards[id]})
	}
	return nil
}

func errClosed() error {
	return fault.New(fault.Conflict, "This person's account is closed, so they cannot receive messages.")
}

// amongSeveral finds the recipients in a thread of several, and those of one who adds to what nobody has received yet,
// because it still waits for its files or for somebody to register. Who has closed their account gets nothing more.
func (s *Service) amongSeveral(ctx context.Context, r db.Reader, o *outgoing) error {
	if err := s.people(ctx, r, o, nil); err != nil {
		return err
	}
	people, invited, err := s.circle(ctx, r, o.msg.threadID, o.msg.authorID)
	if err != nil {
		return err
	}
	for _, c := range people {
		if c.Active {
			o.to = append(o.to, recipient{person: c})
		} else {
			o.closed = append(o.closed, c)
		}
	}
	for _, i := range invited {
		o.to = append(o.to, recipient{invited: i})
	}
	switch {
	case len(o.to) > 0:
		return nil
	case len(o.closed) > 1:
		return fault.New(fault.Conflict, "The accounts of everybody in this conversation are closed, so nobody can receive messages.")
	case len(o.closed) == 1:
		return errClosed()
	}
	return s.nobodyThere(ctx, r, *o)
}

// nobodyThere says why an answer would reach nobody: who was there keeps the conversation no longer, or never came.
func (s *Service) nobodyThere(ctx context.Context, r db.Reader, o outgoing) error {
	own, _ := o.ownRow()
	cards, err := s.o.Account.Cards(ctx, r, []string{own.other.ID})
	if err != nil {
		return err
	}
	if cards[own.other.ID].ID != "" {
		return fault.New(fault.Conflict, "The other side no longer keeps this conversation, so a reply would reach nobody. Call them instead.")
	}
	return fault.New(fault.Conflict, "The recipient's invitation is no longer open. Send a new message instead.")
}

// repliedBefore answers a form whose message is stored: the same again, unless it now says something else.
func (s *Service) repliedBefore(ctx context.Context, by actor.Actor, in Reply) (Sent, error) {
	was, err := s.wasSent(ctx, by, in.DraftID)
	if err != nil {
		return Sent{}, err
	}
	if was.sent.ThreadID != in.ThreadID || was.body != in.Body {
		return Sent{}, errOtherContent()
	}
	return was.sent, nil
}

// byPerson sorts member rows, so that acts on the same people take them in the same order.
func byPerson(list []member) {
	slices.SortFunc(list, func(a, b member) int {
		if c := strings.Compare(a.userID, b.userID); c != 0 {
			return c
		}
		return strings.Compare(a.threadID, b.threadID)
	})
}
