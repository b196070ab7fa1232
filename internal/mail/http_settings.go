package mail

import (
	"net/http"
	"strconv"

	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

const messagingPath = "/profile/messaging"

// mountSettings registers the Messaging tab of the profile.
func (s *Service) mountSettings(rt *web.Router) {
	rt.Get(web.User, messagingPath, s.showSettings)
	rt.Form(web.User, messagingPath, s.postSettings)
}

// settingsProps is what the Messaging tab shows.
type settingsProps struct {
	by    actor.Actor
	p     Preferences
	most  int // characters of a signature
	fault *fault.Fault
}

func (s *Service) showSettings(w http.ResponseWriter, r *http.Request) error {
	p, err := s.preferences(r.Context(), web.Actor(r))
	if err != nil {
		return err
	}
	return s.renderSettings(w, r, http.StatusOK, p, nil)
}

func (s *Service) renderSettings(w http.ResponseWriter, r *http.Request, status int, p Preferences, f *fault.Fault) error {
	return web.Render(w, r, status, settingsPage(settingsProps{by: web.Actor(r), p: p, most: s.set.MaxSignature, fault: f}))
}

// postSettings saves the form, or shows what was typed as a preview.
func (s *Service) postSettings(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	p := Preferences{Signature: form.Get("signature"), New: form.Get("notice_new"), Pace: form.Get("notice_pace"), Read: form.Get("notice_read"), QuietFrom: form.Get("quiet_from"), QuietUntil: form.Get("quiet_until")}
	if p.Version, err = strconv.ParseInt(form.Get("version"), 10, 64); err != nil {
		p.Version = -1 // no version that was ever saved: a conflict
	}
	if form.Get("do") == "preview" {
		return s.renderSettings(w, r, http.StatusOK, p, nil)
	}
	err = s.SavePreferences(r.Context(), web.Actor(r), p)
	switch {
	case fault.Is(err, fault.Invalid):
		return s.renderSettings(w, r, http.StatusUnprocessableEntity, p, fault.From(err))
	case fault.Is(err, fault.Conflict):
		return s.againSettings(w, r, p, fault.From(err))
	case err != nil:
		return err
	}
	web.Flash(w, "Your profile is saved.")
	return web.Redirect(w, r, messagingPath)
}

// againSettings shows what was typed after a conflict, with the newer version and what the other window saved.
func (s *Service) againSettings(w http.ResponseWriter, r *http.Request, p Preferences, f *fault.Fault) error {
	stored, err := s.preferences(r.Context(), web.Actor(r))
	if err != nil {
		return err
	}
	f = &fault.Fault{Kind: f.Kind, Text: f.Text, Fields: differences(stored, p)}
	p.Version = stored.Version
	return s.renderSettings(w, r, http.StatusConflict, p, f)
}

// differences names what is stored otherwise than it was typed.
func differences(stored, typed Preferences) (f fault.Fields) {
	for _, d := range []struct{ field, stored, typed, label string }{
		{"signature", stored.Signature, typed.Signature, stored.Signature}, {"notice_new", stored.New, typed.New, label(newOptions(), stored.New)},
		{"notice_pace", stored.Pace, typed.Pace, label(paceOptions(), stored.Pace)}, {"notice_read", stored.Read, typed.Read, label(readOptions(), stored.Read)},
		{"quiet_from", stored.QuietFrom, typed.QuietFrom, stored.QuietFrom}, {"quiet_until", stored.QuietUntil, typed.QuietUntil, stored.QuietUntil},
	} {
		if d.stored == d.typed {
			continue
		}
		if d.label == "" {
			d.label = "nothing"
		}
		f.Add(d.field, "Saved in the other window: "+d.label)
	}
	return f
}
