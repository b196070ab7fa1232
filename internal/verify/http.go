package verify

import (
	"context"
	"net/http"
	"strings"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

// Subject is whom the two shared steps prove, as the room that owns the flow knows it.
type Subject struct {
	ID         string
	Generation int64
	Phones     Phones
	Head       ui.Head       // title and fault are filled in here
	Contact    string        // who corrects wrong numbers: the sender's name, or "Support"
	Name       string        // the practice or product that the text names
	TTL        time.Duration // life of a flow begun here; 0 = the setting
}

// Host is a flow that uses the steps "method" and "code".
type Host struct {
	Kind   string
	Prefix string // "/i/{token}"
	Role   web.Role
	// Open checks the link (or whatever else stands before these steps) and says who it is. Its fault is the answer.
	Open func(r *http.Request) (Subject, error)
	// Dead answers when Open refuses; nil leaves it to the router.
	Dead func(w http.ResponseWriter, r *http.Request, err error) error
	// Next is where a confirmed code leads.
	Next func(r *http.Request) string
	// Done, when set, answers the POST that confirmed a code, in place of the redirect to Next.
	Done web.Handler
	// Wrong, when set, is behind "That is not my number".
	Wrong WrongNumber
}

// MountSteps registers GET and POST {prefix}/method and {prefix}/code, and POST {prefix}/resend.
func (s *Service) MountSteps(rt *web.Router, h Host) {
	st := steps{s, h}
	rt.Get(h.Role, h.Prefix+"/method", st.showMethod)
	rt.Form(h.Role, h.Prefix+"/method", st.postMethod)
	rt.Get(h.Role, h.Prefix+"/code", st.showCode)
	rt.Form(h.Role, h.Prefix+"/code", st.postCode)
	rt.Form(h.Role, h.Prefix+"/resend", st.postResend)
	st.mountWrong(rt)
}

type steps struct {
	s *Service
	h Host
}

// base is the address of the flow without its last step.
func base(r *http.Request) string { return r.URL.Path[:strings.LastIndexByte(r.URL.Path, '/')] }

// refused answers for a subject that Open did not give.
func (st steps) refused(w http.ResponseWriter, r *http.Request, err error) error {
	if st.h.Dead == nil {
		return err
	}
	return st.h.Dead(w, r, err)
}

func (st steps) flow(r *http.Request, sub Subject) (Flow, bool, error) {
	return st.s.Flow(r.Context(), st.s.o.DB, st.h.Kind, sub.ID, web.Browser(r), sub.Generation)
}

func (st steps) showMethod(w http.ResponseWriter, r *http.Request) error {
	sub, err := st.h.Open(r)
	if err != nil {
		return st.refused(w, r, err)
	}
	f, found, err := st.flow(r, sub)
	if err != nil {
		return err
	}
	if found && f.Phone {
		return web.Redirect(w, r, st.h.Next(r))
	}
	// Nothing is chosen beforehand, also after Change Delivery Method: who presses Continue blindly sends nothing.
	return web.Render(w, r, http.StatusOK, methodPage(st.props(r, sub, nil), ""))
}

func (st steps) postMethod(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	sub, err := st.h.Open(r)
	if err != nil {
		return st.refused(w, r, err)
	}
	again := func(err error) error {
		return web.Render(w, r, http.StatusUnprocessableEntity, methodPage(st.props(r, sub, fault.From(err)), form.Get("method")))
	}
	m, ok := methodOf(sub.Phones, form.Get("method"))
	if !ok {
		return again(fault.Field("method", "Choose how to get your code"))
	}
	f, err := st.begin(w, r, sub)
	if err != nil {
		return err
	}
	if f.Phone {
		return web.Redirect(w, r, st.h.Next(r))
	}
	err = st.s.SendCode(r.Context(), web.Actor(r), f, Send{Method: m, Name: sub.Name, Field: "method"})
	if fault.Is(err, fault.Invalid) {
		return again(err)
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, base(r)+"/code")
}

func (st steps) begin(w http.ResponseWriter, r *http.Request, sub Subject) (f Flow, err error) {
	browser := web.EnsureBrowser(w, r)
	err = st.s.o.DB.InTx(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		f, err = st.s.Begin(ctx, tx, Start{Kind: st.h.Kind, Subject: sub.ID, Generation: sub.Generation, Browser: browser, TTL: sub.TTL})
		return err
	})
	return f, err
}

// coded is this browser's flow when a code was sent in it; false after it has answered with a redirect.
func (st steps) coded(w http.ResponseWriter, r *http.Request) (sub Subject, f Flow, ok bool, err error) {
	if sub, err = st.h.Open(r); err != nil {
		return sub, f, false, st.refused(w, r, err)
	}
	f, found, err := st.flow(r, sub)
	switch {
	case err != nil:
		return sub, f, false, err
	case found && f.Phone:
		return sub, f, false, web.Redirect(w, r, st.h.Next(r))
	case !found || !f.CodeSent:
		return sub, f, false, web.Redirect(w, r, base(r)+"/method")
	}
	return sub, f, true, nil
}

func (st steps) showCode(w http.ResponseWriter, r *http.Request) error {
	sub, f, ok, err := st.coded(w, r)
	if err != nil || !ok {
		return err
	}
	return web.Render(w, r, http.StatusOK, codePage(st.props(r, sub, nil), f.Method))
}

func (st steps) postCode(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	sub, f, ok, err := st.coded(w, r)
	if err != nil || !ok {
		return err
	}
	err = st.s.CheckCode(r.Context(), web.Actor(r), f, form.Get("code"))
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, codePage(st.props(r, sub, fault.From(err)), f.Method))
	}
	if err != nil {
		return err
	}
	if st.h.Done != nil {
		return st.h.Done(w, r)
	}
	return web.Redirect(w, r, st.h.Next(r))
}

func (st steps) postResend(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	sub, f, ok, err := st.coded(w, r)
	if err != nil || !ok {
		return err
	}
	m, ok := methodOf(sub.Phones, f.Method)
	if !ok {
		return web.Redirect(w, r, base(r)+"/method")
	}
	err = st.s.SendCode(r.Context(), web.Actor(r), f, Send{Method: m, Name: sub.Name, Field: "code"})
	if fault.Is(err, fault.Invalid) {
		return web.Render(w, r, http.StatusUnprocessableEntity, codePage(st.props(r, sub, fault.From(err)), f.Method))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "We sent a new code. The old one no longer works.")
	return web.Redirect(w, r, base(r)+"/code")
}

// props is what both pages show.
func (st steps) props(r *http.Request, sub Subject, f *fault.Fault) stepProps {
	h := sub.Head
	h.Title, h.Fault = "Verify your identity", f
	return stepProps{head: h, fault: f, phones: sub.Phones, contact: sub.Contact, base: base(r), life: st.s.set.CodeLife, wrong: st.h.Wrong != nil && len(Methods(sub.Phones)) > 0}
}
