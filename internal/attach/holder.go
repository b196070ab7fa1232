package attach

import (
	"context"
	"fmt"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// sealerKind is how a link notes who opens it: a draft's links are sealed by a person's owner, a message's by its thread.
func sealerKind(k crypt.Sealer) string {
	if _, ok := k.(*crypt.Thread); ok {
		return "thread"
	}
	return "owner"
}

// seal seals a file's name and key into its link.
func (l *link) seal(k crypt.Sealer, name string, dek []byte) (err error) {
	if l.nameSealed, err = k.Seal("attach_link", "name_sealed", l.id, []byte(name)); err != nil {
		return fmt.Errorf("seal a file name: %w", err)
	}
	if l.dek, err = k.Seal("attach_link", "wrapped_dek", l.body.linkPlace(l.id), dek); err != nil {
		return fmt.Errorf("wrap a file key: %w", err)
	}
	return nil
}

func (l link) name(k crypt.Sealer) (string, error) {
	name, err := k.Open("attach_link", "name_sealed", l.id, l.nameSealed)
	if err != nil {
		return "", fmt.Errorf("open the name of link %s: %w", l.id, err)
	}
	return string(name), nil
}

func (l link) key(k crypt.Sealer) ([]byte, error) {
	dek, err := k.Open("attach_link", "wrapped_dek", l.body.linkPlace(l.id), l.dek)
	if err != nil {
		return nil, fmt.Errorf("open the file key of link %s: %w", l.id, err)
	}
	return dek, nil
}

// shown is a link as people see it.
func shown(l link, name string) File {
	t, _ := typeOf(l.ext)
	f := File{
		LinkID: l.id, Holder: l.holder, FileID: l.body.fileID, Name: name, Ext: l.ext, Kind: t.kind, Icon: t.icon,
		State: l.state, Size: l.body.size, by: l.scanSig, Seen: l.seen, Macros: l.macros,
	}
	if f.Blocked() {
		f.Reason = sentence(name, l.reason)
	}
	return f
}

// List is a holder's files in the order they were attached, their names opened by k.
func (s *Service) List(ctx context.Context, r db.Reader, holder string, k crypt.Sealer) ([]File, error) {
	all, err := s.ListMany(ctx, r, []string{holder}, k)
	return all[holder], err
}

// ListMany is List for several holders that one sealer opens, in one statement.
func (s *Service) ListMany(ctx context.Context, r db.Reader, holders []string, k crypt.Sealer) (map[string][]File, error) {
	all := make(map[string][]File, len(holders))
	if len(holders) == 0 {
		return all, nil
	}
	links, err := listLinks(ctx, r, holders)
	if err != nil {
		return nil, fmt.Errorf("list attachments: %w", err)
	}
	for _, l := range links {
		name, err := l.name(k)
		if err != nil {
			return nil, err
		}
		all[l.holder] = append(all[l.holder], shown(l, name))
	}
	return all, nil
}

// Holder says who holds a link, for the room that decides whether it may be opened.
func (s *Service) Holder(ctx context.Context, r db.Reader, linkID string) (string, bool, error) {
	return findHolder(ctx, r, linkID)
}

// Standing says how the files of a holder stand.
func (s *Service) Standing(ctx context.Context, r db.Reader, holder string) (Moved, error) {
	m, err := countStates(ctx, r, holder)
	if err != nil {
		return Moved{}, fmt.Errorf("count attachments: %w", err)
	}
	return m, nil
}

// Remove takes a file off a draft. A file that nobody else holds becomes unreadable with the same commit. The caller
// has checked that the draft is the actor's.
func (s *Service) Remove(ctx context.Context, tx *db.Tx, by actor.Actor, holder, linkID string) error {
	open, err := lockHolder(ctx, tx, holder)
	if err != nil {
		return fmt.Errorf("remove an attachment: %w", err)
	}
	if !open {
		return closedFault()
	}
	fileID, found, err := deleteLink(ctx, tx, holder, linkID)
	if err != nil {
		return fmt.Errorf("remove an attachment: %w", err)
	}
	if !found {
		return fault.ErrNotFound()
	}
	return s.drop(ctx, tx, by, []string{fileID})
}

// RemoveAll takes every file off a draft that is being discarded, and closes it, so that an upload that is still on
// its way is refused. What was sent is not touched.
func (s *Service) RemoveAll(ctx context.Context, tx *db.Tx, by actor.Actor, holder string) error {
	if err := setHolder(ctx, tx, holder, true); err != nil {
		return fmt.Errorf("remove attachments: %w", err)
	}
	unfinished, err := listHolderUploads(ctx, tx, holder, nil)
	if err != nil {
		return fmt.Errorf("remove attachments: %w", err)
	}
	if err := s.giveUp(ctx, tx, unfinished); err != nil {
		return fmt.Errorf("remove attachments: %w", err)
	}
	fileIDs, err := deleteLinks(ctx, tx, holder)
	if err != nil {
		return fmt.Errorf("remove attachments: %w", err)
	}
	return s.drop(ctx, tx, by, fileIDs)
}

// drop wipes the keys of those files that nobody holds any more and puts their parts aside.
func (s *Service) drop(ctx context.Context, tx *db.Tx, by actor.Actor, fileIDs []string) error {
	if len(fileIDs) == 0 {
		return nil
	}
	now := clock.Micros(s.clock.Now())
	dropped, err := dropFiles(ctx, tx, fileIDs, now)
	if err != nil {
		return fmt.Errorf("drop files: %w", err)
	}
	if len(dropped) == 0 {
		return nil
	}
	if err := trashParts(ctx, tx, dropped, now); err != nil {
		return fmt.Errorf("drop files: %w", err)
	}
	return s.audit.RecordAll(ctx, tx, by, shredded(dropped))
}

// shredded are the trail's lines for files that nobody can open any more.
func shredded(fileIDs []string) []audit.Event {
	events := make([]audit.Event, len(fileIDs))
	for i, id := range fileIDs {
		events[i] = audit.Event{Action: audit.FileShredded, SubjectKind: "file", SubjectID: id}
	}
	return events
}

// Move says from which holder to which, who opens the links now and who is to open them.
type Move struct {
	From, To   string
	Open, Seal crypt.Sealer
}

// Move gives the files of one holder to another, or to the same one in another standing, with names and keys sealed
// anew. Sealed by a thread they are sent: the holders are closed, and rejected or infected files make Move refuse, with
// Blocked set and nothing changed. Sealed by an owner they are a draft's again, whatever their state.
//
// Files still being checked may be moved: their verdict comes after this act, and OnVerdict is told the new holder.
func (s *Service) Move(ctx context.Context, tx *db.Tx, m Move) (Moved, error) {
	sent := sealerKind(m.Seal) == "thread"
	if err := setHolder(ctx, tx, m.From, sent || m.From != m.To); err != nil {
		return Moved{}, fmt.Errorf("move attachments: %w", err)
	}
	if m.To != m.From {
		if err := setHolder(ctx, tx, m.To, sent); err != nil {
			return Moved{}, fmt.Errorf("move attachments: %w", err)
		}
	}
	if err := lockFiles(ctx, tx, m.From); err != nil {
		return Moved{}, fmt.Errorf("move attachments: %w", err)
	}
	links, err := listLinks(ctx, tx, []string{m.From})
	if err != nil {
		return Moved{}, fmt.Errorf("move attachments: %w", err)
	}
	moved := standing(links)
	if len(links) == 0 || sent && moved.Blocked {
		return moved, nil
	}
	for i := range links {
		if err := s.reseal(&links[i], m); err != nil {
			return Moved{}, err
		}
	}
	if err := saveLinks(ctx, tx, links); err != nil {
		return Moved{}, fmt.Errorf("move attachments: %w", err)
	}
	return moved, nil
}

func standing(links []link) Moved {
	m := Moved{Files: len(links), Clean: true}
	for _, l := range links {
		m.Clean = m.Clean && l.state == Clean
		m.Blocked = m.Blocked || l.state == Rejected || l.state == Infected
		m.Infected = m.Infected || l.state == Infected
	}
	return m
}

// reseal turns a link into what it is at its new holder.
func (s *Service) reseal(l *link, m Move) error {
	name, err := l.name(m.Open)
	if err != nil {
		return err
	}
	dek, err := l.key(m.Open)
	if err != nil {
		return err
	}
	l.holder, l.sealedBy, l.nameMAC = m.To, sealerKind(m.Seal), s.nameMAC(m.To, name)
	return l.seal(m.Seal, name, dek)
}
