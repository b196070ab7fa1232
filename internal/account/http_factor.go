package account

import (
	"net/http"
	"strings"

	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// The Security tab of users, and the same page of Support.
const (
	securityPath      = "/profile/security"
	staffSecurityPath = "/support/security"
)

// securityBase is the address of the actor's own Security page.
func securityBase(r *http.Request) string {
	if web.Actor(r).Kind == actor.Staff {
		return staffSecurityPath
	}
	return securityPath
}

// mountSecurity registers the Security pages and the changes made from them.
func (s *Service) mountSecurity(rt *web.Router) {
	for _, at := range []struct {
		role web.Role
		base string
	}{{web.User, securityPath}, {web.Staff, staffSecurityPath}} {
		role, base := at.role, at.base
		rt.Get(role, base, s.showSecurity)
		rt.Get(role, base+"/confirm", s.showConfirm)
		rt.Form(role, base+"/confirm", s.postConfirm)
		rt.Get(role, base+"/app", s.confirmed(s.showApp))
		rt.Form(role, base+"/app", s.confirmed(s.postApp))
		rt.Form(role, base+"/app/code", s.confirmed(s.postAppCode))
		rt.Get(role, base+"/passkey", s.confirmed(s.showPasskey))
		rt.JSON(role, base+"/passkey/begin", confirmedScript(s.postPasskeyBegin))
		rt.JSON(role, base+"/passkey/finish", confirmedScript(s.postPasskeyFinish))
		rt.Get(role, base+"/recovery", s.confirmed(s.showRecovery))
		rt.Form(role, base+"/recovery", s.confirmed(s.postRecovery))
		rt.Get(role, base+"/remove/{id}", s.confirmed(s.showRemove))
		rt.Form(role, base+"/remove/{id}", s.confirmed(s.postRemove))
		rt.Form(role, base+"/sessions/{id}/end", s.postEndSession)
		rt.Form(role, base+"/sessions/others", s.postEndOthers)
	}
	rt.Form(web.User, securityPath+"/on", s.postOn)
	rt.Get(web.User, securityPath+"/off", s.confirmed(s.showOff))
	rt.Form(web.User, securityPath+"/off", s.confirmed(s.postOff))
	s.mountOff(rt)
}

// mountOff registers the code step of turning two-step verification off.
func (s *Service) mountOff(rt *web.Router) {
	const prefix = securityPath + "/off/verify"
	h := proofHost{role: web.User, prefix: prefix, codes: prefix + "/method", start: securityPath, open: s.openOff,
		done: func(w http.ResponseWriter, r *http.Request) (string, error) {
			err := s.TurnOff(r.Context(), web.Actor(r), web.Browser(r))
			if offAgain(err) {
				return securityPath + "/off", nil
			}
			if err != nil {
				return "", err
			}
			web.Flash(w, "Two-step verification is off.")
			return securityPath, nil
		}}
	s.mountProofs(rt, h)
	s.o.Verify.MountSteps(rt, verify.Host{Kind: offKind, Prefix: prefix, Role: web.User,
		Open: func(r *http.Request) (verify.Subject, error) {
			u, _, err := s.openOff(r)
			return verify.Subject{ID: u.ID, Phones: u.Phones(), Contact: "Support", Name: s.o.Notify.Product(), TTL: signinLife}, err
		},
		Dead: h.refused,
		Next: func(*http.Request) string { return prefix },
		Done: func(w http.ResponseWriter, r *http.Request) error {
			to, err := h.done(w, r)
			if err != nil {
				return err
			}
			return web.Redirect(w, r, to)
		}})
}

// offAgain says whether turning off has to begin again with the password.
func offAgain(err error) bool { return err == errConfirm } //nolint:errorlint // never wrapped

// openOff is the turning off under way in this browser.
func (s *Service) openOff(r *http.Request) (User, verify.Flow, error) {
	u, f, found, err := s.Off(r.Context(), web.Actor(r), web.Browser(r))
	if err == nil && !found {
		err = fault.New(fault.SignIn, "") // answered by h.refused: back to where it begins
	}
	return u, f, err
}

func (s *Service) showConfirm(w http.ResponseWriter, r *http.Request) error {
	return web.Render(w, r, http.StatusOK, confirmPage(securityBase(r), within(r, r.URL.Query().Get("to")), nil))
}

// within keeps an address to the actor's own Security pages.
func within(r *http.Request, to string) string {
	base := securityBase(r)
	if local, ok := web.LocalPath(to); ok && strings.HasPrefix(local, base+"/") {
		return local
	}
	return base
}

func (s *Service) postConfirm(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	to := within(r, form.Get("to"))
	err = s.ConfirmPassword(r.Context(), web.Actor(r), form.Get("current_password"))
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, confirmPage(securityBase(r), to, fault.From(err)))
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, to)
}

