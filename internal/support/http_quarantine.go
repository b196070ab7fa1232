package support

import (
	"net/http"

	"securepractice/internal/web"
)

func (s *Service) showQuarantine(w http.ResponseWriter, r *http.Request) error {
	files, err := s.Quarantine(r.Context(), looker(r))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, quarantinePage(files))
}
