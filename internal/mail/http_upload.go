package mail

import (
	"encoding/hex"
	"net/http"
	"strconv"

	"securepractice/internal/fault"
	"securepractice/internal/web"
)

// uploadsPath is where unfinished uploads are gone on with.
const uploadsPath = "/mail/uploads/"

func (s *Service) mountUploads(rt *web.Router) {
	rt.Resume(web.User, http.MethodPost, uploadsPath, s.beginUpload)
	rt.Quiet(web.User, "/mail/drafts/{id}/uploads", s.showUploads)
	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		rt.Resume(web.User, method, uploadsPath+"{id}", s.goOn)
	}
	rt.JSON(web.User, uploadsPath+"{id}/done", s.finishUpload)
}

// beginUpload begins an upload to a draft, which is stored now if it was not before.
func (s *Service) beginUpload(w http.ResponseWriter, r *http.Request) error {
	by, id := web.Actor(r), r.URL.Query().Get("draft")
	if !validID(id) {
		return fault.ErrNotFound()
	}
	_, found, err := s.draft(r.Context(), by, id)
	if err != nil {
		return err
	}
	if !found {
		d, err := s.SaveDraft(r.Context(), by, Draft{ID: id, ThreadID: r.URL.Query().Get("thread")})
		if err != nil {
			return err
		}
		w.Header().Set("Draft-Version", strconv.FormatInt(d.Version, 10))
	}
	return s.tus.Create(w, r, by, holder(id))
}

func (s *Service) goOn(w http.ResponseWriter, r *http.Request) error {
	return s.tus.Serve(w, r, web.Actor(r))
}

// showUploads lists what of a draft's files is not here yet.
func (s *Service) showUploads(w http.ResponseWriter, r *http.Request) error {
	by, id := web.Actor(r), r.PathValue("id")
	if err := s.ownDraft(r.Context(), by, id); err != nil {
		return err
	}
	list, err := s.o.Attach.Uploads(r.Context(), by, holder(id))
	if err != nil {
		return err
	}
	answers := []map[string]any{}
	for _, u := range list {
		answers = append(answers, map[string]any{"at": uploadsPath + u.ID, "name": u.Name, "size": u.Size, "received": u.Received})
	}
	return web.SendJSON(w, http.StatusOK, answers)
}

// finishUpload attaches what has arrived whole, if it is what was sent.
func (s *Service) finishUpload(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		SHA256 string `json:"sha256"`
	}
	if err := web.ReadJSON(r, &in); err != nil {
		return err
	}
	sum, err := hex.DecodeString(in.SHA256)
	if err != nil {
		sum = nil // the sum of no file: the answer says what to do
	}
	f, err := s.o.Attach.FinishUpload(r.Context(), web.Actor(r), r.PathValue("id"), sum)
	if err != nil {
		return err
	}
	return web.SendJSON(w, http.StatusOK, answerOf(f))
}
