package mail

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"

	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/web"
)

const contactsPath = "/mail/contacts"

// contactsShown is how many contacts stand on one page.
const contactsShown = 200

func (s *Service) mountContacts(rt *web.Router) {
	rt.Get(web.User, contactsPath, s.showContacts)
	rt.Get(web.User, contactsPath+"/import", s.showImport)
	rt.Upload(web.User, contactsPath+"/import", s.postImport)
	rt.Form(web.User, contactsPath+"/import/confirm", s.postConfirmImport)
	rt.Form(web.User, contactsPath+"/export", s.postExport)
	rt.Get(web.User, contactsPath+"/{id}", s.showContact)
	rt.Form(web.User, contactsPath+"/{id}", s.postContact)
	rt.Get(web.User, contactsPath+"/{id}/delete", s.showDeleteContact)
	rt.Form(web.User, contactsPath+"/{id}/delete", s.postDeleteContact)
}

// showContacts lists the actor's contacts, to choose a recipient from and to manage them.
func (s *Service) showContacts(w http.ResponseWriter, r *http.Request) error {
	by, q := web.Actor(r), r.URL.Query()
	if err := mayCompose(by); err != nil {
		return paidPage(w, r, by, err)
	}
	p := contactsProps{by: by, words: q.Get("q"), hidden: q.Get("hidden") == "yes"}
	if id := q.Get("draft"); validID(id) {
		p.draft = id
	}
	var err error
	if p.list, err = s.listBook(r.Context(), by, oneLine(p.words), p.hidden); err != nil {
		return err
	}
	p.turn(q.Get("from"))
	l, err := s.besideTexts(r, "contacts")
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, contactsPage(p, l))
}

// turn keeps one page of a long list.
func (p *contactsProps) turn(from string) {
	at, err := strconv.Atoi(from)
	if err != nil || at < 0 || at >= len(p.list) {
		at = 0
	}
	end := min(at+contactsShown, len(p.list))
	if end < len(p.list) {
		p.more = p.query(url.Values{"from": {strconv.Itoa(end)}})
	}
	p.list = p.list[at:end]
}

// query is this page's address with something more in it.
func (p contactsProps) query(v url.Values) string {
	if p.words != "" {
		v.Set("q", p.words)
	}
	if p.draft != "" {
		v.Set("draft", p.draft)
	}
	if p.hidden && !v.Has("hidden") {
		v.Set("hidden", "yes")
	}
	return contactsPath + "?" + v.Encode()
}

// contactProps is what the page of one contact shows.
type contactProps struct {
	by    actor.Actor
	c     Contact
	fault *fault.Fault
}

func (s *Service) showContact(w http.ResponseWriter, r *http.Request) error {
	by := web.Actor(r)
	c, err := s.ownContact(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return paidPage(w, r, by, err)
	}
	return s.renderContact(w, r, http.StatusOK, c, nil)
}

func (s *Service) renderContact(w http.ResponseWriter, r *http.Request, status int, c Contact, f *fault.Fault) error {
	l, err := s.besideTexts(r, "contacts")
	if err != nil {
		return err
	}
	return web.Render(w, r, status, contactPage(contactProps{by: web.Actor(r), c: c, fault: f}, l))
}

func (s *Service) postContact(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	by := web.Actor(r)
	c, err := s.ownContact(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return paidPage(w, r, by, err)
	}
	c.Name, c.Favourite, c.Hidden = form.Get("name"), form.Get("favorite") == "yes", form.Get("hidden") == "yes"
	err = s.SaveContact(r.Context(), by, c)
	if fault.Is(err, fault.Invalid) {
		return s.renderContact(w, r, http.StatusUnprocessableEntity, c, fault.From(err))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "Contact saved.")
	return web.Redirect(w, r, contactsPath)
}

func (s *Service) showDeleteContact(w http.ResponseWriter, r *http.Request) error {
	by := web.Actor(r)
	c, err := s.ownContact(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return paidPage(w, r, by, err)
	}
	l, err := s.besideTexts(r, "contacts")
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, deleteContactPage(contactProps{by: by, c: c}, l))
}

func (s *Service) postDeleteContact(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	by := web.Actor(r)
	if err := s.DeleteContact(r.Context(), by, r.PathValue("id")); err != nil {
		return paidPage(w, r, by, err)
	}
	web.Flash(w, "Contact deleted.")
	return web.Redirect(w, r, contactsPath)
}

// importProps is what the pages of an import show: the form, or what it would do.
type importProps struct {
	by    actor.Actor
	p     preview
	fault *fault.Fault
}

func (s *Service) showImport(w http.ResponseWriter, r *http.Request) error {
	if err := mayCompose(web.Actor(r)); err != nil {
		return paidPage(w, r, web.Actor(r), err)
	}
	return s.renderImport(w, r, http.StatusOK, preview{}, nil)
}

func (s *Service) renderImport(w http.ResponseWriter, r *http.Request, status int, p preview, f *fault.Fault) error {
	l, err := s.besideTexts(r, "contacts")
	if err != nil {
		return err
	}
	return web.Render(w, r, status, importPage(importProps{by: web.Actor(r), p: p, fault: f}, l))
}

// postImport reads the file and shows what would be added; nothing is added yet.
func (s *Service) postImport(w http.ResponseWriter, r *http.Request) error {
	by := web.Actor(r)
	if err := mayCompose(by); err != nil {
		return paidPage(w, r, by, err)
	}
	for part, err := range web.Parts(r) {
		if err != nil {
			return err
		}
		if !part.IsFile || part.FileName == "" {
			continue
		}
		p, err := s.previewImport(r.Context(), by, part.Body)
		if fault.Is(err, fault.Invalid) && fault.From(err).For("file") != "" {
			return s.renderImport(w, r, http.StatusUnprocessableEntity, p, fault.From(err))
		}
		if err != nil {
			return err
		}
		return s.renderImport(w, r, http.StatusOK, p, nil)
	}
	return s.renderImport(w, r, http.StatusUnprocessableEntity, preview{}, fault.From(errImport("Choose a file")))
}

func (s *Service) postConfirmImport(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	n, err := s.confirmImport(r.Context(), web.Actor(r), form.Get("id"))
	if err != nil {
		return paidPage(w, r, web.Actor(r), err)
	}
	web.Flash(w, count(n, "contact was added.", "contacts were added."))
	return web.Redirect(w, r, contactsPath)
}

// postExport hands out a file of the actor's contacts. It is a form, so that no browser fetches it ahead.
func (s *Service) postExport(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := s.exportContacts(r.Context(), web.Actor(r), &b); err != nil {
		return paidPage(w, r, web.Actor(r), err)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="contacts.csv"`)
	_, err := w.Write(b.Bytes())
	return err
}
