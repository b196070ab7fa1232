package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
)

// recipient is one of those a message goes to: a person, or the invitation of one who is not registered.
type recipient struct {
	person  account.Card
	invited invite.Invitation
}

func (r recipient) registered() bool { return r.person.ID != "" }

// party is how the recipient is shown in the author's list.
func (r recipient) party() party {
	if r.registered() {
		return partyOf(r.person)
	}
	p := party{ID: r.invited.ID, Name: r.invited.Name()}
	if r.invited.Role == invite.Patient {
		p.Org = "Patient"
	}
	return p
}

// addressLine is To as it is typed for these.
func addressLine(to []recipient) string {
	list := make([]string, len(to))
	for i, r := range to {
		list[i] = r.person.Email + r.invited.Email
	}
	return strings.Join(list, ", ")
}

func partyOf(c account.Card) party {
	p := party{ID: c.ID, Name: c.Name, Org: c.Practice}
	if c.Role == actor.Patient {
		p.Org = "Patient"
	}
	return p
}

// outgoing is a message on its way, with everything its act needs.
type outgoing struct {
	by        actor.Actor // who acts: its author, or the program
	msg       message
	key       *crypt.Thread
	subject   string
	body      string
	author    account.Card
	to        []recipient
	closed    []account.Card   // who takes part and gets nothing more, because their accounts are closed
	members   []member         // of the thread before this message
	rows      []member         // what it adds to the mailboxes, sealed: the author's first, then those of registered recipients
	version   int64            // of the thread when the message was made ready
	firstPost bool             // it begins its thread
	hold      time.Duration    // before it leaves
	formKey   *crypt.Thread    // of the form's first message, whose files this one shares; nil for that one itself
	origin    origin           // of what it passes on
	ends      map[string]int64 // by person, when they can open it no more; who is not there has no end
}

// Send sends a new message, or several to patients apart. Only a paid practice user may (SPEC.md, People). It answers when
// everything is stored; the same form sent again gets the same answer.
func (s *Service) Send(ctx context.Context, by actor.Actor, c Compose) (Sent, error) {
	if err := mayCompose(by); err != nil {
		return Sent{}, err
	}
	if !validID(c.DraftID) {
		return Sent{}, fault.ErrNotFound()
	}
	c.To, c.Subject = toLine(c.To), oneLine(c.Subject)
	to, err := s.checkCompose(ctx, by, c)
	if err != nil {
		return Sent{}, err
	}
	if err := mine(ctx, s.o.DB, by, c.DraftID); errors.Is(err, errStored) {
		return s.sentBefore(ctx, by, c, to)
	} else if err != nil {
		return Sent{}, err
	}
	from, err := s.checkForward(ctx, by, c, to...)
	if err != nil {
		return Sent{}, err
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, []string{by.ID})
	if err != nil {
		return Sent{}, err
	}
	var sent Sent
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		sent, err = s.begin(ctx, tx, outgoing{by: by, subject: c.Subject, body: c.Body, author: cards[by.ID], firstPost: true, hold: c.Hold, origin: from,
			msg: message{authorID: by.ID, authorOwner: by.OwnerID, writtenAt: s.now()}}, s.parcels(c.DraftID, to))
		return err
	})
	if errors.Is(err, errStored) {
		return s.sentBefore(ctx, by, c, to)
	}
	return sent, err
}

// begin stores the messages of a form, each beginning a thread: all of them or none.
func (s *Service) begin(ctx context.Context, tx *db.Tx, o outgoing, list []parcel) (first Sent, err error) {
	who, err := s.engage(ctx, tx, o.by, list)
	if err != nil {
		return Sent{}, err
	}
	var key *crypt.Thread
	for i, p := range list {
		m := o
		m.msg.id, m.msg.threadID, m.to, m.formKey = p.id, db.NewID(), who[i], key
		if i > 0 {
			m.msg.formID = list[0].id
		}
		sent, err := s.beginOne(ctx, tx, &m)
		if err != nil {
			return Sent{}, err
		}
		if i == 0 {
			first, key = sent, m.key
		}
	}
	first.Messages = len(list)
	return first, nil
}

