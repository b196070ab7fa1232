package mail

import (
	"context"
	"fmt"
	"slices"

	"securepractice/internal/account"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/invite"
)

// claiming is what one claim works on.
type claiming struct {
	user    account.Card
	threads []string
	claimed map[string]bool // message ids
	list    []stored        // messages of the threads, oldest first
	authors map[string]account.Card
	circles map[string][]party // everybody in each thread, this person too
	now     int64
}

// Claim gives a person everything that waited for their invitation, in the transaction in which they accept or confirm it.
func (s *Service) Claim(ctx context.Context, tx *db.Tx, a invite.Accepted) error {
	threads, err := listPendingThreads(ctx, tx, a.InvitationID)
	if err != nil {
		return fmt.Errorf("find what waits: %w", err)
	}
	if len(threads) == 0 {
		return nil
	}
	// Behind the threads' rows everything that replies have added meanwhile is seen, and nothing more comes before the end.
	for _, id := range threads {
		if err := lockThread(ctx, tx, id); err != nil {
			return fmt.Errorf("lock a thread: %w", err)
		}
	}
	if threads, err = s.keepApart(ctx, tx, a, threads); err != nil || len(threads) == 0 {
		return err
	}
	c := claiming{threads: threads, now: s.now()}
	if err := s.readClaim(ctx, tx, a, &c); err != nil {
		return err
	}
	if err := s.admit(ctx, tx, c); err != nil {
		return err
	}
	if err := s.fillMailbox(ctx, tx, c); err != nil {
		return err
	}
	return s.afterClaim(ctx, tx, c)
}

func (s *Service) readClaim(ctx context.Context, tx *db.Tx, a invite.Accepted, c *claiming) error {
	ids, err := claimPending(ctx, tx, a.InvitationID)
	if err != nil {
		return fmt.Errorf("claim what waits: %w", err)
	}
	c.claimed = map[string]bool{}
	for _, id := range ids {
		c.claimed[id] = true
	}
	all, err := listStored(ctx, tx, c.threads)
	if err != nil {
		return fmt.Errorf("read what waits: %w", err)
	}
	given, err := s.alreadyGiven(ctx, tx, a.UserID, ids)
	if err != nil {
		return err
	}
	people := []string{a.UserID}
	for _, m := range all {
		if !c.claimed[m.id] || given[m.id] {
			continue
		}
		c.list = append(c.list, m)
		if !slices.Contains(people, m.authorID) {
			people = append(people, m.authorID)
		}
	}
	if c.authors, err = s.o.Account.Cards(ctx, tx, people); err != nil {
		return err
	}
	c.user = c.authors[a.UserID]
	if c.user.ID == "" {
		return fmt.Errorf("mail: the claimant %s has no account", a.UserID)
	}
	return s.readCircles(ctx, tx, a, c)
}

// alreadyGiven are the messages that the person wrote or has by another way: of a group they may be in twice, by the
// address of their account and by another one.
func (s *Service) alreadyGiven(ctx context.Context, tx *db.Tx, userID string, messageIDs []string) (map[string]bool, error) {
	have, err := listHave(ctx, tx, userID, messageIDs)
	if err != nil {
		return nil, fmt.Errorf("read what a person has: %w", err)
	}
	given := map[string]bool{}
	for _, id := range have {
		given[id] = true
	}
	return given, nil
}

// readCircles reads who else is in the threads. The claimed invitation counts no more, its person does.
func (s *Service) readCircles(ctx context.Context, tx *db.Tx, a invite.Accepted, c *claiming) error {
	c.circles = map[string][]party{}
	for _, id := range c.threads {
		people, invited, err := s.circle(ctx, tx, id, c.user.ID)
		if err != nil {
			return err
		}
		all := []party{partyOf(c.user)}
		for _, p := range people {
			all = append(all, partyOf(p))
		}
		for _, i := range invited {
			if i.ID != a.InvitationID {
				all = append(all, recipient{invited: i}.party())
			}
		}
		c.circles[id] = all
	}
	return nil
}

