package mail

import (
	"net/http"

	"securepractice/internal/web"
)

func (s *Service) mountForward(rt *web.Router) {
	rt.Form(web.User, "/mail/m/{id}/forward", s.postForward)
}

// postForward begins a draft that passes on a message, and opens it.
func (s *Service) postForward(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	id, err := s.Forward(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return paidPage(w, r, web.Actor(r), err)
	}
	return web.Redirect(w, r, "/mail/new?draft="+id)
}