// beginOne stores a message that begins a thread.
func (s *Service) beginOne(ctx context.Context, tx *db.Tx, o *outgoing) (sent Sent, err error) {
	if o.key, err = crypt.NewThread(); err != nil {
		return Sent{}, err
	}
	if err := s.makeThread(ctx, tx, *o); err != nil {
		return Sent{}, err
	}
	var known []pair
	for _, r := range o.to {
		if r.registered() {
			known = append(known, pair{o.by.ID, o.by.OwnerID, r.person})
		}
	}
	if err := s.noteContacts(ctx, tx, known); err != nil {
		return Sent{}, err
	}
	if err := s.seal(ctx, tx, o); err != nil {
		return Sent{}, err
	}
	return s.store(ctx, tx, *o)
}

// engage settles who gets the messages. An invitation is held in place, so that its acceptance comes either before this
// act, which then fails, or after it, and finds the message.
func (s *Service) engage(ctx context.Context, tx *db.Tx, by actor.Actor, list []parcel) ([][]recipient, error) {
	who := make([][]recipient, len(list))
	for i, p := range list {
		for _, t := range p.to {
			r, err := s.engageOne(ctx, tx, by, t)
			if err != nil {
				return nil, err
			}
			who[i] = append(who[i], r)
		}
	}
	return who, nil
}

func (s *Service) engageOne(ctx context.Context, tx *db.Tx, by actor.Actor, to target) (recipient, error) {
	if to.person.ID != "" {
		return recipient{person: to.person}, nil
	}
	id := to.invited.ID
	if to.unknown != nil {
		made, err := s.o.Invite.Create(ctx, tx, by, *to.unknown)
		if err != nil {
			return recipient{}, err
		}
		id = made.ID
	}
	inv, open, err := s.o.Invite.Lock(ctx, tx, id)
	if err != nil {
		return recipient{}, err
	}
	// A colleague may have invited the address meanwhile, as a patient: who is in whose message must be settled anew.
	if !open || (inv.Role == invite.Patient) != to.patient() {
		return recipient{}, fault.New(fault.Conflict, "The recipient's invitation has just changed. Select Send again.")
	}
	return recipient{invited: inv}, nil
}

// mine refuses an id that belongs to somebody else's draft or message, and notices one that was sent before. Two sendings
// of one form at the same moment are told apart later, when the message is stored.
func mine(ctx context.Context, r db.Reader, by actor.Actor, id string) error {
	k, err := findKnown(ctx, r, id)
	switch {
	case err != nil:
		return fmt.Errorf("look up a form's id: %w", err)
	case k.author == by.ID:
		return errStored
	case k.author != "" || k.drafter != "" && k.drafter != by.ID:
		return fault.ErrNotFound()
	}
	return nil
}

// makeThread stores a new thread and its key, wrapped for everybody who has keys.
func (s *Service) makeThread(ctx context.Context, tx *db.Tx, o outgoing) error {
	subject, err := o.key.Seal("mail_thread", "subject_sealed", o.msg.threadID, []byte(o.subject))
	if err != nil {
		return err
	}
	owners := []string{o.msg.authorOwner}
	for _, r := range o.to {
		if r.registered() && !slices.Contains(owners, r.person.OwnerID) {
			owners = append(owners, r.person.OwnerID)
		}
	}
	var keys []wrap
	for _, id := range owners {
		w, err := s.wrapFor(ctx, tx, o.msg.threadID, id, o.key)
		if err != nil {
			return err
		}
		keys = append(keys, w)
	}
	if err := insertThread(ctx, tx, o.msg.threadID, o.msg.authorID, subject, o.msg.writtenAt); err != nil {
		return fmt.Errorf("begin a thread: %w", err)
	}
	if err := insertKeys(ctx, tx, keys); err != nil {
		return fmt.Errorf("keep a thread's key: %w", err)
	}
	return nil
}

func (s *Service) wrapFor(ctx context.Context, r db.Reader, threadID, ownerID string, key *crypt.Thread) (wrap, error) {
	o, err := s.o.Keys.Owner(ctx, r, ownerID)
	if err != nil {
		return wrap{}, fmt.Errorf("find a participant's keys: %w", err)
	}
	wrapped, err := o.WrapThread(threadID, key)
	return wrap{threadID, ownerID, wrapped}, err
}

