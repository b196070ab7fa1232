package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"securepractice/internal/attach"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/notify"
)

// Verdict is told, in that transaction, that a file of a holder was judged. A message that waited for its last file is
// given; one with a refused file comes back to Drafts. A draft's files change nothing here.
func (s *Service) Verdict(ctx context.Context, tx *db.Tx, of string, _ attach.Moved) error {
	id, ours := strings.CutPrefix(of, holderPrefix)
	if !ours {
		return nil
	}
	m, found, err := findMessage(ctx, tx, id)
	if err != nil {
		return fmt.Errorf("find the message of a file: %w", err)
	}
	if !found || m.state != Waiting {
		return s.warn(ctx, tx, m)
	}
	// Two files of one message may be judged at once, each not seeing the other's verdict. Behind the thread's row the
	// second one does.
	if err := lockThread(ctx, tx, m.threadID); err != nil {
		return fmt.Errorf("lock a thread: %w", err)
	}
	if m, _, err = findMessage(ctx, tx, id); err != nil || m.state != Waiting {
		return err
	}
	standing, err := s.o.Attach.Standing(ctx, tx, of)
	if err != nil {
		return err
	}
	switch {
	case standing.Blocked:
		return s.stop(ctx, tx, m)
	case standing.Clean && m.leavesAt == 0: // else it leaves when its time has come
		return s.release(ctx, tx, m)
	}
	return nil
}

// release gives a message that waited.
func (s *Service) release(ctx context.Context, tx *db.Tx, m stored) error {
	m.deliveredAt = s.now()
	waited, err := moveMessage(ctx, tx, m.message, Delivered, m.deliveredAt)
	if err != nil {
		return fmt.Errorf("deliver a message: %w", err)
	}
	if !waited {
		return nil
	}
	m.state = Delivered
	o, err := s.again(ctx, tx, m)
	if err != nil {
		return err
	}
	if err := s.seal(ctx, tx, &o); err != nil {
		return err
	}
	if err := deliverRows(ctx, tx, m.id, m.deliveredAt); err != nil {
		return fmt.Errorf("deliver a message: %w", err)
	}
	return s.hand(ctx, tx, o, false)
}

// again reads a stored message back into what its sending knew.
func (s *Service) again(ctx context.Context, tx *db.Tx, m stored) (outgoing, error) {
	o := outgoing{by: program("mail_verdict"), msg: m.message}
	var err error
	if o.key, err = s.unwrap(ctx, tx, m.threadID, m.authorOwner, m.wrapped); err != nil {
		return o, err
	}
	if o.subject, err = subjectOf(o.key, m); err != nil {
		return o, err
	}
	if o.body, err = openBody(o.key, m.id, m.sealed); err != nil {
		return o, err
	}
	if o.members, err = listParticipants(ctx, tx, m.threadID); err != nil {
		return o, fmt.Errorf("read who takes part: %w", err)
	}
	return o, s.recipients(ctx, tx, &o)
}

// recipients reads to whom a stored message was written.
func (s *Service) recipients(ctx context.Context, tx *db.Tx, o *outgoing) error {
	list, err := listReceipts(ctx, tx, []string{o.msg.id})
	if err != nil {
		return fmt.Errorf("read to whom it was written: %w", err)
	}
	people, invitations := []string{o.msg.authorID}, []string(nil)
	for _, c := range list {
		if c.pending {
			invitations = append(invitations, c.who)
		} else {
			people = append(people, c.who)
		}
	}
	cards, err := s.o.Account.Cards(ctx, tx, people)
	if err != nil {
		return err
	}
	invited, err := s.o.Invite.Cards(ctx, tx, invitations)
	if err != nil {
		return err
	}
	o.author = cards[o.msg.authorID]
	for _, id := range people[1:] {
		o.to = append(o.to, recipient{person: cards[id]})
	}
	for _, id := range invitations {
		o.to = append(o.to, recipient{invited: invited[id]})
	}
	return nil
}

// stop ends a message whose file was refused, and with it those of the same form, which carry that file too: nothing of
// them was visible to anybody else, and they are one draft again, under a new id because theirs stay with what was stopped.
func (s *Service) stop(ctx context.Context, tx *db.Tx, m stored) error {
	form, _, err := findForm(ctx, tx, m.authorID, m.id)
	if err != nil {
		return fmt.Errorf("find a form: %w", err)
	}
	list, err := listForm(ctx, tx, m.authorID, form)
	if err != nil {
		return fmt.Errorf("find what a form sent: %w", err)
	}
	author, _, err := s.takeForm(ctx, tx, program("mail_verdict"), form, list)
	if errors.Is(err, errLeft) { // somebody has just ended it
		return nil
	}
	if err != nil {
		return err
	}
	err = s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: author.Email, Template: noticeStopped, UserID: author.ID, PracticeID: author.PracticeID})
	if err != nil {
		return err
	}
	tx.AfterCommit(func() { s.o.Hub.Wake(author.ID) })
	return nil
}

