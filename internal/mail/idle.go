package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/notify"
)

const (
	noticeIdle = "mail.draft_files"
	idleNotice = 7 * 24 * time.Hour // between the notice and the end of the files
	idleBatch  = 200
)

func (s *Service) registerIdle() {
	s.o.Notify.Register(notify.Template{Name: noticeIdle, Render: func(_ context.Context, _ db.Reader, p notify.Params) (notify.Content, error) {
		link := s.o.Notify.URL("/mail/drafts")
		what, its := "a draft", "Its"
		if p["count"] != "1" {
			what, its = p["count"]+" drafts", "Their"
		}
		return notify.Content{Subject: "Attachments of " + what + " will be removed in 7 days", Links: []string{link},
			Body: "You have " + what + " with attachments that you have not changed for a long time. " + its + " attachments will be removed in 7 days. " +
				"What you wrote stays. To keep the attachments, sign in, open the draft and save it, or send it:\n\n" + link}, nil
	}})
	s.o.Jobs.Every("mail idle drafts", 6*time.Hour, s.EndIdleFiles)
}

// EndIdleFiles takes the files off drafts that were neither sent nor edited for long, after their writers were told a week
// before. What they wrote stays for as long as they want it. Any number of nodes may run it, and it may be cut off anywhere.
func (s *Service) EndIdleFiles(ctx context.Context) error {
	if s.set.DraftFiles < 0 {
		return nil
	}
	now := s.o.Clock.Now()
	idle := now.Add(idleNotice - s.set.DraftFiles)
	byAuthor := map[string][]idleDraft{}
	var errs []error
	for after := (idleDraft{}); ; {
		page, err := listIdle(ctx, s.o.DB, clock.Micros(idle), after, idleBatch)
		if err != nil {
			return fmt.Errorf("list idle drafts: %w", err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1]
		if page, err = s.withFiles(ctx, page); err != nil {
			return err
		}
		for _, d := range page {
			byAuthor[d.authorID] = append(byAuthor[d.authorID], d)
			errs = append(errs, s.endIdle(ctx, d, now)) // one that fails holds up no other
		}
	}
	for authorID, list := range byAuthor {
		errs = append(errs, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.tellIdle(ctx, tx, authorID, list, idle) }))
	}
	return errors.Join(errs...)
}

// withFiles leaves out the drafts without files.
func (s *Service) withFiles(ctx context.Context, list []idleDraft) ([]idleDraft, error) {
	holders := make([]string, len(list))
	for i, d := range list {
		holders[i] = holder(d.id)
	}
	have, err := s.o.Attach.Unsent(ctx, s.o.DB, holders)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(d idleDraft) bool { return !slices.Contains(have, holder(d.id)) }), nil
}

// endIdle takes the files off one draft if its time is over and its writer was told.
func (s *Service) endIdle(ctx context.Context, d idleDraft, now time.Time) error {
	if d.updatedAt > clock.Micros(now.Add(-s.set.DraftFiles)) {
		return nil
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		still, err := holdIdle(ctx, tx, d)
		if err != nil || !still {
			return err
		}
		_, err = s.o.Attach.Expire(ctx, tx, program("mail_drafts"), holder(d.id), clock.Time(d.updatedAt), now.Add(-idleNotice))
		return err
	})
}

// tellIdle tells a writer, in one e-mail, of all drafts of which they were not told yet. Who cannot be told keeps the files.
func (s *Service) tellIdle(ctx context.Context, tx *db.Tx, authorID string, list []idleDraft, idle time.Time) error {
	cards, err := s.o.Account.Cards(ctx, tx, []string{authorID})
	if err != nil {
		return err
	}
	c := cards[authorID]
	if !c.Active {
		return nil
	}
	n := 0
	for _, d := range list {
		still, err := holdIdle(ctx, tx, d)
		if err != nil {
			return fmt.Errorf("hold a draft: %w", err)
		}
		if !still {
			continue
		}
		told, err := s.o.Attach.Warn(ctx, tx, holder(d.id), clock.Time(d.updatedAt), idle)
		if err != nil {
			return err
		}
		if told {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: c.Email, Template: noticeIdle, UserID: c.ID, PracticeID: c.PracticeID,
		Params: notify.Params{"count": strconv.Itoa(n)}})
}

// endedFiles says that a draft has lost its files and was not edited since; empty when not.
func (s *Service) endedFiles(ctx context.Context, d Draft, zone string) (string, error) {
	at, err := s.o.Attach.Expired(ctx, s.o.DB, holder(d.ID))
	if err != nil || at.IsZero() || d.SavedAt.After(at) {
		return "", err
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	return "The attachments of this draft were removed on " + at.In(loc).Format("Jan 2, 2006") + ", because it was not changed for " + days(s.set.DraftFiles) + ". Attach them again before you send it.", nil
}
