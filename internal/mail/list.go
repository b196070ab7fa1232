package mail

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
)

// row is one line of a list.
type row struct {
	id      string // of the thread, message or draft
	href    string
	other   party
	subject string
	snippet string
	at      time.Time
	files   int64
	unread  bool
	state   standing // of one's own messages, in Sent
	worn    []ownLabel
}

// list is one page of a folder.
type list struct {
	folder string
	in     section
	rows   []row
	older  string // where the next page begins; empty at the end
	newest string // names the newest of the Inbox, for live arrival
	margin
	fault   *fault.Fault // of the form around the rows
	without bool         // a page for a phone: the rows were not read
}

// first is where every list begins.
var first = spot{at: math.MaxInt64, id: "~"}

// cursor names a place in a person's list. It is authenticated: a page begins where a page of ours ended.
func (s *Service) cursor(by actor.Actor, folder string, at int64, id string) string {
	where := strconv.FormatInt(at, 10)
	mac := s.o.Keys.MAC("mail cursor", by.ID, folder, where, id)
	return where + "." + id + "." + base64.RawURLEncoding.EncodeToString(mac[:16])
}

// spotOf reads a cursor; one that is not ours begins the list anew.
func (s *Service) spotOf(by actor.Actor, folder, cursor string) spot {
	part := strings.Split(cursor, ".")
	if len(part) != 3 {
		return first
	}
	at, err := strconv.ParseInt(part[0], 10, 64)
	if err != nil || cursor != s.cursor(by, folder, at, part[1]) {
		return first
	}
	return spot{at: at, id: part[1]}
}

// Unread counts a person's unread threads in the Inbox; a hundred means a hundred or more.
func (s *Service) Unread(ctx context.Context, r db.Reader, userID string) (int, error) {
	n, err := countUnread(ctx, r, userID)
	if err != nil {
		return 0, fmt.Errorf("count unread: %w", err)
	}
	return int(n), nil
}

// listSection is a page of conversations: of the Inbox, all or the unread, of the Archive, of Trash, or of a label.
func (s *Service) listSection(ctx context.Context, by actor.Actor, c section, cursor string) (list, error) {
	l := list{folder: c.folder, in: c}
	members, err := s.members(ctx, by, c, s.spotOf(by, c.word(), cursor))
	if err != nil {
		return l, fmt.Errorf("list %s: %w", c.folder, err)
	}
	if len(members) > s.set.PageSize {
		members = members[:s.set.PageSize]
		last := members[len(members)-1]
		l.older = s.cursor(by, c.word(), last.lastAt, last.threadID)
	}
	for i := range members {
		m := &members[i]
		if err := s.openMember(ctx, s.o.DB, m); err != nil {
			return l, err
		}
		l.rows = append(l.rows, row{id: m.threadID, href: c.thread(m.threadID), other: m.other, subject: m.subject, snippet: m.snippet,
			at: clock.Time(m.lastAt), files: m.files, unread: m.unread})
	}
	if c == (section{folder: Inbox}) && cursor == "" && len(members) > 0 {
		l.newest = word(members[0].lastAt)
	}
	return l, nil
}

// members reads one row more than a page holds.
func (s *Service) members(ctx context.Context, by actor.Actor, c section, after spot) ([]member, error) {
	switch {
	case c.label != "":
		return listLabelled(ctx, s.o.DB, by.ID, c.label, after, s.set.PageSize+1)
	case c.unread:
		return listUnread(ctx, s.o.DB, by.ID, after, s.set.PageSize+1)
	}
	return listMembers(ctx, s.o.DB, by.ID, c.folder, after, s.set.PageSize+1)
}

// word is how pages and scripts call a moment of the Inbox.
func word(at int64) string { return strconv.FormatInt(at, 10) }

// counts reads what stands beside the folders: the number of drafts and the labels. The Inbox's number is in the shell of
// every page.
func (s *Service) counts(ctx context.Context, by actor.Actor, l *list) (err error) {
	l.margin, err = s.margin(ctx, by, "")
	return err
}

