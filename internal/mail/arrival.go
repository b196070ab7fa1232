package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/db"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
)

// The notices that people choose in their settings.
const (
	noticeText   = "mail.text"
	noticeHourly = "mail.hourly"
	noticeRead   = "mail.read"
)

// registerArrivals makes them known. A text says nothing but that there is a message and which practice wrote it: it shows on
// locked screens.
func (s *Service) registerArrivals() {
	inbox := s.o.Notify.URL("/mail/inbox")
	s.o.Notify.Register(notify.Template{Name: noticeText, Render: func(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
		if err := wanted(ctx, r, p); err != nil {
			return notify.Content{}, err
		}
		words, err := newMessages(p)
		if err == nil && p["author"] != "" {
			if from, err := s.practiceOf(ctx, r, p["author"]); err != nil {
				return notify.Content{}, err
			} else if from != "" {
				words = from + " sent you a secure message"
			}
		}
		return notify.Content{Body: words + ". To read, sign in: " + inbox, Links: []string{inbox}}, err
	}})
	s.o.Notify.Register(notify.Template{Name: noticeHourly, Render: func(_ context.Context, _ db.Reader, p notify.Params) (notify.Content, error) {
		subject, err := newMessages(p)
		return notify.Content{Subject: subject, Links: []string{inbox}, Body: subject + ". To read, sign in:\n\n" + inbox}, err
	}})
	s.o.Notify.Register(notify.Template{Name: noticeRead, Render: func(_ context.Context, _ db.Reader, p notify.Params) (notify.Content, error) {
		link := s.o.Notify.URL("/mail/t/" + p["thread"])
		return notify.Content{Subject: "Your message was read", Links: []string{link}, Body: "A secure message you sent was opened for the first time. To see the conversation, sign in:\n\n" + link}, nil
	}})
}

// newMessages says how many messages there are.
func newMessages(p notify.Params) (string, error) {
	n, err := strconv.ParseInt(p["count"], 10, 64)
	switch {
	case err != nil:
		return "", fmt.Errorf("count of new messages: %w", err)
	case n == 1:
		return "You have a new secure message", nil
	}
	return "You have " + number(n) + " new secure messages", nil
}

// arrived tells a person of a message in the ways they chose: now, or with what else arrives within the hour or in their quiet
// hours.
func (s *Service) arrived(ctx context.Context, tx *db.Tx, o outgoing, to account.Card) error {
	n, found, err := findNotices(ctx, tx, to.ID)
	switch {
	case err != nil:
		return fmt.Errorf("read how to tell a person: %w", err)
	case !found:
		n = notices{way: byEmail, pace: once}
	case n.way == byNone:
		return nil
	}
	if held, err := s.held(ctx, tx, to, n, o.msg.deliveredAt); err != nil || held {
		return err
	}
	return s.tell(ctx, tx, to, n.way, 1, notify.Message{Template: noticeNew, PracticeID: o.author.PracticeID,
		Params: s.arrivalParams(o, to)})
}

// tell sends a notice of new messages as an e-mail, a text or both. Without a number, or after a day's many texts, an
// e-mail goes in a text's place.
func (s *Service) tell(ctx context.Context, tx *db.Tx, to account.Card, way string, count int64, email notify.Message) error {
	email.Kind, email.To, email.UserID = notify.Email, to.Email, to.ID
	if way == byText || way == byBoth {
		ok := to.Cell != ""
		if ok {
			var err error
			if ok, err = s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "texts of messages", Max: s.set.TextsPerDay, Window: 24 * time.Hour}, to.ID); err != nil {
				return err
			}
		}
		if ok {
			text := notify.Message{Kind: notify.Text, To: to.Cell, UserID: to.ID, PracticeID: email.PracticeID, Template: noticeText, Params: notify.Params{"count": number(count), "message": email.Params["message"], "author": email.Params["author"]}}
			if err := s.o.Notify.Send(ctx, tx, text); err != nil {
				return err
			}
		}
		if ok && way == byText {
			return nil
		}
	}
	return s.o.Notify.Send(ctx, tx, email)
}

// dueAtOnce is how many collected notices one turn sends.
const dueAtOnce = 500

// TellHourly sends the collected notices that are due. Run it every minute; any number of nodes may.
func (s *Service) TellHourly(ctx context.Context) error {
	due, err := listDue(ctx, s.o.DB, s.now(), dueAtOnce)
	if err != nil {
		return fmt.Errorf("find collected notices: %w", err)
	}
	var errs []error
	for _, id := range due { // one that fails holds up nobody else's
		errs = append(errs, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.tellCollected(ctx, tx, id) }))
	}
	return errors.Join(errs...)
}

func (s *Service) tellCollected(ctx context.Context, tx *db.Tx, userID string) error {
	now := s.now()
	way, from, found, err := takeDue(ctx, tx, userID, now)
	if err != nil {
		return fmt.Errorf("take a collected notice: %w", err)
	}
	if !found || way == byNone {
		return nil
	}
	cards, err := s.o.Account.Cards(ctx, tx, []string{userID})
	if err != nil {
		return err
	}
	own, _, err := findNotices(ctx, tx, userID)
	if err != nil {
		return fmt.Errorf("read how to tell a person: %w", err)
	}
	if due := own.quiet.put(cards[userID], now); due > now {
		return postpone(ctx, tx, userID, due)
	}
	n, err := countNew(ctx, tx, userID, from)
	if err != nil {
		return fmt.Errorf("count new messages: %w", err)
	}
	if n == 0 || !cards[userID].Active {
		return nil
	}
	return s.tell(ctx, tx, cards[userID], way, n, notify.Message{Template: noticeHourly, PracticeID: cards[userID].PracticeID, Params: notify.Params{"count": number(n)}})
}

// wasRead tells the authors who want to know that their messages were opened for the first time.
func (s *Service) wasRead(ctx context.Context, tx *db.Tx, threadID string, messageIDs []string) error {
	authors, err := tellRead(ctx, tx, threadID, messageIDs, s.now())
	if err != nil || len(authors) == 0 {
		return err
	}
	slices.Sort(authors)
	authors = slices.Compact(authors)
	cards, err := s.o.Account.Cards(ctx, tx, authors)
	if err != nil {
		return err
	}
	for _, id := range authors {
		c := cards[id]
		if !c.Active {
			continue
		}
		if err := s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: c.Email, Template: noticeRead, UserID: id, PracticeID: c.PracticeID, Params: notify.Params{"thread": threadID}}); err != nil {
			return err
		}
	}
	return nil
}
