package invite_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
)

// TestRandomWalk goes through registration and sign-up at random, with two practices' invitations of one address and in
// several browsers, beside a model of plain records: every answer and what is stored must be the same after every step.
// SECUREPRACTICE_TEST_STEPS makes it longer; on PostgreSQL it takes a tenth.
func TestRandomWalk(t *testing.T) {
	for name, value := range map[string]string{"rapid.steps": "120", "rapid.checks": "5"} {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	want := 2500
	if s := os.Getenv("SECUREPRACTICE_TEST_STEPS"); s != "" {
		var err error
		if want, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		if err := w.jobs.Stop(t.Context()); err != nil { // links and codes are read where the jobs would read them
			t.Fatal(err)
		}
		want := want
		if d.Postgres() {
			want = max(want/10, min(want, 1000))
		}
		taken, runs, happened := 0, 0, map[string]int{}
		for taken < want && !t.Failed() {
			rapid.Check(t, func(r *rapid.T) {
				runs++
				k := newWalk(w, r, runs, happened)
				r.Repeat(k.steps(&taken))
			})
		}
		t.Logf("%d steps in %d walks: %v", taken, runs, happened)
		for _, what := range []string{"invited", "registered", "code right", "code wrong", "agreed", "accepted", "held", "link dead", "link of an account", "step too early"} {
			if want >= 2500 && happened[what] == 0 && !t.Failed() {
				t.Errorf("it never came to %q", what)
			}
		}
	})
}

// guestLink is the model of a link: of the registration or of the sign-up.
type guestLink struct {
	generation int64
	used       bool
	expires    time.Time
}

// visitor is the model of one browser's way: of the registration, or of the sign-up.
type visitor struct {
	name                int // of the flow, for its limits
	generation          int64
	end                 time.Time
	begun, named, zoned bool
	phone, terms        bool
	code                string
	codeEnd             time.Time
	tries, sends        int
}

// guesting is the model of one practice's invitation.
type guesting struct {
	n        int
	id       string
	state    string
	links    map[string]*guestLink          // by kind
	visitors map[string]map[string]*visitor // by kind and browser
	hits     map[string]int64
}

type letter struct {
	of         *guesting
	kind       string
	generation int64
	text       string
}

type walk struct {
	w        *world
	r        *rapid.T
	run      int
	happened map[string]int
	email    string
	both     []*guesting
	letters  []letter
	jars     map[string]map[string]string // cookies by browser
	flows    int
	account  bool
}

func newWalk(w *world, r *rapid.T, run int, happened map[string]int) *walk {
	w.clock.Set(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(run) * 100 * 24 * time.Hour))
	k := &walk{w: w, r: r, run: run, happened: happened, email: fmt.Sprintf("guest%d@people.example", run), jars: map[string]map[string]string{"desk": {}, "phone": {}, "stranger": {}}}
	for n := range 2 {
		k.both = append(k.both, &guesting{n: n, links: map[string]*guestLink{"register": {}, "signup": {}}, visitors: map[string]map[string]*visitor{"register": {}, "signup": {}}, hits: map[string]int64{}})
	}
	return k
}

func (k *walk) steps(taken *int) map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){
		"send": k.send, "open": k.open, "start": k.page("start"), "name": k.page("name"), "phones": k.page("phones"), "security": k.page("security"),
		"method": k.method, "code": k.code, "code again": k.code, "terms": k.terms, "password": k.password, "wait": k.wait,
	}
	for n := range 10 { // most steps are the right ones, else few would get far
		all[fmt.Sprint("go on ", n)] = k.goOn
	}
	for name, step := range all {
		all[name] = func(r *rapid.T) { k.r = r; step(r); *taken++ }
	}
	all[""] = k.compare
	return all
}

func (k *walk) ok(err error) {
	k.r.Helper()
	if err != nil {
		k.r.Fatalf("unexpected: %v", err)
	}
}

func (k *walk) now() time.Time { return k.w.clock.Now() }

