package mail

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

// writing is a form that writes a message, as it was sent: text first, then files, which are stored as they arrive.
type writing struct {
	draft    Draft
	do       string // the button: "save", "contacts", or empty for Send
	remove   string // link of the file to take off
	swap     string // the address to exchange for the one it was probably meant to be
	template string // the ready text to insert
	outside  string // the recipients confirmed for a patient's message
	stored   bool   // the draft was stored on the way, because files came
}

// set takes one text field.
func (f *writing) set(name, value string) {
	d := &f.draft
	switch name {
	case "id":
		d.ID = value
	case "version":
		d.Version, _ = strconv.ParseInt(value, 10, 64) // what is no number is version 0: never saved
	case "to":
		d.To = value
	case "subject":
		d.Subject = value
	case "body":
		d.Body = value
	case "template":
		f.template = value
	case "outside":
		f.outside = value
	case "do":
		f.do = value
	case "remove":
		f.remove = value
	case "swap":
		f.swap = value
	default:
		d.setBlock(name, value)
	}
}

// readWriting reads the form of a message. At the first file the draft is stored with what was typed, so that files of a
// form that is refused stay with it; every file that cannot be attached adds its sentence.
func (s *Service) readWriting(r *http.Request, threadID string) (writing, error) {
	by := web.Actor(r)
	f := writing{draft: Draft{ThreadID: threadID}}
	if threadID == "" {
		if err := mayCompose(by); err != nil {
			return f, err
		}
	}
	var wrong fault.Fields
	for p, err := range web.Parts(r) {
		if err != nil {
			return f, err
		}
		if !p.IsFile {
			text, err := p.Text()
			if err != nil {
				return f, err
			}
			f.set(p.Name, text)
			continue
		}
		if err := s.readFile(r.Context(), by, &f, p); fault.Is(err, fault.Invalid) {
			wrong = append(wrong, fault.From(err).Fields...)
		} else if err != nil {
			return f, err
		}
	}
	if !validID(f.draft.ID) {
		return f, fault.ErrNotFound()
	}
	return f, wrong.Err()
}

// readFile attaches one file of the form. A file field left empty comes as a file without name.
func (s *Service) readFile(ctx context.Context, by actor.Actor, f *writing, p web.Part) error {
	if p.FileName == "" {
		_, err := io.Copy(io.Discard, io.LimitReader(p.Body, 1))
		return err
	}
	if !f.stored {
		d, err := s.SaveDraft(ctx, by, f.draft)
		if err != nil {
			return err
		}
		f.draft, f.stored = d, true
	}
	_, err := s.Attach(ctx, by, AttachIn{DraftID: f.draft.ID, Name: p.FileName, Body: p.Body})
	return err
}

// keep saves what was typed and takes off the file that was to be removed.
func (s *Service) keep(ctx context.Context, by actor.Actor, f *writing) error {
	d, err := s.SaveDraft(ctx, by, f.draft)
	if err != nil {
		return err
	}
	f.draft = d
	if f.remove == "" {
		return nil
	}
	return s.removeFile(ctx, by, d.ID, f.remove)
}

// unforeseen makes of an error that nobody foresaw one that the form itself can show: a disk that is full must not cost
// what was typed. A form of which too little has arrived, or whose browser went away, keeps the error.
func unforeseen(r *http.Request, f writing, err error) error {
	if fault.From(err).Kind != fault.Unknown || !validID(f.draft.ID) || r.Context().Err() != nil {
		return err
	}
	return web.Unexpected(r, err, "Something went wrong, and we cannot say that it was stored. What you wrote is still here. Try again: it will not be sent twice.")
}

// refusedStatus is the status of a form that is shown again; false for what has a page of its own.
func refusedStatus(err error) (int, bool) {
	switch f := fault.From(err); {
	case f.Kind == fault.Invalid && len(f.Fields) > 0:
		return http.StatusUnprocessableEntity, true
	case f.Kind == fault.Conflict:
		return http.StatusConflict, true
	case f.Kind == fault.TooMany:
		return http.StatusTooManyRequests, true
	case f.Kind == fault.Busy:
		return http.StatusServiceUnavailable, true
	case f.Kind == fault.Unknown && f.Text != "":
		return http.StatusInternalServerError, true
	}
	return 0, false
}

// conflictOf finds the draft that stood in the way of a save.
func conflictOf(err error) (Draft, bool) {
	var c *Changed
	if errors.As(err, &c) && c.Stored.Version > 0 {
		return c.Stored, true
	}
	return Draft{}, false
}

// freshen prepares a refused form to be shown again: the version its draft has by now, its files, and, when its id has
// been used up, a new one, so that what was typed can still be sent.
func (s *Service) freshen(ctx context.Context, by actor.Actor, f *writing, refused error) ([]attach.File, error) {
	row, found, err := findDraft(ctx, s.o.DB, by.ID, f.draft.ID)
	if err != nil {
		return nil, err
	}
	if !found {
		if fault.Is(refused, fault.Conflict) {
			f.draft.ID, f.draft.Version = db.NewID(), 0
		}
		return nil, nil
	}
	f.draft.Version = row.version
	return s.draftFiles(ctx, row.ownerID, row.id)
}

