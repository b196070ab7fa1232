package account

import (
	"net/http"
	"net/url"
	"strings"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// Mount registers the room's pages.
func (s *Service) Mount(rt *web.Router) {
	rt.Get(web.Public, "/signin", s.showSignIn)
	rt.Form(web.Public, "/signin", s.postSignIn)
	rt.Form(web.Public, "/signout", s.postSignOut)
	rt.Form(web.Public, "/session/keep", s.postKeep) // users and Support alike
	rt.Get(web.Public, "/forgot", s.showForgot)
	rt.Form(web.Public, "/forgot", s.postForgot)
	rt.Get(web.Public, "/forgot/sent", s.showForgotSent)
	rt.Get(web.Flow, "/reset/{token}", s.showReset)
	rt.Get(web.Flow, "/reset/{token}/password", s.showResetPassword)
	rt.Form(web.Flow, "/reset/{token}/password", s.postResetPassword)
	rt.Get(web.Public, "/reset/done", s.showResetDone)
	s.o.Verify.MountSteps(rt, verify.Host{Kind: resetKind, Prefix: "/reset/{token}", Role: web.Flow, Open: s.openReset, Dead: dead,
		Next: func(r *http.Request) string { return "/reset/" + r.PathValue("token") + "/password" }})
	rt.Get(web.Public, expiredPath, s.showExpired)
	rt.Form(web.Public, expiredPath, s.postExpired)
	rt.Get(web.Public, termsPath, s.showTerms)
	rt.Form(web.Public, termsPath, s.postTerms)
	rt.Form(web.Public, termsPath+"/decline", s.postDecline)
	rt.Get(web.User, "/password", s.showPassword)
	rt.Form(web.User, "/password", s.postPassword)
	rt.Get(web.User, "/password/done", s.showPasswordDone)
	s.mountProfile(rt)
	s.mountResetProofs(rt)
	s.mountSecond(rt)
	s.mountSecurity(rt)
}

// next is the page a sign-in was asked for, kept to paths of this site.
func next(v url.Values) string {
	if to, ok := web.LocalPath(v.Get("next")); ok && !strings.HasPrefix(to, "/signin") && !strings.HasPrefix(to, "/signout") {
		return to
	}
	return ""
}

// signInNotice is what the sign-in page says of why one is here.
func (s *Service) signInNotice(q url.Values) string {
	switch {
	case q.Get("new") != "":
		return "Your password is set. Sign in with your email address."
	case q.Get("out") == "timeout":
		return "You were signed out after " + lasting(s.set.Idle) + " without activity. Your draft is saved."
	case q.Get("out") == "elsewhere":
		return "You signed out in another tab. Anything you were writing is saved as a draft."
	case q.Get("out") != "":
		return "You are signed out."
	case q.Get("next") != "":
		return "Sign in to continue."
	}
	return ""
}

func (s *Service) showSignIn(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if web.Actor(r).SignedIn() && q.Get("new") == "" {
		to := next(q)
		if to == "" {
			to = homeOf(r)
		}
		return web.Redirect(w, r, to)
	}
	return web.Render(w, r, http.StatusOK, signInPage(signInProps{notice: s.signInNotice(q), next: next(q), rp: s.PasskeyHost()}))
}

func homeOf(r *http.Request) string {
	if web.Actor(r).Role == "support" {
		return "/support"
	}
	return "/"
}

func (s *Service) postSignIn(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	e, err := s.SignIn(r.Context(), web.Actor(r), SignIn{Email: TidyEmail(form.Get("email")), Password: form.Get("password"), Browser: web.EnsureBrowser(w, r),
		Device: web.Device(r), Next: next(form)})
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, signInPage(signInProps{email: form.Get("email"), next: next(form), fault: fault.From(err), rp: s.PasskeyHost()}))
	}
	if err != nil {
		return err
	}
	return Enter(w, r, e, next(form))
}

// Enter goes where an Entry leads: into the session, or to the step before it.
func Enter(w http.ResponseWriter, r *http.Request, e Entry, to string) error {
	return web.Redirect(w, r, entered(w, r, e, to))
}

// entered gives the browser what an Entry holds for it, and says where it leads.
func entered(w http.ResponseWriter, r *http.Request, e Entry, to string) string {
	if to == "" {
		to = e.To
	}
	if e.Device != "" {
		web.SetDevice(w, r, e.Device, deviceLife)
	}
	if e.Next != "" {
		if to != "" && e.Next != staffCodePath && e.Next != staffSecondPath && e.Next != secondPath {
			e.Next += "?next=" + url.QueryEscape(to)
		}
		return e.Next
	}
	web.SetSession(w, r, e.Token)
	switch {
	case e.Staff && !strings.HasPrefix(to, "/support"):
		return "/support"
	case to == "":
		return "/"
	}
	return to
}

