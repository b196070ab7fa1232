package manage

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/practice"
	"securepractice/internal/web"
)

// Mount registers the room's pages. They exist for User Managers alone.
func (s *Service) Mount(rt *web.Router) {
	rt.Get(web.User, "/users", s.managers(s.showList))
	rt.Form(web.User, "/users/find", s.managers(s.postFind))
	rt.Form(web.User, "/users/two-step", s.managers(s.postTwoStep))
	rt.Get(web.User, "/users/mail", s.managers(s.showMail))
	rt.Form(web.User, "/users/mail", s.managers(s.postMail))
	rt.Get(web.User, "/users/{id}", s.managers(s.showPerson))
	rt.Form(web.User, "/users/{id}", s.managers(s.postPerson))
}

// managers lets User Managers pass, and notes ids that are not theirs.
func (s *Service) managers(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		by := web.Actor(r)
		if err := s.may(r.Context(), by, r.PathValue("id")); err != nil {
			return err
		}
		err := h(w, r)
		if id := r.PathValue("id"); id != "" && fault.Is(err, fault.NotFound) {
			return s.refuse(r.Context(), by, "person", id)
		}
		return err
	}
}

func (s *Service) showList(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	q, err := s.read(web.Actor(r), v.Get("status"), v.Get("q"), v.Get("page"))
	if err != nil {
		return err
	}
	return s.renderList(w, r, http.StatusOK, q, q.search, nil)
}

// renderList shows a list; typed is what stands in the search box.
func (s *Service) renderList(w http.ResponseWriter, r *http.Request, status int, q query, typed string, f *fault.Fault) error {
	l, err := s.list(r.Context(), web.Actor(r), q)
	if err != nil {
		return err
	}
	return web.Render(w, r, status, listPage(l, typed, f))
}

// postFind turns what was typed into an address that does not show it.
func (s *Service) postFind(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	to, err := s.find(web.Actor(r), form.Get("status"), form.Get("q"))
	if fault.Is(err, fault.Invalid) {
		return s.renderList(w, r, http.StatusUnprocessableEntity, query{page: 1, status: form.Get("status")}, form.Get("q"), fault.From(err))
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, to)
}

// postTwoStep turns a switch to what the form says, so that the same form again changes nothing.
func (s *Service) postTwoStep(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	g, on := practice.Group(form.Get("group")), form.Get("on") == "yes"
	if err := s.setTwoStep(r.Context(), web.Actor(r), g, on); err != nil {
		return err
	}
	web.Flash(w, "Saved. Two-step verification is now "+onOff(on)+" for "+groupWords(g)+" you invite.")
	return web.Redirect(w, r, "/users")
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func groupWords(g practice.Group) string {
	if g == practice.Patients {
		return "patients"
	}
	return "doctors and staff"
}

func (s *Service) showPerson(w http.ResponseWriter, r *http.Request) error {
	p, err := s.person(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	if p.moved != "" {
		return web.Redirect(w, r, "/users/"+p.moved)
	}
	return web.Render(w, r, http.StatusOK, personPage(personForm{person: p, typed: typedOf(p), saved: r.URL.Query().Get("saved")}))
}

// postPerson does what the pressed button says.
func (s *Service) postPerson(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if _, err := s.person(r.Context(), web.Actor(r), id); err != nil {
		return err
	}
	switch form.Get("do") {
	case "reinvite":
		err = s.reinvite(r.Context(), w, r, id)
	case "unlock":
		err = s.unlock(r.Context(), w, r, id)
	default:
		return s.save(w, r, id, form)
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, "/users/"+id)
}

func (s *Service) reinvite(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) error {
	if err := s.o.Invite.Reinvite(ctx, web.Actor(r), id); err != nil {
		return err
	}
	web.Flash(w, "The invitation is on its way. Links sent before no longer work.")
	return nil
}

func (s *Service) unlock(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) error {
	unlocked, err := s.o.Account.UnlockMember(ctx, web.Actor(r), id)
	if err != nil {
		return err
	}
	if unlocked {
		web.Flash(w, "The account is unlocked.")
	} else {
		web.Flash(w, "This account is not locked any more.")
	}
	return nil
}

// save corrects what was typed. A refusal brings the form back with all of it, beside what is on file by now.
func (s *Service) save(w http.ResponseWriter, r *http.Request, id string, form url.Values) error {
	version, _ := strconv.ParseInt(form.Get("version"), 10, 64) // anything else is a form of long ago
	in := invite.Edit{ID: id, Version: version, Email: form.Get("email"), Phone: form.Get("phone"), Cell: form.Get("cell_phone")}
	out, err := s.o.Invite.Edit(r.Context(), web.Actor(r), in)
	status := map[fault.Kind]int{fault.Invalid: http.StatusUnprocessableEntity, fault.Conflict: http.StatusConflict}[fault.From(err).Kind]
	switch {
	case err != nil && status != 0:
		return s.saveAgain(w, r, status, in, fault.From(err))
	case err != nil:
		return err
	case !out.Changed:
		web.Flash(w, "Nothing was changed.")
		return web.Redirect(w, r, "/users/"+id)
	case out.EmailChanged:
		return web.Redirect(w, r, "/users/"+out.Invitation.ID+"?saved=email")
	}
	return web.Redirect(w, r, "/users/"+out.Invitation.ID+"?saved=yes")
}

func (s *Service) saveAgain(w http.ResponseWriter, r *http.Request, status int, in invite.Edit, f *fault.Fault) error {
	p, err := s.person(r.Context(), web.Actor(r), in.ID)
	if err == nil && p.moved != "" {
		p, err = s.person(r.Context(), web.Actor(r), p.moved)
	}
	if err != nil {
		return err
	}
	v := personForm{person: p, typed: typed{in.Email, in.Phone, in.Cell}, version: in.Version, fault: f}
	if f.Kind == fault.Conflict {
		v.version, v.onFile = p.Version, true
	}
	return web.Render(w, r, status, personPage(v))
}
