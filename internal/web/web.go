package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/ui"
)

// Handler answers one request. A returned error is met by one function, which shows the person a page.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Role says who may call a route.
type Role uint8

// The roles of routes.
const (
	Public  Role = iota + 1 // anybody
	Flow                    // the holder of a link; the handler checks the link itself
	User                    // a signed-in practice user or patient
	Manager                 // a User Manager of a practice
	Staff                   // the operator's Support
	Dev                     // anybody on this machine, in the demo only
)

// String is the role's word in the list of routes.
func (r Role) String() string {
	return [...]string{"?", "public", "flow", "user", "manager", "staff", "dev"}[min(r, Dev)]
}

// Kind is how a route takes its body and gives its answer.
type Kind string

// The kinds of route.
const (
	Page   Kind = "page"   // GET
	Quiet  Kind = "quiet"  // GET by a script in the background: not an act of the person
	Form   Kind = "form"   // POST, urlencoded, at most FormLimit
	Upload Kind = "upload" // POST, streamed
	Resume Kind = "resume" // a piece of an upload by a script
	JSON   Kind = "json"   // POST, JSON both ways, at most JSONLimit
	Events Kind = "events" // GET, server-sent events
	Stream Kind = "stream" // GET, bytes without a write deadline
)

// Limits of bodies in bytes. An upload has none here: its handler counts what it may take.
const (
	FormLimit = 1 << 20
	JSONLimit = 64 << 10
)

// Route is one line of the list of routes.
type Route struct {
	Method, Path string
	Kind         Kind
	Role         Role
}

// String is the line as it stands in the list that reviewers read.
func (r Route) String() string {
	return r.Method + " " + r.Path + " " + string(r.Kind) + " " + r.Role.String()
}

// Options are what a Router needs. Session, Shell and Touch may be nil in tests: nobody is signed in then, the
// page shows Plain, and acts leave no trace.
type Options struct {
	Log     *slog.Logger
	Clock   *clock.Clock
	BaseURL string // "https://portal.example"; the only source of the address in links
	// Session finds who a session's token belongs to; false when there is no such living session.
	Session func(ctx context.Context, token string) (actor.Actor, bool, error)
	// Touch notes that the person did something now. It decides itself how often that is worth a write.
	Touch func(ctx context.Context, by actor.Actor) error
	// Away says of an unexpected error that something every page needs is away for now: db.Away. It is answered 503.
	Away func(err error) bool
	// Shell gives what every page shows around its content.
	Shell func(ctx context.Context, by actor.Actor) (ui.Shell, error)
	// MAC authenticates the sentence of a flash cookie; (*crypt.Keys).MAC. Nil: a key of this process.
	MAC          func(purpose string, parts ...string) []byte
	Plain        ui.Shell       // product and Support as shown when Shell cannot answer
	Dev          bool           // the demo: routes of role Dev exist, for this machine only
	PlainCookies bool           // development without HTTPS: no __Host- prefix, no Secure
	Proxies      []netip.Prefix // whose X-Forwarded-For is believed
}

// Router holds the routes of all rooms.
type Router struct {
	o       Options
	mux     *http.ServeMux
	routes  []Route
	cross   *http.CrossOriginProtection
	assets  *assets
	mac     func(purpose string, parts ...string) []byte
	drained chan struct{}
	drain   sync.Once
}

// New makes a router that serves the static files and nothing else yet.
func New(o Options) *Router {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	rt := &Router{
		o: o, mux: http.NewServeMux(), cross: http.NewCrossOriginProtection(),
		assets: embedded(), mac: o.MAC, drained: make(chan struct{}),
	}
	if rt.mac == nil {
		rt.mac = processMAC()
	}
	if origin, ok := originOf(o.BaseURL); ok {
		// Behind a proxy that rewrites Host, the address people use is still ours.
		if err := rt.cross.AddTrustedOrigin(origin); err != nil {
			o.Log.Error("base address is no origin", "error", scrub(err.Error()))
		}
	}
	return rt
}

func (rt *Router) https() bool { return strings.HasPrefix(rt.o.BaseURL, "https://") }

// Get registers a page. The path has no method: "/mail/t/{id}"; "/" is the root alone. HEAD is answered too.
func (rt *Router) Get(role Role, path string, h Handler) {
	rt.add(Route{http.MethodGet, path, Page, role}, h)
}

// Quiet registers a GET that scripts repeat in the background. It does not count as an act of the person, so it
// never keeps a session alive.
func (rt *Router) Quiet(role Role, path string, h Handler) {
	rt.add(Route{http.MethodGet, path, Quiet, role}, h)
}

// Form registers a POST of a urlencoded form of at most FormLimit bytes, read by ReadForm.
func (rt *Router) Form(role Role, path string, h Handler) {
	rt.add(Route{http.MethodPost, path, Form, role}, h)
}

// Upload registers a POST whose multipart (or urlencoded) body the handler streams by Parts.
func (rt *Router) Upload(role Role, path string, h Handler) {
	rt.add(Route{http.MethodPost, path, Upload, role}, h)
}

// Resume registers a method of the protocol of resumable uploads: the handler reads the body and sets deadlines itself.
func (rt *Router) Resume(role Role, method, path string, h Handler) {
	rt.add(Route{method, path, Resume, role}, h)
}

// JSON registers a POST with a JSON body of at most JSONLimit bytes, read by ReadJSON. Its errors are JSON too.
func (rt *Router) JSON(role Role, path string, h Handler) {
	rt.add(Route{http.MethodPost, path, JSON, role}, h)
}

// Events registers a stream of server-sent events. It never counts as an act of the person.
func (rt *Router) Events(role Role, path string, h Handler) {
	rt.add(Route{http.MethodGet, path, Events, role}, h)
}

// Download registers a GET that streams bytes for as long as the client takes them.
func (rt *Router) Download(role Role, path string, h Handler) {
	rt.add(Route{http.MethodGet, path, Stream, role}, h)
}

// Routes lists every route of the rooms in the order of registration.
func (rt *Router) Routes() []Route { return append([]Route(nil), rt.routes...) }

// Drain ends all event streams, so that a server that shuts down need not wait for them.
func (rt *Router) Drain() { rt.drain.Do(func() { close(rt.drained) }) }

func (rt *Router) add(route Route, h Handler) {
	rt.routes = append(rt.routes, route)
	pattern := route.Path
	if strings.HasSuffix(pattern, "/") {
		pattern += "{$}" // a path is one page, never a whole tree
	}
	rt.mux.Handle(route.Method+" "+pattern, rt.serve(route, h))
}

// state is what a request carries through the plumbing.
type state struct {
	rt      *Router
	route   Route
	by      actor.Actor
	browser string // flow secret made in this request
	ref     string
	start   time.Time
	w       *writer
}

type stateKey struct{}

func stateOf(r *http.Request) *state {
	st, _ := r.Context().Value(stateKey{}).(*state)
	return st
}

// Actor is who makes the request: the signed-in person, or a visitor; with address and browser in either case.
func Actor(r *http.Request) actor.Actor {
	if st := stateOf(r); st != nil {
		return st.by
	}
	return actor.Actor{Kind: actor.Visitor}
}

// reference makes the number a person reads to Support: eight letters and figures without look-alikes.
func reference() string {
	const set = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "" // never: crypto/rand ends the program instead
	}
	for i := range b {
		b[i] = set[int(b[i])%len(set)]
	}
	return string(b[:4]) + "-" + string(b[4:])
}
