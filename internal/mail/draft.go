package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// Changed is the conflict of a save that was made from an older version: Stored is the draft as it is. Its Version is 0
// when the draft was deleted meanwhile.
type Changed struct {
	Stored Draft
	fault  *fault.Fault
}

func (c *Changed) Error() string { return c.fault.Error() }

// Unwrap makes it a fault of kind Conflict.
func (c *Changed) Unwrap() error { return c.fault }

func changedFault(stored Draft) error {
	text := "This draft was changed in another tab."
	if stored.Version == 0 {
		text = "This draft was deleted in another tab."
	}
	return &Changed{Stored: stored, fault: fault.New(fault.Conflict, text)}
}

func errSent() error { return fault.New(fault.Conflict, "This message was sent.") }

// typedTo is what a draft keeps of its recipient.
type typedTo struct {
	To   string     `json:"to"`
	New  Newcomer   `json:"new"`
	More []Newcomer `json:"more,omitempty"`
}

// SaveDraft stores what is being written. A draft of a new message needs somebody who may compose, one of a reply a
// participant of its thread. A save from an older version changes nothing and returns *Changed; one of a message that was
// sent is a Conflict.
func (s *Service) SaveDraft(ctx context.Context, by actor.Actor, d Draft) (Draft, error) {
	if by.Kind != actor.User || !validID(d.ID) || d.Version < 0 {
		return Draft{}, fault.ErrNotFound()
	}
	if err := s.mayDraft(ctx, by, d); err != nil {
		return Draft{}, err
	}
	d.To, d.Subject = toLine(d.To), oneLine(d.Subject)
	if err := s.checkDraft(d); err != nil {
		return Draft{}, err
	}
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.saveDraft(ctx, tx, by, d) })
	var changed *Changed
	if errors.As(err, &changed) {
		return s.sameDraft(ctx, by, d, err)
	}
	if err != nil {
		return Draft{}, err
	}
	d.Version++
	d.SavedAt = s.o.Clock.Now()
	return d, nil
}

func (s *Service) mayDraft(ctx context.Context, by actor.Actor, d Draft) error {
	if d.ThreadID == "" {
		return mayCompose(by)
	}
	in, err := isMember(ctx, s.o.DB, by.ID, d.ThreadID)
	if err != nil {
		return fmt.Errorf("look up a participant: %w", err)
	}
	if !in {
		return s.refuse(ctx, by, "thread", d.ThreadID)
	}
	return nil
}

func (s *Service) checkDraft(d Draft) error {
	var f fault.Fields
	tooLong(&f, "to", "To", d.To, maxTo)
	s.checkBlocks(&f, d.More)
	for _, l := range []struct{ field, label, value string }{
		{"first_name", "First name", d.New.First}, {"last_name", "Last name", d.New.Last},
		{"phone", "Phone", d.New.Phone}, {"cell_phone", "Cell Phone", d.New.Cell}, {"role", "User role", d.New.Role},
	} {
		tooLong(&f, l.field, l.label, l.value, maxTyped)
	}
	tooLong(&f, "subject", "Subject", d.Subject, s.set.MaxSubject)
	tooLong(&f, "body", "Message", d.Body, s.set.MaxBody)
	return f.Err()
}

func (s *Service) saveDraft(ctx context.Context, tx *db.Tx, by actor.Actor, d Draft) error {
	row, err := s.sealDraft(ctx, tx, by.ID, by.OwnerID, d)
	if err != nil {
		return err
	}
	var saved bool
	if d.Version > 0 {
		saved, err = updateDraft(ctx, tx, row)
	} else if err = mine(ctx, tx, by, d.ID); err == nil {
		saved, err = insertDraft(ctx, tx, row)
	}
	switch {
	case errors.Is(err, errStored):
		return errSent()
	case fault.From(err).Kind != fault.Unknown:
		return err
	case err != nil:
		return fmt.Errorf("save a draft: %w", err)
	case saved:
		return nil
	}
	if err := mine(ctx, tx, by, d.ID); errors.Is(err, errStored) {
		return errSent()
	} else if err != nil {
		return err
	}
	return changedFault(Draft{})
}

// sameDraft tells a save that lost its answer, and comes again, from one that would write over another's. It reads in an
// act, because the other save may share its commit with this one.
func (s *Service) sameDraft(ctx context.Context, by actor.Actor, d Draft, refused error) (Draft, error) {
	var was Draft
	var found bool
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		was, found, err = s.readDraft(ctx, tx, by, d.ID)
		return err
	})
	switch {
	case err != nil:
		return Draft{}, err
	case !found:
		return Draft{}, refused
	case d.Version == 0 && was.Version == 1 && was.blank(): // stored for its first file, before anything was typed
		d.Version = 1
		return s.SaveDraft(ctx, by, d)
	case was.To == d.To && was.Subject == d.Subject && was.Body == d.Body && was.New == d.New && slices.Equal(was.More, d.More):
		return was, nil
	}
	return Draft{}, changedFault(was)
}

// blank says that nothing was typed.
func (d Draft) blank() bool {
	return d.To+d.Subject+d.Body == "" && d.New == (Newcomer{}) && len(d.More) == 0
}