// showCompose shows an empty form, a draft, or either with a contact as the recipient.
func (s *Service) showCompose(w http.ResponseWriter, r *http.Request) error {
	by, q, ctx := web.Actor(r), r.URL.Query(), r.Context()
	if err := mayCompose(by); err != nil {
		return paidPage(w, r, by, err)
	}
	p := composeProps{draft: Draft{ID: db.NewID()}, status: http.StatusOK}
	if q.Get("draft") == "" {
		signature, err := s.signature(ctx, by)
		if err != nil {
			return err
		}
		p.draft.Body = signed(signature)
	}
	if id := q.Get("draft"); id != "" {
		d, found, err := s.draft(ctx, by, id)
		if err != nil {
			return err
		}
		if !found || d.ThreadID != "" {
			return s.refuse(ctx, by, "draft", id)
		}
		if p.files, err = s.draftFiles(ctx, by.OwnerID, id); err != nil {
			return err
		}
		p.draft = d
	}
	if id := q.Get("contact"); id != "" {
		c, found, err := s.contact(ctx, by, id)
		if err != nil {
			return err
		}
		if !found {
			return s.refuse(ctx, by, "contact", id)
		}
		if err := s.addContact(ctx, by, &p.draft, c); err != nil {
			return err
		}
	}
	return s.renderCompose(w, r, p)
}

func (s *Service) renderCompose(w http.ResponseWriter, r *http.Request, p composeProps) error {
	p.by, p.limit, p.types = web.Actor(r), s.set.MaxTotal, s.o.Attach.Accepted()
	var err error
	if p.most, err = s.maxRecipients(r.Context(), p.by); err != nil {
		return err
	}
	if p.blocks == nil {
		p.blocks = p.draft.blocks()
	}
	if p.contacts, err = hasContacts(r.Context(), s.o.DB, p.by.ID); err != nil {
		return err
	}
	if p.templates, err = s.titles(r.Context(), p.by); err != nil {
		return err
	}
	l := list{folder: "new"}
	if err := s.counts(r.Context(), p.by, &l); err != nil {
		return err
	}
	return web.Render(w, r, p.status, composePage(p, l))
}

// postCompose takes the form of a new message: Send, Save Draft, Contacts, or the removal of a file.
func (s *Service) postCompose(w http.ResponseWriter, r *http.Request) error {
	by, ctx := web.Actor(r), r.Context()
	f, err := s.readWriting(r, "")
	if err != nil {
		return s.answerCompose(w, r, f, err)
	}
	if f.swap != "" {
		if err := s.exchange(ctx, by, &f.draft, f.swap); err != nil {
			return err
		}
	}
	if f.do == "insert" {
		if err := s.insertTemplate(ctx, by, &f); err != nil {
			return s.answerCompose(w, r, f, err)
		}
	}
	if f.remove != "" || f.swap != "" || f.do == "save" || f.do == "contacts" || f.do == "insert" {
		if err := s.keep(ctx, by, &f); err != nil {
			return s.answerCompose(w, r, f, err)
		}
		to := "/mail/new?draft=" + f.draft.ID
		switch f.do {
		case "save":
			web.Flash(w, "Draft saved.")
		case "contacts":
			to = "/mail/contacts?draft=" + f.draft.ID
		}
		return web.Redirect(w, r, to)
	}
	body, err := s.written(ctx, by, f.draft)
	if err != nil {
		return err
	}
	c := f.draft.compose(body)
	c.Outside, c.Hold = f.outside, s.set.UndoSend
	sent, err := s.Send(ctx, by, c)
	if err != nil {
		return s.answerCompose(w, r, f, err)
	}
	if sent.Messages > 1 {
		web.FlashUndo(w, "Sent as "+number(int64(sent.Messages))+" separate messages.", undoAction(sent.MessageID), s.set.UndoSend)
		return web.Redirect(w, r, "/mail/sent")
	}
	web.FlashUndo(w, "Message sent.", undoAction(sent.MessageID), s.set.UndoSend)
	return web.Redirect(w, r, "/mail/t/"+sent.ThreadID)
}

// answerCompose shows a refused form again with all that was typed.
func (s *Service) answerCompose(w http.ResponseWriter, r *http.Request, f writing, err error) error {
	by := web.Actor(r)
	err = unforeseen(r, f, err)
	status, ok := refusedStatus(err)
	if !ok {
		return paidPage(w, r, by, err)
	}
	if c, is := conflictOf(err); is {
		return web.Render(w, r, status, conflictPage(by, f.draft, c))
	}
	files, ferr := s.freshen(r.Context(), by, &f, err)
	if ferr != nil {
		return ferr
	}
	p := composeProps{draft: f.draft, files: files, outside: f.outside, fault: fault.From(err), status: status}
	if err := s.lookAgain(r.Context(), by, &p); err != nil {
		return err
	}
	return s.renderCompose(w, r, p)
}

// recipientAnswer says what is known of an address, to somebody who may compose.
type recipientAnswer struct {
	Known    bool   `json:"known"`
	Name     string `json:"name,omitempty"`
	Practice string `json:"practice,omitempty"`
	New      bool   `json:"new"`
	Invited  bool   `json:"invited"`
	Wrong    bool   `json:"wrong,omitempty"` // no address, and no contact's name
	Meant    string `json:"meant,omitempty"` // the address this one may have been meant to be
}

func (s *Service) postRecipient(w http.ResponseWriter, r *http.Request) error {
	by := web.Actor(r)
	if err := mayCompose(by); err != nil {
		return err
	}
	var in struct {
		To string `json:"to"`
	}
	if err := web.ReadJSON(r, &in); err != nil {
		return err
	}
	a, err := s.recipient(r.Context(), by, oneLine(in.To))
	if err != nil {
		return err
	}
	return web.SendJSON(w, http.StatusOK, a)
}
