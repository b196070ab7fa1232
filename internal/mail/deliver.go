package mail

import (
	"context"
	"fmt"
	"slices"

	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/notify"
)

// hand writes what follows from a stored message: the author's own row and audit line when it is being sent, and, once
// nothing holds it back, the recipients' rows, notices and invitations.
func (s *Service) hand(ctx context.Context, tx *db.Tx, o outgoing, sending bool) error {
	given := o.msg.state == Delivered
	if given {
		if err := s.limitAccess(ctx, tx, &o); err != nil {
			return err
		}
	}
	if err := s.handRows(ctx, tx, o, sending, given); err != nil {
		return err
	}
	var events []audit.Event
	if sending {
		events = append(events, sentEvent(audit.MailSent, o.msg, o.author.PracticeID, map[string]string{"files": fmt.Sprint(o.msg.files)}))
	}
	wake := []string{o.msg.authorID}
	for _, r := range o.to {
		if !given {
			continue
		}
		if r.registered() {
			events = append(events, sentEvent(audit.MailDelivered, o.msg, o.author.PracticeID, map[string]string{"to": r.person.ID}))
			wake = append(wake, r.person.ID)
		}
		if err := s.notice(ctx, tx, o, r); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() { s.o.Hub.Wake(wake...) })
	return s.o.Audit.RecordAll(ctx, tx, o.by, events)
}

// seal seals the message and what it adds to the mailboxes.
func (s *Service) seal(ctx context.Context, r db.Reader, o *outgoing) error {
	var err error
	if o.msg.sealed, err = sealBody(o.key, o.msg.id, o.body); err != nil {
		return err
	}
	all := o.everybody()
	list := []member{{userID: o.author.ID, ownerID: o.msg.authorOwner, role: string(o.author.Role), folder: none, other: without(all, o.author.ID, "")}}
	for _, to := range o.to {
		if to.registered() {
			list = append(list, member{userID: to.person.ID, ownerID: to.person.OwnerID, role: string(to.person.Role), folder: Inbox, unread: true, other: without(all, to.person.ID, o.author.ID)})
		}
	}
	for i := range list {
		list[i].threadID, list[i].ownerID = o.msg.threadID, ownerIn(o.members, list[i])
		if err := s.sealMember(ctx, r, &list[i], o.subject, o.body); err != nil {
			return err
		}
	}
	o.rows = list
	return nil
}

// handRows writes the member rows a message concerns, in one statement, in the order of their people.
func (s *Service) handRows(ctx context.Context, tx *db.Tx, o outgoing, sending, given bool) error {
	list := slices.Clone(o.rows)
	if !given {
		list = list[:1]
	}
	if !sending {
		list = list[1:]
	}
	for i := range list {
		list[i].files, list[i].messages, list[i].lastAt = o.msg.files, 1, o.msg.writtenAt
		if given {
			list[i].lastAt = o.msg.deliveredAt
			list[i].accessUntil, list[i].snippetUntil = o.ends[list[i].userID], o.ends[list[i].userID]
		}
	}
	byPerson(list)
	if err := putMembers(ctx, tx, list); err != nil {
		return fmt.Errorf("write the mailboxes: %w", err)
	}
	return nil
}

// ownerIn is the owner that seals a person's row: of the row there is, if there is one.
func ownerIn(members []member, m member) string {
	for _, was := range members {
		if was.userID == m.userID {
			return was.ownerID
		}
	}
	return m.ownerID
}

// notice tells a recipient in the ways they chose, or the invited person by their invitation.
func (s *Service) notice(ctx context.Context, tx *db.Tx, o outgoing, r recipient) error {
	switch inv := r.invited; {
	case r.registered():
		return s.arrived(ctx, tx, o, r.person)
	case !inv.Editable(): // its address was corrected while the files were checked: nobody is told, the sender sees it
		return nil
	case inv.State == "held":
		return s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: inv.Email, Template: noticeHeld, InvitationID: inv.ID, PracticeID: inv.PracticeID,
			Params: notify.Params{"author": o.author.ID, "invitation": inv.ID}})
	case inv.SentAt == 0:
		return s.o.Invite.Send(ctx, tx, o.by, inv.ID)
	default:
		return s.o.Invite.Again(ctx, tx, inv.ID)
	}
}