func (s *Service) sealDraft(ctx context.Context, r db.Reader, authorID, ownerID string, d Draft) (draftRow, error) {
	o, err := s.o.Keys.Owner(ctx, r, ownerID)
	if err != nil {
		return draftRow{}, fmt.Errorf("find a writer's keys: %w", err)
	}
	row := draftRow{id: d.ID, authorID: authorID, ownerID: ownerID, threadID: d.ThreadID, version: d.Version, updatedAt: s.now()}
	to, err := json.Marshal(typedTo{d.To, d.New, d.More})
	if err != nil {
		return row, fmt.Errorf("write a recipient: %w", err)
	}
	for _, c := range []struct {
		column string
		plain  []byte
		sealed *[]byte
	}{{"to_sealed", to, &row.to}, {"subject_sealed", []byte(d.Subject), &row.subject}, {"body_sealed", []byte(d.Body), &row.body}} {
		if *c.sealed, err = o.Seal("mail_draft", c.column, d.ID, c.plain); err != nil {
			return row, err
		}
	}
	return row, nil
}

func (s *Service) openDraft(ctx context.Context, r db.Reader, row draftRow) (Draft, error) {
	o, err := s.o.Keys.Owner(ctx, r, row.ownerID)
	if err != nil {
		return Draft{}, fmt.Errorf("find a writer's keys: %w", err)
	}
	d := Draft{ID: row.id, ThreadID: row.threadID, Version: row.version, SavedAt: clock.Time(row.updatedAt)}
	var to []byte
	var subject, body []byte
	for _, c := range []struct {
		column string
		sealed []byte
		plain  *[]byte
	}{{"to_sealed", row.to, &to}, {"subject_sealed", row.subject, &subject}, {"body_sealed", row.body, &body}} {
		if *c.plain, err = o.Open("mail_draft", c.column, row.id, c.sealed); err != nil {
			return Draft{}, fmt.Errorf("open draft %s: %w", row.id, err)
		}
	}
	var t typedTo
	if err := json.Unmarshal(to, &t); err != nil {
		return Draft{}, fmt.Errorf("read a recipient: %w", err)
	}
	d.To, d.New, d.More, d.Subject, d.Body = t.To, t.New, t.More, string(subject), string(body)
	return d, nil
}

// draft reads one of the actor's drafts.
func (s *Service) draft(ctx context.Context, by actor.Actor, id string) (Draft, bool, error) {
	return s.readDraft(ctx, s.o.DB, by, id)
}

func (s *Service) readDraft(ctx context.Context, r db.Reader, by actor.Actor, id string) (Draft, bool, error) {
	row, found, err := findDraft(ctx, r, by.ID, id)
	if err != nil {
		return Draft{}, false, fmt.Errorf("read a draft: %w", err)
	}
	if !found {
		return Draft{}, false, nil
	}
	d, err := s.openDraft(ctx, r, row)
	return d, err == nil, err
}

// deleteDraft removes one of the actor's drafts with its files.
func (s *Service) deleteDraft(ctx context.Context, by actor.Actor, id string) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, found, err := takeDraft(ctx, tx, by.ID, id)
		if err != nil {
			return fmt.Errorf("delete a draft: %w", err)
		}
		if !found {
			return fault.ErrNotFound()
		}
		return s.o.Attach.RemoveAll(ctx, tx, by, holder(id))
	})
	if fault.Is(err, fault.NotFound) {
		return s.refuse(ctx, by, "draft", id)
	}
	return err
}

// Attach takes in a file for one of the actor's stored drafts.
func (s *Service) Attach(ctx context.Context, by actor.Actor, in AttachIn) (attach.File, error) {
	if err := s.ownDraft(ctx, by, in.DraftID); err != nil {
		return attach.File{}, err
	}
	return s.o.Attach.Receive(ctx, by, attach.In{Holder: holder(in.DraftID), Name: in.Name, Left: s.set.MaxTotal, Body: in.Body})
}

func (s *Service) ownDraft(ctx context.Context, by actor.Actor, id string) error {
	_, found, err := findDraft(ctx, s.o.DB, by.ID, id)
	if err != nil {
		return fmt.Errorf("look up a draft: %w", err)
	}
	if !found {
		return s.refuse(ctx, by, "draft", id)
	}
	return nil
}

// removeFile takes a file off one of the actor's drafts.
func (s *Service) removeFile(ctx context.Context, by actor.Actor, draftID, linkID string) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		own, err := holdDraft(ctx, tx, by.ID, draftID)
		if err != nil {
			return fmt.Errorf("hold a draft: %w", err)
		}
		if !own {
			return fault.ErrNotFound()
		}
		return s.o.Attach.Remove(ctx, tx, by, holder(draftID), linkID)
	})
	if fault.Is(err, fault.NotFound) {
		return s.refuse(ctx, by, "draft", draftID)
	}
	return err
}

// draftFiles lists the files of a draft that the caller has found to be the actor's.
func (s *Service) draftFiles(ctx context.Context, ownerID, id string) ([]attach.File, error) {
	var k crypt.Sealer
	k, err := s.o.Keys.Owner(ctx, s.o.DB, ownerID)
	if err != nil {
		return nil, fmt.Errorf("find a writer's keys: %w", err)
	}
	return s.o.Attach.List(ctx, s.o.DB, holder(id), k)
}
