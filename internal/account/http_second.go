package account

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// proofHost is a flow whose code step can be passed by an authenticator app, a passkey or a recovery code as well as by
// a code that is sent.
type proofHost struct {
	role   web.Role
	prefix string // "/signin/second"
	codes  string // where a code can be sent: "/signin/second/method"
	start  string // where those go who have no such flow under way
	// open says who is to be proved in which flow. Its fault is the answer, unless it is SignIn: that leads to start.
	open func(r *http.Request) (User, verify.Flow, error)
	// begin, when set, begins the flow that open has not found; it is called by a POST only.
	begin func(w http.ResponseWriter, r *http.Request, u User) (verify.Flow, error)
	// dead, when set, answers when open refuses.
	dead func(w http.ResponseWriter, r *http.Request, err error) error
	// head, when set, is what the page tells its shell beside its title.
	head func(u User) ui.Head
	// done goes on after the proof and says where.
	done func(w http.ResponseWriter, r *http.Request) (string, error)
}

// at is an address of the host in this request, whose link it may name.
func (h proofHost) at(r *http.Request, path string) string {
	return strings.Replace(path, "{token}", r.PathValue("token"), 1)
}

// mountSecond registers the second step of a sign-in, of users and of Support, and sign-in by a passkey alone.
func (s *Service) mountSecond(rt *web.Router) {
	rt.JSON(web.Public, "/signin/passkey/begin", s.postPasskeySignInBegin)
	rt.JSON(web.Public, "/signin/passkey/finish", s.postPasskeySignIn)
	onward := func(w http.ResponseWriter, r *http.Request) (string, error) { return s.onward(w, r, "") } // the flow knows the page that was asked for
	pending := func(staff bool) func(r *http.Request) (User, verify.Flow, error) {
		return func(r *http.Request) (User, verify.Flow, error) { return s.Second(r.Context(), web.Browser(r), staff) }
	}
	users := proofHost{role: web.Public, prefix: secondPath, codes: secondPath + "/method", start: "/signin", open: pending(false), done: onward}
	s.mountProofs(rt, users)
	s.mountProofs(rt, proofHost{role: web.Public, prefix: staffSecondPath, codes: staffCodePath, start: "/support/signin", open: pending(true), done: onward})
	s.o.Verify.MountSteps(rt, verify.Host{Kind: signinKind, Prefix: secondPath, Role: web.Public,
		Open: func(r *http.Request) (verify.Subject, error) { return s.SecondFlow(r.Context(), web.Browser(r)) },
		Dead: func(w http.ResponseWriter, r *http.Request, err error) error { return users.refused(w, r, err) },
		Next: func(*http.Request) string { return secondPath },
		Done: func(w http.ResponseWriter, r *http.Request) error { return s.goOn(w, r, "") }})
}

func (s *Service) mountProofs(rt *web.Router, h proofHost) {
	p := proofs{s, h}
	rt.Get(h.role, h.prefix, p.show)
	rt.Form(h.role, h.prefix+"/app", p.postApp)
	rt.Form(h.role, h.prefix+"/recovery", p.postRecovery)
	rt.JSON(h.role, h.prefix+"/passkey/begin", p.postPasskeyBegin)
	rt.JSON(h.role, h.prefix+"/passkey/finish", p.postPasskey)
}

type proofs struct {
	s *Service
	h proofHost
}

// refused sends those away who have no such flow; a script is told by its answer.
func (h proofHost) refused(w http.ResponseWriter, r *http.Request, err error) error {
	if h.dead != nil {
		return h.dead(w, r, err)
	}
	if fault.Is(err, fault.SignIn) && !strings.Contains(r.URL.Path, "/passkey/") {
		return web.Redirect(w, r, h.start)
	}
	return err
}

func (p proofs) show(w http.ResponseWriter, r *http.Request) error {
	u, f, err := p.h.open(r)
	if err != nil {
		return p.h.refused(w, r, err)
	}
	m, err := p.s.Means(r.Context(), p.s.o.DB, u.ID)
	if err != nil {
		return err
	}
	if !m.Any() && !f.Phone {
		return web.Redirect(w, r, p.h.at(r, p.h.codes))
	}
	return p.render(w, r, http.StatusOK, u, f, nil)
}

func (p proofs) render(w http.ResponseWriter, r *http.Request, status int, u User, f verify.Flow, refused *fault.Fault) error {
	m, err := p.s.Means(r.Context(), p.s.o.DB, u.ID)
	if err != nil {
		return err
	}
	var head ui.Head
	if p.h.head != nil {
		head = p.h.head(u)
	}
	head.Title, head.Fault, head.Passkeys = "Verify your identity", refused, m.Passkey && !f.Phone
	return web.Render(w, r, status, secondPage(secondProps{head: head, means: m, base: p.h.at(r, p.h.prefix), codes: p.h.at(r, p.h.codes),
		phones: len(verify.Methods(u.Phones())) > 0, proved: f.Phone, rp: p.s.PasskeyHost(), fault: refused}))
}