// withdrawFrom takes a message that has not left from those it was on its way to, and from its author's list.
func (s *Service) withdrawFrom(ctx context.Context, tx *db.Tx, o outgoing) error {
	if err := dropDeliveries(ctx, tx, o.msg.id); err != nil {
		return fmt.Errorf("stop a message: %w", err)
	}
	if err := dropPending(ctx, tx, o.msg.id); err != nil {
		return fmt.Errorf("stop a message: %w", err)
	}
	if err := s.unlist(ctx, tx, o); err != nil {
		return fmt.Errorf("take a message from its author's list: %w", err)
	}
	return nil
}

// bringBack makes a draft of a message, with its files. What began a thread is a new message again.
func (s *Service) bringBack(ctx context.Context, tx *db.Tx, o outgoing) (Draft, error) {
	d := Draft{ID: db.NewID(), Body: o.body}
	if _, more := o.ownRow(); more {
		d.ThreadID = o.msg.threadID
	} else {
		d.Subject = o.subject
		d.To = addressLine(o.to)
	}
	row, err := s.sealDraft(ctx, tx, o.msg.authorID, o.msg.authorOwner, d)
	if err != nil {
		return d, err
	}
	if _, err := insertDraft(ctx, tx, row); err != nil {
		return d, fmt.Errorf("bring a message back: %w", err)
	}
	if err := s.keepOrigin(ctx, tx, o.msg.id, d.ID); err != nil {
		return d, err
	}
	owner, err := s.o.Keys.Owner(ctx, tx, o.msg.authorOwner)
	if err != nil {
		return d, fmt.Errorf("find an author's keys: %w", err)
	}
	_, err = s.o.Attach.Move(ctx, tx, attach.Move{From: holder(o.msg.id), To: holder(d.ID), Open: o.key, Seal: owner})
	return d, err
}

// ownRow is the author's row, and whether the thread holds more for them than this message, so that it can be replied in.
func (o outgoing) ownRow() (member, bool) {
	for _, m := range o.members {
		if m.userID == o.msg.authorID {
			return m, m.messages > 1
		}
	}
	return member{}, false
}

// unlist takes a stopped message out of its author's row of the thread.
func (s *Service) unlist(ctx context.Context, tx *db.Tx, o outgoing) error {
	row, more := o.ownRow()
	if !more {
		if err := s.freeDrafts(ctx, tx, o); err != nil {
			return err
		}
		return deleteMember(ctx, tx, o.msg.authorID, o.msg.threadID)
	}
	newest, err := listSeen(ctx, tx, row.userID, row.threadID, first, 1, s.now())
	if err != nil || len(newest) == 0 {
		return err
	}
	text, err := textOf(o.key, newest[0])
	if err != nil {
		return err
	}
	if err := s.sealMember(ctx, tx, &row, o.subject, text); err != nil {
		return err
	}
	if err := withdraw(ctx, tx, o.msg, row.snippetSealed); err != nil {
		return err
	}
	if err := s.bare(ctx, tx, o, row); err != nil {
		return err
	}
	return setMemberEnds(ctx, tx, row.userID, row.threadID)
}

// freeDrafts makes new messages, to the same people, of what the author was still writing in a thread that ends: a reply
// could not be sent there any more.
func (s *Service) freeDrafts(ctx context.Context, tx *db.Tx, o outgoing) error {
	for {
		row, found, err := findReplyDraft(ctx, tx, o.msg.authorID, o.msg.threadID)
		if err != nil || !found {
			return err
		}
		d, err := s.openDraft(ctx, tx, row)
		if err != nil {
			return err
		}
		d.ThreadID, d.Subject, d.To = "", o.subject, addressLine(o.to)
		if row, err = s.sealDraft(ctx, tx, row.authorID, row.ownerID, d); err != nil {
			return err
		}
		if err := freeDraft(ctx, tx, row); err != nil {
			return err
		}
	}
}

// bare hides the subject from an author to whom only withdrawn messages of others are left: theirs was the last thing
// that kept it in sight.
func (s *Service) bare(ctx context.Context, tx *db.Tx, o outgoing, row member) error {
	keeps, err := keepsAny(ctx, tx, row.userID, row.threadID)
	if err != nil || keeps {
		return err
	}
	row.files, row.unread, row.withdrawn = row.files-o.msg.files, false, true
	if err := s.sealMember(ctx, tx, &row, withdrawn, withdrawn); err != nil {
		return err
	}
	return withdrawRows(ctx, tx, []member{row})
}

// keysOf opens the keys of messages, one for each thread.
func (s *Service) keysOf(ctx context.Context, r db.Reader, list []stored) (map[string]*crypt.Thread, error) {
	keys := map[string]*crypt.Thread{}
	for _, m := range list {
		if keys[m.threadID] != nil {
			continue
		}
		key, err := s.unwrap(ctx, r, m.threadID, m.authorOwner, m.wrapped)
		if err != nil {
			return nil, err
		}
		keys[m.threadID] = key
	}
	return keys, nil
}
