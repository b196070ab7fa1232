package mail

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// letter is one message as the thread page shows it.
type letter struct {
	id         string
	author     party
	mine       bool
	fresh      bool // not opened before this view
	at         time.Time
	body       string
	files      []attach.File
	state      standing  // of one's own
	given      bool      // it was delivered, so that it can be forwarded
	recalledAt time.Time // when its author withdrew it; nothing else is here for others then
	from       comesFrom
	window     // how long it can be read
}

// thread is a conversation as one participant sees it.
type thread struct {
	id, subject, folder string
	other               party
	messages            int64
	letters             []letter // oldest first
	older               string   // where the page of older ones begins
	draft               Draft    // of a reply; its ID is always set
	draftFiles          []attach.File
	wasUnread           bool
	withdrawn           bool          // nothing of it is left to the reader
	with                []participant // the others, where there are several
	lastAt              int64
	in                  section // the list it was opened from
	above, below        string  // the conversations before and behind it there; "" at an end
	margin                      // with the labels it wears
}

// view says what of a thread is asked for.
type view struct {
	threadID, cursor, draftID string
}

// open shows a thread to one of its participants and records it before anything of it is handed out: read mark, receipts and
// the trail's line in one transaction. The same session within a quarter of an hour, with nothing new, records nothing.
func (s *Service) open(ctx context.Context, by actor.Actor, v view) (thread, error) {
	m, found, err := findMember(ctx, s.o.DB, by.ID, v.threadID)
	if err != nil {
		return thread{}, fmt.Errorf("look up a participant: %w", err)
	}
	if !found {
		return thread{}, s.refuse(ctx, by, "thread", v.threadID)
	}
	read := func(r db.Reader) ([]seen, error) {
		list, err := listSeen(ctx, r, by.ID, m.threadID, s.spotOf(by, m.threadID, v.cursor), s.set.ThreadSize+1, s.now())
		if err != nil {
			return nil, fmt.Errorf("read a thread: %w", err)
		}
		return list, nil
	}
	var list []seen
	if s.isNew(by, m) {
		list, err = s.recordView(ctx, by, m, v, read)
	} else {
		list, err = read(s.o.DB)
	}
	if err != nil {
		return thread{}, err
	}
	return s.show(ctx, by, m, list, v)
}

func (s *Service) isNew(by actor.Actor, m member) bool {
	again := s.o.Clock.Now().Add(-s.set.ViewAgain)
	return m.unread || m.viewedSession != by.SessionID || m.viewedAt <= clock.Micros(again)
}

// recordView notes the view, reading the messages behind the row that a delivery would have to change: what is marked as
// opened is what is shown.
func (s *Service) recordView(ctx context.Context, by actor.Actor, m member, v view, read func(db.Reader) ([]seen, error)) (list []seen, err error) {
	m.viewedSession = by.SessionID
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		still, err := setViewed(ctx, tx, m, v.cursor == "", s.now())
		if err != nil {
			return fmt.Errorf("note a view: %w", err)
		}
		if !still {
			return fault.ErrNotFound()
		}
		if list, err = read(tx); err != nil {
			return err
		}
		fresh := unopened(list[:min(len(list), s.set.ThreadSize)])
		if len(fresh) > 0 {
			if err := openDeliveries(ctx, tx, by.ID, fresh, s.now()); err != nil {
				return fmt.Errorf("note what was opened: %w", err)
			}
			if err := s.wasRead(ctx, tx, m.threadID, fresh); err != nil {
				return err
			}
			wake := append(authors(list, fresh), by.ID)
			tx.AfterCommit(func() { s.o.Hub.Wake(wake...) })
		}
		return s.o.Audit.RecordAll(ctx, tx, by, viewEvents(m.threadID, len(fresh)))
	})
	return list, err
}

// authors are those who wrote these messages.
func authors(list []seen, ids []string) (people []string) {
	for _, m := range list {
		if slices.Contains(ids, m.id) && !slices.Contains(people, m.authorID) {
			people = append(people, m.authorID)
		}
	}
	return people
}

func unopened(list []seen) []string {
	var ids []string
	for _, m := range list {
		if !m.mine && m.openedAt == 0 && !m.ended && m.state != Recalled {
			ids = append(ids, m.id)
		}
	}
	return ids
}

func viewEvents(threadID string, opened int) []audit.Event {
	return []audit.Event{{Action: audit.MailView, SubjectKind: "thread", SubjectID: threadID, ThreadID: threadID, Detail: map[string]string{"opened": strconv.Itoa(opened)}}}
}

