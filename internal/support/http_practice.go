package support

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
	"securepractice/internal/web"
)

func version(p practice.Practice) string { return strconv.FormatInt(p.Version, 10) }

func readPractice(form url.Values) practice.Practice {
	return practice.Practice{Name: form.Get("practice_name"), Phone: form.Get("practice_phone"), Street: form.Get("street"), City: form.Get("city"), Region: form.Get("state"), Zip: form.Get("zip")}
}

func newForm(p practice.Practice, f *fault.Fault) practiceForm {
	return practiceForm{title: "New practice", lede: "Next you invite its first account, who becomes User Manager.", action: "/support/p/new", back: "/support", where: "Support console",
		button: "Make practice", practice: p, isNew: true, fault: f}
}

func editForm(name string, p practice.Practice, f *fault.Fault) practiceForm {
	at := "/support/p/" + p.ID
	return practiceForm{title: "Edit Practice Information", lede: "Shown beside the practice's messages and on its people's pages.", action: at + "/edit", back: at, where: name,
		button: "Save", practice: p, fault: f}
}

func (s *Service) showNewPractice(w http.ResponseWriter, r *http.Request) error {
	return web.Render(w, r, http.StatusOK, practiceFormPage(newForm(practice.Practice{ID: db.NewID()}, nil)))
}

func (s *Service) postNewPractice(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	p := readPractice(form)
	p.ID = form.Get("id")
	err = s.MakePractice(r.Context(), web.Actor(r), p)
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, practiceFormPage(newForm(p, fault.From(err))))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "The practice is made. Now invite its first account.")
	return web.Redirect(w, r, "/support/p/"+p.ID+"/invite")
}

func (s *Service) showPractice(w http.ResponseWriter, r *http.Request) error {
	v, err := s.LookPractice(r.Context(), looker(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, practicePage(v, nil))
}

func (s *Service) showEditPractice(w http.ResponseWriter, r *http.Request) error {
	v, err := s.LookPractice(r.Context(), looker(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, practiceFormPage(editForm(v.Practice.Name, v.Practice, nil)))
}

func (s *Service) postEditPractice(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	p := readPractice(form)
	p.ID = r.PathValue("id")
	if p.Version, err = strconv.ParseInt(form.Get("version"), 10, 64); err != nil {
		return fault.ErrNotFound()
	}
	err = s.EditPractice(r.Context(), web.Actor(r), p)
	status := http.StatusUnprocessableEntity
	switch {
	case fault.Is(err, fault.Conflict):
		status = http.StatusConflict
		fallthrough
	case fault.Is(err, fault.Invalid):
		return web.Render(w, r, status, practiceFormPage(editForm("Practice", p, fault.From(err))))
	case err != nil:
		return err
	}
	web.Flash(w, "Practice Information is saved.")
	return web.Redirect(w, r, "/support/p/"+p.ID)
}

// readProducts reads the state of every product of the catalogue; what the form does not name is off.
func readProducts(form url.Values) []practice.Product {
	all := catalogue(nil)
	for i, p := range all {
		all[i].On = form.Get("on_"+p.Name) != ""
		all[i].URL = strings.TrimSpace(form.Get("url_" + p.Name))
	}
	all[0].URL = "" // SecureMail is served here
	return all
}

func (s *Service) postProducts(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	id, wanted := r.PathValue("id"), readProducts(form)
	err = s.SaveProducts(r.Context(), web.Actor(r), id, wanted)
	if fault.Is(err, fault.Invalid) {
		v, look := s.LookPractice(r.Context(), looker(r), id)
		if look != nil {
			return look
		}
		v.Products = wanted
		return web.Render(w, r, http.StatusUnprocessableEntity, practicePage(v, fault.From(err)))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "Products are saved.")
	return web.Redirect(w, r, "/support/p/"+id)
}

func (s *Service) showInvite(w http.ResponseWriter, r *http.Request) error {
	return s.renderInvite(w, r, http.StatusOK, NewPerson{Form: db.NewID(), PracticeID: r.PathValue("id")}, nil)
}

func (s *Service) renderInvite(w http.ResponseWriter, r *http.Request, status int, n NewPerson, f *fault.Fault) error {
	p, manager, err := s.Inviting(r.Context(), n.PracticeID)
	if err != nil {
		return err
	}
	return web.Render(w, r, status, invitePage(inviteForm{practice: p, person: n, manager: manager, fault: f}))
}

func (s *Service) postInvite(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	n := NewPerson{Form: form.Get("id"), PracticeID: r.PathValue("id"), Email: form.Get("email"), First: form.Get("first_name"), Last: form.Get("last_name"),
		Phone: form.Get("phone"), Cell: form.Get("cell_phone"), Role: form.Get("role"), Tier: form.Get("tier")}
	err = s.Invite(r.Context(), web.Actor(r), n)
	if fault.Is(err, fault.Invalid) {
		return s.renderInvite(w, r, http.StatusUnprocessableEntity, n, fault.From(err))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "The invitation is on its way.")
	return web.Redirect(w, r, "/support/p/"+n.PracticeID)
}
