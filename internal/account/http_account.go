package account

import (
	"net/http"
	"strconv"
	"strings"

	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

// mountProfile registers the Account tab of the profile and the two flows that begin there.
func (s *Service) mountProfile(rt *web.Router) {
	rt.Get(web.User, "/profile", func(w http.ResponseWriter, r *http.Request) error { return web.Redirect(w, r, accountPath) })
	rt.Get(web.User, accountPath, s.showProfile)
	rt.Form(web.User, accountPath, s.postProfile)
	s.mountEmail(rt)
	s.mountPhone(rt)
}

// accountPath is the Account tab.
const accountPath = "/profile/account"

func (s *Service) showProfile(w http.ResponseWriter, r *http.Request) error {
	u, err := s.Find(r.Context(), s.o.DB, web.Actor(r).ID)
	if err != nil {
		return err
	}
	return s.renderProfile(w, r, http.StatusOK, profileProps{user: u, look: web.Actor(r).Look})
}

// renderProfile fills in what the page shows beside the form.
func (s *Service) renderProfile(w http.ResponseWriter, r *http.Request, status int, p profileProps) error {
	if p.user.PracticeID != "" {
		practice, err := s.o.Practice.Find(r.Context(), s.o.DB, p.user.PracticeID)
		if err != nil {
			return err
		}
		p.practice = practice
	}
	p.now = s.o.Clock.Now()
	return web.Render(w, r, status, profilePage(p))
}

func (s *Service) postProfile(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	by := web.Actor(r)
	p := Profile{First: strings.TrimSpace(form.Get("first_name")), Last: strings.TrimSpace(form.Get("last_name")), Zone: form.Get("time_zone"),
		ADA: strings.TrimSpace(form.Get("ada_number")), Specialties: form["specialties"],
		Look: actor.Look{Theme: form.Get("theme"), Compact: form.Get("compact_lists") != "", NoShortcuts: form.Get("shortcuts") == ""}}
	p.Version, _ = strconv.ParseInt(form.Get("version"), 10, 64) // what is no number is no version: a conflict
	err = s.SaveProfile(r.Context(), by, p)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		return s.againProfile(w, r, p, fault.From(err))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "Your profile is saved.")
	return web.Redirect(w, r, accountPath)
}

// againProfile shows a refused form with all that was typed. After a conflict it carries the newer version, and beside
// each field what the other window saved.
func (s *Service) againProfile(w http.ResponseWriter, r *http.Request, p Profile, f *fault.Fault) error {
	u, err := s.Find(r.Context(), s.o.DB, web.Actor(r).ID)
	if err != nil {
		return err
	}
	if u.Role == actor.Patient { // whose form has no such fields
		p.ADA, p.Specialties = "", nil
	}
	status, version := http.StatusUnprocessableEntity, p.Version
	if f.Kind == fault.Conflict {
		status, version = http.StatusConflict, u.Version
		f = &fault.Fault{Kind: f.Kind, Text: f.Text, Fields: differences(u, web.Actor(r).Look, p)}
	}
	u.First, u.Last, u.Zone, u.ADA, u.Specialties, u.Version = p.First, p.Last, p.Zone, p.ADA, p.Specialties, version
	return s.renderProfile(w, r, status, profileProps{user: u, look: p.Look, fault: f})
}