// admit gives the person's owner the threads' keys and the person their deliveries.
func (s *Service) admit(ctx context.Context, tx *db.Tx, c claiming) error {
	keys, err := s.keysOf(ctx, tx, c.list)
	if err != nil {
		return err
	}
	var wraps []wrap
	for _, id := range c.threads {
		if keys[id] == nil {
			continue
		}
		w, err := s.wrapFor(ctx, tx, id, c.user.OwnerID, keys[id])
		if err != nil {
			return err
		}
		wraps = append(wraps, w)
	}
	if err := insertKeys(ctx, tx, wraps); err != nil {
		return fmt.Errorf("keep a thread's key: %w", err)
	}
	var list []delivery
	for _, m := range c.list {
		d := delivery{userID: c.user.ID, messageID: m.id, threadID: m.threadID, role: "to"}
		if m.state == Delivered {
			d.deliveredAt, d.until = c.now, accessEnd(c.authors[m.authorID], c.user, c.now)
		}
		list = append(list, d)
	}
	if err := insertDeliveries(ctx, tx, list); err != nil {
		return fmt.Errorf("deliver what waited: %w", err)
	}
	return nil
}

// fillMailbox writes the person's rows, and their name into the rows of those who wrote.
func (s *Service) fillMailbox(ctx context.Context, tx *db.Tx, c claiming) error {
	keys, err := s.keysOf(ctx, tx, c.list)
	if err != nil {
		return err
	}
	rows := map[string]*member{}
	texts := map[string]stored{}
	for _, m := range c.list {
		if m.state != Delivered {
			continue
		}
		if rows[m.threadID] == nil {
			rows[m.threadID] = &member{userID: c.user.ID, threadID: m.threadID, ownerID: c.user.OwnerID, role: string(c.user.Role), folder: Inbox,
				unread: true, lastAt: c.now, other: without(c.circles[m.threadID], c.user.ID, m.authorID)}
		}
		row := rows[m.threadID]
		row.messages, row.files = row.messages+1, row.files+m.files
		row.joinEnd(accessEnd(c.authors[m.authorID], c.user, c.now))
		texts[m.threadID] = m
	}
	var list []member
	for id, row := range rows {
		m := texts[id]
		subject, err := subjectOf(keys[id], m)
		if err != nil {
			return err
		}
		body, err := openBody(keys[id], m.id, m.sealed)
		if err != nil {
			return err
		}
		if err := s.sealMember(ctx, tx, row, subject, body); err != nil {
			return err
		}
		list = append(list, *row)
	}
	byPerson(list)
	if err := putMembers(ctx, tx, list); err != nil {
		return fmt.Errorf("fill the mailbox: %w", err)
	}
	return s.introduce(ctx, tx, c)
}

// introduce shows the senders who the invited person is now.
func (s *Service) introduce(ctx context.Context, tx *db.Tx, c claiming) error {
	all, err := listThreadMembers(ctx, tx, c.threads)
	if err != nil {
		return fmt.Errorf("read who wrote: %w", err)
	}
	var list []member
	var pairs []pair
	for _, m := range all {
		if m.userID == c.user.ID {
			continue
		}
		m.other = without(c.circles[m.threadID], m.userID, m.other.ID)
		o, err := s.o.Keys.Owner(ctx, tx, m.ownerID)
		if err != nil {
			return fmt.Errorf("find a member's keys: %w", err)
		}
		if err := sealParty(o, &m); err != nil {
			return err
		}
		list = append(list, m)
		if c.authors[m.userID].ID == "" { // they did not write to this person
			continue
		}
		if known := slices.ContainsFunc(pairs, func(p pair) bool { return p.userID == m.userID }); !known {
			pairs = append(pairs, pair{m.userID, m.ownerID, c.user})
		}
	}
	if err := renameOther(ctx, tx, list); err != nil {
		return fmt.Errorf("introduce the new person: %w", err)
	}
	return s.noteContacts(ctx, tx, pairs)
}

func (s *Service) afterClaim(ctx context.Context, tx *db.Tx, c claiming) error {
	wake := []string{c.user.ID}
	var events []audit.Event
	for _, m := range c.list {
		if !slices.Contains(wake, m.authorID) {
			wake = append(wake, m.authorID)
		}
		if m.state == Delivered {
			events = append(events, sentEvent(audit.MailDelivered, m.message, c.authors[m.authorID].PracticeID, map[string]string{"to": c.user.ID}))
		}
	}
	tx.AfterCommit(func() { s.o.Hub.Wake(wake...) })
	return s.o.Audit.RecordAll(ctx, tx, program("mail_claim"), events)
}
