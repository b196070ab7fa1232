package account

import (
	"errors"
	"net/http"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// Where the change of an address happens.
const (
	emailPath     = "/profile/email"
	emailSentPath = emailPath + "/sent"
)

func (s *Service) mountEmail(rt *web.Router) {
	rt.Get(web.User, emailPath, s.showEmail)
	rt.Form(web.User, emailPath, s.postEmail)
	s.o.Verify.MountSteps(rt, verify.Host{Kind: emailKind, Prefix: emailPath, Role: web.User, Open: s.openEmail, Dead: startAt(emailPath),
		Next: func(*http.Request) string { return emailSentPath }, Done: s.sendEmailLink})
	rt.Get(web.User, emailSentPath, s.showEmailSent)
	rt.Form(web.User, emailSentPath, s.postEmailSent)
	rt.Get(web.User, emailPath+"/confirm/{token}", s.showConfirmEmail)
	rt.Form(web.User, emailPath+"/confirm/{token}", s.postConfirmEmail)
	rt.Get(web.Flow, "/email/undo/{token}", s.showUndoEmail)
	rt.Form(web.Flow, "/email/undo/{token}", s.postUndoEmail)
	rt.Get(web.Public, "/email/undone", s.showUndone)
}

// startAt leads whoever lacks an earlier step to the beginning.
func startAt(path string) func(w http.ResponseWriter, r *http.Request, err error) error {
	return func(w http.ResponseWriter, r *http.Request, err error) error {
		if !fault.Is(err, fault.Gone) {
			return err
		}
		return web.Redirect(w, r, path)
	}
}

func emailHead(step int) ui.Head {
	return ui.Head{Title: "Change your email address", Steps: []string{"New address", "Verify your identity", "Check your email"}, Step: step}
}

func (s *Service) showEmail(w http.ResponseWriter, r *http.Request) error {
	return s.renderEmail(w, r, http.StatusOK, "", nil)
}

func (s *Service) renderEmail(w http.ResponseWriter, r *http.Request, status int, typed string, f *fault.Fault) error {
	u, err := s.Find(r.Context(), s.o.DB, web.Actor(r).ID)
	if err != nil {
		return err
	}
	return web.Render(w, r, status, emailPage(u, typed, f))
}

func (s *Service) postEmail(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	err = s.BeginEmail(r.Context(), web.Actor(r), EmailChange{Email: form.Get("email"), Current: form.Get("current_password"), Browser: web.EnsureBrowser(w, r)})
	if fault.Is(err, fault.Invalid) {
		return s.renderEmail(w, r, http.StatusUnprocessableEntity, form.Get("email"), fault.From(err))
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, emailPath+"/method")
}

// openEmail is the subject of the code steps: only after the password.
func (s *Service) openEmail(r *http.Request) (verify.Subject, error) {
	by := web.Actor(r)
	if _, _, err := changeFlow[typedEmail](r.Context(), s, s.o.DB, emailKind, by.ID, web.Browser(r)); err != nil {
		return verify.Subject{}, err
	}
	u, err := s.Find(r.Context(), s.o.DB, by.ID)
	if err != nil {
		return verify.Subject{}, err
	}
	return s.subject(u, u.Phones(), emailHead(2)), nil
}

// subject is a signed-in person whose number is to be proved.
func (s *Service) subject(u User, phones verify.Phones, h ui.Head) verify.Subject {
	return verify.Subject{ID: u.ID, Phones: phones, Contact: "Support", Name: s.o.Notify.Product(), Head: h}
}

// sendEmailLink mails the link and shows where to look. When today's e-mails are used up, the next page says so.
func (s *Service) sendEmailLink(w http.ResponseWriter, r *http.Request) error {
	if err := s.SendEmailLink(r.Context(), web.Actor(r), web.Browser(r)); err != nil {
		return startAt(emailPath)(w, r, err)
	}
	return web.Redirect(w, r, emailSentPath)
}

// emailSent is the new address of a flow whose code was right.
func (s *Service) emailSent(r *http.Request) (string, error) {
	f, to, err := changeFlow[typedEmail](r.Context(), s, s.o.DB, emailKind, web.Actor(r).ID, web.Browser(r))
	if err == nil && !f.Phone {
		err = errBegin()
	}
	return to.Email, err
}

func (s *Service) showEmailSent(w http.ResponseWriter, r *http.Request) error {
	email, err := s.emailSent(r)
	if err != nil {
		return startAt(emailPath)(w, r, err)
	}
	return web.Render(w, r, http.StatusOK, emailSentPage(email, lasting(s.set.ResetLink)))
}

func (s *Service) postEmailSent(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.SendEmailLink(r.Context(), web.Actor(r), web.Browser(r)); err != nil {
		return startAt(emailPath)(w, r, err)
	}
	web.Flash(w, "We sent a new link. The old one no longer works.")
	return web.Redirect(w, r, emailSentPath)
}

// lost answers a link that changes no address here: dead, or begun in another browser.
func (s *Service) lost(w http.ResponseWriter, r *http.Request, err error) error {
	switch {
	case errors.Is(err, errElsewhere):
		return web.Render(w, r, http.StatusConflict, emailElsewherePage())
	case fault.Is(err, fault.Gone):
		return web.Render(w, r, http.StatusGone, emailDeadPage(web.Actor(r).Email))
	}
	return err
}

func (s *Service) showConfirmEmail(w http.ResponseWriter, r *http.Request) error {
	_, _, to, err := s.confirming(r.Context(), s.o.DB, web.Actor(r), r.PathValue("token"), web.Browser(r))
	if err != nil {
		return s.lost(w, r, err)
	}
	return web.Render(w, r, http.StatusOK, emailConfirmPage(to.Email, r.URL.Path))
}

func (s *Service) postConfirmEmail(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	token, err := s.ConfirmEmail(r.Context(), web.Actor(r), r.PathValue("token"), web.Browser(r))
	if err != nil {
		return s.lost(w, r, err)
	}
	web.SetSession(w, r, token)
	web.Flash(w, "Your email address is changed.")
	return web.Redirect(w, r, accountPath)
}

func (s *Service) showUndoEmail(w http.ResponseWriter, r *http.Request) error {
	_, c, err := s.undoing(r.Context(), s.o.DB, r.PathValue("token"))
	if err != nil {
		return undoDead(w, r, err)
	}
	return web.Render(w, r, http.StatusOK, undoPage(c.oldEmail, r.URL.Path))
}

func (s *Service) postUndoEmail(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.UndoEmail(r.Context(), web.Actor(r), r.PathValue("token")); err != nil {
		return undoDead(w, r, err)
	}
	return web.Redirect(w, r, "/email/undone")
}

func undoDead(w http.ResponseWriter, r *http.Request, err error) error {
	if !fault.Is(err, fault.Gone) {
		return err
	}
	return web.Render(w, r, http.StatusGone, undoDeadPage())
}

func (s *Service) showUndone(w http.ResponseWriter, r *http.Request) error {
	return web.Render(w, r, http.StatusOK, undonePage(lasting(s.set.ResetLink)))
}
