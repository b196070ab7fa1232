package account

import (
	"net/http"

	"securepractice/internal/actor"
	"securepractice/internal/web"
)

func (s *Service) showSecurity(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Security(r.Context(), web.Actor(r))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, securityPage(securityProps{Security: p, base: securityBase(r), mode: s.set.MFAAtLogin, passkeys: s.rp != nil}))
}

func (s *Service) postOn(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.TurnOn(r.Context(), web.Actor(r)); err != nil {
		return err
	}
	web.Flash(w, "Two-step verification is on.")
	return web.Redirect(w, r, securityPath)
}

func (s *Service) showOff(w http.ResponseWriter, r *http.Request) error {
	u, err := s.Find(r.Context(), s.o.DB, web.Actor(r).ID)
	if err != nil {
		return err
	}
	if !u.TwoStep {
		return web.Redirect(w, r, securityPath)
	}
	return web.Render(w, r, http.StatusOK, offPage(securityPath))
}

func (s *Service) postOff(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.BeginOff(r.Context(), web.Actor(r), web.EnsureBrowser(w, r)); err != nil {
		return err
	}
	return web.Redirect(w, r, securityPath+"/off/verify")
}

func (s *Service) postEndSession(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	by := web.Actor(r)
	if err := s.EndSession(r.Context(), by, r.PathValue("id")); err != nil {
		return err
	}
	if r.PathValue("id") == by.SessionID {
		web.ClearSession(w, r)
		if by.Kind == actor.Staff {
			return web.Redirect(w, r, "/support/signin?out=1")
		}
		return web.Redirect(w, r, "/signin?out=1")
	}
	web.Flash(w, "That device is signed out.")
	return web.Redirect(w, r, securityBase(r))
}

func (s *Service) postEndOthers(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.EndOtherSessions(r.Context(), web.Actor(r)); err != nil {
		return err
	}
	web.Flash(w, "You are signed out everywhere else.")
	return web.Redirect(w, r, securityBase(r))
}
