package mail

import (
	"net/http"

	"securepractice/internal/web"
)

func (s *Service) mountRecall(rt *web.Router) {
	rt.Get(web.User, "/mail/m/{id}/recall", s.showRecall)
	rt.Form(web.User, "/mail/m/{id}/recall", s.postRecall)
	rt.Form(web.User, "/mail/m/{id}/undo", s.postUndo)
	rt.Form(web.User, "/mail/m/{id}/notice", s.postNotice)
}

// showRecall asks before a message is withdrawn.
func (s *Service) showRecall(w http.ResponseWriter, r *http.Request) error {
	m, err := s.mayRecall(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, recallPage(m.threadID, m.id))
}

func (s *Service) postRecall(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	threadID, err := s.Recall(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	web.Flash(w, "Message recalled.")
	return web.Redirect(w, r, "/mail/t/"+threadID)
}

func undoAction(messageID string) string { return "/mail/m/" + messageID + "/undo" }

// postUndo takes back what was sent a moment ago, and opens it for writing on.
func (s *Service) postUndo(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	where, err := s.Undo(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	web.Flash(w, "Not sent. It is a draft again.")
	return web.Redirect(w, r, where)
}

// postNotice tells those who have not opened a message of it once more.
func (s *Service) postNotice(w http.ResponseWriter, r *http.Request) error {
	f, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	threadID, err := s.TellAgain(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	if f.Get("from") == "sent" {
		web.Flash(w, "The invitation was sent again.")
		return web.Redirect(w, r, "/mail/sent")
	}
	web.Flash(w, "The notice was sent again.")
	return web.Redirect(w, r, "/mail/t/"+threadID)
}
