package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/invite"
	"securepractice/internal/notify"
)

const noticeUnopened = "mail.unopened"

// remindWithin is how long after its time a reminder may still go, when the program was down meanwhile. What is older
// is no news, and the search for it stays short.
const remindWithin = 5 * 24 * time.Hour

func (s *Service) registerReminder() {
	s.o.Notify.Register(notify.Template{Name: noticeUnopened, Render: func(_ context.Context, _ db.Reader, p notify.Params) (notify.Content, error) {
		if p["count"] != "1" {
			link := s.o.Notify.URL("/mail/sent")
			return notify.Content{Subject: p["count"] + " messages you sent have not been opened", Links: []string{link},
				Body: p["count"] + " secure messages you sent have not been opened yet. You can call the people they are for, and see whether their phone numbers are right. To see the messages, sign in:\n\n" + link}, nil
		}
		link := s.o.Notify.URL("/mail/t/" + p["thread"])
		return notify.Content{Subject: "A message you sent has not been opened", Links: []string{link},
			Body: "A secure message you sent has not been opened yet. You can call the person it is for, and see whether their phone number is right. To see the conversation, sign in:\n\n" + link}, nil
	}})
}

// RemindUnopened tells authors that messages of theirs are still unopened: once a message, however many it was for, and in
// one e-mail for all that it finds. Run it every hour; any number of nodes may.
func (s *Service) RemindUnopened(ctx context.Context) error {
	now := s.now()
	until := now - s.set.RemindAfter.Microseconds()
	list, err := listUnopened(ctx, s.o.DB, until-remindWithin.Microseconds(), until, dueAtOnce)
	if err != nil {
		return fmt.Errorf("find unopened messages: %w", err)
	}
	byAuthor := map[string][]message{}
	for _, m := range list {
		byAuthor[m.authorID] = append(byAuthor[m.authorID], m)
	}
	var errs []error
	for authorID, own := range byAuthor { // one that fails holds up nobody else's
		errs = append(errs, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.remind(ctx, tx, authorID, own, now) }))
	}
	return errors.Join(errs...)
}

func (s *Service) remind(ctx context.Context, tx *db.Tx, authorID string, list []message, now int64) error {
	n, last := 0, ""
	for _, m := range list {
		taken, err := takeReminder(ctx, tx, m, now)
		if err != nil {
			return fmt.Errorf("take a reminder: %w", err)
		}
		if taken {
			n, last = n+1, m.threadID
		}
	}
	if n == 0 {
		return nil
	}
	cards, err := s.o.Account.Cards(ctx, tx, []string{authorID})
	if err != nil {
		return err
	}
	c := cards[authorID]
	if !c.Active {
		return nil
	}
	return s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: c.Email, Template: noticeUnopened, UserID: c.ID, PracticeID: c.PracticeID,
		Params: notify.Params{"thread": last, "count": strconv.Itoa(n)}})
}

// late adds to a standing that nobody has opened the message for long, and what can be done.
func (s *Service) late(st standing, m message, c receipt, i invite.Invitation) standing {
	since := cmp.Or(c.deliveredAt, m.deliveredAt, m.writtenAt)
	if m.state != Delivered || c.openedAt > 0 || s.now()-since < s.set.RemindAfter.Microseconds() || c.pending && !i.Editable() && i.State != "held" {
		return st
	}
	st.words += ". Not opened after " + days(s.set.RemindAfter) + ". You can call them."
	if c.pending {
		st.words += " Is their phone number right?"
	}
	return st
}

func days(d time.Duration) string { return count(int64(d/(24*time.Hour)), "day", "days") }