// standing is how one's own message stands with its recipient.
type standing struct {
	unopened bool // given, and nobody has opened it
	again    bool // somebody who has not opened it can be told once more
	words    string
	leaves   time.Time  // until when its author may take it back; zero when nothing holds it for that
	readAt   time.Time  // when it was read; zero before
	resend   bool       // the invitation can be sent again
	waits    bool       // neither read nor given yet
	until    int64      // when the last recipient who cannot read it for ever can read it no more; 0 = no end
	edit     string     // the open invitation whose details a User Manager can correct; "" = none
	each     []receiver // how it stands with each of several recipients; empty for one
}

// listSentBox is a page of the actor's own messages.
func (s *Service) listSentBox(ctx context.Context, by actor.Actor, cursor string) (list, error) {
	l := list{folder: "sent", in: section{folder: "sent"}}
	sent, err := listSent(ctx, s.o.DB, by.ID, s.spotOf(by, "sent", cursor), s.set.PageSize+1)
	if err != nil {
		return l, fmt.Errorf("list sent messages: %w", err)
	}
	if len(sent) > s.set.PageSize {
		sent = sent[:s.set.PageSize]
		last := sent[len(sent)-1]
		l.older = s.cursor(by, "sent", last.writtenAt, last.id)
	}
	own := make([]message, len(sent))
	for i, m := range sent {
		own[i] = m.message
	}
	states, err := s.standings(ctx, own)
	if err != nil {
		return l, err
	}
	for i := range sent {
		m, st := &sent[i], states[sent[i].id]
		if !by.Manager {
			st.edit = ""
		}
		m.member.snippetSealed = nil // it is the thread's newest text, not this message's
		if err := s.openMember(ctx, s.o.DB, &m.member); err != nil {
			return l, err
		}
		l.rows = append(l.rows, row{id: m.id, href: l.in.thread(m.threadID) + "#m-" + m.id, other: m.member.other.whole(), subject: m.member.subject,
			at: clock.Time(m.writtenAt), files: m.files, state: st})
	}
	return l, s.counts(ctx, by, &l)
}

// standings says how a person's own messages stand, in a fixed number of statements.
func (s *Service) standings(ctx context.Context, own []message) (map[string]standing, error) {
	states := map[string]standing{}
	var ids, invitations []string
	for _, m := range own {
		ids = append(ids, m.id)
	}
	if len(ids) == 0 {
		return states, nil
	}
	receipts, err := listReceipts(ctx, s.o.DB, ids)
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	with := map[string][]receipt{}
	for _, c := range receipts {
		with[c.messageID] = append(with[c.messageID], c)
		if c.pending {
			invitations = append(invitations, c.who)
		}
	}
	invited, err := s.o.Invite.Cards(ctx, s.o.DB, invitations)
	if err != nil {
		return nil, err
	}
	names, err := s.receivers(ctx, with, invited)
	if err != nil {
		return nil, err
	}
	for _, m := range own {
		states[m.id] = s.standAll(m, with[m.id], invited, names).lasting(with[m.id])
	}
	return states, nil
}

// stand puts it into the words of PAGES.md 5.8.
func stand(m message, c receipt, i invite.Invitation) standing {
	switch {
	case c.pending && (i.State == "replaced" || i.State == "withdrawn"):
		return standing{words: "Not delivered: the address changed. Send it again.", waits: true}
	case m.leavesAt > 0:
		return standing{words: "Sending", waits: true, leaves: clock.Time(m.leavesAt)}
	case m.state == Waiting:
		return standing{words: "Checking attachments", waits: true}
	case c.pending:
		st := standing{words: "Recipient not registered yet", waits: true, resend: i.State == "invited" || i.State == "started"}
		if i.State == "held" {
			st.words = "Waiting for confirmation"
		}
		if i.Editable() {
			st.edit = i.ID
		}
		if i.WrongNumberAt > 0 {
			st.words += ". They say the phone number is not theirs."
		}
		return st
	case c.openedAt > 0:
		return standing{words: "Read", readAt: clock.Time(c.openedAt)}
	}
	return standing{words: "Delivered"}
}

