package mail

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
)

// The ways in which a conversation leaves the portal.
const (
	onPaper  = "print"
	asPDF    = "pdf"
	asExport = "export"
)

// Limits of a record. A part is what one document holds, so that its memory is bounded.
const (
	maxRecord = 20_000  // messages of one record
	partSize  = 500     // messages of one document
	partBytes = 2 << 20 // of their texts
	readSize  = 100     // messages opened at once
)

// recordOf names what is taken out. messageID is empty for the whole conversation.
type recordOf struct{ kind, threadID, messageID string }

// record is a conversation, or one message of it, as one participant takes it out of the portal.
type record struct {
	of      recordOf
	by      actor.Actor
	m       member
	key     *crypt.Thread
	rows    []recordRow    // what it holds, oldest first
	people  []string       // the participants, with their practices
	from    string         // the practice of who takes it
	at      time.Time      // when it was taken
	zone    *time.Location // of who takes it
	product string         // the portal's name
}

// take decides about a record and notes it before anything of it is handed out: who, when, which messages; what was new
// to them counts as opened. Nothing that waits, was stopped or recalled is in it.
func (s *Service) take(ctx context.Context, by actor.Actor, of recordOf) (*record, error) {
	m, found, err := findMember(ctx, s.o.DB, by.ID, of.threadID)
	if err != nil {
		return nil, fmt.Errorf("look up a participant: %w", err)
	}
	if !found || of.messageID != "" && !validID(of.messageID) {
		return nil, s.refuse(ctx, by, "thread", of.threadID)
	}
	rec := &record{of: of, by: by, m: m, at: s.o.Clock.Now(), product: s.o.Product}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.noteRecord(ctx, tx, rec) })
	if fault.Is(err, fault.NotFound) {
		return nil, s.refuse(ctx, by, "thread", of.threadID)
	}
	if err != nil {
		return nil, err
	}
	return rec, s.openRecord(ctx, rec)
}

// noteRecord finds what a record holds, behind the row that a delivery would have to change, and writes it down.
func (s *Service) noteRecord(ctx context.Context, tx *db.Tx, rec *record) error {
	whole := rec.of.messageID == ""
	if whole {
		rec.m.viewedSession = rec.by.SessionID
	}
	still, err := setViewed(ctx, tx, rec.m, whole, s.now())
	if err != nil {
		return fmt.Errorf("note a view: %w", err)
	}
	if !still {
		return fault.ErrNotFound()
	}
	if rec.rows, err = listRecord(ctx, tx, rec.by.ID, rec.of.threadID, rec.of.messageID, maxRecord+1, s.now()); err != nil {
		return fmt.Errorf("list what a record holds: %w", err)
	}
	if err := s.mayTake(ctx, tx, rec); err != nil {
		return err
	}
	opened, err := s.openRecorded(ctx, tx, rec)
	if err != nil {
		return err
	}
	if err := insertPrint(ctx, tx, db.NewID(), rec, clock.Micros(rec.at), rec.hash()); err != nil {
		return fmt.Errorf("note a record: %w", err)
	}
	return s.o.Audit.RecordAll(ctx, tx, rec.by, rec.events(opened))
}

// mayTake refuses what is empty, too long or too often.
func (s *Service) mayTake(ctx context.Context, tx *db.Tx, rec *record) error {
	switch {
	case len(rec.rows) == 0 && rec.of.messageID != "":
		return fault.ErrNotFound()
	case len(rec.rows) == 0 && rec.m.ended(s.now()):
		return fault.New(fault.Conflict, "The messages of this conversation are no longer available.")
	case len(rec.rows) == 0:
		return fault.New(fault.Conflict, "Nothing in this conversation has been delivered yet. Try again when its files have been scanned.")
	case len(rec.rows) > maxRecord:
		return fault.New(fault.Conflict, "This conversation has more than "+thousands(maxRecord)+" messages. Print or export single messages.")
	case rec.of.kind == asPDF && len(rec.parts()) > 1:
		return fault.New(fault.Conflict, "This conversation is too long for one PDF. Choose Export: it makes several.")
	case rec.of.kind == onPaper:
		return nil
	}
	rule := limit.Rule{Name: "records taken as " + rec.of.kind, Max: s.set.TakePerHour, Window: time.Hour}
	ok, err := s.o.Limit.Allow(ctx, tx, rule, rec.by.ID)
	if err == nil && !ok {
		err = fault.New(fault.TooMany, "You have saved many conversations in the last hour. Try again in an hour.")
	}
	return err
}

// openRecorded notes that what was new in a record is opened now, and says how much it was.
func (s *Service) openRecorded(ctx context.Context, tx *db.Tx, rec *record) (int, error) {
	var fresh []string
	wake := []string{rec.by.ID}
	for _, r := range rec.rows {
		if r.unopened {
			fresh, wake = append(fresh, r.id), append(wake, r.author)
		}
	}
	for ids := range slices.Chunk(fresh, partSize) {
		if err := openDeliveries(ctx, tx, rec.by.ID, ids, s.now()); err != nil {
			return 0, fmt.Errorf("note what was opened: %w", err)
		}
		if err := s.wasRead(ctx, tx, rec.of.threadID, ids); err != nil {
			return 0, err
		}
	}
	if len(fresh) > 0 {
		tx.AfterCommit(func() { s.o.Hub.Wake(wake...) })
	}
	return len(fresh), nil
}

