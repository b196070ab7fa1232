package web

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
)

// refusal is how one kind of fault meets the person: status, the page's name, and what it says when the fault
// itself brings no sentence.
type refusal struct {
	status      int
	title, text string
}

// again is after how many seconds a program may ask again that was told to come back later; "" for other answers.
func (r refusal) again() string {
	switch r.status {
	case http.StatusTooManyRequests:
		return "900"
	case http.StatusServiceUnavailable:
		return "60"
	}
	return ""
}

// away is the answer while something that every page needs is away, such as the database.
func away() refusal {
	return refusal{http.StatusServiceUnavailable, "Down for maintenance", "The portal is being worked on. Try again in a few minutes."}
}

// refusalOf is the whole table from kinds to pages.
func refusalOf(err error) refusal {
	if errors.Is(err, errMethod) {
		return refusal{http.StatusMethodNotAllowed, "This page cannot be used that way", "Go back and try again from the page you came from."}
	}
	switch fault.From(err).Kind {
	case fault.Invalid:
		return refusal{http.StatusUnprocessableEntity, "There is a problem", "Something in the form was not right. Go back and check it."}
	case fault.NotFound:
		return refusal{http.StatusNotFound, "Page not found", "If you typed the address, check it. If you followed a link, it may be out of date."}
	case fault.Forbidden:
		return refusal{http.StatusForbidden, "You do not have access to this page", "Your practice's User Manager or Support can tell you who may open it."}
	case fault.Conflict:
		return refusal{http.StatusConflict, "This was already changed", "It was changed or done in the meantime. Go back and look at it again."}
	case fault.Gone:
		return refusal{http.StatusGone, "This link has expired or was already used", "Ask whoever sent it for a new one."}
	case fault.TooLarge:
		return refusal{http.StatusRequestEntityTooLarge, "That was too large", "Go back and send less at once."}
	case fault.Type:
		return refusal{http.StatusUnsupportedMediaType, "That cannot be accepted", "Go back and choose another kind of file."}
	case fault.TooMany:
		return refusal{http.StatusTooManyRequests, "Too many tries", "Too many tries. Try again in 15 minutes."}
	case fault.Busy:
		return refusal{http.StatusServiceUnavailable, "Very busy at the moment", "Wait a minute, then try again. Nothing was lost."}
	}
	return refusal{http.StatusInternalServerError, "Something went wrong", "Try again. If it happens again, call Support and read them this number:"}
}

// Unexpected logs an error nobody foresaw and gives what the person is told, for a handler that shows their form again with
// all they typed instead of the page for such errors: doubt is what the person is told, before how to go on.
func Unexpected(r *http.Request, err error, doubt string) *fault.Fault {
	st := stateOf(r)
	st.logUnexpected(r, err)
	return fault.New(fault.Unknown, doubt+" If it happens again, call Support and read them this number: "+st.number())
}

func (st *state) logUnexpected(r *http.Request, err error) {
	st.rt.o.Log.LogAttrs(r.Context(), slog.LevelError, "unexpected error",
		append(st.fields(r, http.StatusInternalServerError), slog.String("error", scrub(err.Error())))...)
}

// fail meets the person with what became of their request. It is the only place that logs an unexpected error.
func (st *state) fail(r *http.Request, err error) {
	if gone(r, err) {
		return
	}
	f := fault.From(err)
	if f.Kind == fault.Unknown && !errors.Is(err, errMethod) && st.rt.o.Away != nil && st.rt.o.Away(err) {
		st.rt.o.Log.LogAttrs(r.Context(), slog.LevelError, "unavailable",
			append(st.fields(r, http.StatusServiceUnavailable), slog.String("error", scrub(err.Error())))...)
		st.answerAway(r)
		return
	}
	if f.Kind == fault.Unknown && !errors.Is(err, errMethod) {
		st.logUnexpected(r, err)
		st.answer500(r)
		return
	}
	st.abortIfBegun()
	ref := refusalOf(err)
	switch {
	case f.Kind == fault.SignIn && st.plainPage(r):
		http.Redirect(st.w, r, st.signIn(r), http.StatusSeeOther) //nolint:gosec // always our own sign-in page; next= is escaped and local
	case st.swap(r):
		st.reload(r, f)
	case f.Kind == fault.SignIn:
		st.failJSON(refusal{http.StatusUnauthorized, "", "Sign in to continue."}, f)
	case st.wantsJSON(r):
		st.failJSON(ref, f)
	default:
		st.failPage(r, ref, f)
	}
}

// gone says whether the error is only that the browser went away.
func gone(r *http.Request, err error) bool {
	return errors.Is(err, context.Canceled) && r.Context().Err() != nil
}