// ask visits an address as one of the browsers, without following redirects.
func (k *walk) ask(browser, method, path string, form url.Values) (status int, to string) {
	r := httptest.NewRequestWithContext(context.Background(), method, "http://127.0.0.1"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = fmt.Sprintf("[2001:db8:%x:%x::1]:4711", k.run>>16, k.run&0xffff)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range k.jars[browser] {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	k.w.server.Config.Handler.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		k.jars[browser][c.Name] = c.Value
	}
	return rec.Code, rec.Header().Get("Location")
}

func (k *walk) want(status int, to string, wantStatus int, wantTo, what string) {
	k.r.Helper()
	if status != wantStatus || to != wantTo {
		k.r.Fatalf("%s: %d to %q, the model says %d to %q", what, status, to, wantStatus, wantTo)
	}
}

func (k *walk) send(*rapid.T) {
	g := k.both[rapid.IntRange(0, 1).Draw(k.r, "practice")]
	by := k.w.ann
	if g.n == 1 {
		by = k.w.bob
	}
	if g.state == "" && k.account || g.state == "held" || g.state == "accepted" {
		k.r.Skip() // they are written to as account holders
	}
	if g.state != "" && rapid.IntRange(0, 3).Draw(k.r, "again") > 0 {
		k.r.Skip()
	}
	k.ok(k.w.d.InTx(context.Background(), func(ctx context.Context, tx *db.Tx) error {
		inv, err := k.w.invite.Create(ctx, tx, by, invite.NewInvitation{PracticeID: by.PracticeID, Email: k.email, First: "Nora", Last: "Lind", Cell: fmt.Sprintf("+1206%07d", 2_000_000+2*k.run+g.n), Role: invite.Patient})
		if err != nil {
			return err
		}
		g.id = inv.ID
		return k.w.invite.Send(ctx, tx, by, inv.ID)
	}))
	kind, life := "register", 30*24*time.Hour
	switch g.state {
	case "":
		g.state = "invited"
	case "started":
		kind, life = "signup", 7*24*time.Hour
	}
	k.happened["invited"]++
	k.mailed(g, kind, life)
}

// mailed is a new link: older ones and their flows end.
func (k *walk) mailed(g *guesting, kind string, life time.Duration) {
	l := g.links[kind]
	l.generation, l.used, l.expires = l.generation+1, false, k.now().Add(life)
	g.visitors[kind] = map[string]*visitor{}
	k.letters = append(k.letters, letter{g, kind, l.generation, k.w.keys.Token(kind, g.id, l.generation)})
}

// letter is any link that was ever mailed, most often one that works, and what answers it: 200 is "You already have an
// account", 410 a dead link, 0 that it works at this kind's addresses.
func (k *walk) letter(kind string) (l letter, answer int) {
	if len(k.letters) == 0 {
		k.r.Skip()
	}
	from := k.letters
	if living := slices.DeleteFunc(slices.Clone(from), func(l letter) bool { return k.answer(l, kind) != 0 }); len(living) > 0 && rapid.IntRange(0, 4).Draw(k.r, "any") < 4 {
		from = living
	}
	l = from[len(from)-1-rapid.IntRange(0, len(from)-1).Draw(k.r, "letter")]
	return l, k.answer(l, kind)
}

func (k *walk) answer(l letter, kind string) int {
	have := l.of.links[kind]
	switch {
	case l.kind != kind: // one flow's link at the other's address
		return http.StatusGone
	case l.generation != have.generation || have.used || !have.expires.After(k.now()):
		if l.of.state == "accepted" {
			return http.StatusOK
		}
		return http.StatusGone
	case l.of.state == "held" || l.of.state == "accepted":
		return http.StatusOK
	case kind == "signup" && l.of.state != "started":
		return http.StatusGone
	}
	return 0
}

func (k *walk) turnedAway(status, answer int, what string) bool {
	k.r.Helper()
	if answer == 0 {
		return false
	}
	if status != answer {
		k.r.Fatalf("%s: %d, the model says %d", what, status, answer)
	}
	if answer == http.StatusOK {
		k.happened["link of an account"]++
	} else {
		k.happened["link dead"]++
	}
	return true
}

// goOn is the step that comes next on the way of somebody who holds a link that works.
func (k *walk) goOn(r *rapid.T) {
	for _, l := range slices.Backward(k.letters) {
		if k.answer(l, l.kind) != 0 || l.kind == "register" && l.of.state == "started" || rapid.IntRange(0, 3).Draw(r, "the other") == 0 {
			continue
		}
		v, _ := k.visitor(l, l.kind)
		k.next(l.kind, v)(r)
		return
	}
	k.send(r)
}

func (k *walk) next(kind string, v *visitor) func(*rapid.T) {
	if v == nil {
		v = &visitor{}
	}
	switch {
	case kind == "signup" && v.terms:
		return k.password
	case kind == "signup" && v.phone:
		return k.terms
	case kind == "signup" && v.code != "":
		return k.code
	case kind == "signup":
		return k.method
	case v.zoned:
		return k.page("security")
	case v.named:
		return k.page("phones")
	case v.begun:
		return k.page("name")
	}
	return k.page("start")
}

func (k *walk) open(*rapid.T) {
	kind := rapid.SampledFrom([]string{"register", "signup"}).Draw(k.r, "kind")
	l, answer := k.letter(kind)
	_, browser := k.visitor(l, kind)
	at := map[string]string{"register": "/register/", "signup": "/i/"}[kind] + l.text
	method := rapid.SampledFrom([]string{http.MethodGet, http.MethodHead}).Draw(k.r, "by")
	path := at
	if kind == "register" {
		path = at + "/start"
	}
	status, to := k.ask(browser, method, path, nil)
	switch {
	case k.turnedAway(status, answer, "open"):
	case kind == "signup":
		k.want(status, to, http.StatusSeeOther, at+"/method", "open")
	case l.of.state == "started":
		k.want(status, to, http.StatusSeeOther, at+"/sent", "open")
	default:
		k.want(status, to, http.StatusOK, "", "open")
	}
}

// visitor is a browser, most often one that has begun, and its flow of the link, or nil.
func (k *walk) visitor(l letter, kind string) (*visitor, string) {
	names := []string{"desk", "phone", "stranger"}
	browser := rapid.SampledFrom(names).Draw(k.r, "browser")
	if rapid.IntRange(0, 4).Draw(k.r, "elsewhere") < 4 {
		for _, name := range names {
			if l.of.visitors[kind][name] != nil {
				browser = name
				break
			}
		}
	}
	v := l.of.visitors[kind][browser]
	if v == nil || v.generation != l.generation || !v.end.After(k.now()) {
		return nil, browser
	}
	return v, browser
}

func (k *walk) begin(l letter, kind, browser string, v *visitor, life time.Duration) *visitor {
	if v != nil {
		return v
	}
	k.flows++
	v = &visitor{name: k.flows, generation: l.generation, end: k.now().Add(life)}
	l.of.visitors[kind][browser] = v
	return v
}

// page sends one page of the registration, which a patient goes through in four.
func (k *walk) page(step string) func(*rapid.T) {
	order := []string{"start", "name", "phones", "security", "sent"}
	return func(*rapid.T) {
		l, answer := k.letter("register")
		v, browser := k.visitor(l, "register")
		at := "/register/" + l.text
		status, to := k.ask(browser, http.MethodPost, at+"/"+step, url.Values{"first_name": {"Nora"}, "last_name": {"Lind"}, "time_zone": {"America/Denver"}})
		if k.turnedAway(status, answer, step) {
			return
		}
		if l.of.state == "started" {
			k.want(status, to, http.StatusSeeOther, at+"/sent", step)
			return
		}
		have := visitor{}
		if v != nil {
			have = *v
		}
		n := slices.Index(order, step)
		for i, done := range []bool{have.begun, have.named, have.zoned}[:n] {
			if !done {
				k.want(status, to, http.StatusSeeOther, at+"/"+order[i], step)
				k.happened["step too early"]++
				return
			}
		}
		k.want(status, to, http.StatusSeeOther, at+"/"+order[n+1], step)
		v = k.begin(l, "register", browser, v, 30*24*time.Hour)
		switch step {
		case "start":
			v.begun = true
		case "name":
			v.named = true
		case "phones":
			v.zoned = true
		case "security":
			l.of.state, l.of.visitors["register"] = "started", map[string]*visitor{}
			k.mailed(l.of, "signup", 7*24*time.Hour)
			k.happened["registered"]++
		}
	}
}

func (k *walk) method(*rapid.T) {
	l, answer := k.letter("signup")
	v, browser := k.visitor(l, "signup")
	at := "/i/" + l.text
	status, to := k.ask(browser, http.MethodPost, at+"/method", url.Values{"method": {"text_cell"}})
	if k.turnedAway(status, answer, "method") {
		return
	}
	v = k.begin(l, "signup", browser, v, 7*24*time.Hour)
	switch {
	case v.phone:
		k.want(status, to, http.StatusSeeOther, at+"/terms", "a code after the proof")
	case !k.maySend(l.of, v):
		k.want(status, to, http.StatusUnprocessableEntity, "", "one code too many")
	default:
		k.want(status, to, http.StatusSeeOther, at+"/code", "send a code")
		v.sends++
		v.code, v.codeEnd = k.read(l.of), k.now().Add(10*time.Minute)
	}
}

// maySend asks the limits of a flow, a number and a link. What is refused is not counted.
func (k *walk) maySend(g *guesting, v *visitor) bool {
	const day = 24 * time.Hour
	keys := map[string]int64{fmt.Sprint("flow", v.name, k.now().Truncate(15*time.Minute)): 3, fmt.Sprint("number", k.now().Truncate(day)): 10}
	if v.sends == 0 {
		keys[fmt.Sprint("link", v.generation, k.now().Truncate(day))] = 3
	}
	for key, most := range keys {
		if g.hits[key] >= most {
			return false
		}
	}
	for key := range keys {
		g.hits[key]++
	}
	return true
}

// read opens the newest code of an invitation as the job that sends it does.
func (k *walk) read(g *guesting) string {
	var id string
	sealed, _, err := db.One(context.Background(), k.w.d, func(scan db.Row) (b []byte, err error) {
		err = scan(&id, &b)
		return b, err
	}, "SELECT id, code_sealed FROM verify_flow WHERE subject_id = $1 AND code_sealed IS NOT NULL ORDER BY code_expires_at DESC, version DESC LIMIT 1", g.id)
	k.ok(err)
	code, err := k.w.keys.System().Open("verify_flow", "code_sealed", id, sealed)
	k.ok(err)
	k.w.clock.Advance(time.Millisecond) // so that the next one is the newest
	return string(code)
}

func (k *walk) code(*rapid.T) {
	l, answer := k.letter("signup")
	v, browser := k.visitor(l, "signup")
	at, code, right := "/i/"+l.text, "000000", false
	if v != nil && v.code != "" {
		if right = rapid.IntRange(0, 3).Draw(k.r, "right") > 0; right {
			code = v.code
		} else if v.code == code {
			code = "000001"
		}
	}
	status, to := k.ask(browser, http.MethodPost, at+"/code", url.Values{"code": {code}})
	switch {
	case k.turnedAway(status, answer, "code"):
	case v != nil && v.phone:
		k.want(status, to, http.StatusSeeOther, at+"/terms", "a code after the proof")
	case v == nil || v.code == "":
		k.want(status, to, http.StatusSeeOther, at+"/method", "a code before one was sent")
	case right && v.codeEnd.After(k.now()):
		k.want(status, to, http.StatusSeeOther, at+"/terms", "the right code")
		v.phone, v.code = true, ""
		k.happened["code right"]++
	default:
		k.want(status, to, http.StatusUnprocessableEntity, "", "a wrong or late code")
		k.happened["code wrong"]++
		if v.tries++; v.tries == 5 {
			delete(l.of.visitors["signup"], browser)
		}
	}
}

func (k *walk) terms(*rapid.T) {
	l, answer := k.letter("signup")
	v, browser := k.visitor(l, "signup")
	at, agree := "/i/"+l.text, rapid.SampledFrom([]string{terms, terms, terms, "", "January 1, 2020"}).Draw(k.r, "agree")
	status, to := k.ask(browser, http.MethodPost, at+"/terms", url.Values{"agree": {agree}})
	switch {
	case k.turnedAway(status, answer, "terms"):
	case v == nil || !v.phone:
		k.want(status, to, http.StatusSeeOther, at+"/method", "terms without the code")
		k.happened["step too early"]++
	case agree != terms:
		k.want(status, to, http.StatusUnprocessableEntity, "", "the box was not ticked")
	default:
		k.want(status, to, http.StatusSeeOther, at+"/password", "agree")
		v.terms = true
		k.happened["agreed"]++
	}
}

func (k *walk) password(*rapid.T) {
	l, answer := k.letter("signup")
	v, browser := k.visitor(l, "signup")
	at, again := "/i/"+l.text, rapid.SampledFrom([]string{pass, pass, "another"}).Draw(k.r, "again")
	status, to := k.ask(browser, http.MethodPost, at+"/password", url.Values{"new_password": {pass}, "confirm_password": {again}})
	switch {
	case k.turnedAway(status, answer, "password"):
	case v == nil || !v.phone:
		k.want(status, to, http.StatusSeeOther, at+"/method", "a password without the code")
		k.happened["step too early"]++
	case !v.terms:
		k.want(status, to, http.StatusSeeOther, at+"/terms", "a password without the terms")
	case again != pass:
		k.want(status, to, http.StatusUnprocessableEntity, "", "two passwords")
	default:
		k.want(status, to, http.StatusSeeOther, "/signin?new=1&next=%2Fmail", "set the password")
		k.account = true
		l.of.state, l.of.links["signup"].used, l.of.visitors["signup"] = "accepted", true, map[string]*visitor{}
		k.happened["accepted"]++
		for _, o := range k.both {
			if o.state == "invited" || o.state == "started" { // it waits for a code to the number its practice gave
				o.state = "held"
				k.happened["held"]++
			}
		}
	}
}

func (k *walk) wait(*rapid.T) {
	k.w.clock.Advance(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 10 * time.Minute, 16 * time.Minute, 2 * time.Hour, 25 * time.Hour, 8 * 24 * time.Hour}).Draw(k.r, "for"))
}