// events are the trail's lines of a record.
func (rec *record) events(opened int) []audit.Event {
	taken := audit.Event{Action: audit.MailPrinted, SubjectKind: "thread", SubjectID: rec.of.threadID, ThreadID: rec.of.threadID,
		Detail: map[string]string{"kind": rec.of.kind, "messages": strconv.Itoa(len(rec.rows)), "files": strconv.FormatInt(rec.files(), 10)}}
	if rec.of.kind == asExport {
		taken.Action = audit.MailExported
	}
	if rec.of.messageID != "" {
		taken.SubjectKind, taken.SubjectID = "message", rec.of.messageID
	}
	return append(viewEvents(rec.of.threadID, opened), taken)
}

func (rec *record) files() (n int64) {
	for _, r := range rec.rows {
		n += r.files
	}
	return n
}

// hash proves later which messages a record held.
func (rec *record) hash() []byte {
	sum := sha256.New()
	for _, r := range rec.rows {
		sum.Write([]byte(r.id + "\n"))
	}
	return sum.Sum(nil)
}

// openRecord opens what stands above the messages: the subject and who takes part.
func (s *Service) openRecord(ctx context.Context, rec *record) (err error) {
	if rec.zone, err = time.LoadLocation(rec.by.Zone); err != nil {
		rec.zone = time.UTC
	}
	if err := s.openMember(ctx, s.o.DB, &rec.m); err != nil {
		return err
	}
	if rec.key, err = s.unwrap(ctx, s.o.DB, rec.m.threadID, rec.m.ownerID, rec.m.wrapped); err != nil {
		return err
	}
	members, err := listThreadMembers(ctx, s.o.DB, []string{rec.of.threadID})
	if err != nil {
		return fmt.Errorf("list who takes part: %w", err)
	}
	ids := []string{rec.by.ID}
	for _, m := range members {
		if m.userID != rec.by.ID {
			ids = append(ids, m.userID)
		}
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, ids)
	if err != nil {
		return err
	}
	rec.from = cards[rec.by.ID].Practice
	rec.people = peopleOf(ids, cards)
	if len(ids) == 1 {
		rec.people = append(rec.people, rec.m.other.line()) // not registered yet
	}
	return nil
}

func peopleOf(ids []string, cards map[string]account.Card) []string {
	var list []string
	for _, id := range ids {
		list = append(list, partyOf(cards[id]).line())
	}
	return list
}

// parts cuts the list of messages into what one document may hold.
func (rec *record) parts() [][]recordRow {
	var all [][]recordRow
	start, size := 0, int64(0)
	for i, r := range rec.rows {
		if i > start && (i-start == partSize || size+r.size > partBytes) {
			all = append(all, rec.rows[start:i])
			start, size = i, 0
		}
		size += r.size
	}
	return append(all, rec.rows[start:])
}

// copyOf is a message with its files' sums, by file id.
type copyOf struct {
	letter
	sums map[string]string
}

// each opens the messages of a part, a few at a time. A message that is not there any more ends it: a record is whole.
func (s *Service) each(ctx context.Context, rec *record, part []recordRow, fn func(copyOf) error) error {
	for rows := range slices.Chunk(part, readSize) {
		ids := make([]string, len(rows))
		for i, r := range rows {
			ids[i] = r.id
		}
		list, err := listRecorded(ctx, s.o.DB, rec.by.ID, rec.of.threadID, ids, s.now())
		if err != nil {
			return fmt.Errorf("read a record: %w", err)
		}
		if len(list) != len(ids) {
			return fault.New(fault.Conflict, "This conversation has just changed. Try again.")
		}
		letters, err := s.letters(ctx, list, rec.key)
		if err != nil {
			return err
		}
		if err := s.eachOf(ctx, letters, fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) eachOf(ctx context.Context, letters []letter, fn func(copyOf) error) error {
	var ids []string
	for _, l := range letters {
		for _, f := range l.files {
			ids = append(ids, f.FileID)
		}
	}
	sums := map[string]string{}
	for chunk := range slices.Chunk(ids, partSize) {
		some, err := s.o.Attach.Sums(ctx, s.o.DB, chunk)
		if err != nil {
			return err
		}
		for id, sum := range some {
			sums[id] = sum
		}
	}
	for _, l := range letters {
		if err := fn(copyOf{letter: l, sums: sums}); err != nil {
			return err
		}
	}
	return nil
}

// takenBy is who takes the record, with their practice.
func (rec *record) takenBy() string {
	return strings.TrimSuffix(rec.by.Name()+", "+rec.from, ", ")
}
