package mail

import (
	"net/http"
	"strconv"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

const templatesPath = "/mail/templates"

// mountTemplates registers the pages of a practice's ready texts.
func (s *Service) mountTemplates(rt *web.Router) {
	rt.Get(web.User, templatesPath, s.showTemplates)
	rt.Get(web.User, templatesPath+"/new", s.showNewTemplate)
	rt.Form(web.User, templatesPath+"/new", s.postTemplate)
	rt.JSON(web.User, templatesPath+"/fill", s.postFill)
	rt.Get(web.User, templatesPath+"/{template}", s.showTemplate)
	rt.Form(web.User, templatesPath+"/{template}", s.postTemplate)
	rt.Get(web.User, templatesPath+"/{template}/delete", s.showDeleteTemplate)
	rt.Form(web.User, templatesPath+"/{template}/delete", s.postDeleteTemplate)
}

// templateProps is what the pages of templates show.
type templateProps struct {
	by    actor.Actor
	list  []Template
	t     Template
	fault *fault.Fault
}

func (s *Service) showTemplates(w http.ResponseWriter, r *http.Request) error {
	p := templateProps{by: web.Actor(r)}
	err := mayReadTemplates(p.by)
	if err == nil {
		p.list, err = s.listTemplates(r.Context(), p.by, true)
	}
	if err != nil {
		return err
	}
	l, err := s.besideTexts(r, "templates")
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, templatesPage(p, l))
}

// besideTexts is what the rail beside a page of texts shows.
func (s *Service) besideTexts(r *http.Request, folder string) (list, error) {
	l := list{folder: folder}
	return l, s.counts(r.Context(), web.Actor(r), &l)
}

func (s *Service) showNewTemplate(w http.ResponseWriter, r *http.Request) error {
	if err := mayWriteTemplates(web.Actor(r)); err != nil {
		return err
	}
	return s.renderTemplate(w, r, http.StatusOK, Template{ID: db.NewID()}, nil)
}

func (s *Service) showTemplate(w http.ResponseWriter, r *http.Request) error {
	t, err := s.template(r.Context(), web.Actor(r), r.PathValue("template"))
	if err != nil {
		return err
	}
	return s.renderTemplate(w, r, http.StatusOK, t, nil)
}

func (s *Service) renderTemplate(w http.ResponseWriter, r *http.Request, status int, t Template, f *fault.Fault) error {
	l, err := s.besideTexts(r, "templates")
	if err != nil {
		return err
	}
	return web.Render(w, r, status, templatePage(templateProps{by: web.Actor(r), t: t, fault: f}, l))
}

// postTemplate saves a new template or over one that exists; what is refused comes back with all that was typed.
func (s *Service) postTemplate(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	t := Template{ID: form.Get("id"), Title: form.Get("title"), Body: form.Get("body")}
	if id := r.PathValue("template"); id != "" {
		t.ID = id
		if t.Version, err = strconv.ParseInt(form.Get("version"), 10, 64); err != nil || t.Version < 1 {
			t.Version = -1 // no version that was ever saved: a conflict
		}
	}
	err = s.SaveTemplate(r.Context(), web.Actor(r), t)
	switch {
	case fault.Is(err, fault.Invalid):
		return s.renderTemplate(w, r, http.StatusUnprocessableEntity, t, fault.From(err))
	case fault.Is(err, fault.Conflict):
		return s.againTemplate(w, r, t, fault.From(err))
	case err != nil:
		return err
	}
	web.Flash(w, "Template saved.")
	return web.Redirect(w, r, templatesPath)
}

// againTemplate shows what was typed after a conflict, with the newer version and what the other window saved; as a new
// template when the other window deleted it.
func (s *Service) againTemplate(w http.ResponseWriter, r *http.Request, t Template, f *fault.Fault) error {
	stored, err := s.template(r.Context(), web.Actor(r), t.ID)
	var differ fault.Fields
	switch {
	case fault.Is(err, fault.NotFound):
		t.ID = db.NewID()
	case err != nil:
		return err
	default:
		if stored.Title != t.Title {
			differ.Add("title", "Saved in the other window: "+stored.Title)
		}
		if stored.Body != t.Body {
			differ.Add("body", "Saved in the other window: "+stored.Body)
		}
	}
	t.Version = stored.Version
	return s.renderTemplate(w, r, http.StatusConflict, t, &fault.Fault{Kind: f.Kind, Text: f.Text, Fields: differ})
}

func (s *Service) showDeleteTemplate(w http.ResponseWriter, r *http.Request) error {
	by := web.Actor(r)
	t, err := s.template(r.Context(), by, r.PathValue("template"))
	if err == nil {
		err = mayWriteTemplates(by)
	}
	if err != nil {
		return err
	}
	l, err := s.besideTexts(r, "templates")
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, deleteTemplatePage(templateProps{by: by, t: t}, l))
}

func (s *Service) postDeleteTemplate(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.DeleteTemplate(r.Context(), web.Actor(r), r.PathValue("template")); err != nil {
		return err
	}
	web.Flash(w, "Template deleted.")
	return web.Redirect(w, r, templatesPath)
}

// fillAnswer is a template as scripts insert it.
type fillAnswer struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// postFill lists the templates with the recipient's names filled in.
func (s *Service) postFill(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Thread string `json:"thread"`
		To     string `json:"to"`
		First  string `json:"first_name"`
		Last   string `json:"last_name"`
	}
	if err := web.ReadJSON(r, &in); err != nil {
		return err
	}
	list, err := s.filled(r.Context(), web.Actor(r), addressee{ThreadID: in.Thread, To: in.To, First: in.First, Last: in.Last})
	if err != nil {
		return err
	}
	answers := make([]fillAnswer, len(list))
	for i, t := range list {
		answers[i] = fillAnswer{ID: t.ID, Title: t.Title, Text: t.Body}
	}
	return web.SendJSON(w, http.StatusOK, answers)
}
