package ui

import (
	"context"
	"math"
	"strconv"
	"time"

	"securepractice/internal/fault"
)

// Head is what a page tells the shell around it.
type Head struct {
	Title   string       // the page's own name; "Error: " is put before it when Fault holds anything to say
	Fault   *fault.Fault // errors of the form on the page, or nil
	Current string       // Key of the product tab that is current; "" for none
	View    string       // mail pages only: "list", "thread" or "compose", which decides what a phone shows
	// Practice and Phone are whose name and number a link's pages carry while nobody is signed in. Empty means
	// the product and Support.
	Practice, Phone string
	Steps           []string // labels of the tabs a Folder wears; none makes a plain folder
	Step            int      // the current step, counted from 1
	Passkeys        bool     // the page asks for a passkey, which needs a script of its own
}

// Shell is what every page shows around its content: who is signed in, where they may go, and in which zone
// times are written. Package web puts it into the context before a page is rendered.
type Shell struct {
	Product, SupportPhone, SupportEmail string
	Notify                              string // the address notices come from, for "check your junk folder"
	Name                                string // the signed-in person
	Practice, PracticePhone             string // their practice; empty for patients and Support
	Tabs                                []Tab  // the products this person has
	Menu                                []Tab  // the name menu without Sign Out, which is a form
	Zone                                *time.Location
	Now                                 time.Time
	Idle, Warn                          time.Duration // a session's life without an act, and when the page warns
	SignedIn, Staff                     bool
	Theme                               string // "light" or "dark"; "" follows the system
	Compact, NoShortcuts                bool   // lists of one line less; single letters do nothing
	Flash                               string // one sentence about what has just happened
	Undo                                Undo   // how to take that back; its zero value: not at all
	Dev                                 bool
	// Events and Poll are where a page hears of new mail and asks what is new; empty for those without mail.
	Events, Poll string
	Assets       Assets // set by package web
}

// Undo is how what has just happened is taken back: by a POST to Action, while time is Left.
type Undo struct {
	Action string
	Left   time.Duration
}

// seconds is Left for the scripts.
func (u Undo) seconds() string { return strconv.Itoa(int(math.Ceil(u.Left.Seconds()))) }

// Tab is one product tab or one entry of the name menu. Count is shown when it is above zero, at most as "99+".
type Tab struct {
	Key, Label, Icon, Href string
	Count                  int
}

// Assets are the addresses of the static files, with the hash of their content in the name.
type Assets struct {
	CSS, Legacy, JS, HTMX, Passkey, Sum, Icons, Logo, Font string
	Viewer, Picture, Dicom, Model                          string // of the pages that show a file: style, and scripts of three kinds
}

type shellKey struct{}

// WithShell puts the shell's data where the components find it.
func WithShell(ctx context.Context, s Shell) context.Context {
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	return context.WithValue(ctx, shellKey{}, &s)
}

// ShellFrom reads the shell's data. Without one it answers an empty shell in UTC, so that a component can be
// rendered alone. Nobody may change it: a page asks for it hundreds of times, so all get the same one.
func ShellFrom(ctx context.Context) *Shell {
	if s, ok := ctx.Value(shellKey{}).(*Shell); ok {
		return s
	}
	return &Shell{Zone: time.UTC}
}

// Count is the number that stands beside a product's tab; zero when this person has no such tab.
func (s *Shell) Count(product string) int {
	for _, t := range s.Tabs {
		if t.Key == product {
			return t.Count
		}
	}
	return 0
}

// Input describes one form field. Its id is its Name, so an error's link in the summary leads to it.
type Input struct {
	Name, Label, Hint, Value string
	Type                     string // of the input element; "" is text
	Autocomplete             string
	Mode                     string // inputmode, such as "tel" or "numeric"
	Placeholder              string // not for words: a space lets the style sheet tell an empty field
	Error                    string // what stands beside the field, one sentence a line
	Optional                 bool   // writes "(optional)" after the label
	Required                 bool   // writes "*" after the label; the page says "* means required"
	Code                     bool   // a secret code: large monospaced figures, filled in from a text by phones
	// Spell lets the browser check spelling. Off unless asked for: some browsers send what is typed to a
	// service to check it.
	Spell bool
	Rows  int // height of an Area
}

// Option is one choice of a Select, Radios or Checks.
type Option struct{ Value, Label string }

// Rules are what a new password must meet, as the page shows it.
type Rules struct {
	MinLength  int
	Classes    bool // a lower case letter, an upper case letter, a number and a special character
	History    int  // how many earlier passwords are refused; 0 for none
	MaxAgeDays int  // 0 when passwords do not expire
}

// FileRow is one attachment in a list. With Href it can be downloaded; with RemoveName it can be removed by a
// button of that name and value in the form around it.
type FileRow struct {
	Name, Kind, Size        string // "scan.dcm", "DICOM", "148 MB"
	State                   string // "Scanned, no threats found"; never told by colour alone
	Warning                 string // what to mind when opening it; else empty
	Icon                    string // "box", "image", "file-text"
	Href                    string
	View, Thumb             string // the page that shows it, and a small picture of it; each may be missing
	RemoveName, RemoveValue string
	Good, Bad               bool // colours and marks State
	Unscanned               bool // nobody looked at it, and nobody will
}

// Attach is the attachments block of a form that writes a message.
type Attach struct {
	Rows        []FileRow
	Used, Limit int64    // bytes of all attachments together
	Types       []string // accepted extensions without a dot
	Error       string
}
