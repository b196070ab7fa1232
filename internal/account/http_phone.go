package account

import (
	"net/http"
	"strings"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// Where the change of a number happens: the number on file is proved under phonePath, the new one under newPhonePath.
const (
	phonePath     = "/profile/phone"
	newPhonePath  = phonePath + "/new"
	savePhonePath = newPhonePath + "/save"
)

func (s *Service) mountPhone(rt *web.Router) {
	rt.Get(web.User, phonePath, s.showPhone)
	rt.Form(web.User, phonePath, s.postPhone)
	s.o.Verify.MountSteps(rt, verify.Host{Kind: phoneKind, Prefix: phonePath, Role: web.User, Open: s.openOldPhone, Dead: startAt(phonePath),
		Next: func(*http.Request) string { return newPhonePath + "/method" }})
	s.o.Verify.MountSteps(rt, verify.Host{Kind: newPhoneKind, Prefix: newPhonePath, Role: web.User, Open: s.openNewPhone, Dead: startAt(phonePath),
		Next: func(*http.Request) string { return savePhonePath }, Done: s.savePhone})
	s.mountProofs(rt, proofHost{role: web.User, prefix: phonePath + "/second", codes: phonePath + "/method", dead: startAt(phonePath), open: s.openOldProof,
		head: func(u User) ui.Head { return phoneHead(u, 2) },
		done: func(http.ResponseWriter, *http.Request) (string, error) { return newPhonePath + "/method", nil }})
	rt.Get(web.User, savePhonePath, s.showSavePhone)
	rt.Form(web.User, savePhonePath, s.postSavePhone)
}

func phoneHead(u User, step int) ui.Head {
	h := ui.Head{Title: "Change your phone number", Steps: []string{"New number", "Number on file", "Confirm the new number"}, Step: step}
	if !u.hasPhone() {
		h.Steps, h.Step = []string{"New number", "Confirm the new number"}, min(step, 2)
	}
	return h
}

func (s *Service) showPhone(w http.ResponseWriter, r *http.Request) error {
	which := r.URL.Query().Get("which")
	if which != "phone" {
		which = "cell"
	}
	return s.renderPhone(w, r, http.StatusOK, PhoneChange{Which: which}, nil)
}

func (s *Service) renderPhone(w http.ResponseWriter, r *http.Request, status int, typed PhoneChange, f *fault.Fault) error {
	u, err := s.Find(r.Context(), s.o.DB, web.Actor(r).ID)
	if err != nil {
		return err
	}
	return web.Render(w, r, status, phonePage(u, typed, f))
}

func (s *Service) postPhone(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	by := web.Actor(r)
	in := PhoneChange{Which: form.Get("which"), Number: strings.TrimSpace(form.Get("number")), Current: form.Get("current_password"), Browser: web.EnsureBrowser(w, r)}
	err = s.BeginPhone(r.Context(), by, in)
	if fault.Is(err, fault.Invalid) {
		return s.renderPhone(w, r, http.StatusUnprocessableEntity, in, fault.From(err))
	}
	if err != nil {
		return err
	}
	u, err := s.Find(r.Context(), s.o.DB, by.ID)
	if err != nil {
		return err
	}
	m, err := s.Means(r.Context(), s.o.DB, u.ID)
	switch {
	case err != nil:
		return err
	case !u.hasPhone():
		return web.Redirect(w, r, newPhonePath+"/method")
	case m.Any(): // a phone that is lost must not keep its number on file
		return web.Redirect(w, r, phonePath+"/second")
	}
	return web.Redirect(w, r, phonePath+"/method")
}

// phoneStep is what each step asks first: both flows begun by the password in this browser.
func (s *Service) phoneStep(r *http.Request) (u User, old, now verify.Flow, to typedPhone, err error) {
	by := web.Actor(r)
	if old, now, to, err = s.phoneFlows(r.Context(), s.o.DB, by, web.Browser(r)); err != nil {
		return u, old, now, to, err
	}
	u, err = s.Find(r.Context(), s.o.DB, by.ID)
	if err == nil && u.hasPhone() && !old.Phone && strings.HasPrefix(r.URL.Path, newPhonePath+"/") {
		err = errBegin()
	}
	return u, old, now, to, err
}

// openOldPhone is the subject of the code to a number on file.
func (s *Service) openOldPhone(r *http.Request) (verify.Subject, error) {
	u, _, _, _, err := s.phoneStep(r)
	if err != nil {
		return verify.Subject{}, err
	}
	return s.subject(u, u.Phones(), phoneHead(u, 2)), nil
}

// openOldProof is the flow that a number on file is proved in, or in its place an authenticator app, a passkey or a
// recovery code.
func (s *Service) openOldProof(r *http.Request) (User, verify.Flow, error) {
	u, old, _, _, err := s.phoneStep(r)
	return u, old, err
}

// openNewPhone is the subject of the code to the new number: only after the one to a number on file, if there is any.
func (s *Service) openNewPhone(r *http.Request) (verify.Subject, error) {
	u, _, _, to, err := s.phoneStep(r)
	if err != nil {
		return verify.Subject{}, err
	}
	return s.subject(u, to.phones(u), phoneHead(u, 3)), nil
}

// savePhone stores the new number and leads back to the profile.
func (s *Service) savePhone(w http.ResponseWriter, r *http.Request) error {
	token, err := s.SavePhone(r.Context(), web.Actor(r), web.Browser(r))
	if err != nil {
		return startAt(phonePath)(w, r, err)
	}
	web.SetSession(w, r, token)
	web.Flash(w, "Your phone number is changed.")
	return web.Redirect(w, r, accountPath)
}

// showSavePhone meets somebody whose codes were right and whose number could not be stored with the last of them.
func (s *Service) showSavePhone(w http.ResponseWriter, r *http.Request) error {
	u, _, now, to, err := s.phoneStep(r)
	if err == nil && !now.Phone {
		err = errBegin()
	}
	if err != nil {
		return startAt(phonePath)(w, r, err)
	}
	return web.Render(w, r, http.StatusOK, savePhonePage(u, to))
}

func (s *Service) postSavePhone(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	return s.savePhone(w, r)
}
