package mail

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/attach"
	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

func (s *Service) showDraft(w http.ResponseWriter, r *http.Request) error {
	p, l, err := s.readDraftPage(r)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, draftPage(p, l))
}

// showDeleteDraft asks before a draft is deleted. Discard leads here too, perhaps before anything was saved.
func (s *Service) showDeleteDraft(w http.ResponseWriter, r *http.Request) error {
	p, l, err := s.readDraftPage(r)
	if fault.Is(err, fault.NotFound) && r.URL.Query().Get("from") == "new" {
		return web.Redirect(w, r, "/mail/inbox")
	}
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, deleteDraftPage(p, l))
}

func (s *Service) readDraftPage(r *http.Request) (draftProps, list, error) {
	ctx, by, id := r.Context(), web.Actor(r), r.PathValue("id")
	d, found, err := s.draft(ctx, by, id)
	if err != nil {
		return draftProps{}, list{}, err
	}
	if !found {
		return draftProps{}, list{}, s.refuse(ctx, by, "draft", id)
	}
	p := draftProps{by: by, draft: d}
	if p.files, err = s.draftFiles(ctx, by.OwnerID, id); err != nil {
		return p, list{}, err
	}
	if p.ended, err = s.endedFiles(ctx, d, by.Zone); err != nil {
		return p, list{}, err
	}
	if d.ThreadID != "" {
		threads, err := s.threadsOf(ctx, by, []draftRow{{threadID: d.ThreadID}})
		if err != nil {
			return p, list{}, err
		}
		p.draft.Subject, p.draft.To = threads[d.ThreadID].subject, threads[d.ThreadID].other.line()
	}
	l, err := s.listDraftBox(ctx, by, "")
	return p, l, err
}

func (s *Service) postDeleteDraft(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	if err := s.deleteDraft(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	web.Flash(w, "Draft deleted.")
	return web.Redirect(w, r, "/mail/drafts")
}

// postSave is the autosave of a page that is being written in.
func (s *Service) postSave(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	f := writing{draft: Draft{ThreadID: form.Get("thread")}}
	for name, values := range form {
		f.set(name, values[0])
	}
	d, err := s.SaveDraft(r.Context(), web.Actor(r), f.draft)
	var changed *Changed
	if errors.As(err, &changed) {
		return web.SendJSON(w, http.StatusConflict, map[string]any{"error": fault.From(err).Text, "version": changed.Stored.Version,
			"subject": changed.Stored.Subject, "body": changed.Stored.Body})
	}
	if err != nil {
		return jsonFault(w, err)
	}
	zone := cmp.Or(account.Location(web.Actor(r).Zone), time.UTC)
	return web.SendJSON(w, http.StatusOK, map[string]any{"version": d.Version, "saved": d.SavedAt.In(zone).Format("3:04 PM")})
}

// jsonFault answers a script about what it can react to; anything else is met by package web.
func jsonFault(w http.ResponseWriter, err error) error {
	if fault.Is(err, fault.Conflict) {
		return web.SendJSON(w, http.StatusConflict, map[string]string{"error": fault.From(err).Text})
	}
	return err
}

// fileAnswer is a file as scripts show it.
type fileAnswer struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Icon  string `json:"icon"`
	State string `json:"state"`
	Text  string `json:"text"`
	Size  int64  `json:"size"`
	Good  bool   `json:"good"`
	Bad   bool   `json:"bad"`
	Done  bool   `json:"done"`
	// Version is the draft's, when the file was what it was stored for.
	Version int64 `json:"version,omitempty"`
}

func answerOf(f attach.File) fileAnswer {
	row := fileRow(f)
	return fileAnswer{ID: f.LinkID, Name: f.Name, Kind: f.Kind, Icon: f.Icon, State: f.State, Text: row.State, Size: f.Size, Good: row.Good, Bad: row.Bad, Done: f.State == attach.Clean || row.Bad}
}

// fileRow is a file as a list of attachments shows it.
func fileRow(f attach.File) ui.FileRow {
	row := ui.FileRow{Name: f.Name, Kind: f.Kind, Size: ui.Bytes(f.Size), State: f.Standing(), Icon: f.Icon, Good: f.Scanned(), Bad: f.Blocked(), Unscanned: f.State == attach.Clean && !f.Scanned()}
	if f.Macros && !f.Blocked() {
		row.Warning = "Contains macros: enable them only if you expected them from this sender"
	}
	if f.Reason != "" {
		row.State = "Blocked: " + f.Reason
	}
	return row
}

// postFile takes one file for a stored draft: its id, then the file.
func (s *Service) postFile(w http.ResponseWriter, r *http.Request) error {
	var id string
	for p, err := range web.Parts(r) {
		if err != nil {
			return err
		}
		if !p.IsFile {
			text, err := p.Text()
			if err != nil {
				return err
			}
			if p.Name == "id" {
				id = text
			}
			continue
		}
		if !validID(id) {
			return fault.ErrNotFound()
		}
		return s.takeFile(w, r, id, p)
	}
	return fault.Field("attachments", "Choose a file")
}

// takeFile attaches a file that comes by itself, to a draft that is stored now if it was not before.
func (s *Service) takeFile(w http.ResponseWriter, r *http.Request, id string, p web.Part) error {
	by := web.Actor(r)
	var version int64
	_, found, err := s.draft(r.Context(), by, id)
	if err != nil {
		return err
	}
	if !found {
		d, err := s.SaveDraft(r.Context(), by, Draft{ID: id, ThreadID: r.URL.Query().Get("thread")})
		if err != nil {
			return err
		}
		version = d.Version
	}
	f, err := s.Attach(r.Context(), by, AttachIn{DraftID: id, Name: p.FileName, Body: p.Body})
	if err != nil {
		return err
	}
	a := answerOf(f)
	a.Version = version
	return web.SendJSON(w, http.StatusOK, a)
}

func (s *Service) postRemoveFile(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	if !validID(form.Get("id")) || !validID(form.Get("remove")) {
		return fault.ErrNotFound()
	}
	if err := s.removeFile(r.Context(), web.Actor(r), form.Get("id"), form.Get("remove")); err != nil {
		return err
	}
	return web.SendJSON(w, http.StatusOK, map[string]bool{"removed": true})
}

// showFiles tells a page how the checks of its files stand.
func (s *Service) showFiles(w http.ResponseWriter, r *http.Request) error {
	ctx, by, id := r.Context(), web.Actor(r), r.PathValue("id")
	answers := []fileAnswer{}
	if err := s.ownDraft(ctx, by, id); err != nil {
		return err
	}
	files, err := s.draftFiles(ctx, by.OwnerID, id)
	if err != nil {
		return err
	}
	for _, f := range files {
		answers = append(answers, answerOf(f))
	}
	return web.SendJSON(w, http.StatusOK, answers)
}