// opened is open for a POST: the flow is begun when it has to be.
func (p proofs) opened(w http.ResponseWriter, r *http.Request) (User, verify.Flow, error) {
	u, f, err := p.h.open(r)
	if err == nil && f.ID == "" && p.h.begin != nil {
		f, err = p.h.begin(w, r, u)
	}
	return u, f, err
}

// prove runs one way of proving, and goes on. A flow that was proved before, as when the answer was lost, only goes on.
func (p proofs) prove(w http.ResponseWriter, r *http.Request, try func(u User, f verify.Flow) error) error {
	u, f, err := p.opened(w, r)
	if err != nil {
		return p.h.refused(w, r, err)
	}
	if !f.Phone {
		err = try(u, f)
	}
	if fault.Is(err, fault.Invalid) {
		return p.render(w, r, http.StatusUnprocessableEntity, u, f, fault.From(err))
	}
	if err != nil {
		return err
	}
	to, err := p.h.done(w, r)
	if err != nil {
		return p.h.refused(w, r, err)
	}
	return web.Redirect(w, r, to)
}

func (p proofs) postApp(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	return p.prove(w, r, func(u User, f verify.Flow) error {
		return p.s.proveByApp(r.Context(), web.Actor(r), u, f, form.Get("app_code"))
	})
}

func (p proofs) postRecovery(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	return p.prove(w, r, func(u User, f verify.Flow) error {
		return p.s.proveByCode(r.Context(), web.Actor(r), u, f, form.Get("recovery_code"))
	})
}

// answer is what the script sends of a passkey.
type answer struct {
	Credential json.RawMessage `json:"credential"`
	Name       string          `json:"name"` // of a new passkey
	Next       string          `json:"next"` // the page a sign-in was asked for
}

// went tells the script where to go.
type went struct {
	To string `json:"to"`
}

func (p proofs) postPasskeyBegin(w http.ResponseWriter, r *http.Request) error {
	u, _, err := p.h.open(r)
	if err != nil {
		return p.h.refused(w, r, err)
	}
	o, err := p.s.beginProof(r.Context(), u, web.EnsureBrowser(w, r))
	if err != nil {
		return err
	}
	return web.SendJSON(w, http.StatusOK, o)
}

func (p proofs) postPasskey(w http.ResponseWriter, r *http.Request) error {
	var in answer
	if err := web.ReadJSON(r, &in); err != nil {
		return err
	}
	u, f, err := p.opened(w, r)
	if err != nil {
		return p.h.refused(w, r, err)
	}
	if !f.Phone {
		if err := p.s.proveByPasskey(r.Context(), web.Actor(r), u, f, web.Browser(r), in.Credential); err != nil {
			return err
		}
	}
	to, err := p.h.done(w, r)
	if err != nil {
		return err
	}
	return web.SendJSON(w, http.StatusOK, went{to})
}

func (s *Service) postPasskeySignInBegin(w http.ResponseWriter, r *http.Request) error {
	o, err := s.BeginPasskeySignIn(r.Context(), web.Actor(r), web.EnsureBrowser(w, r))
	if err != nil {
		return err
	}
	return web.SendJSON(w, http.StatusOK, o)
}

func (s *Service) postPasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	var in answer
	if err := web.ReadJSON(r, &in); err != nil {
		return err
	}
	to := next(map[string][]string{"next": {in.Next}})
	e, err := s.SignInByPasskey(r.Context(), web.Actor(r), PasskeySignIn{Browser: web.Browser(r), Device: web.Device(r), Next: to, Answer: in.Credential})
	if err != nil {
		return err
	}
	return web.SendJSON(w, http.StatusOK, went{entered(w, r, e, to)})
}

// askPassword sends the person to the page where the password is entered again, and from there to the page to.
func askPassword(w http.ResponseWriter, r *http.Request, to string) error {
	return web.Redirect(w, r, securityBase(r)+"/confirm?to="+to)
}

// confirmed keeps a page for those who entered their password lately; others are asked for it and come back.
func (s *Service) confirmed(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		page := strings.TrimSuffix(r.URL.EscapedPath(), "/code")
		if r.Method != http.MethodPost {
			ok, err := s.Confirmed(r.Context(), web.Actor(r))
			if err != nil {
				return err
			}
			if !ok {
				return askPassword(w, r, page)
			}
		}
		err := h(w, r)
		if errors.Is(err, errConfirm) {
			return askPassword(w, r, page)
		}
		return err
	}
}

// confirmedScript is confirmed for scripts: they say that the password is needed.
func confirmedScript(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if errors.Is(err, errConfirm) {
			return fault.New(fault.Forbidden, "It is more than 10 minutes since you entered your password. Reload this page to enter it again.")
		}
		return err
	}
}