// compare looks for a difference between what is stored and the model.
func (k *walk) compare(*rapid.T) {
	accounts, _, err := db.One(context.Background(), k.w.d, db.Scan1[int64], "SELECT COUNT(*) FROM account_user WHERE email_canon = $1", k.email)
	k.ok(err)
	if (accounts == 1) != k.account || accounts > 1 {
		k.r.Fatalf("%d accounts, the model: %v", accounts, k.account)
	}
	for _, g := range k.both {
		if g.id == "" {
			continue
		}
		inv, err := k.w.invite.Find(context.Background(), k.w.d, g.id)
		k.ok(err)
		if inv.State != g.state || (inv.AcceptedBy != "") != (g.state == "accepted") || fault.Is(err, fault.NotFound) {
			k.r.Fatalf("invitation %d is %s, the model's %s", g.n, inv.State, g.state)
		}
		for kind, l := range g.links {
			got, _, err := db.One(context.Background(), k.w.d, func(scan db.Row) (l guestLink, err error) {
				err = scan(&l.generation, &l.used)
				return l, err
			}, "SELECT generation, used_at IS NOT NULL FROM verify_link WHERE kind = $1 AND subject_id = $2", kind, g.id)
			k.ok(err)
			if got.generation != l.generation || got.used != l.used {
				k.r.Fatalf("%s link of invitation %d: %+v, the model's %+v", kind, g.n, got, *l)
			}
		}
	}
}
