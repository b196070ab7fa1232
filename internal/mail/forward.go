package mail

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
)

// originLine begins what a forwarded message says of itself.
const originLine = "---------- Forwarded message ----------"

// Forward makes a new draft of the actor's that passes on a message they may see, with its files, and returns the
// draft's id. Only somebody who may compose can. What waits, was stopped or recalled cannot be passed on: it is not found.
func (s *Service) Forward(ctx context.Context, by actor.Actor, messageID string) (string, error) {
	if err := mayCompose(by); err != nil {
		return "", s.mayOnlyRead(ctx, by, messageID, err)
	}
	signature, err := s.signature(ctx, by)
	if err != nil {
		return "", err
	}
	id := db.NewID()
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.forward(ctx, tx, by, messageID, Draft{ID: id, Body: signed(signature)})
	})
	if fault.Is(err, fault.NotFound) {
		return "", s.refuse(ctx, by, "message", messageID)
	}
	return id, err
}

// mayOnlyRead is the answer to somebody who cannot compose: why, for a message they may see, else that there is none.
func (s *Service) mayOnlyRead(ctx context.Context, by actor.Actor, messageID string, why error) error {
	_, found, err := findVisible(ctx, s.o.DB, by.ID, messageID, s.now())
	if err != nil {
		return fmt.Errorf("look up a message: %w", err)
	}
	if !found {
		return s.refuse(ctx, by, "message", messageID)
	}
	return why
}

// forward stores a draft, of which the id and the first lines are given, with all it passes on.
func (s *Service) forward(ctx context.Context, tx *db.Tx, by actor.Actor, messageID string, d Draft) error {
	locked, err := lockThreadOf(ctx, tx, by.ID, messageID)
	if err != nil {
		return fmt.Errorf("hold a thread: %w", err)
	}
	p, found, err := findPassed(ctx, tx, by.ID, messageID, s.now())
	if err != nil {
		return fmt.Errorf("find a message to pass on: %w", err)
	}
	if !locked || !found {
		return fault.ErrNotFound()
	}
	key, err := s.unwrap(ctx, tx, p.threadID, p.ownerID, p.wrapped)
	if err != nil {
		return err
	}
	from, err := s.passOn(ctx, tx, by, p, key, &d)
	if err != nil {
		return err
	}
	row, err := s.sealDraft(ctx, tx, by.ID, by.OwnerID, d)
	if err != nil {
		return err
	}
	if _, err := insertDraft(ctx, tx, row); err != nil {
		return fmt.Errorf("store a draft: %w", err)
	}
	if err := insertOrigin(ctx, tx, from); err != nil {
		return fmt.Errorf("keep where a draft comes from: %w", err)
	}
	owner, err := s.o.Keys.Owner(ctx, tx, by.OwnerID)
	if err != nil {
		return fmt.Errorf("find a writer's keys: %w", err)
	}
	if _, err := s.o.Attach.Copy(ctx, tx, attach.Copy{From: holder(p.id), To: holder(d.ID), Open: key, Seal: owner}); err != nil {
		return err
	}
	return s.seeForwarded(ctx, tx, by, p)
}

// seeForwarded records that the person sees the message now, as its thread's page would.
func (s *Service) seeForwarded(ctx context.Context, tx *db.Tx, by actor.Actor, p passed) error {
	opened := 0
	if p.fresh {
		opened = 1
		if err := openDeliveries(ctx, tx, by.ID, []string{p.id}, s.now()); err != nil {
			return fmt.Errorf("note what was opened: %w", err)
		}
		if err := s.wasRead(ctx, tx, p.threadID, []string{p.id}); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.o.Hub.Wake(p.authorID, by.ID) })
	}
	e := audit.Event{Action: audit.MailView, SubjectKind: "thread", SubjectID: p.threadID, ThreadID: p.threadID, Detail: map[string]string{"opened": strconv.Itoa(opened)}}
	return s.o.Audit.Record(ctx, tx, by, e)
}

// passOn writes what is passed on below what the draft holds, and says where it comes from.
func (s *Service) passOn(ctx context.Context, tx *db.Tx, by actor.Actor, p passed, key *crypt.Thread, d *Draft) (origin, error) {
	from := origin{id: d.ID, userID: by.ID, threadID: p.threadID, messageID: p.id, authorID: p.authorID, at: p.writtenAt, patient: p.patient}
	if !p.mine && p.deliveredAt > 0 {
		from.at = p.deliveredAt
	}
	subject, err := key.Open("mail_thread", "subject_sealed", p.threadID, p.subject)
	if err != nil {
		return from, fmt.Errorf("open the subject of thread %s: %w", p.threadID, err)
	}
	text, err := openBody(key, p.id, p.sealed)
	if err != nil {
		return from, err
	}
	author, to, err := s.writtenBetween(ctx, tx, p, &from)
	if err != nil {
		return from, err
	}
	zone := cmp.Or(account.Location(by.Zone), time.UTC)
	d.Subject = forwardSubject(string(subject), s.set.MaxSubject)
	d.Body += "\n\n" + strings.Join([]string{originLine, "From: " + author, "Sent: " + ui.LongTime(clock.Time(from.at), zone),
		"To: " + strings.Join(to, "; "), "", text}, "\n")
	if utf8.RuneCountInString(d.Body) > s.set.MaxBody {
		return from, fault.New(fault.Conflict, "This message is too long to be forwarded: with the lines that say where it came from it would be longer than a message can be.")
	}
	return from, nil
}

