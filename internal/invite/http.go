package invite

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"securepractice/internal/account"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// Mount registers the room's pages.
func (s *Service) Mount(rt *web.Router) {
	s.mountRegister(rt)
	rt.Get(web.Flow, "/i/{token}", s.showInvitation)
	rt.Form(web.Flow, "/i/{token}", s.postPhones)
	rt.Form(web.Flow, "/i/{token}/ask", func(w http.ResponseWriter, r *http.Request) error { return s.postAsk(w, r, signupKind) })
	s.o.Verify.MountSteps(rt, verify.Host{Kind: signupKind, Prefix: "/i/{token}", Role: web.Flow, Open: s.openSignup,
		Dead: func(w http.ResponseWriter, r *http.Request, err error) error {
			return s.turnAway(w, r, signupKind, Invitation{}, err)
		},
		Next:  func(r *http.Request) string { return "/i/" + r.PathValue("token") + "/terms" },
		Wrong: s.postWrongNumber})
	rt.Get(web.Flow, "/i/{token}/terms", s.showTerms)
	rt.Form(web.Flow, "/i/{token}/terms", s.postTerms)
	rt.Form(web.Flow, "/i/{token}/terms/decline", s.postDecline)
	rt.Get(web.Flow, "/i/{token}/password", s.showPassword)
	rt.Form(web.Flow, "/i/{token}/password", s.postPassword)
	rt.Get(web.User, "/mail/held/{id}", s.showHeld)
	rt.Form(web.User, "/mail/held/{id}", s.postHeld)
	s.o.Verify.MountSteps(rt, verify.Host{Kind: claimKind, Prefix: "/mail/held/{id}", Role: web.User, Open: s.openClaim,
		Next:  func(r *http.Request) string { return "/mail/held/" + r.PathValue("id") },
		Done:  s.openHeld,
		Wrong: s.postWrongNumber})
}

// visit is one request of somebody who holds a link.
type visit struct {
	token    string
	link     verify.Link
	inv      Invitation
	practice practice.Practice
	flow     verify.Flow
	begun    bool // this browser has a flow
}

// arrive checks the link and reads everything its pages need. Dead links and existing accounts are answered here; ok
// is false then.
func (s *Service) arrive(w http.ResponseWriter, r *http.Request, kind string) (v visit, ok bool, err error) {
	v.token = r.PathValue("token")
	if v.link, v.inv, err = s.linked(r.Context(), s.o.DB, kind, v.token); err != nil {
		return v, false, s.turnAway(w, r, kind, v.inv, err)
	}
	if v.practice, err = s.o.Practice.Find(r.Context(), s.o.DB, v.inv.PracticeID); err != nil {
		return v, false, err
	}
	v.flow, v.begun, err = s.o.Verify.Flow(r.Context(), s.o.DB, kind, v.inv.ID, web.Browser(r), v.link.Generation)
	return v, err == nil, err
}

// turnAway answers a link that leads nowhere any more with a page that helps.
func (s *Service) turnAway(w http.ResponseWriter, r *http.Request, kind string, i Invitation, err error) error {
	switch {
	case errors.Is(err, errHasAccount):
		next := "/mail"
		if i.State == "held" {
			next = "/mail/held/" + i.ID
		}
		return web.Render(w, r, http.StatusOK, hasAccountPage("/signin?next="+url.QueryEscape(next)))
	case fault.Is(err, fault.Gone):
		first := "/i/"
		if kind == registerKind {
			first = "/register/"
		}
		h := ui.Head{Title: "This link has expired or was already used"}
		return web.Render(w, r, http.StatusGone, verify.DeadLink(h, first+r.PathValue("token")+"/ask"))
	}
	return err
}

func (v visit) head(title string) ui.Head {
	return ui.Head{Title: title, Practice: v.practice.Name, Phone: v.practice.Phone}
}

// signupHead wears the tabs of sign-up: three steps, or two without a code.
func (v visit) signupHead(title string, step int) ui.Head {
	h := v.head(title)
	h.Steps, h.Step = []string{"Verify your identity", "Terms of Use", "Set your password"}, step
	if !v.inv.TwoStep {
		h.Steps, h.Step = h.Steps[1:], step-1
	}
	return h
}

func (v visit) path(step string) string { return "/i/" + v.token + step }

func (s *Service) postAsk(w http.ResponseWriter, r *http.Request, kind string) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.ask(r.Context(), web.Actor(r), kind, r.PathValue("token")); err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, verify.LinkAsked(ui.Head{Title: "Check your email"}))
}

