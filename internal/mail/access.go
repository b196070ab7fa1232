package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/notify"
)

const noticeEnding = "mail.ending"

// endingIn is how long before its end a person is told of a message that they have not opened.
const endingIn = 7 * 24 * time.Hour

// noLonger stands in a list for what its person cannot read any more.
const noLonger = "No longer available"

const day24 = 24 * time.Hour

// window is how long a message can be read.
type window struct {
	until int64 // when its reader can open it no more, of one's own the last of its recipients; 0 = no end
	ended bool
}

// accessEnd is when somebody can open a message no more that is given to them now: as its author's practice has it at
// this moment, for people outside of it; 0 = no end.
func accessEnd(author, to account.Card, now int64) int64 {
	if author.PracticeID == "" || author.AccessDays == 0 || author.PracticeID == to.PracticeID {
		return 0
	}
	return now + int64(author.AccessDays)*day24.Microseconds()
}

// limitAccess settles until when the recipients of a message that is given now can open it.
func (s *Service) limitAccess(ctx context.Context, tx *db.Tx, o *outgoing) error {
	o.ends = map[string]int64{}
	var ids []string
	var end int64
	for _, r := range o.to {
		if !r.registered() {
			continue // settled when they register
		}
		if at := accessEnd(o.author, r.person, o.msg.deliveredAt); at > 0 {
			ids, end, o.ends[r.person.ID] = append(ids, r.person.ID), at, at
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := setAccess(ctx, tx, o.msg.id, ids, end); err != nil {
		return fmt.Errorf("limit access to a message: %w", err)
	}
	return nil
}

// joinEnd adds a message to a row that is being made: newest last.
func (m *member) joinEnd(end int64) {
	m.snippetUntil = end
	switch {
	case m.messages == 1:
		m.accessUntil = end
	case end == 0 || m.accessUntil == 0:
		m.accessUntil = 0
	default:
		m.accessUntil = max(m.accessUntil, end)
	}
}

// ended says that a person can read nothing of a conversation any more.
func (m *member) ended(now int64) bool { return m.accessUntil != 0 && m.accessUntil <= now }

// hideEnded takes from an opened row what its person cannot read any more. It is asked at each reading, so that nothing
// depends on a job that may be late.
func (m *member) hideEnded(now int64) {
	if m.ended(now) {
		m.subject, m.files = noLonger, 0
	}
	if m.snippetUntil != 0 && m.snippetUntil <= now && m.snippet != "" {
		m.snippet = noLonger
	}
}

// endedLetter is what stands in the place of a message that its reader cannot open any more.
func endedLetter(m seen, author account.Card) letter {
	return letter{id: m.id, author: partyOf(author), at: clock.Time(m.deliveredAt), body: endedWords(author), window: window{m.until, true}}
}

func endedWords(author account.Card) string {
	words := "This message is no longer available. Ask " + cmp.Or(author.Practice, author.Name)
	if author.PracticePhone != "" {
		words += ", " + author.PracticePhone
	}
	return words + "."
}

// lasting adds to a standing until when the recipients can read the message.
func (s standing) lasting(list []receipt) standing {
	for _, c := range list {
		s.until = max(s.until, c.until)
	}
	return s
}

// windowWords says how long a message can be read, "" where there is no end.
func windowWords(m letter, zone *time.Location) string {
	on := func(at int64) string { return clock.Time(at).In(zone).Format("Jan 2, 2006") }
	switch {
	case m.ended, !m.recalledAt.IsZero():
		return ""
	case m.mine && m.state.until > 0:
		return "Outside your practice it can be read until " + on(m.state.until) + "."
	case !m.mine && m.until > 0:
		return "You can read this message until " + on(m.until) + "."
	}
	return ""
}

// arrivalParams are those of the e-mail that tells of a message.
func (s *Service) arrivalParams(o outgoing, to account.Card) notify.Params {
	p := notify.Params{"author": o.author.ID, "thread": o.msg.threadID, "message": o.msg.id}
	if o.ends[to.ID] > 0 {
		p["days"] = strconv.Itoa(o.author.AccessDays)
	}
	return p
}

// readFor says in that e-mail how long the message can be read.
func readFor(p notify.Params) string {
	n, err := strconv.ParseInt(p["days"], 10, 64)
	if err != nil {
		return ""
	}
	return "\n\nYou can read it for " + count(n, "day", "days") + "."
}

func (s *Service) registerAccess() {
	s.o.Notify.Register(notify.Template{Name: noticeEnding, Render: func(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
		if err := wanted(ctx, r, p); err != nil {
			return notify.Content{}, err
		}
		from, ask, err := s.from(ctx, r, p["author"])
		link := s.o.Notify.URL("/mail/t/" + p["thread"])
		return notify.Content{Subject: "You have a secure message that you have not read", Links: []string{link},
			Body: from + " sent you a secure message that you have not opened. You can read it for " + days(endingIn) + " more. To read it, sign in:\n\n" + link + ask}, err
	}})
	s.o.Jobs.Every("mail access", time.Hour, s.TellEnding)
}

// TellEnding tells people of messages that they have not opened and soon cannot: once a message, a week before. Any
// number of nodes may run it.
func (s *Service) TellEnding(ctx context.Context) error {
	now := s.now()
	list, err := listEnding(ctx, s.o.DB, now, now+endingIn.Microseconds(), endingIn.Microseconds(), dueAtOnce)
	if err != nil {
		return fmt.Errorf("find messages that end: %w", err)
	}
	var errs []error
	for _, e := range list { // one that fails holds up nobody else's
		errs = append(errs, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.tellEnding(ctx, tx, e, now) }))
	}
	return errors.Join(errs...)
}

func (s *Service) tellEnding(ctx context.Context, tx *db.Tx, e ending, now int64) error {
	taken, err := takeEnding(ctx, tx, e, now)
	if err != nil {
		return fmt.Errorf("take the notice of a message that ends: %w", err)
	}
	if !taken {
		return nil
	}
	n, found, err := findNotices(ctx, tx, e.userID)
	if err != nil {
		return fmt.Errorf("read how to tell a person: %w", err)
	}
	if found && n.way == byNone {
		return nil
	}
	cards, err := s.o.Account.Cards(ctx, tx, []string{e.userID, e.authorID})
	if err != nil {
		return err
	}
	c := cards[e.userID]
	if !c.Active {
		return nil
	}
	return s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: c.Email, Template: noticeEnding, UserID: c.ID, PracticeID: cards[e.authorID].PracticeID,
		Params: notify.Params{"author": e.authorID, "thread": e.threadID, "message": e.messageID}})
}

// textOf is what a list shows of a message's text.
func textOf(key *crypt.Thread, m seen) (string, error) {
	switch {
	case m.gone():
		return withdrawn, nil
	case m.ended:
		return noLonger, nil
	}
	return openBody(key, m.id, m.sealed)
}
