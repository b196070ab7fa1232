package mail

import (
	"net/http"

	"securepractice/internal/web"
)

// mostChoices is how many contacts the dialog lists at once; more are found by typing.
const mostChoices = 50

// choices are contacts to choose from, as the dialog shows them.
type choices struct {
	Contacts []choice `json:"contacts"`
	More     bool     `json:"more,omitempty"` // there are others
}

type choice struct {
	Name  string `json:"name"`
	Org   string `json:"org"`
	Email string `json:"email"`
}

// showChoices lists the actor's contacts for the dialog of Compose.
func (s *Service) showChoices(w http.ResponseWriter, r *http.Request) error {
	by := web.Actor(r)
	if err := mayCompose(by); err != nil {
		return err
	}
	all, err := s.contacts(r.Context(), by, oneLine(r.URL.Query().Get("q")))
	if err != nil {
		return err
	}
	a := choices{Contacts: []choice{}, More: len(all) > mostChoices}
	for _, c := range all[:min(len(all), mostChoices)] {
		a.Contacts = append(a.Contacts, choice{Name: c.Name, Org: c.Org, Email: c.Email})
	}
	return web.SendJSON(w, http.StatusOK, a)
}