func (s *Service) showInvitation(w http.ResponseWriter, r *http.Request) error {
	v, ok, err := s.arrive(w, r, signupKind)
	if err != nil || !ok {
		return err
	}
	if v.needsPhone() {
		return web.Render(w, r, http.StatusOK, phonePage(v.signupHead("Add a phone number", 1), v, "", "", nil))
	}
	return web.Redirect(w, r, v.first())
}

// needsPhone: only the holder of a Support invitation that came without any number types one.
func (v visit) needsPhone() bool { return v.inv.BySupport && v.inv.Phone == "" && v.inv.Cell == "" }

// first is the step that sign-up begins with.
func (v visit) first() string {
	if v.inv.TwoStep {
		return v.path("/method")
	}
	return v.path("/terms")
}

func (s *Service) postPhones(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	v, ok, err := s.arrive(w, r, signupKind)
	if err != nil || !ok {
		return err
	}
	if !v.needsPhone() {
		return web.Redirect(w, r, v.first())
	}
	phone, cell := strings.TrimSpace(form.Get("phone")), strings.TrimSpace(form.Get("cell_phone"))
	err = s.addPhones(r.Context(), web.Actor(r), v.inv, phone, cell)
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, phonePage(v.signupHead("Add a phone number", 1), v, phone, cell, fault.From(err)))
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, v.first())
}

// openSignup is the subject of the code steps of sign-up.
func (s *Service) openSignup(r *http.Request) (verify.Subject, error) {
	l, i, err := s.linked(r.Context(), s.o.DB, signupKind, r.PathValue("token"))
	if err != nil {
		return verify.Subject{}, err
	}
	p, err := s.o.Practice.Find(r.Context(), s.o.DB, i.PracticeID)
	if err != nil {
		return verify.Subject{}, err
	}
	v := visit{token: r.PathValue("token"), link: l, inv: i, practice: p}
	contact, err := s.contact(r.Context(), i)
	return verify.Subject{ID: i.ID, Generation: l.Generation, Phones: i.phones(), Head: v.signupHead("", 1), Contact: contact, Name: p.Name, TTL: s.set.PasswordLink}, err
}

// contact is who corrects wrong numbers.
func (s *Service) contact(ctx context.Context, i Invitation) (string, error) {
	if i.BySupport {
		return "Support", nil
	}
	who, err := s.o.Account.Find(ctx, s.o.DB, i.InviterID)
	return who.Name(), err
}

// atTerms says whether this browser may see the terms; false after it was sent to the step that is missing.
func (s *Service) atTerms(w http.ResponseWriter, r *http.Request) (visit, bool, error) {
	v, ok, err := s.arrive(w, r, signupKind)
	if err != nil || !ok {
		return v, false, err
	}
	if v.needsPhone() {
		return v, false, web.Redirect(w, r, v.path(""))
	}
	if v.inv.TwoStep && !v.flow.Phone {
		return v, false, web.Redirect(w, r, v.path("/method"))
	}
	return v, true, nil
}

func (s *Service) terms(v visit, f *fault.Fault) (ui.Head, verify.TermsProps) {
	h := v.signupHead("Terms of Use", 2)
	h.Fault = f
	return h, verify.TermsProps{Text: s.set.TermsText, Version: s.set.TermsVersion, Action: v.path("/terms"), Decline: v.path("/terms/decline"), Fault: f}
}

func (s *Service) showTerms(w http.ResponseWriter, r *http.Request) error {
	v, ok, err := s.atTerms(w, r)
	if err != nil || !ok {
		return err
	}
	if v.flow.Terms == s.set.TermsVersion {
		return web.Redirect(w, r, v.path("/password"))
	}
	h, p := s.terms(v, nil)
	return web.Render(w, r, http.StatusOK, verify.TermsPage(h, p))
}

func (s *Service) postTerms(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	v, ok, err := s.atTerms(w, r)
	if err != nil || !ok {
		return err
	}
	if form.Get("agree") != s.set.TermsVersion {
		h, p := s.terms(v, fault.Field("agree", "Select the box if you agree to the Terms of Use"))
		return web.Render(w, r, http.StatusUnprocessableEntity, verify.TermsPage(h, p))
	}
	browser := web.EnsureBrowser(w, r)
	err = s.o.DB.InTx(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		f, err := s.o.Verify.Begin(ctx, tx, verify.Start{Kind: signupKind, Subject: v.inv.ID, Generation: v.link.Generation, Browser: browser, TTL: s.set.PasswordLink})
		if err != nil {
			return err
		}
		return s.o.Verify.AcceptTerms(ctx, tx, f, s.set.TermsVersion)
	})
	if err != nil {
		return err
	}
	return web.Redirect(w, r, v.path("/password"))
}