// store writes the message with all that belongs to it, and gives it to its recipients unless its files hold it back.
func (s *Service) store(ctx context.Context, tx *db.Tx, o outgoing) (Sent, error) {
	moved, err := s.takeFiles(ctx, tx, o)
	if err != nil {
		return Sent{}, err
	}
	o.msg.files, o.msg.state = int64(moved.Files), Waiting
	switch {
	case o.hold > 0:
		o.msg.leavesAt = o.msg.writtenAt + o.hold.Microseconds()
	case moved.Clean:
		o.msg.state, o.msg.deliveredAt = Delivered, o.msg.writtenAt
	}
	fresh, err := insertMessage(ctx, tx, o.msg)
	if err != nil {
		return Sent{}, fmt.Errorf("store a message: %w", err)
	}
	if !fresh {
		return Sent{}, errStored
	}
	if err := s.addressTo(ctx, tx, o); err != nil {
		return Sent{}, err
	}
	if err := s.noteForward(ctx, tx, o); err != nil {
		return Sent{}, err
	}
	return Sent{MessageID: o.msg.id, ThreadID: o.msg.threadID, State: o.msg.state, Messages: 1}, s.hand(ctx, tx, o, true)
}

// takeFiles removes the draft behind the message and makes its files the message's. Without a draft there are none: a
// file is only ever taken in for a stored draft. A form's further messages share the files of the first.
func (s *Service) takeFiles(ctx context.Context, tx *db.Tx, o outgoing) (attach.Moved, error) {
	if o.formKey != nil {
		return s.o.Attach.Share(ctx, tx, attach.Move{From: holder(o.msg.formID), To: holder(o.msg.id), Open: o.formKey, Seal: o.key})
	}
	threadID, found, err := takeDraft(ctx, tx, o.msg.authorID, o.msg.id)
	if err != nil {
		return attach.Moved{}, fmt.Errorf("take a draft: %w", err)
	}
	if !found {
		return attach.Moved{Clean: true}, nil
	}
	if o.firstPost != (threadID == "") || threadID != "" && threadID != o.msg.threadID {
		return attach.Moved{}, errOtherContent()
	}
	if arriving, err := s.o.Attach.Arriving(ctx, tx, holder(o.msg.id)); err != nil {
		return attach.Moved{}, fmt.Errorf("look for files on their way: %w", err)
	} else if arriving {
		return attach.Moved{}, fault.Field("attachments", "Wait until uploads finish, or cancel them")
	}
	owner, err := s.o.Keys.Owner(ctx, tx, o.msg.authorOwner)
	if err != nil {
		return attach.Moved{}, fmt.Errorf("find an author's keys: %w", err)
	}
	moved, err := s.o.Attach.Move(ctx, tx, attach.Move{From: holder(o.msg.id), To: holder(o.msg.id), Open: owner, Seal: o.key})
	if err != nil {
		return attach.Moved{}, err
	}
	if moved.Blocked {
		return attach.Moved{}, fault.Field("attachments", "Remove the blocked file")
	}
	return moved, nil
}

// addressTo writes to whom the message goes. Nothing of it is visible to them before it is given.
func (s *Service) addressTo(ctx context.Context, tx *db.Tx, o outgoing) error {
	list := []delivery{{userID: o.msg.authorID, messageID: o.msg.id, threadID: o.msg.threadID, role: "from", deliveredAt: o.msg.writtenAt}}
	var waiting []string
	for _, r := range o.to {
		if r.registered() {
			list = append(list, delivery{userID: r.person.ID, messageID: o.msg.id, threadID: o.msg.threadID, role: "to", deliveredAt: o.msg.deliveredAt})
		} else {
			waiting = append(waiting, r.invited.ID)
		}
	}
	if err := insertDeliveries(ctx, tx, list); err != nil {
		return fmt.Errorf("address a message: %w", err)
	}
	if err := insertPending(ctx, tx, o.msg, waiting); err != nil {
		return fmt.Errorf("address a message to an invitation: %w", err)
	}
	return nil
}

// sentEvent is the trail's line of a message.
func sentEvent(action string, m message, practiceID string, detail map[string]string) audit.Event {
	return audit.Event{Action: action, SubjectKind: "message", SubjectID: m.id, ThreadID: m.threadID, PracticeID: practiceID, Detail: detail}
}
