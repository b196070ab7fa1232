package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// importKept is how long a preview can still be confirmed.
const importKept = 24 * time.Hour

// skipped is a line of a file that would not become a contact.
type skipped struct {
	csvRow
	why string
}

// preview is what an import would do.
type preview struct {
	id      string
	add     []csvRow
	skipped []skipped
}

// previewImport reads a file and keeps what would be added until the actor confirms it. It compares with the actor's own
// contacts alone: nothing says whether an address has an account here.
func (s *Service) previewImport(ctx context.Context, by actor.Actor, file io.Reader) (preview, error) {
	if err := mayCompose(by); err != nil {
		return preview{}, err
	}
	lines, err := readContacts(file)
	if err != nil {
		return preview{}, err
	}
	own, err := s.listBook(ctx, by, "", true)
	if err != nil {
		return preview{}, err
	}
	p := sift(lines, own, by.Email)
	p.id = db.NewID()
	if len(own)+len(p.add) > maxContacts {
		return preview{}, errImport(fmt.Sprintf("You would have more than %s contacts. Import fewer of them.", thousands(maxContacts)))
	}
	return p, s.keepImport(ctx, by, p)
}

// sift tells what would be added from what is skipped and why.
func sift(lines []csvRow, own []Contact, ownEmail string) (p preview) {
	const there, here, self = "It is among your contacts already", "It stands in this file twice", "This is your own address"
	seen := map[string]string{}
	for _, c := range own {
		canon, _ := account.CanonEmail(c.Email)
		seen[canon] = there
	}
	if canon, ok := account.CanonEmail(ownEmail); ok {
		seen[canon] = self
	}
	for _, l := range lines {
		canon, ok := account.CanonEmail(l.Email)
		why := seen[canon]
		switch {
		case l.Email == "":
			why = "It has no email address"
		case !ok:
			why = "This is not a valid email address"
		case why == "" && utf8.RuneCountInString(l.Name) > maxContactName:
			why = "Its name is longer than " + strconv.Itoa(maxContactName) + " characters"
		}
		if why != "" {
			p.skipped = append(p.skipped, skipped{l, why})
			continue
		}
		seen[canon] = here
		if blank(l.Name) {
			l.Name = l.Email
		}
		p.add = append(p.add, l)
	}
	return p
}

func (s *Service) keepImport(ctx context.Context, by actor.Actor, p preview) error {
	plain, err := json.Marshal(p.add)
	if err != nil {
		return fmt.Errorf("write an import: %w", err)
	}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return fmt.Errorf("find a person's keys: %w", err)
	}
	sealed, err := o.Seal("mail_contact_import", "rows_sealed", by.ID+"/"+p.id, plain)
	if err != nil {
		return fmt.Errorf("seal an import: %w", err)
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return putImport(ctx, tx, by.ID, p.id, sealed, s.now(), clock.Micros(s.o.Clock.Now().Add(-importKept)))
	})
}

// importAtOnce is how many contacts one act adds, so that nobody else's writing waits for a long import.
const importAtOnce = 500

// confirmImport adds what the actor has seen in a preview, and says how many contacts those were. What was seen is kept
// until the last of them stands: an import that is cut short is confirmed again and goes on, and nobody is added twice.
func (s *Service) confirmImport(ctx context.Context, by actor.Actor, id string) (added int64, err error) {
	if err := mayCompose(by); err != nil {
		return 0, err
	}
	since := clock.Micros(s.o.Clock.Now().Add(-importKept))
	sealed, found, err := findImport(ctx, s.o.DB, by.ID, id, since)
	if err != nil {
		return 0, fmt.Errorf("find an import: %w", err)
	}
	if !found {
		return 0, errImportUsed()
	}
	list, err := s.importRows(ctx, by, id, sealed) // sealing thousands takes longer than an act may
	if err != nil {
		return 0, err
	}
	for part := range slices.Chunk(list, importAtOnce) {
		var n int64
		err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
			n, err = importContacts(ctx, tx, part)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("import contacts: %w", err)
		}
		added += n
	}
	return added, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.endImport(ctx, tx, by, id, len(list)) })
}

// endImport ends what the actor has seen, once.
func (s *Service) endImport(ctx context.Context, tx *db.Tx, by actor.Actor, id string, rows int) error {
	found, err := takeImport(ctx, tx, by.ID, id)
	if err != nil {
		return fmt.Errorf("take an import: %w", err)
	}
	if !found {
		return errImportUsed()
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.ContactsImported, SubjectKind: "user", SubjectID: by.ID, PracticeID: by.PracticeID,
		Detail: map[string]string{"rows": strconv.Itoa(rows)}})
}

func errImportUsed() error {
	return fault.New(fault.Conflict, "This preview was used or is no longer kept. Look at your contacts, or choose the file again.")
}

// importRows seals what was kept as contacts.
func (s *Service) importRows(ctx context.Context, by actor.Actor, id string, sealed []byte) ([]contact, error) {
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return nil, fmt.Errorf("find a person's keys: %w", err)
	}
	plain, err := o.Open("mail_contact_import", "rows_sealed", by.ID+"/"+id, sealed)
	if err != nil {
		return nil, fmt.Errorf("open an import: %w", err)
	}
	var lines []csvRow
	if err := json.Unmarshal(plain, &lines); err != nil {
		return nil, fmt.Errorf("read an import: %w", err)
	}
	list := make([]contact, len(lines))
	for i, l := range lines {
		canon, _ := account.CanonEmail(l.Email)
		c := contact{userID: by.ID, id: db.NewID(), mac: s.emailMAC(by.ID, canon), usedAt: s.now()}
		if c.sealed, err = o.Seal("mail_contact", "name_sealed", c.id, []byte(l.Name)); err != nil {
			return nil, err
		}
		if c.email, err = o.Seal("mail_contact", "email_sealed", c.id, []byte(l.Email)); err != nil {
			return nil, err
		}
		list[i] = c
	}
	return list, nil
}

// exportContacts writes the actor's contacts, hidden ones too, after a line in the trail.
func (s *Service) exportContacts(ctx context.Context, by actor.Actor, w io.Writer) error {
	if err := mayCompose(by); err != nil {
		return err
	}
	list, err := s.listBook(ctx, by, "", true)
	if err != nil {
		return err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.ContactsExported, SubjectKind: "user", SubjectID: by.ID, PracticeID: by.PracticeID,
			Detail: map[string]string{"contacts": strconv.Itoa(len(list))}})
	})
	if err != nil {
		return err
	}
	return writeContacts(w, list)
}
