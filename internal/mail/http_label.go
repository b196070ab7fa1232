package mail

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

// mountLabels registers the pages of a person's own labels.
func (s *Service) mountLabels(rt *web.Router) {
	rt.Get(web.User, "/mail/labels", s.showLabels)
	rt.Form(web.User, "/mail/labels", s.postLabel)
	rt.Get(web.User, "/mail/l/{id}", s.showLabelled)
	rt.Get(web.User, "/mail/l/{id}/edit", s.showEditLabel)
	rt.Form(web.User, "/mail/l/{id}/edit", s.postEditLabel)
	rt.Get(web.User, "/mail/l/{id}/delete", s.showDeleteLabel)
	rt.Form(web.User, "/mail/l/{id}/delete", s.postDeleteLabel)
	rt.Form(web.User, "/mail/t/{id}/label", s.postWear)
}

// labelProps is what the pages of labels show: all of them, and the one that is being written.
type labelProps struct {
	by    actor.Actor
	list  list
	edit  ownLabel
	fault *fault.Fault
}

func (s *Service) showLabels(w http.ResponseWriter, r *http.Request) error {
	return s.renderLabels(w, r, http.StatusOK, ownLabel{}, nil)
}

func (s *Service) renderLabels(w http.ResponseWriter, r *http.Request, status int, typed ownLabel, f *fault.Fault) error {
	p := labelProps{by: web.Actor(r), edit: typed, fault: f}
	if err := s.counts(r.Context(), p.by, &p.list); err != nil {
		return err
	}
	return web.Render(w, r, status, labelsPage(p))
}

func (s *Service) postLabel(w http.ResponseWriter, r *http.Request) error {
	f, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	typed := typedLabel("", f)
	if _, err = s.makeLabel(r.Context(), web.Actor(r), typed); fault.Is(err, fault.Invalid) {
		return s.renderLabels(w, r, http.StatusUnprocessableEntity, typed, fault.From(err))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "Label added.")
	return web.Redirect(w, r, "/mail/labels")
}

func typedLabel(id string, f url.Values) ownLabel {
	colour, err := strconv.ParseInt(f.Get("colour"), 10, 64)
	if err != nil {
		colour = 0 // none was chosen: the check says so
	}
	return ownLabel{id: id, name: f.Get("name"), colour: colour}
}

func (s *Service) showLabelled(w http.ResponseWriter, r *http.Request) error {
	return s.renderSection(w, r, http.StatusOK, section{label: r.PathValue("id")}, nil)
}

// readLabel finds the label that a page is about.
func (s *Service) readLabel(r *http.Request) (labelProps, error) {
	p := labelProps{by: web.Actor(r)}
	if err := s.counts(r.Context(), p.by, &p.list); err != nil {
		return p, err
	}
	var mine bool
	if p.edit, mine = labelIn(p.list.labels, r.PathValue("id")); !mine {
		return p, s.refuse(r.Context(), p.by, "label", r.PathValue("id"))
	}
	p.list.in = section{label: p.edit.id}
	return p, nil
}

func (s *Service) showEditLabel(w http.ResponseWriter, r *http.Request) error {
	p, err := s.readLabel(r)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, editLabelPage(p))
}

func (s *Service) postEditLabel(w http.ResponseWriter, r *http.Request) error {
	f, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	p, err := s.readLabel(r)
	if err != nil {
		return err
	}
	p.edit = typedLabel(p.edit.id, f)
	err = s.editLabel(r.Context(), p.by, p.edit)
	if fault.Is(err, fault.Invalid) {
		p.fault = fault.From(err)
		return web.Render(w, r, http.StatusUnprocessableEntity, editLabelPage(p))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "Label saved.")
	return web.Redirect(w, r, "/mail/labels")
}

func (s *Service) showDeleteLabel(w http.ResponseWriter, r *http.Request) error {
	p, err := s.readLabel(r)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, deleteLabelPage(p))
}

func (s *Service) postDeleteLabel(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.removeLabel(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	web.Flash(w, "Label deleted. Its conversations stay where they are.")
	return web.Redirect(w, r, "/mail/labels")
}

// postWear puts a label on a conversation, or takes it off, and shows the conversation again.
func (s *Service) postWear(w http.ResponseWriter, r *http.Request) error {
	f, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	by, id, labelID, on := web.Actor(r), r.PathValue("id"), f.Get("put"), true
	if labelID == "" {
		labelID, on = f.Get("take"), false
	}
	mine, err := isMember(r.Context(), s.o.DB, by.ID, id)
	if err != nil {
		return fmt.Errorf("look up a participant: %w", err)
	}
	if !mine {
		return s.refuse(r.Context(), by, "thread", id)
	}
	if _, err := s.wear(r.Context(), by, labelID, []string{id}, on); err != nil {
		return err
	}
	web.Flash(w, map[bool]string{true: "Label put on.", false: "Label taken off."}[on])
	return web.Redirect(w, r, sectionFor(f.Get("in"), Inbox).thread(id))
}
