package mail

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"securepractice/internal/attach"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

func (s *Service) mountView(rt *web.Router) {
	rt.Get(web.User, "/mail/attachments/{id}/view", s.showView)
	rt.Quiet(web.User, "/mail/attachments/{id}/{kind}/{n}", s.showPicture)
}

// showView is the page that shows a file. A browser that fetches ahead gets nothing, a HEAD only that it is there.
func (s *Service) showView(w http.ResponseWriter, r *http.Request) error {
	by, q := web.Actor(r), r.URL.Query()
	if strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") {
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	if r.Method == http.MethodHead {
		_, err := s.reach(r.Context(), by, r.PathValue("id"))
		return err
	}
	v, err := s.view(r.Context(), by, asked{linkID: r.PathValue("id"), with: q.Get("with"), page: firstPage(q), withPage: pageNumber(q.Get("beside"))})
	if err != nil {
		return err
	}
	if attach.Playable(v.one.file.Name) != "" {
		web.AllowMedia(w)
	}
	return web.Render(w, r, http.StatusOK, viewPage(v))
}

// firstPage is the page that is shown first; the viewer of DICOM counts its frames from 0.
func firstPage(q url.Values) int {
	if f := q.Get("frame"); f != "" {
		return pageNumber(f) + 1
	}
	return pageNumber(q.Get("page"))
}

// pageNumber is the place of a page that people count from 1.
func pageNumber(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n - 1
}

var pictureKinds = []string{"thumb", "page", "raw"}

// showPicture hands out one picture of a preview. The permission is asked each time. A page that was recorded gives its
// pictures a proof; without one, asking for the picture is recorded itself.
func (s *Service) showPicture(w http.ResponseWriter, r *http.Request) error {
	by, id, kind := web.Actor(r), r.PathValue("id"), r.PathValue("kind")
	proof, n, err := wherePicture(r.PathValue("n"))
	if err != nil || !slices.Contains(pictureKinds, kind) {
		return fault.ErrNotFound()
	}
	reached, err := s.reach(r.Context(), by, id)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(proof), []byte(s.proof(by, id))) != 1 {
		if err := s.recordPreview(r.Context(), by, reached.threadID, id); err != nil {
			return err
		}
	}
	return s.o.Attach.ServePage(w, r, id, kind, n, reached.key)
}
