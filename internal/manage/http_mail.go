package manage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
	"securepractice/internal/web"
)

// mailTyped is what was typed into the page of the practice's rules for messages.
type mailTyped struct{ recipients, access, retention string }

// mailForm is that page.
type mailForm struct {
	practice practice.Practice
	typed    mailTyped
	version  int64 // of the practice that the form was made from
	soon     int64 // conversations that end within the time of the notice
	stored   usage
	fault    *fault.Fault
}

// mailConfirm asks whether conversations are to be kept for a shorter time.
type mailConfirm struct {
	mailForm
	days int       // for which they would be kept
	from time.Time // when the first of them would end
	ends int64     // how many would at that time
}

func (s *Service) showMail(w http.ResponseWriter, r *http.Request) error {
	v, err := s.mailForm(r.Context(), web.Actor(r).PracticeID)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, mailPage(v))
}

// mailForm is the page as the practice has its rules now.
func (s *Service) mailForm(ctx context.Context, practiceID string) (mailForm, error) {
	p, err := s.o.Practice.Find(ctx, s.o.DB, practiceID)
	if err != nil {
		return mailForm{}, err
	}
	v := mailForm{practice: p, version: p.Version, typed: mailTyped{strconv.Itoa(p.MaxRecipients), daysText(p.AccessDays), daysText(p.RetentionDays)}}
	if v.soon, err = s.ending(ctx, p, s.o.Practice.Soon()); err != nil {
		return v, err
	}
	if v.stored, err = readUsage(ctx, s.o.DB, practiceID); err != nil {
		return v, fmt.Errorf("count a practice's files: %w", err)
	}
	return v, nil
}

// ending counts the conversations of a practice that have ended by a moment.
func (s *Service) ending(ctx context.Context, p practice.Practice, at time.Time) (int64, error) {
	before, ends := p.EndedBy(at)
	if !ends {
		return 0, nil
	}
	n, err := countEnding(ctx, s.o.DB, p.ID, clock.Micros(before))
	if err != nil {
		return 0, fmt.Errorf("count conversations that end: %w", err)
	}
	return n, nil
}

// postMail saves the rules at once, but asks before conversations are kept for a shorter time. A refusal brings the form
// back with what was typed.
func (s *Service) postMail(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	field := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	typed := mailTyped{field("max_recipients"), field("access_days"), field("retention_days")}
	rules := typed.rules()
	rules.Version, _ = strconv.ParseInt(form.Get("version"), 10, 64) // anything else is a form of long ago
	rules.Confirmed = typed.retention != "" && field("confirmed") == typed.retention
	err = s.setMailRules(r.Context(), r, rules)
	if errors.Is(err, practice.ErrShorter) {
		return s.confirmMail(w, r, typed, rules)
	}
	status := map[fault.Kind]int{fault.Invalid: http.StatusUnprocessableEntity, fault.Conflict: http.StatusConflict}[fault.From(err).Kind]
	switch {
	case err != nil && status == 0:
		return err
	case err == nil:
		web.Flash(w, "Saved. "+recipientsWords(rules.MaxRecipients))
		return web.Redirect(w, r, "/users/mail")
	}
	v, ferr := s.mailForm(r.Context(), web.Actor(r).PracticeID)
	if ferr != nil {
		return ferr
	}
	v.typed, v.fault = typed, fault.From(err)
	return web.Render(w, r, status, mailPage(v))
}

// confirmMail asks, with how many conversations would end and when.
func (s *Service) confirmMail(w http.ResponseWriter, r *http.Request, typed mailTyped, rules practice.MailRules) error {
	v, err := s.mailForm(r.Context(), web.Actor(r).PracticeID)
	if err != nil {
		return err
	}
	v.typed, v.version = typed, rules.Version
	c := mailConfirm{mailForm: v, days: rules.RetentionDays}
	var after practice.Practice
	after, c.from = s.o.Practice.Ahead(v.practice, rules.RetentionDays)
	if c.ends, err = s.ending(r.Context(), after, c.from); err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, mailConfirmPage(c))
}

func (s *Service) setMailRules(ctx context.Context, r *http.Request, m practice.MailRules) error {
	by := web.Actor(r)
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.o.Practice.SetMailRules(ctx, tx, by, m); err != nil {
			return err
		}
		return s.o.Account.CheckManager(ctx, tx, by)
	})
}

// rules reads what was typed. What is no number is refused as out of bounds.
func (t mailTyped) rules() practice.MailRules {
	n, _ := strconv.Atoi(t.recipients)
	return practice.MailRules{MaxRecipients: n, AccessDays: daysOf(t.access), RetentionDays: daysOf(t.retention)}
}

// daysOf reads a number of days: 0 for nothing, which has no end, and -1 for what is no number of days.
func daysOf(typed string) int {
	if typed == "" {
		return 0
	}
	n, err := strconv.Atoi(typed)
	if err != nil || n < 1 {
		return -1
	}
	return n
}

// daysText is a number of days as it stands in its field.
func daysText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// recipientsWords says what a number of recipients means.
func recipientsWords(n int) string {
	if n == 1 {
		return "Messages of your practice have one recipient."
	}
	return "Messages of your practice may have up to " + strconv.Itoa(n) + " recipients."
}

// accessWords says how long others can read what the practice writes.
func accessWords(days int) string {
	if days == 0 {
		return "People outside your practice can read your messages without an end."
	}
	return "People outside your practice can read a message for " + count(int64(days), "day", "days") + "."
}

// retentionWords says how long the practice keeps conversations.
func retentionWords(days int) string {
	if days == 0 {
		return "Your practice keeps conversations without an end."
	}
	return "Your practice keeps a conversation for " + count(int64(days), "day", "days") + " after its newest message."
}

// soonWords says how many conversations end within a month.
func soonWords(n int64) string {
	if n == 1 {
		return "1 conversation ends in the next 30 days."
	}
	return strconv.FormatInt(n, 10) + " conversations end in the next 30 days."
}

// endsWords says what a shorter time would end, and when.
func (c mailConfirm) endsWords(zone *time.Location) string {
	on := c.from.In(zone).Format("Jan 2, 2006")
	switch c.ends {
	case 0:
		return "No conversation ends on " + on + ". Others end later, when their time is over."
	case 1:
		return "1 conversation would end on " + on + ", if nobody adds to it. Others end later, when their time is over."
	}
	return strconv.FormatInt(c.ends, 10) + " conversations would end on " + on + ", if nobody adds to them. Others end later, when their time is over."
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}