// listDraftBox is a page of the actor's drafts.
func (s *Service) listDraftBox(ctx context.Context, by actor.Actor, cursor string) (list, error) {
	l := list{folder: "drafts", in: section{folder: "drafts"}}
	rows, err := listDrafts(ctx, s.o.DB, by.ID, s.spotOf(by, "drafts", cursor), s.set.PageSize+1)
	if err != nil {
		return l, fmt.Errorf("list drafts: %w", err)
	}
	if len(rows) > s.set.PageSize {
		rows = rows[:s.set.PageSize]
		last := rows[len(rows)-1]
		l.older = s.cursor(by, "drafts", last.updatedAt, last.id)
	}
	threads, err := s.threadsOf(ctx, by, rows)
	if err != nil {
		return l, err
	}
	for _, r := range rows {
		d, err := s.openDraft(ctx, s.o.DB, r)
		if err != nil {
			return l, err
		}
		line := row{id: d.ID, href: "/mail/d/" + d.ID, other: party{ID: d.ID, Name: d.To}, subject: d.Subject, snippet: snippet(d.Body), at: d.SavedAt}
		if m, ok := threads[d.ThreadID]; ok {
			line.other, line.subject = m.other, m.subject
		}
		if line.other.Name == "" {
			line.other.Name = "No recipient yet"
		}
		if line.subject == "" {
			line.subject = "No subject yet"
		}
		l.rows = append(l.rows, line)
	}
	return l, s.counts(ctx, by, &l)
}

// threadsOf reads how the threads of reply drafts are called in the actor's list, in one statement.
func (s *Service) threadsOf(ctx context.Context, by actor.Actor, drafts []draftRow) (map[string]member, error) {
	threads := map[string]member{}
	var ids []string
	for _, d := range drafts {
		if d.threadID != "" {
			ids = append(ids, d.threadID)
		}
	}
	if len(ids) == 0 {
		return threads, nil
	}
	own, err := listOwnMembers(ctx, s.o.DB, by.ID, ids)
	if err != nil {
		return nil, fmt.Errorf("read the threads of drafts: %w", err)
	}
	for _, m := range own {
		m.snippetSealed = nil
		if err := s.openMember(ctx, s.o.DB, &m); err != nil {
			return nil, err
		}
		threads[m.threadID] = m
	}
	return threads, nil
}

// news is what a page in the background hears: how much is unread, what is newest, how much came after what it shows.
type news struct {
	Unread int64  `json:"unread"`
	Newest string `json:"newest"`
	Fresh  int64  `json:"fresh"`
	Here   bool   `json:"here,omitempty"` // the conversation it shows has a newer message than it shows
}

// shown is what a page in the background shows: what it calls its newest message, and where it shows a conversation, which
// and what it calls that one's.
type shown struct{ newest, thread, last string }

// news answers a page in the background.
func (s *Service) news(ctx context.Context, by actor.Actor, page shown) (n news, err error) {
	if last, err := strconv.ParseInt(page.last, 10, 64); err == nil && page.thread != "" {
		if n.Here, err = hasNewer(ctx, s.o.DB, by.ID, page.thread, last); err != nil {
			return n, fmt.Errorf("look into a conversation: %w", err)
		}
	}
	if n.Unread, err = countUnread(ctx, s.o.DB, by.ID); err != nil {
		return n, fmt.Errorf("count unread: %w", err)
	}
	at, err := findNewest(ctx, s.o.DB, by.ID)
	if err != nil {
		return n, fmt.Errorf("find the newest: %w", err)
	}
	if at > 0 {
		n.Newest = word(at)
	}
	after, err := strconv.ParseInt(page.newest, 10, 64)
	if err != nil && page.newest != "" || n.Newest == page.newest {
		return n, nil
	}
	if n.Fresh, err = countFresh(ctx, s.o.DB, by.ID, after); err != nil {
		return n, fmt.Errorf("count what is new: %w", err)
	}
	return n, nil
}

// onlyThread finds the one conversation of somebody who has no other and has never opened it.
func (s *Service) onlyThread(ctx context.Context, by actor.Actor) (string, bool, error) {
	members, err := listMembers(ctx, s.o.DB, by.ID, Inbox, first, 2)
	if err != nil {
		return "", false, fmt.Errorf("look into the Inbox: %w", err)
	}
	if len(members) != 1 || !members[0].unread {
		return "", false, nil
	}
	m, found, err := findMember(ctx, s.o.DB, by.ID, members[0].threadID)
	if err != nil {
		return "", false, fmt.Errorf("look up a participant: %w", err)
	}
	return m.threadID, found && m.viewedAt == 0 && m.messages > 0, nil
}
