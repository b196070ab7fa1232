package mail

import (
	"net/http"

	"securepractice/internal/web"
)

func (s *Service) mountBundle(rt *web.Router) {
	rt.Download(web.User, "/mail/t/{id}/files", s.getFiles)
}

// getFiles hands out all files of a conversation, or of one message, as a ZIP that is made while it is sent. An error
// after it began ends the connection: half an archive never looks whole.
func (s *Service) getFiles(w http.ResponseWriter, r *http.Request) error {
	if done, err := s.unseen(w, r); done {
		return err
	}
	b, err := s.takeBundle(r.Context(), web.Actor(r), recordAsked(r, allFiles))
	if err != nil {
		return err
	}
	err = s.writeFiles(r.Context(), b, &begun{w: w, begin: func() { bundleHeaders(w, b) }})
	if r.Context().Err() != nil {
		return nil // the browser has gone; there is nobody to tell
	}
	return err
}

// bundleHeaders name the archive without a word of what is in it.
func bundleHeaders(w http.ResponseWriter, b *bundle) {
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="Files-`+b.at.In(b.zone).Format("2006-01-02")+`.zip"`)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
}
