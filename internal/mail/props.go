package mail

import (
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/fault"
	"securepractice/internal/ui"
)

// threadProps is what the page of a conversation shows. Draft and files are those of the reply box.
type threadProps struct {
	by     actor.Actor
	t      thread
	draft  Draft
	files  []attach.File
	fault  *fault.Fault
	status int
	limit  int64
	types  []string
	now    time.Time
	all    bool // every message is open

	forward   bool // the reader may forward
	templates []Template
}

// composeProps is what the page of a new message shows.
type composeProps struct {
	by        actor.Actor
	draft     Draft
	files     []attach.File
	fault     *fault.Fault
	status    int
	limit     int64
	types     []string
	contacts  bool // there is somebody to choose
	templates []Template
	most      int // recipients the practice allows
	blocks    []Newcomer
	meant     []doubt
	outside   string // the recipients confirmed for a patient's message
}

type contactsProps struct {
	by     actor.Actor
	list   []Contact
	words  string
	draft  string // the draft to go back to, if any
	hidden bool   // hidden ones are shown too
	more   string // where the rest of a long list is
}

// choose is where choosing a contact leads.
func (p contactsProps) choose(c Contact) string {
	to := "/mail/new?contact=" + c.ID
	if p.draft != "" {
		to += "&draft=" + p.draft
	}
	return to
}

type draftProps struct {
	by    actor.Actor
	draft Draft
	files []attach.File
	ended string // says that its files were removed; else empty
}

// edit is where a draft is written on.
func (d Draft) edit() string {
	if d.ThreadID != "" {
		return "/mail/t/" + d.ThreadID + "?draft=" + d.ID + "#reply"
	}
	return "/mail/new?draft=" + d.ID
}

// action is where a draft's form is sent.
func (d Draft) action() string {
	if d.ThreadID != "" {
		return "/mail/t/" + d.ThreadID + "/reply"
	}
	return "/mail/new"
}

func (d Draft) upload() string {
	at := uploadsPath + "?draft=" + d.ID
	if d.ThreadID != "" {
		at += "&thread=" + d.ThreadID
	}
	return at
}

// titles of the folders.
func folderTitle(folder string) string {
	switch folder {
	case Archive:
		return "Archive"
	case Trash:
		return "Trash"
	case "sent", none:
		return "Sent"
	case "drafts":
		return "Drafts"
	}
	return "Inbox"
}

// folderHref is a folder's page.
func folderHref(folder string) string {
	switch folder {
	case none:
		return "/mail/sent"
	case Archive, Trash, "sent", "drafts":
		return "/mail/" + folder
	}
	return "/mail/inbox"
}

func emptyText(c section) string {
	switch {
	case c.label != "":
		return "No conversation has this label."
	case c.unread:
		return "No unread messages."
	}
	switch c.folder {
	case Archive:
		return "Nothing is archived."
	case Trash:
		return "Trash is empty."
	case "sent":
		return "You have not sent a message yet."
	case "drafts":
		return "No drafts."
	}
	return "No messages yet."
}

// title is what a list is called.
func (l list) title() string {
	if own, ok := labelIn(l.labels, l.in.label); ok {
		return own.name
	}
	return folderTitle(l.folder)
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}

// withLine says with whom a conversation is, and how long it is.
func (t thread) withLine() string {
	return "With " + t.withNames(false) + ". " + count(t.messages, "message", "messages")
}

// received says whether anybody but the reader has written.
func (t thread) received(by actor.Actor) bool {
	for _, l := range t.letters {
		if !l.mine {
			return true
		}
	}
	return false
}

// isOpen says whether a message is unfolded: the newest, and what is new to the reader.
func (p threadProps) isOpen(i int) bool {
	return p.all || i == len(p.t.letters)-1 || p.t.letters[i].fresh
}

// words is the standing of one's own message, with the time it was read.
func (s standing) text(zone *time.Location, now time.Time) string {
	if s.readAt.IsZero() {
		return s.words
	}
	at := s.readAt.In(zone)
	if at.Year() != now.In(zone).Year() {
		return s.words + " " + at.Format("Jan 2, 2006") + " at " + at.Format("3:04 PM")
	}
	return s.words + " " + at.Format("Jan 2") + " at " + at.Format("3:04 PM")
}

// sending tells the scripts in how many seconds a message leaves.
func (s standing) sending(now time.Time) templ.Attributes {
	if s.leaves.IsZero() {
		return nil
	}
	return templ.Attributes{"data-sending": strconv.Itoa(int(max(0, s.leaves.Sub(now).Seconds())) + 1)}
}

// letterFiles are the attachments of a message: to be fetched once they are clean.
func letterFiles(files []attach.File) []ui.FileRow {
	list := make([]ui.FileRow, len(files))
	for i, f := range files {
		list[i] = fileRow(f)
		if f.State == attach.Clean {
			list[i].Href = "/mail/attachments/" + f.LinkID
			if viewable(f) {
				list[i].View = list[i].Href + "/view"
			}
			if f.Seen.Proof != "" && f.Seen.Thumb {
				list[i].Thumb = list[i].Href + "/thumb/" + f.Seen.Proof + "-0"
			}
		}
	}
	return list
}

// formFiles are the attachments block of a form.
func formFiles(files []attach.File, types []string, limit int64, f *fault.Fault) ui.Attach {
	a := ui.Attach{Limit: limit, Types: types, Error: allOf(f, "attachments")}
	for _, file := range files {
		r := fileRow(file)
		r.RemoveName, r.RemoveValue = "remove", file.LinkID
		a.Rows = append(a.Rows, r)
		a.Used += file.Size
	}
	return a
}

// allOf joins the sentences of one field: several files may each have their own.
func allOf(f *fault.Fault, field string) string {
	var all []string
	if f != nil {
		for _, e := range f.Fields {
			if e.Field == field {
				all = append(all, e.Text)
			}
		}
	}
	return strings.Join(all, ". ")
}

// savedText is the state beside a form's buttons.
func savedText(d Draft, zone *time.Location) string {
	if d.Version == 0 || d.SavedAt.IsZero() {
		return ""
	}
	return "Draft saved " + d.SavedAt.In(zone).Format("3:04 PM")
}

func replyTitle(p threadProps) string {
	if p.t.received(p.by) {
		return "Reply to " + p.t.reaches()
	}
	return "Write again to " + p.t.reaches()
}

// printedBy stands on everything that is put on paper: who, from where, when.
func printedBy(p threadProps, shell *ui.Shell) string {
	who := p.by.Name()
	if shell.Practice != "" {
		who += ", " + shell.Practice
	}
	return "Printed by " + who + " on " + ui.LongTime(p.now, shell.Zone) + ". Confidential: contains health information."
}

func draftTitle(d Draft) string {
	if d.Subject == "" {
		return "No subject yet"
	}
	return d.Subject
}

func draftTo(d Draft) string {
	if d.To == "" {
		return "No recipient yet"
	}
	return "To " + d.To
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// firstLine keeps a first empty line, which browsers drop at the start of a textarea.
func firstLine(s string) string {
	if strings.HasPrefix(s, "\n") {
		return "\n" + s
	}
	return s
}