// abortIfBegun cuts the connection when part of an answer was sent: a file that ends early must not look whole.
func (st *state) abortIfBegun() {
	if st.w.status != 0 {
		panic(http.ErrAbortHandler)
	}
}

func (st *state) answer500(r *http.Request) {
	st.abortIfBegun()
	ref := refusalOf(errors.New("web: unexpected"))
	if r.Method == http.MethodPost {
		ref.text = "What you sent may not be stored. Go back, look, and try again. If it happens again, call Support and read them this number:"
	}
	if st.swap(r) {
		st.reload(r, &fault.Fault{})
		return
	}
	if st.wantsJSON(r) {
		st.failJSON(refusal{ref.status, "", "Something went wrong. Try again. Reference " + st.number() + "."}, &fault.Fault{})
		return
	}
	st.failPage(r, ref, &fault.Fault{})
}

// answerAway asks nothing of what is away: the page stands in the plain shell.
func (st *state) answerAway(r *http.Request) {
	st.abortIfBegun()
	if st.wantsJSON(r) || st.swap(r) {
		st.failJSON(away(), &fault.Fault{})
		return
	}
	st.problem(r, st.plainShell(), away(), &fault.Fault{})
}

// plainPage says whether a browser is waiting for a page it can be sent away from. A form is sent to the sign-in
// page too; a script is told by its status.
func (st *state) plainPage(r *http.Request) bool {
	switch st.route.Kind {
	case Page, Form, Upload, Stream:
		return !st.wantsJSON(r) && !st.swap(r)
	}
	return false
}

// swap says whether a script wants a part of a page; a refusal has no such part.
func (st *state) swap(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("HX-Request") != ""
}

// reload tells the script to leave the page: for sign-in, or for this address as a whole page.
func (st *state) reload(r *http.Request, f *fault.Fault) {
	to := "/"
	if f.Kind == fault.SignIn {
		to = st.signIn(r)
	} else if local, ok := LocalPath(r.URL.RequestURI()); ok {
		to = local
	}
	st.w.Header().Set("HX-Redirect", to)
	st.w.WriteHeader(http.StatusNoContent)
}

// signIn is where a person without a session goes; a page they asked for is kept as next.
func (st *state) signIn(r *http.Request) string {
	to := "/signin"
	if st.route.Role == Staff {
		to = "/support/signin"
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return to
	}
	next, ok := LocalPath(r.URL.RequestURI())
	if !ok || next == "/" {
		return to
	}
	return to + "?next=" + url.QueryEscape(next)
}

func (st *state) wantsJSON(r *http.Request) bool {
	return st.route.Kind == JSON || st.route.Kind == Quiet || strings.HasPrefix(r.Header.Get("Accept"), "application/json")
}

// failJSON tells a script: the sentence, and which field it belongs to.
func (st *state) failJSON(ref refusal, f *fault.Fault) {
	body := struct {
		Error string `json:"error"`
		Field string `json:"field,omitempty"`
	}{Error: ref.text}
	if f.Text != "" {
		body.Error = f.Text
	}
	if len(f.Fields) > 0 {
		body.Error, body.Field = f.Fields[0].Text, f.Fields[0].Field
	}
	if after := ref.again(); after != "" {
		st.w.Header().Set("Retry-After", after)
	}
	if err := SendJSON(st.w, ref.status, body); err != nil {
		st.rt.o.Log.Error("answer an error", "error", scrub(err.Error()))
	}
}

// failPage shows the page of a refusal in the shell of whoever asked; in the plain shell when that fails too.
func (st *state) failPage(r *http.Request, ref refusal, f *fault.Fault) {
	shell, err := st.shell(r)
	if err != nil {
		shell = st.plainShell()
	}
	st.problem(r, shell, ref, f)
}

func (st *state) problem(r *http.Request, shell ui.Shell, ref refusal, f *fault.Fault) {
	p := problem{Title: ref.title, Text: ref.text, Fields: f.Fields, SignedIn: shell.SignedIn}
	if f.Text != "" {
		p.Text = f.Text
	}
	if ref.status == http.StatusInternalServerError {
		p.Reference = st.number()
	}
	if after := ref.again(); after != "" {
		st.w.Header().Set("Retry-After", after)
	}
	var buf bytes.Buffer
	if err := problemPage(p).Render(ui.WithShell(r.Context(), shell), &buf); err != nil {
		st.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		st.w.WriteHeader(ref.status)
		_, _ = st.w.Write([]byte(p.Title + ". " + p.Text + "\n")) // nothing is left to try
		return
	}
	st.send(r, ref.status, &buf)
}
