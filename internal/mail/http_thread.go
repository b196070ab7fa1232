package mail

import (
	"net/http"
	"strings"

	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

// showThread shows a conversation. Only a person's own request counts as a view: a browser that fetches ahead gets
// nothing, and a HEAD only the answer that the page is there.
func (s *Service) showThread(w http.ResponseWriter, r *http.Request) error {
	if done, err := s.unseen(w, r); done {
		return err
	}
	by, q := web.Actor(r), r.URL.Query()
	t, err := s.open(r.Context(), by, view{threadID: r.PathValue("id"), cursor: q.Get("after"), draftID: q.Get("draft")})
	if err != nil {
		return err
	}
	return s.renderThread(w, r, threadProps{t: t, status: http.StatusOK})
}

// unseen answers requests that must not count as a view, and therefore get no content.
func (s *Service) unseen(w http.ResponseWriter, r *http.Request) (bool, error) {
	if strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true, nil
	}
	if r.Method != http.MethodHead {
		return false, nil
	}
	_, found, err := findMember(r.Context(), s.o.DB, web.Actor(r).ID, r.PathValue("id"))
	if err == nil && !found {
		err = fault.ErrNotFound()
	}
	if err == nil {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	return true, err
}

// renderThread shows a thread alone when a script swaps it into the page, else with the list beside it.
func (s *Service) renderThread(w http.ResponseWriter, r *http.Request, p threadProps) error {
	p.by, p.limit = web.Actor(r), s.set.MaxTotal
	p.now = s.o.Clock.Now()
	if p.draft.ID == "" {
		p.draft, p.files = p.t.draft, p.t.draftFiles
	}
	if r.Header.Get("HX-Request") != "" && r.Method == http.MethodGet {
		return web.Render(w, r, p.status, threadPane(p))
	}
	l, err := s.listBeside(r, p.by, p.t.folder)
	if err != nil {
		return err
	}
	return web.Render(w, r, p.status, threadPage(p, l))
}

// listBeside is the list that a thread stands in, as it is after the view was noted.
func (s *Service) listBeside(r *http.Request, by actor.Actor, folder string) (list, error) {
	if folder == none {
		return s.listSentBox(r.Context(), by, "")
	}
	return s.listFolder(r.Context(), by, folder, "")
}

func (s *Service) postMove(folder, said string) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := web.ReadForm(w, r); err != nil {
			return err
		}
		if err := s.move(r.Context(), web.Actor(r), r.PathValue("id"), folder); err != nil {
			return err
		}
		web.Flash(w, said)
		return web.Redirect(w, r, "/mail/inbox")
	}
}

func (s *Service) postUnread(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.markUnread(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	web.Flash(w, "Marked as unread.")
	return web.Redirect(w, r, "/mail/inbox")
}

// postReply takes the reply box: Send, Save Draft, or the removal of a file.
func (s *Service) postReply(w http.ResponseWriter, r *http.Request) error {
	by, id := web.Actor(r), r.PathValue("id")
	f, err := s.readWriting(r, id)
	if err != nil {
		return s.answerReply(w, r, f, err)
	}
	switch {
	case f.remove != "" || f.do == "save":
		if err := s.keep(r.Context(), by, &f); err != nil {
			return s.answerReply(w, r, f, err)
		}
		if f.do == "save" {
			web.Flash(w, "Draft saved.")
		}
		return web.Redirect(w, r, "/mail/t/"+id+"?draft="+f.draft.ID+"#reply")
	}
	body, err := s.written(r.Context(), by, f.draft)
	if err != nil {
		return err
	}
	sent, err := s.Reply(r.Context(), by, Reply{DraftID: f.draft.ID, ThreadID: id, Body: body})
	if err != nil {
		return s.answerReply(w, r, f, err)
	}
	web.Flash(w, "Message sent.")
	return web.Redirect(w, r, "/mail/t/"+sent.ThreadID)
}

// answerReply shows a refused reply again with all that was typed.
func (s *Service) answerReply(w http.ResponseWriter, r *http.Request, f writing, err error) error {
	err = unforeseen(r, f, err)
	status, ok := refusedStatus(err)
	if !ok {
		return err
	}
	by := web.Actor(r)
	if c, is := conflictOf(err); is {
		return web.Render(w, r, status, conflictPage(by, f.draft, c))
	}
	t, oerr := s.open(r.Context(), by, view{threadID: r.PathValue("id")})
	if oerr != nil {
		return oerr
	}
	files, ferr := s.freshen(r.Context(), by, &f, err)
	if ferr != nil {
		return ferr
	}
	return s.renderThread(w, r, threadProps{t: t, draft: f.draft, files: files, fault: fault.From(err), status: status})
}