func (s *Service) postSignOut(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	by := web.Actor(r)
	if err := s.SignOut(r.Context(), by, web.Browser(r)); err != nil {
		return err
	}
	web.ClearSession(w, r)
	if by.Role == "support" {
		return web.Redirect(w, r, "/support/signin?out=1")
	}
	return web.Redirect(w, r, "/signin?out=1")
}

// postKeep is "Stay signed in": being a request of the person, it has already been counted as an act.
func (s *Service) postKeep(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if !web.Actor(r).SignedIn() {
		return fault.New(fault.SignIn, "")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) showForgot(w http.ResponseWriter, r *http.Request) error {
	return web.Render(w, r, http.StatusOK, forgotPage("", nil))
}

func (s *Service) postForgot(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	email := TidyEmail(form.Get("email"))
	err = s.Forgot(r.Context(), web.Actor(r), email)
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, forgotPage(email, fault.From(err)))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "If "+email+" has an account, we sent instructions.")
	return web.Redirect(w, r, "/forgot/sent")
}

func (s *Service) showForgotSent(w http.ResponseWriter, r *http.Request) error {
	return web.Render(w, r, http.StatusOK, forgotSentPage(lasting(s.set.ResetLink)))
}

// openReset is the subject of the code steps of a reset.
func (s *Service) openReset(r *http.Request) (verify.Subject, error) {
	l, u, err := s.resetting(r.Context(), s.o.DB, r.PathValue("token"))
	if err != nil {
		return verify.Subject{}, err
	}
	return verify.Subject{ID: u.ID, Generation: l.Generation, Phones: u.Phones(), Contact: "Support", Name: s.o.Notify.Product(), Head: resetHead(u, 1)}, nil
}

func resetHead(u User, step int) ui.Head {
	if !u.needsCode() {
		return ui.Head{}
	}
	return ui.Head{Steps: []string{"Verify your identity", "Set your password"}, Step: step}
}

// dead meets a link that no longer works with a page that helps.
func dead(w http.ResponseWriter, r *http.Request, err error) error {
	if !fault.Is(err, fault.Gone) {
		return err
	}
	return web.Render(w, r, http.StatusGone, deadResetPage())
}

func (s *Service) showReset(w http.ResponseWriter, r *http.Request) error {
	_, u, err := s.resetting(r.Context(), s.o.DB, r.PathValue("token"))
	if err != nil {
		return dead(w, r, err)
	}
	step, err := s.resetStep(r.Context(), u)
	if err != nil {
		return err
	}
	return web.Redirect(w, r, "/reset/"+r.PathValue("token")+step)
}

// resetReady says whether this browser has proved what the password page asks for; false after it has redirected.
func (s *Service) resetReady(w http.ResponseWriter, r *http.Request) (User, bool, error) {
	token := r.PathValue("token")
	l, u, err := s.resetting(r.Context(), s.o.DB, token)
	if err != nil {
		return u, false, dead(w, r, err)
	}
	if !u.needsCode() {
		return u, true, nil
	}
	f, found, err := s.o.Verify.Flow(r.Context(), s.o.DB, resetKind, u.ID, web.Browser(r), l.Generation)
	if err != nil {
		return u, false, err
	}
	if !found || !f.Phone {
		step, err := s.resetStep(r.Context(), u)
		if err != nil {
			return u, false, err
		}
		return u, false, web.Redirect(w, r, "/reset/"+token+step)
	}
	return u, true, nil
}

func (s *Service) showResetPassword(w http.ResponseWriter, r *http.Request) error {
	u, ok, err := s.resetReady(w, r)
	if err != nil || !ok {
		return err
	}
	return web.Render(w, r, http.StatusOK, resetPasswordPage(u, s.Rules(), nil))
}

func (s *Service) postResetPassword(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	u, ok, err := s.resetReady(w, r)
	if err != nil || !ok {
		return err
	}
	err = s.Reset(r.Context(), web.Actor(r), Reset{Token: r.PathValue("token"), Browser: web.EnsureBrowser(w, r), Password: form.Get("new_password"), Confirm: form.Get("confirm_password")})
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, resetPasswordPage(u, s.Rules(), fault.From(err)))
	}
	if err != nil {
		return dead(w, r, err)
	}
	web.ClearSession(w, r)
	q := url.Values{}
	if u.Role == "support" {
		q.Set("to", "support")
	}
	if u.hash == "" {
		q.Set("new", "1")
	}
	to := "/reset/done"
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	return web.Redirect(w, r, to)
}

func (s *Service) showResetDone(w http.ResponseWriter, r *http.Request) error {
	to := "/signin"
	if r.URL.Query().Get("to") == "support" {
		to = "/support/signin"
	}
	return web.Render(w, r, http.StatusOK, resetDonePage(to, r.URL.Query().Get("new") != ""))
}
