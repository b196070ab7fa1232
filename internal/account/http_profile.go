package account

import (
	"net/http"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

func (s *Service) showPassword(w http.ResponseWriter, r *http.Request) error {
	return web.Render(w, r, http.StatusOK, passwordPage(s.Rules(), nil))
}

func (s *Service) postPassword(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	token, err := s.ChangePassword(r.Context(), web.Actor(r), Change{form.Get("current_password"), form.Get("new_password"), form.Get("confirm_password")})
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, passwordPage(s.Rules(), fault.From(err)))
	}
	if err != nil {
		return err
	}
	web.SetSession(w, r, token)
	return web.Redirect(w, r, "/password/done")
}

func (s *Service) showPasswordDone(w http.ResponseWriter, r *http.Request) error {
	return web.Render(w, r, http.StatusOK, passwordDonePage())
}

func (s *Service) showExpired(w http.ResponseWriter, r *http.Request) error {
	_, _, found, err := s.pending(r.Context(), s.o.DB, web.Browser(r))
	if err != nil {
		return err
	}
	if !found {
		return web.Redirect(w, r, "/signin")
	}
	return web.Render(w, r, http.StatusOK, expiredPage(s.Rules(), next(r.URL.Query()), nil))
}

func (s *Service) postExpired(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	found, err := s.ChangeExpired(r.Context(), web.Actor(r), web.Browser(r), Change{form.Get("current_password"), form.Get("new_password"), form.Get("confirm_password")})
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, expiredPage(s.Rules(), next(form), fault.From(err)))
	}
	if err != nil {
		return err
	}
	if !found {
		return web.Redirect(w, r, "/signin")
	}
	return s.goOn(w, r, next(form))
}

// goOn continues a sign-in after one of its steps.
func (s *Service) goOn(w http.ResponseWriter, r *http.Request, to string) error {
	to, err := s.onward(w, r, to)
	if err != nil {
		return err
	}
	return web.Redirect(w, r, to)
}

// onward continues a sign-in after one of its steps and says where.
func (s *Service) onward(w http.ResponseWriter, r *http.Request, to string) (string, error) {
	e, found, err := s.Continue(r.Context(), web.Actor(r), web.Browser(r))
	if err != nil {
		return "", err
	}
	if !found {
		return "/signin", nil
	}
	return entered(w, r, e, to), nil
}

func (s *Service) showTerms(w http.ResponseWriter, r *http.Request) error {
	_, _, found, err := s.pending(r.Context(), s.o.DB, web.Browser(r))
	if err != nil {
		return err
	}
	if !found {
		return web.Redirect(w, r, "/signin")
	}
	return web.Render(w, r, http.StatusOK, verify.TermsPage(ui.Head{Title: "Terms of Use"}, s.terms(r, nil)))
}

func (s *Service) terms(r *http.Request, f *fault.Fault) verify.TermsProps {
	action := termsPath
	if to := next(r.URL.Query()); to != "" {
		action = r.URL.RequestURI()
	}
	return verify.TermsProps{Text: s.set.TermsText, Version: s.set.TermsVersion, Action: action, Decline: termsPath + "/decline", Fault: f}
}

func (s *Service) postTerms(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	if form.Get("agree") != s.set.TermsVersion {
		f := fault.Field("agree", "Select the box if you agree to the Terms of Use")
		return web.Render(w, r, http.StatusUnprocessableEntity, verify.TermsPage(ui.Head{Title: "Terms of Use", Fault: f}, s.terms(r, f)))
	}
	found, err := s.AcceptTerms(r.Context(), web.Actor(r), web.Browser(r))
	if err != nil {
		return err
	}
	if !found {
		return web.Redirect(w, r, "/signin")
	}
	return s.goOn(w, r, next(r.URL.Query()))
}

func (s *Service) postDecline(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.DeclineTerms(r.Context(), web.Actor(r), web.Browser(r)); err != nil {
		return err
	}
	return web.Redirect(w, r, "/signin?out=1")
}
