package support

import (
	"net/http"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// Mount registers the console's pages.
func (s *Service) Mount(rt *web.Router) {
	rt.Get(web.Public, "/support/signin", s.showSignIn)
	rt.Form(web.Public, "/support/signin", s.postSignIn)
	s.o.Verify.MountSteps(rt, verify.Host{Kind: "signin", Prefix: "/support", Role: web.Flow, Open: s.openSignIn, Dead: again, Done: s.enter,
		Next: func(*http.Request) string { return "/support/enter" }})
	rt.Get(web.Flow, "/support/enter", s.showEnter)
	rt.Form(web.Flow, "/support/enter", s.postEnter)

	rt.Get(web.Staff, "/support", s.showConsole)
	rt.Get(web.Staff, "/support/locked", s.showLocked)
	rt.Get(web.Staff, "/support/quarantine", s.showQuarantine)
	rt.Form(web.Staff, "/support/search", s.postSearch)
	rt.Get(web.Staff, "/support/search/{query}", s.showFound)
	rt.Get(web.Staff, "/support/p/new", s.showNewPractice)
	rt.Form(web.Staff, "/support/p/new", s.postNewPractice)
	rt.Get(web.Staff, "/support/p/{id}", s.showPractice)
	rt.Get(web.Staff, "/support/p/{id}/edit", s.showEditPractice)
	rt.Form(web.Staff, "/support/p/{id}/edit", s.postEditPractice)
	rt.Form(web.Staff, "/support/p/{id}/products", s.postProducts)
	rt.Get(web.Staff, "/support/p/{id}/invite", s.showInvite)
	rt.Form(web.Staff, "/support/p/{id}/invite", s.postInvite)
	rt.Get(web.Staff, "/support/u/{id}", s.showPerson)
	rt.Form(web.Staff, "/support/u/{id}", s.postPerson)
	rt.Form(web.Staff, "/support/u/{id}/correct", s.postCorrect)
}

// notice is what the sign-in page says of why one is here.
func notice(r *http.Request) string {
	switch q := r.URL.Query(); {
	case q.Get("out") == "timeout":
		return "You were signed out after 30 minutes without activity."
	case q.Get("out") != "":
		return "You are signed out."
	case q.Get("next") != "":
		return "Sign in to continue."
	}
	return ""
}

func (s *Service) showSignIn(w http.ResponseWriter, r *http.Request) error {
	if web.Actor(r).Kind == actor.Staff {
		return web.Redirect(w, r, "/support")
	}
	return web.Render(w, r, http.StatusOK, signInPage("", notice(r), nil))
}

func (s *Service) postSignIn(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	e, err := s.o.Account.SignIn(r.Context(), web.Actor(r), account.SignIn{Email: account.TidyEmail(form.Get("email")), Password: form.Get("password"),
		Browser: web.EnsureBrowser(w, r), Staff: true})
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, signInPage(form.Get("email"), "", fault.From(err)))
	}
	if err != nil {
		return err
	}
	return account.Enter(w, r, e, "/support")
}

// openSignIn is the subject of the code steps: whoever gave the right password in this browser.
func (s *Service) openSignIn(r *http.Request) (verify.Subject, error) {
	return s.o.Account.StaffFlow(r.Context(), web.Browser(r))
}

// enter opens the session when nothing else stands before it.
func (s *Service) enter(w http.ResponseWriter, r *http.Request) error {
	e, found, err := s.o.Account.Continue(r.Context(), web.Actor(r), web.Browser(r))
	if err != nil {
		return err
	}
	if !found {
		return web.Redirect(w, r, "/support/signin")
	}
	return account.Enter(w, r, e, "/support")
}

// showEnter is for those who left after their code was confirmed and came back: opening a page opens no session.
func (s *Service) showEnter(w http.ResponseWriter, r *http.Request) error {
	if web.Actor(r).Kind == actor.Staff {
		return web.Redirect(w, r, "/support")
	}
	if _, err := s.openSignIn(r); err != nil {
		return again(w, r, err)
	}
	return web.Render(w, r, http.StatusOK, enterPage())
}

func (s *Service) postEnter(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	return s.enter(w, r)
}

// again leads to Support's own sign-in when there is none under way.
func again(w http.ResponseWriter, r *http.Request, err error) error {
	if fault.Is(err, fault.SignIn) {
		return web.Redirect(w, r, "/support/signin")
	}
	return err
}

func (s *Service) showConsole(w http.ResponseWriter, r *http.Request) error {
	return s.console(w, r, http.StatusOK, "", nil)
}

func (s *Service) console(w http.ResponseWriter, r *http.Request, status int, query string, f *fault.Fault) error {
	newest, err := s.Newest(r.Context())
	if err != nil {
		return err
	}
	return web.Render(w, r, status, consolePage(newest, query, f))
}

// postSearch turns what was typed into an address that does not show it.
func (s *Service) postSearch(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	hidden, err := s.Hide(web.Actor(r), form.Get("q"))
	if fault.Is(err, fault.Invalid) {
		return s.console(w, r, http.StatusUnprocessableEntity, form.Get("q"), fault.From(err))
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, "/support/search/"+hidden)
}

func (s *Service) showFound(w http.ResponseWriter, r *http.Request) error {
	f, err := s.Search(r.Context(), looker(r), r.PathValue("query"))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, foundPage(f))
}

// looker is who looks, and whether they see anything: HEAD shows nothing and leaves no trace.
func looker(r *http.Request) Looker {
	return Looker{By: web.Actor(r), Blind: r.Method == http.MethodHead}
}

func (s *Service) showPerson(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Look(r.Context(), looker(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, personPage(personProps{person: p, form: db.NewID()}))
}

func (s *Service) postPerson(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	in := Act{Form: form.Get("id"), Person: r.PathValue("id"), Do: form.Get("do"), Reason: form.Get("reason")}
	done, err := s.Act(r.Context(), web.Actor(r), in)
	if fault.Is(err, fault.Invalid) {
		p, look := s.Look(r.Context(), looker(r), in.Person)
		if look != nil {
			return look
		}
		return web.Render(w, r, http.StatusUnprocessableEntity, personPage(personProps{person: p, form: in.Form, reason: in.Reason, fault: fault.From(err)}))
	}
	if err != nil {
		return err
	}
	web.Flash(w, done)
	return web.Redirect(w, r, "/support/u/"+in.Person)
}
