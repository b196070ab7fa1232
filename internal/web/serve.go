package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"securepractice/internal/actor"
	"securepractice/internal/fault"
)

// Handler is the whole site as a net/http handler.
func (rt *Router) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := &state{rt: rt, start: time.Now(), w: &writer{ResponseWriter: w, rt: rt}, by: rt.visitor(r)}
		r = r.WithContext(context.WithValue(r.Context(), stateKey{}, st))
		defer st.recover(r)
		rt.headers(st.w.Header())
		rt.dispatch(st, r)
	})
}

// dispatch finds the route. Static files need neither session nor database.
func (rt *Router) dispatch(st *state, r *http.Request) {
	switch {
	case rt.assets.serve(st.w, r):
		return
	case tooOld(r):
		rt.assets.serveTooOld(st.w)
		return
	case !clean(r):
		rt.known(st, r, fault.ErrNotFound())
		return
	}
	if err := rt.cross.Check(r); err != nil {
		rt.known(st, r, fault.New(fault.Forbidden, "This form came from another site and was not accepted."))
		return
	}
	if _, pattern := rt.mux.Handler(r); pattern != "" {
		rt.mux.ServeHTTP(st.w, r)
		return
	}
	if allow := rt.allowed(r); allow != "" {
		st.w.Header().Set("Allow", allow)
		rt.known(st, r, errMethod)
		return
	}
	rt.known(st, r, fault.ErrNotFound())
}

// errMethod is the one refusal without a fault kind: the address exists, but not for this method.
var errMethod = errors.New("web: method not allowed")

// allowed lists the methods a path without a matching route does have.
func (rt *Router) allowed(r *http.Request) string {
	var list []string
	for _, m := range []string{http.MethodGet, http.MethodPost} {
		probe := *r
		probe.Method = m
		if _, pattern := rt.mux.Handler(&probe); pattern != "" {
			list = append(list, m)
		}
	}
	return strings.Join(list, ", ")
}

// known answers a request that has no route with a page in the shell of whoever asks.
func (rt *Router) known(st *state, r *http.Request, err error) {
	if serr := st.identify(r); serr != nil {
		err = serr
	}
	st.fail(r, err)
}

// clean refuses what no address of ours holds and PostgreSQL would not take: NUL and broken UTF-8.
func clean(r *http.Request) bool {
	if !plain(r.URL.Path) {
		return false
	}
	if r.URL.RawQuery == "" {
		return true
	}
	q, err := url.QueryUnescape(r.URL.RawQuery)
	return err == nil && plain(q)
}

func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// serve is one route's way from the session to its handler.
func (rt *Router) serve(route Route, h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := stateOf(r)
		st.route = route
		err := st.identify(r)
		if err == nil {
			err = st.may(r)
		}
		if err == nil {
			err = st.touch(r)
		}
		if err == nil {
			rt.prepare(st, r)
			err = h(w, r)
		}
		st.done(r, err)
	})
}

// identify finds who asks. A cookie nobody knows is the same as none.
func (st *state) identify(r *http.Request) error {
	token := st.rt.sessionToken(r)
	if token == "" || st.rt.o.Session == nil {
		return nil
	}
	by, ok, err := st.rt.o.Session(r.Context(), token)
	if err != nil || !ok {
		return err
	}
	by.IP, by.Agent = st.by.IP, st.by.Agent
	st.by = by
	return nil
}

// may holds the whole table of who may call what.
func (st *state) may(r *http.Request) error {
	signedOut := !st.by.SignedIn()
	switch st.route.Role {
	case Public, Flow:
		return nil
	case User, Manager:
		switch {
		case signedOut:
			return fault.New(fault.SignIn, "")
		case st.by.Kind != actor.User:
			return fault.ErrNotFound()
		case st.route.Role == Manager && !st.by.Manager:
			return fault.New(fault.Forbidden, "Only your practice's User Managers can open this page.")
		}
		return nil
	case Staff:
		switch {
		case signedOut:
			return fault.New(fault.SignIn, "")
		case st.by.Kind != actor.Staff:
			return fault.ErrNotFound()
		}
		return nil
	case Dev:
		if st.rt.o.Dev && loopback(r) {
			return nil
		}
	}
	return fault.ErrNotFound()
}

// touch notes an act of the person: whatever they asked for themselves, but no stream, no poll, no prefetch.
func (st *state) touch(r *http.Request) error {
	if st.rt.o.Touch == nil || !st.by.SignedIn() || !acts(st.route.Kind) || background(r) {
		return nil
	}
	return st.rt.o.Touch(r.Context(), st.by)
}

func acts(k Kind) bool {
	return k == Page || k == Form || k == Upload || k == JSON || k == Stream || k == Resume
}

// background says whether the browser or our own script asks without the person.
func background(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") || r.Header.Get("X-Background") != ""
}

// prepare sets what the route's kind asks of the connection.
func (rt *Router) prepare(st *state, r *http.Request) {
	switch st.route.Kind {
	case Form:
		r.Body = http.MaxBytesReader(st.w, r.Body, FormLimit)
	case JSON:
		r.Body = http.MaxBytesReader(st.w, r.Body, JSONLimit)
	case Upload:
		r.Body = newPatientBody(st, r)
	case Events:
		st.noDeadline()
		h := st.w.Header()
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("X-Accel-Buffering", "no") // proxies must not hold events back
	case Stream:
		st.noDeadline()
	}
}

// noDeadline lets an answer take as long as its reader; a server without deadlines needs nothing.
func (st *state) noDeadline() {
	_ = http.NewResponseController(st.w).SetWriteDeadline(time.Time{}) // unsupported only under test recorders
}
