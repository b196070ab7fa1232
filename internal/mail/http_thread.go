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

// renderThread shows a thread alone when a script swaps it into the page, and to a phone that says that it is one, else
// with the list beside it.
func (s *Service) renderThread(w http.ResponseWriter, r *http.Request, p threadProps) error {
	p.by, p.limit, p.types = web.Actor(r), s.set.MaxTotal, s.o.Attach.Accepted()
	p.now, p.forward = s.o.Clock.Now(), mayCompose(p.by) == nil
	p.all = r.URL.Query().Get("all") != ""
	if p.draft.ID == "" {
		p.draft, p.files = p.t.draft, p.t.draftFiles
	}
	if r.URL.Query().Get("templates") != "" || p.fault.For("template") != "" { // else they are not asked for, to keep the page quick
		var err error
		if p.templates, err = s.titles(r.Context(), p.by); err != nil {
			return err
		}
	}
	if err := s.surround(r.Context(), p.by, &p.t, r.URL.Query().Get("in")); err != nil {
		return err
	}
	if r.Header.Get("HX-Request") != "" && r.Method == http.MethodGet {
		return web.Render(w, r, p.status, threadPane(p))
	}
	if onPhone(r) {
		return web.Render(w, r, p.status, threadPage(p, list{folder: p.t.in.folder, in: p.t.in, margin: p.t.margin, without: true}))
	}
	l, err := s.listBeside(r, p.by, p.t)
	if err != nil {
		return err
	}
	return web.Render(w, r, p.status, threadPage(p, l))
}

// onPhone says whether a phone asks. Safari and Firefox send no hint; their names tell it.
func onPhone(r *http.Request) bool {
	name := r.UserAgent()
	return r.Header.Get("Sec-CH-UA-Mobile") == "?1" || strings.Contains(name, "iPhone") || strings.Contains(name, "Android") && strings.Contains(name, "Mobile")
}

// listBeside is the list that a thread stands in, as it is after the view was noted.
func (s *Service) listBeside(r *http.Request, by actor.Actor, t thread) (list, error) {
	if t.in.folder == "sent" {
		return s.listSentBox(r.Context(), by, "")
	}
	l, err := s.listSection(r.Context(), by, t.in, "")
	l.margin = t.margin
	if err != nil {
		return l, err
	}
	return l, s.dress(r.Context(), by, &l)
}

// postAct does one thing to a conversation and leads back to the list it was opened from.
func (s *Service) postAct(do, said string) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		f, err := web.ReadForm(w, r)
		if err != nil {
			return err
		}
		if err := s.actOne(r.Context(), web.Actor(r), do, r.PathValue("id")); err != nil {
			return err
		}
		web.Flash(w, said)
		return web.Redirect(w, r, sectionFor(f.Get("in"), Inbox).href())
	}
}

// postReply takes the reply box: Send, Save Draft, or the removal of a file.
func (s *Service) postReply(w http.ResponseWriter, r *http.Request) error {
	by, id := web.Actor(r), r.PathValue("id")
	f, err := s.readWriting(r, id)
	if err != nil {
		return s.answerReply(w, r, f, err)
	}
	switch {
	case f.do == "insert":
		if err := s.insertTemplate(r.Context(), by, &f); err != nil {
			return s.answerReply(w, r, f, err)
		}
		fallthrough
	case f.remove != "" || f.do == "save" || f.do == "templates":
		if err := s.keep(r.Context(), by, &f); err != nil {
			return s.answerReply(w, r, f, err)
		}
		if f.do == "save" {
			web.Flash(w, "Draft saved.")
		}
		if f.do == "templates" {
			return web.Redirect(w, r, "/mail/t/"+id+"?templates=1&draft="+f.draft.ID+"#reply")
		}
		return web.Redirect(w, r, "/mail/t/"+id+"?draft="+f.draft.ID+"#reply")
	}
	body, err := s.written(r.Context(), by, f.draft)
	if err != nil {
		return err
	}
	sent, err := s.Reply(r.Context(), by, Reply{DraftID: f.draft.ID, ThreadID: id, Body: body, Hold: s.set.UndoSend})
	if err != nil {
		return s.answerReply(w, r, f, err)
	}
	web.FlashUndo(w, "Message sent.", undoAction(sent.MessageID), s.set.UndoSend)
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
