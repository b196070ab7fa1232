package mail

import (
	"bytes"
	"net/http"
	"strconv"

	"securepractice/internal/fault"
	"securepractice/internal/web"
)

func (s *Service) mountRecord(rt *web.Router) {
	rt.Get(web.User, "/mail/t/{id}/print", s.showPrint)
	rt.Download(web.User, "/mail/t/{id}/pdf", s.getPDF)
	rt.Download(web.User, "/mail/t/{id}/export", s.getExport)
	s.mountBundle(rt)
}

// recordAsked reads which record a request asks for.
func recordAsked(r *http.Request, kind string) recordOf {
	return recordOf{kind: kind, threadID: r.PathValue("id"), messageID: r.URL.Query().Get("message")}
}

// showPrint is the page for paper.
func (s *Service) showPrint(w http.ResponseWriter, r *http.Request) error {
	if done, err := s.unseen(w, r); done {
		return err
	}
	rec, err := s.take(r.Context(), web.Actor(r), recordAsked(r, onPaper))
	if err != nil {
		return err
	}
	parts := rec.parts()
	n := 1
	if asked := r.URL.Query().Get("part"); asked != "" {
		if n, err = strconv.Atoi(asked); err != nil || n < 1 || n > len(parts) {
			return fault.ErrNotFound()
		}
	}
	p := recordProps{rec: rec, part: n, parts: len(parts)}
	err = s.each(r.Context(), rec, parts[n-1], func(c copyOf) error {
		p.letters = append(p.letters, c)
		return nil
	})
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, printPage(p))
}

// getPDF hands out a document. It is made whole first, so that what fails gets a page.
func (s *Service) getPDF(w http.ResponseWriter, r *http.Request) error {
	if done, err := s.unseen(w, r); done {
		return err
	}
	rec, err := s.take(r.Context(), web.Actor(r), recordAsked(r, asPDF))
	if err != nil {
		return err
	}
	var doc bytes.Buffer
	if err := s.writePDF(r.Context(), rec, 0, &doc); err != nil {
		return err
	}
	recordHeaders(w, rec, "application/pdf", "pdf")
	w.Header().Set("Content-Length", strconv.Itoa(doc.Len()))
	_, err = doc.WriteTo(w)
	if r.Context().Err() != nil {
		return nil // the browser has gone; there is nobody to tell
	}
	return err
}

// recordHeaders name a file without a word of what is in it.
func recordHeaders(w http.ResponseWriter, rec *record, kind, ext string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="Conversation-`+rec.at.In(rec.zone).Format("2006-01-02")+"."+ext+`"`)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
}

// getExport hands out a ZIP as it is made. An error after it began ends the connection: half an archive never looks whole.
func (s *Service) getExport(w http.ResponseWriter, r *http.Request) error {
	if done, err := s.unseen(w, r); done {
		return err
	}
	rec, err := s.take(r.Context(), web.Actor(r), recordAsked(r, asExport))
	if err != nil {
		return err
	}
	err = s.export(r.Context(), rec, &begun{w: w, begin: func() { recordHeaders(w, rec, "application/zip", "zip") }})
	if r.Context().Err() != nil {
		return nil // the browser has gone; there is nobody to tell
	}
	return err
}

// begun sets an answer's headers when its first bytes come, so that what fails before gets a page.
type begun struct {
	w     http.ResponseWriter
	begin func()
}

func (b *begun) Write(p []byte) (int, error) {
	if b.begin != nil {
		b.begin()
		b.begin = nil
	}
	return b.w.Write(p) //nolint:wrapcheck // the caller says what was written
}