func (s *Service) showApp(w http.ResponseWriter, r *http.Request) error {
	return s.renderApp(w, r, http.StatusOK, nil)
}

func (s *Service) renderApp(w http.ResponseWriter, r *http.Request, status int, f *fault.Fault) error {
	a, found, err := s.App(r.Context(), web.Actor(r), web.Browser(r))
	if err != nil {
		return err
	}
	if !found {
		m, err := s.Means(r.Context(), s.o.DB, web.Actor(r).ID)
		if err != nil {
			return err
		}
		return web.Render(w, r, status, appBeginPage(securityBase(r), m.App))
	}
	return web.Render(w, r, status, appPage(securityBase(r), a, f))
}

func (s *Service) postApp(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.BeginApp(r.Context(), web.Actor(r), web.EnsureBrowser(w, r)); err != nil {
		return err
	}
	return web.Redirect(w, r, securityBase(r)+"/app")
}

func (s *Service) postAppCode(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	err = s.FinishApp(r.Context(), web.Actor(r), web.Browser(r), form.Get("app_code"))
	if fault.Is(err, fault.Invalid) {
		return s.renderApp(w, r, http.StatusUnprocessableEntity, fault.From(err))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "Your authenticator app is set up.")
	return web.Redirect(w, r, securityBase(r))
}

func (s *Service) showPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := s.noPasskeys(); err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, passkeyPage(securityBase(r), s.PasskeyHost()))
}

func (s *Service) postPasskeyBegin(w http.ResponseWriter, r *http.Request) error {
	o, err := s.BeginPasskey(r.Context(), web.Actor(r), web.EnsureBrowser(w, r))
	if err != nil {
		return err
	}
	return web.SendJSON(w, http.StatusOK, o)
}

func (s *Service) postPasskeyFinish(w http.ResponseWriter, r *http.Request) error {
	var in answer
	if err := web.ReadJSON(r, &in); err != nil {
		return err
	}
	if err := s.FinishPasskey(r.Context(), web.Actor(r), web.Browser(r), in.Name, in.Credential); err != nil {
		return err
	}
	web.Flash(w, "Your passkey is added.")
	return web.SendJSON(w, http.StatusOK, went{securityBase(r)})
}

func (s *Service) showRecovery(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Means(r.Context(), s.o.DB, web.Actor(r).ID)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, recoveryPage(securityBase(r), m.Codes))
}

// postRecovery answers with the page itself and not with a redirect: the codes are nowhere to be read again.
func (s *Service) postRecovery(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	codes, err := s.MakeCodes(r.Context(), web.Actor(r))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, codesPage(securityBase(r), codes))
}

func (s *Service) showRemove(w http.ResponseWriter, r *http.Request) error {
	f, err := s.FindFactor(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, removePage(securityBase(r), f))
}

func (s *Service) postRemove(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.RemoveFactor(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	web.Flash(w, "Removed. It no longer works for signing in.")
	return web.Redirect(w, r, securityBase(r))
}
