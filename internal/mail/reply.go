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
	var f fault.Fields
	s.checkBody(&f, in.Body)
	var sent Sent
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		sent, err = s.reply(ctx, tx, by, in, f.Err())
		return err
	})
	switch {
	case errors.Is(err, errStored):
		return s.repliedBefore(ctx, by, in)
	case fault.Is(err, fault.NotFound):
		return Sent{}, s.refuse(ctx, by, "thread", in.ThreadID)
	}
	return sent, err
}

// reply stores the message. wrong is what is wrong with the form; a stranger hears nothing of it.
func (s *Service) reply(ctx context.Context, tx *db.Tx, by actor.Actor, in Reply, wrong error) (Sent, error) {
	now := s.now()
	took, err := addToThread(ctx, tx, in.ThreadID, by.ID, now)
	switch {
	case err != nil:
		return Sent{}, fmt.Errorf("add to a thread: %w", err)
	case !took:
		return Sent{}, fault.ErrNotFound()
	case wrong != nil:
		return Sent{}, wrong
	}
	if err := mine(ctx, tx, by, in.DraftID); err != nil {
		return Sent{}, err
	}
	o := outgoing{by: by, body: in.Body,
		msg: message{threadID: in.ThreadID, id: in.DraftID, authorID: by.ID, writtenAt: now}}
	if err := s.answering(ctx, tx, &o); err != nil {
		return Sent{}, err
	}
	return s.store(ctx, tx, o)
}

// answering fills in thread key, subject, author and recipients of a reply.
func (s *Service) answering(ctx context.Context, tx *db.Tx, o *outgoing) error {
	var err error
	if o.members, err = listParticipants(ctx, tx, o.msg.threadID); err != nil {
		return fmt.Errorf("read who takes part: %w", err)
	}
	ids := []string{o.msg.authorID}
	for _, m := range o.members {
		if m.userID != o.msg.authorID {
			ids = append(ids, m.userID)
			continue
		}
		o.msg.authorOwner = m.ownerID
		if o.key, err = s.unwrap(ctx, tx, m.threadID, m.ownerID, m.wrapped); err != nil {
			return err
		}
		if err := s.openMember(ctx, tx, &m); err != nil {
			return err
		}
		o.subject = m.subject
	}
	if o.key == nil {
		return fmt.Errorf("mail: thread %s has no key for its member", o.msg.threadID)
	}
	if len(ids) == 1 {
		return s.answeringNobody(ctx, tx, o)
	}
	return s.people(ctx, tx, o, ids)
}

// people reads who the author and the recipients are.
func (s *Service) people(ctx context.Context, tx *db.Tx, o *outgoing, ids []string) error {
	cards, err := s.o.Account.Cards(ctx, tx, ids)
	if err != nil {
		return err
	}
	o.author = cards[o.msg.authorID]
	for _, id := range ids[1:] {
		if !cards[id].Active {
			return fault.New(fault.Conflict, "This person's account is closed, so they cannot receive messages.")
		}
		o.to = append(o.to, recipient{person: cards[id]})
	}
	return nil
}

// answeringNobody finds the recipients of one who adds to what nobody has received yet: it still waits for its files,
// or for somebody to register.
func (s *Service) answeringNobody(ctx context.Context, tx *db.Tx, o *outgoing) error {
	people, err := listWaitingPeople(ctx, tx, o.msg.threadID)
	if err != nil {
		return fmt.Errorf("read who is written to: %w", err)
	}
	if err := s.people(ctx, tx, o, append([]string{o.msg.authorID}, people...)); err != nil {
		return err
	}
	ids, err := listWaitingInvitations(ctx, tx, o.msg.threadID)
	if err != nil {
		return fmt.Errorf("read who is invited: %w", err)
	}
	invited, err := s.o.Invite.Cards(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if slices.Contains([]string{"invited", "started", "held"}, invited[id].State) {
			o.to = append(o.to, recipient{invited: invited[id]})
		}
	}
	if len(o.to) == 0 {
		return fault.New(fault.Conflict, "The recipient's invitation is no longer open. Send a new message instead.")
	}
	return nil
}

// repliedBefore answers a form whose message is stored: the same again, unless it now says something else.
func (s *Service) repliedBefore(ctx context.Context, by actor.Actor, in Reply) (Sent, error) {
	was, _, body, err := s.wasSent(ctx, by, in.DraftID)
	if err != nil {
		return Sent{}, err
	}
	if was.threadID != in.ThreadID || body != in.Body {
		return Sent{}, errOtherContent()
	}
	return Sent{MessageID: was.id, ThreadID: was.threadID, State: was.state}, nil
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
