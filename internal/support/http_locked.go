package support

import (
	"net/http"

	"securepractice/internal/web"
)

func (s *Service) showLocked(w http.ResponseWriter, r *http.Request) error {
	f, err := s.Locked(r.Context(), looker(r))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, lockedPage(f))
}