// writtenBetween names who wrote a message and to whom, and notes when one of them is a patient. Those who have not
// registered are named to the author alone.
func (s *Service) writtenBetween(ctx context.Context, tx *db.Tx, p passed, from *origin) (author string, to []string, err error) {
	o := outgoing{msg: p.message}
	if err := s.recipients(ctx, tx, &o); err != nil {
		return "", nil, err
	}
	from.patient = from.patient || o.author.Role == actor.Patient
	for _, r := range o.to {
		from.patient = from.patient || r.person.Role == actor.Patient || r.invited.Role == invite.Patient
		if r.registered() || p.mine {
			to = append(to, plainName(r.party()))
		}
	}
	slices.Sort(to)
	return plainName(partyOf(o.author)), to, nil
}

// plainName is a person's line without what would change the direction of the text around it.
func plainName(p party) string { return practice.OneLine(p.line()) }

// forwardSubject puts "Fwd: " before a subject, once.
func forwardSubject(subject string, most int) string {
	begin := strings.ToLower(strings.TrimSpace(subject))
	if !strings.HasPrefix(begin, "fwd:") && !strings.HasPrefix(begin, "fw:") {
		subject = "Fwd: " + subject
	}
	if runes := []rune(subject); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return subject
}

// checkForward says what a new message passes on, from what was kept with its draft; its id is empty for a message that
// passes on nothing. What came from a patient leaves the practice only after the sender has confirmed just these
// recipients.
func (s *Service) checkForward(ctx context.Context, by actor.Actor, c Compose, to ...target) (origin, error) {
	from, found, err := findOrigin(ctx, s.o.DB, by.ID, c.DraftID)
	if err != nil {
		return from, fmt.Errorf("read where a draft comes from: %w", err)
	}
	if !found || !from.patient || toLine(c.Outside) == c.To {
		return from, nil
	}
	for _, t := range to {
		if outside(by, t.person) {
			return from, fault.Field("outside", "This message came from a patient. Before it goes to somebody outside your practice, confirm that it may.")
		}
	}
	return from, nil
}

// noteForward ties a message that was stored to the one it passes on.
func (s *Service) noteForward(ctx context.Context, tx *db.Tx, o outgoing) error {
	from := o.origin
	if from.messageID == "" {
		return nil
	}
	if from.id != o.msg.id { // one form may send several messages
		from.id = o.msg.id
		if err := insertOrigin(ctx, tx, from); err != nil {
			return fmt.Errorf("keep where a message comes from: %w", err)
		}
	}
	if err := setForwarded(ctx, tx, o.msg, from.messageID); err != nil {
		return fmt.Errorf("note a forwarded message: %w", err)
	}
	events := make([]audit.Event, len(o.to))
	for i, r := range o.to {
		detail := map[string]string{"from": from.messageID, "to": r.person.ID + r.invited.ID}
		if from.patient && outside(o.by, r.person) {
			detail["confirmed"] = "yes"
		}
		events[i] = sentEvent(audit.MailForwarded, o.msg, o.author.PracticeID, detail)
	}
	return s.o.Audit.RecordAll(ctx, tx, o.by, events)
}

// outside says whether a person is no member of the actor's practice. Somebody who has not registered is nobody's yet.
func outside(by actor.Actor, person account.Card) bool {
	return person.ID == "" || by.PracticeID == "" || person.PracticeID != by.PracticeID
}

// keepOrigin lets a draft that a message became again come from where the message came from.
func (s *Service) keepOrigin(ctx context.Context, tx *db.Tx, messageID, draftID string) error {
	if err := copyOrigin(ctx, tx, messageID, draftID); err != nil {
		return fmt.Errorf("keep where a draft comes from: %w", err)
	}
	return nil
}

// comesFrom is where a message of a thread comes from, for the one who reads it.
type comesFrom struct {
	name string
	at   time.Time
}

// origins reads where messages come from that say they were passed on.
func (s *Service) origins(ctx context.Context, list []seen) (map[string]comesFrom, error) {
	var ids, people []string
	for _, m := range list {
		if m.forwardedFrom != "" && !m.gone() {
			ids = append(ids, m.id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := listOrigins(ctx, s.o.DB, ids)
	if err != nil {
		return nil, fmt.Errorf("read where messages come from: %w", err)
	}
	for _, o := range rows {
		people = append(people, o.authorID)
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, people)
	if err != nil {
		return nil, err
	}
	from := make(map[string]comesFrom, len(rows))
	for _, o := range rows {
		from[o.id] = comesFrom{name: practice.OneLine(cards[o.authorID].Name), at: clock.Time(o.at)}
	}
	return from, nil
}

// line is "Forwarded from Ann Ortiz, Nov 20", with the year when it is another.
func (c comesFrom) line(zone *time.Location, now time.Time) string {
	at := c.at.In(zone)
	if at.Year() != now.In(zone).Year() {
		return "Forwarded from " + c.name + ", " + at.Format("Jan 2, 2006")
	}
	return "Forwarded from " + c.name + ", " + at.Format("Jan 2")
}