// show opens what a participant may see.
func (s *Service) show(ctx context.Context, by actor.Actor, m member, list []seen, v view) (thread, error) {
	wasUnread := m.unread
	if err := s.openMember(ctx, s.o.DB, &m); err != nil {
		return thread{}, err
	}
	t := thread{id: m.threadID, subject: m.subject, folder: m.folder, other: m.other, messages: m.messages, wasUnread: wasUnread, withdrawn: m.withdrawn, lastAt: m.lastAt}
	if len(list) > s.set.ThreadSize {
		list = list[:s.set.ThreadSize]
		last := list[len(list)-1]
		t.older = s.cursor(by, m.threadID, last.writtenAt, last.id)
	}
	if err := s.withWhom(ctx, by, &t); err != nil {
		return t, err
	}
	slices.Reverse(list)
	key, err := s.unwrap(ctx, s.o.DB, m.threadID, m.ownerID, m.wrapped)
	if err != nil {
		return t, err
	}
	if t.letters, err = s.letters(ctx, list, key); err != nil {
		return t, err
	}
	for _, l := range t.letters {
		s.prove(by, l.files)
	}
	return t, s.replyDraft(ctx, by, &t, v.draftID)
}

// letters opens messages, with their authors, files and receipts, in a fixed number of statements.
func (s *Service) letters(ctx context.Context, list []seen, key *crypt.Thread) ([]letter, error) {
	var own []message
	var people, holders []string
	for _, m := range list {
		if m.mine {
			own = append(own, m.message)
		}
		if m.files > 0 && !m.gone() {
			holders = append(holders, holder(m.id))
		}
		if !slices.Contains(people, m.authorID) {
			people = append(people, m.authorID)
		}
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, people)
	if err != nil {
		return nil, err
	}
	states, err := s.standings(ctx, own)
	if err != nil {
		return nil, err
	}
	files, err := s.o.Attach.ListMany(ctx, s.o.DB, holders, key)
	if err != nil {
		return nil, err
	}
	from, err := s.origins(ctx, list)
	if err != nil {
		return nil, err
	}
	letters := make([]letter, len(list))
	for i, m := range list {
		if letters[i], err = openLetter(m, key, cards[m.authorID]); err != nil {
			return nil, err
		}
		letters[i].files, letters[i].state, letters[i].from = files[holder(m.id)], states[m.id], from[m.id]
	}
	return letters, nil
}

func openLetter(m seen, key *crypt.Thread, author account.Card) (letter, error) {
	if m.gone() {
		return letter{id: m.id, author: partyOf(author), at: clock.Time(m.deliveredAt), recalledAt: m.recalledAt()}, nil
	}
	if m.ended {
		return endedLetter(m, author), nil
	}
	body, err := openBody(key, m.id, m.sealed)
	l := letter{recalledAt: m.recalledAt(), id: m.id, author: partyOf(author), mine: m.mine, fresh: !m.mine && m.openedAt == 0, at: clock.Time(m.writtenAt), body: body, given: m.state == Delivered}
	if !m.mine && m.deliveredAt > 0 {
		l.at = clock.Time(m.deliveredAt)
	}
	l.until = m.until
	return l, err
}

// surround reads what stands around a conversation in the list it was opened from: its neighbours, folders and labels.
func (s *Service) surround(ctx context.Context, by actor.Actor, t *thread, word string) (err error) {
	t.in = sectionFor(word, t.folder)
	if t.margin, err = s.margin(ctx, by, t.id); err != nil {
		return err
	}
	if t.in.folder == "sent" {
		return s.besideSent(ctx, by, t)
	}
	if !t.in.threads() {
		return nil
	}
	if _, mine := labelIn(t.labels, t.in.label); t.in.label != "" && !mine {
		t.in = sectionFor("", t.folder)
	}
	here := spot{at: t.lastAt, id: t.id}
	if t.above, err = findNewer(ctx, s.o.DB, by.ID, t.in, here); err != nil {
		return fmt.Errorf("find the conversation before: %w", err)
	}
	if t.below, err = findOlder(ctx, s.o.DB, by.ID, t.in, here); err != nil {
		return fmt.Errorf("find the conversation behind: %w", err)
	}
	return nil
}

// worn are the labels that a conversation wears.
func (t thread) worn() (list []ownLabel) {
	for _, l := range t.labels {
		if l.on {
			list = append(list, l)
		}
	}
	return list
}

// backTitle is what the way back is called.
func (t thread) backTitle() string {
	if l, ok := labelIn(t.labels, t.in.label); ok {
		return l.name
	}
	return folderTitle(t.in.folder)
}

// replyDraft finds what the actor was writing in a thread, or a fresh id for it.
func (s *Service) replyDraft(ctx context.Context, by actor.Actor, t *thread, asked string) error {
	row, found, err := findReplyDraft(ctx, s.o.DB, by.ID, t.id)
	if asked != "" && err == nil && row.id != asked {
		var other draftRow
		var ok bool
		if other, ok, err = findDraft(ctx, s.o.DB, by.ID, asked); ok && other.threadID == t.id {
			row, found = other, true
		}
	}
	if err != nil {
		return fmt.Errorf("find a draft: %w", err)
	}
	if !found {
		signature, err := s.signature(ctx, by)
		t.draft = Draft{ID: db.NewID(), ThreadID: t.id, Body: signed(signature)}
		return err
	}
	if t.draft, err = s.openDraft(ctx, s.o.DB, row); err != nil {
		return err
	}
	t.draftFiles, err = s.draftFiles(ctx, row.ownerID, row.id)
	return err
}