func (s *Service) postDecline(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	v, ok, err := s.atTerms(w, r)
	if err != nil || !ok {
		return err
	}
	err = s.o.DB.InTx(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		e := s.event(audit.TermsDeclined, v.inv)
		e.Outcome = audit.Refused
		return s.o.Audit.Record(ctx, tx, web.Actor(r), e)
	})
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, verify.TermsDeclined(v.head("You did not agree"), v.path("/terms")))
}

// atPassword says whether this browser has done all that stands before the password.
func (s *Service) atPassword(w http.ResponseWriter, r *http.Request) (visit, bool, error) {
	v, ok, err := s.atTerms(w, r)
	if err != nil || !ok {
		return v, false, err
	}
	if v.flow.Terms != s.set.TermsVersion {
		return v, false, web.Redirect(w, r, v.path("/terms"))
	}
	return v, true, nil
}

func (s *Service) showPassword(w http.ResponseWriter, r *http.Request) error {
	v, ok, err := s.atPassword(w, r)
	if err != nil || !ok {
		return err
	}
	return web.Render(w, r, http.StatusOK, passwordPage(v.signupHead("Set your password", 3), v.inv.Email, s.o.Account.Rules(), nil))
}

func (s *Service) postPassword(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	v, ok, err := s.atPassword(w, r)
	if err != nil || !ok {
		return err
	}
	err = s.accept(r.Context(), web.Actor(r), password{Token: v.token, Browser: web.Browser(r), New: form.Get("new_password"), Confirm: form.Get("confirm_password")})
	switch {
	case fault.Is(err, fault.Invalid):
		h := v.signupHead("Set your password", 3)
		h.Fault = fault.From(err)
		return web.Render(w, r, http.StatusUnprocessableEntity, passwordPage(h, v.inv.Email, s.o.Account.Rules(), h.Fault))
	case fault.Is(err, fault.Gone), errors.Is(err, errHasAccount):
		return s.turnAway(w, r, signupKind, v.inv, err)
	case err != nil:
		return err
	}
	to := "/signin?new=1"
	if !v.inv.BySupport {
		to += "&next=" + url.QueryEscape("/mail")
	}
	return web.Redirect(w, r, to)
}

func (s *Service) openClaim(r *http.Request) (verify.Subject, error) {
	i, err := s.held(r.Context(), s.o.DB, web.Actor(r), r.PathValue("id"))
	if err != nil {
		return verify.Subject{}, err
	}
	p, err := s.o.Practice.Find(r.Context(), s.o.DB, i.PracticeID)
	if err != nil {
		return verify.Subject{}, err
	}
	contact, err := s.contact(r.Context(), i)
	return verify.Subject{ID: i.ID, Phones: i.phones(), Head: ui.Head{Practice: p.Name, Phone: p.Phone}, Contact: contact, Name: p.Name}, err
}

func (s *Service) showHeld(w http.ResponseWriter, r *http.Request) error {
	i, err := s.held(r.Context(), s.o.DB, web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	p, err := s.o.Practice.Find(r.Context(), s.o.DB, i.PracticeID)
	if err != nil {
		return err
	}
	f, found, err := s.o.Verify.Flow(r.Context(), s.o.DB, claimKind, i.ID, web.Browser(r), 0)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, heldPage(i, p, found && f.Phone))
}

func (s *Service) postHeld(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	return s.openHeld(w, r)
}

// openHeld claims what the code was asked for, and leads to it. Its page has a button for it too, for whoever left between.
func (s *Service) openHeld(w http.ResponseWriter, r *http.Request) error {
	if err := s.claim(r.Context(), web.Actor(r), r.PathValue("id"), web.Browser(r)); err != nil {
		return err
	}
	return web.Redirect(w, r, "/mail")
}

func (s *Service) postWrongNumber(r *http.Request, sub verify.Subject) error {
	return s.wrongNumber(r.Context(), web.Actor(r), sub.ID)
}

// masked is where the second e-mail went, without showing the address.
func masked(i Invitation) string { return account.MaskEmail(i.Email) }
