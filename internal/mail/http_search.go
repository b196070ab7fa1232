package mail

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

const (
	searchPath   = "/mail/search"
	searchFolder = "search" // the list that a search's page shows
)

// mountSearch registers the search. What is sought is private: it comes by POST, and the address it leads to holds it
// sealed for the person who asked.
func (s *Service) mountSearch(rt *web.Router) {
	rt.Get(web.User, searchPath, s.showSearch)
	rt.Form(web.User, searchPath, s.postSearch)
}

func (s *Service) postSearch(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	f := Search{Words: oneLine(form.Get("q")), Folder: form.Get("folder"), Person: oneLine(form.Get("person")), Since: form.Get("from"), Until: form.Get("to"),
		Files: form.Get("files") != "", Unread: form.Get("unread") != ""}
	hidden, err := s.startSearch(r.Context(), web.Actor(r), f)
	if status, ok := refusedStatus(err); err != nil && ok {
		return s.renderSearch(w, r, status, searchProps{s: f, fault: fault.From(err)})
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, searchPath+"?q="+hidden)
}

// showSearch shows what an address finds; without one, or with one that is not this person's, the form alone.
func (s *Service) showSearch(w http.ResponseWriter, r *http.Request) error {
	p := searchProps{hidden: r.URL.Query().Get("q")}
	var err error
	if p.s, p.asked, err = s.unhide(r.Context(), web.Actor(r), p.hidden); err != nil {
		return err
	}
	if p.asked {
		p.r, err = s.search(r.Context(), web.Actor(r), p.s, r.URL.Query().Get("after"), r.Method == http.MethodHead)
	}
	if err != nil {
		return err
	}
	return s.renderSearch(w, r, http.StatusOK, p)
}

func (s *Service) renderSearch(w http.ResponseWriter, r *http.Request, status int, p searchProps) error {
	p.by = web.Actor(r)
	p.l = list{folder: searchFolder}
	if err := s.counts(r.Context(), p.by, &p.l); err != nil {
		return err
	}
	return web.Render(w, r, status, searchPage(p))
}

// filtered says whether a search asks for more than words.
func (f Search) filtered() bool { f.Words = ""; return f != Search{} }

// words are what was sought, as typed.
func (f Search) words() string { return strings.TrimSpace(f.Words + " " + f.Person) }

func searchLabel(field string) string {
	if field == "person" {
		return "Person"
	}
	return "Search mail"
}

func searchFolders() []ui.Option {
	return []ui.Option{{Value: Inbox, Label: "Inbox"}, {Value: "sent", Label: "Sent"}, {Value: Archive, Label: "Archive"}, {Value: Trash, Label: "Trash"}}
}

// progressLine says how far the reading of a large mailbox has come.
func progressLine(r results) string {
	return fmt.Sprintf("%s of %s are ready; messages from between may be missing here.", thousands(int(r.done)), thousands(int(r.total)))
}

// leftLine names what was typed and is too short to be sought.
func leftLine(left []string) string {
	return "Not searched for: “" + strings.Join(left, "”, “") + "”. A word needs at least 2 letters or digits."
}

// pieces writes a text with its hits marked. Everything is escaped.
func pieces(list []piece) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		for _, p := range list {
			text := templ.EscapeString(p.text)
			if p.hit {
				text = "<mark>" + text + "</mark>"
			}
			b.WriteString(text)
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}
