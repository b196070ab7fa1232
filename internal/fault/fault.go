// Package fault holds the errors a person can be told about.
//
// A rule that refuses returns a *Fault with one of the kinds below; one function in package web turns it into
// a page and a status. Every other error is unexpected: it is logged with a reference number and its text never
// reaches a page.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what went wrong in terms of what the person can do next. Each kind has one HTTP status (package web).
type Kind string

// The kinds, with the status that package web answers.
const (
	Unknown   Kind = ""          // 500: not a fault at all
	Invalid   Kind = "invalid"   // 422: a field is wrong, see Fields
	SignIn    Kind = "signin"    // 303 to the sign-in page
	NotFound  Kind = "notfound"  // 404: does not exist, or is not yours; the two are never told apart
	Forbidden Kind = "forbidden" // 403: your own page, but your role may not
	Conflict  Kind = "conflict"  // 409: edited elsewhere, or already done
	Gone      Kind = "gone"      // 410: a dead link
	TooLarge  Kind = "toolarge"  // 413
	Type      Kind = "type"      // 415
	TooMany   Kind = "toomany"   // 429
	Busy      Kind = "busy"      // 503: try again shortly
)

// FieldError is one sentence beside one form field. Field is the form's name of it.
type FieldError struct{ Field, Text string }

// Fault is an error with a kind, a sentence for the person, and, for Invalid, the fields concerned.
type Fault struct {
	Kind   Kind
	Text   string // a sentence for people; may be empty for NotFound, SignIn
	Fields []FieldError
}

func (f *Fault) Error() string {
	if len(f.Fields) > 0 {
		return fmt.Sprintf("fault %s: %s", f.Kind, f.Fields[0].Field)
	}
	return "fault " + string(f.Kind)
}

// Field refuses one form field with a sentence.
func Field(field, text string) *Fault {
	return &Fault{Kind: Invalid, Fields: []FieldError{{field, text}}}
}

// New makes a fault of a kind with a sentence for the person.
func New(kind Kind, text string) *Fault { return &Fault{Kind: kind, Text: text} }

// ErrNotFound is the answer for what does not exist or may not be seen.
func ErrNotFound() *Fault { return &Fault{Kind: NotFound} }

// Fields collects the field errors of one form.
type Fields []FieldError

// Add notes that a field is wrong.
func (l *Fields) Add(field, text string) { *l = append(*l, FieldError{field, text}) }

// Err is nil when nothing was added, else one Invalid fault with all fields in order.
func (l Fields) Err() error {
	if len(l) == 0 {
		return nil
	}
	return &Fault{Kind: Invalid, Fields: l}
}

// From finds the fault inside err. It never returns nil: for an unexpected error the Kind is Unknown.
func From(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{}
}

// Is says whether err carries a fault of this kind.
func Is(err error, kind Kind) bool { return err != nil && From(err).Kind == kind }

// For is what is wrong with one field, one sentence a line, empty when nothing is. Works on a nil fault, for pages
// without errors.
func (f *Fault) For(field string) string {
	if f == nil {
		return ""
	}
	var lines []string
	for _, e := range f.Fields {
		if e.Field == field {
			lines = append(lines, e.Text)
		}
	}
	return strings.Join(lines, "\n")
}
