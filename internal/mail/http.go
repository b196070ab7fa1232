package mail

import (
	"net/http"

	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

// Where a page hears of new mail, and asks what is new.
const (
	EventsPath = "/mail/events"
	PollPath   = "/mail/poll"
)

// Mount registers the room's pages.
func (s *Service) Mount(rt *web.Router) {
	rt.Get(web.User, "/mail", s.showMail)
	rt.Get(web.User, "/mail/inbox", s.showFolder(Inbox))
	rt.Get(web.User, "/mail/archive", s.showFolder(Archive))
	rt.Get(web.User, "/mail/trash", s.showFolder(Trash))
	rt.Form(web.User, "/mail/threads", s.postThreads)
	rt.Get(web.User, "/mail/sent", s.showSent)
	rt.Get(web.User, "/mail/drafts", s.showDrafts)

	rt.Get(web.User, "/mail/t/{id}", s.showThread)
	s.mountRecord(rt)
	rt.Upload(web.User, "/mail/t/{id}/reply", s.postReply)
	rt.Form(web.User, "/mail/t/{id}/archive", s.postAct(doArchive, "Moved to Archive."))
	rt.Form(web.User, "/mail/t/{id}/inbox", s.postAct(doInbox, "Moved to Inbox."))
	rt.Form(web.User, "/mail/t/{id}/unread", s.postAct(doUnread, "Marked as unread."))
	rt.Form(web.User, "/mail/t/{id}/trash", s.postAct(doTrash, "Moved to Trash."))
	rt.Form(web.User, "/mail/t/{id}/restore", s.postAct(doRestore, "Restored from Trash."))

	rt.Get(web.User, "/mail/new", s.showCompose)
	rt.Upload(web.User, "/mail/new", s.postCompose)
	rt.JSON(web.User, "/mail/recipient", s.postRecipient)
	rt.Quiet(web.User, "/mail/contacts/choose", s.showChoices)

	rt.Get(web.User, "/mail/d/{id}", s.showDraft)
	rt.Get(web.User, "/mail/d/{id}/delete", s.showDeleteDraft)
	rt.Form(web.User, "/mail/d/{id}/delete", s.postDeleteDraft)
	rt.Form(web.User, "/mail/drafts/save", s.postSave)
	rt.Upload(web.User, "/mail/drafts/file", s.postFile)
	rt.Form(web.User, "/mail/drafts/file/remove", s.postRemoveFile)
	rt.Quiet(web.User, "/mail/drafts/{id}/files", s.showFiles)
	rt.Download(web.User, "/mail/attachments/{id}", s.download)
	s.mountView(rt)
	rt.Download(web.User, "/mail/attachments/{id}/play", s.play)
	s.mountUploads(rt)

	s.mountLabels(rt)
	s.mountSearch(rt)
	s.mountSettings(rt)
	s.mountForward(rt)
	s.mountRecall(rt)
	s.mountTemplates(rt)
	s.mountContacts(rt)
	rt.Events(web.User, EventsPath, s.events)
	rt.Quiet(web.User, PollPath, s.poll)
}

// showMail is the Inbox. Whoever has one conversation and has never opened it has come for it.
func (s *Service) showMail(w http.ResponseWriter, r *http.Request) error {
	by := web.Actor(r)
	id, only, err := s.onlyThread(r.Context(), by)
	if err != nil {
		return err
	}
	if only {
		return web.Redirect(w, r, "/mail/t/"+id)
	}
	return s.showFolder(Inbox)(w, r)
}

func (s *Service) showFolder(folder string) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		c := section{folder: folder, unread: folder == Inbox && r.URL.Query().Get("show") == "unread"}
		return s.renderSection(w, r, http.StatusOK, c, nil)
	}
}

// renderSection shows one page of a list of conversations, with what was refused of the acts on it.
func (s *Service) renderSection(w http.ResponseWriter, r *http.Request, status int, c section, f *fault.Fault) error {
	ctx, by := r.Context(), web.Actor(r)
	m, err := s.margin(ctx, by, "")
	if err != nil {
		return err
	}
	if _, mine := labelIn(m.labels, c.label); c.label != "" && !mine {
		return s.refuse(ctx, by, "label", c.label)
	}
	l, err := s.listSection(ctx, by, c, r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	l.margin, l.fault = m, f
	if err := s.dress(ctx, by, &l); err != nil {
		return err
	}
	return web.Render(w, r, status, listPage(by, l))
}

func (s *Service) showSent(w http.ResponseWriter, r *http.Request) error {
	l, err := s.listSentBox(r.Context(), web.Actor(r), r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, listPage(web.Actor(r), l))
}

func (s *Service) showDrafts(w http.ResponseWriter, r *http.Request) error {
	l, err := s.listDraftBox(r.Context(), web.Actor(r), r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, listPage(web.Actor(r), l))
}

func (s *Service) events(w http.ResponseWriter, r *http.Request) error {
	wake, cancel := s.o.Hub.Subscribe(web.Actor(r).ID)
	defer cancel()
	return web.Follow(w, r, wake, "mail")
}

func (s *Service) poll(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	n, err := s.news(r.Context(), web.Actor(r), shown{newest: q.Get("since"), thread: q.Get("thread"), last: q.Get("last")})
	if err != nil {
		return err
	}
	return web.SendJSON(w, http.StatusOK, n)
}

// download hands out an attachment after permission and audit. A HEAD only learns that it may.
func (s *Service) download(w http.ResponseWriter, r *http.Request) error {
	k, err := s.fetch(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.o.Attach.Serve(w, r, r.PathValue("id"), k)
}

// paidPage is the page of somebody who may not compose: without a word of paying for a patient.
func paidPage(w http.ResponseWriter, r *http.Request, by actor.Actor, err error) error {
	if !fault.Is(err, fault.Forbidden) {
		return err
	}
	return web.Render(w, r, http.StatusForbidden, replyOnlyPage(by, fault.From(err).Text))
}
