package manage

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
	"securepractice/internal/web"
)

// mailForm is the page of the practice's rules for messages.
type mailForm struct {
	practice practice.Practice
	typed    string // recipients, as typed
	version  int64  // of the practice that the form was made from
	fault    *fault.Fault
}

func (s *Service) showMail(w http.ResponseWriter, r *http.Request) error {
	p, err := s.o.Practice.Find(r.Context(), s.o.DB, web.Actor(r).PracticeID)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, mailPage(mailForm{practice: p, typed: strconv.Itoa(p.MaxRecipients), version: p.Version}))
}

// postMail saves the rules at once. A refusal brings the form back with what was typed.
func (s *Service) postMail(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	typed := strings.TrimSpace(form.Get("max_recipients"))
	version, _ := strconv.ParseInt(form.Get("version"), 10, 64) // anything else is a form of long ago
	n, _ := strconv.Atoi(typed)                                 // what is no number is refused as 0
	err = s.setMailRules(r.Context(), r, practice.MailRules{MaxRecipients: n, Version: version})
	status := map[fault.Kind]int{fault.Invalid: http.StatusUnprocessableEntity, fault.Conflict: http.StatusConflict}[fault.From(err).Kind]
	switch {
	case err != nil && status == 0:
		return err
	case err == nil:
		web.Flash(w, "Saved. "+recipientsWords(n))
		return web.Redirect(w, r, "/users/mail")
	}
	p, ferr := s.o.Practice.Find(r.Context(), s.o.DB, web.Actor(r).PracticeID)
	if ferr != nil {
		return ferr
	}
	return web.Render(w, r, status, mailPage(mailForm{practice: p, typed: typed, version: p.Version, fault: fault.From(err)}))
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

// recipientsWords says what a number of recipients means.
func recipientsWords(n int) string {
	if n == 1 {
		return "Messages of your practice have one recipient."
	}
	return "Messages of your practice may have up to " + strconv.Itoa(n) + " recipients."
}
