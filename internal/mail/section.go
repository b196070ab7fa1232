package mail

import (
	"slices"
	"strings"
)

// Trash is the folder of conversations a person has put away. Nothing in it is destroyed.
const Trash = "trash"

// section is a list that a person looks at: a folder, the unread of the Inbox, or a label. A conversation's address says
// in ?in= which one it was opened from.
type section struct {
	folder string // Inbox, Archive, Trash, "sent" or "drafts"; empty for a label
	unread bool   // of the Inbox alone
	label  string // id
}

// labelWord begins the words that name a label.
const labelWord = "l-"

// word is how addresses and forms call a section.
func (c section) word() string {
	switch {
	case c.label != "":
		return labelWord + c.label
	case c.unread:
		return "unread"
	}
	return c.folder
}

// sectionOf reads what word wrote; false for anything else.
func sectionOf(word string) (section, bool) {
	if id, is := strings.CutPrefix(word, labelWord); is && validID(id) {
		return section{label: id}, true
	}
	if word == "unread" {
		return section{folder: Inbox, unread: true}, true
	}
	return section{folder: word}, slices.Contains([]string{Inbox, Archive, Trash, "sent"}, word)
}

// sectionFor is the section that a conversation is shown in: the one it was opened from, else its folder's.
func sectionFor(word, folder string) section {
	if c, ok := sectionOf(word); ok {
		return c
	}
	if folder == none {
		return section{folder: "sent"}
	}
	return section{folder: folder}
}

// href is the section's page.
func (c section) href() string {
	switch {
	case c.label != "":
		return "/mail/l/" + c.label
	case c.unread:
		return "/mail/inbox?show=unread"
	}
	return "/mail/" + c.folder
}

// after is the section's page that begins behind a cursor.
func (c section) after(cursor string) string {
	if c.unread {
		return c.href() + "&after=" + cursor
	}
	return c.href() + "?after=" + cursor
}

// threads says whether its rows are conversations, which can be moved and labelled. Sent and Drafts list messages.
func (c section) threads() bool { return c.folder != "sent" && c.folder != "drafts" }

// thread is the address of a conversation opened from this section.
func (c section) thread(id string) string { return "/mail/t/" + id + "?in=" + c.word() }
