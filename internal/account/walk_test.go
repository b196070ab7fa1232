package account_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

// TestRandomWalk signs in, locks, forgets, resets and changes passwords at random, through the pages and in several
// browsers, beside a model of plain records: every answer and what is stored must be the same after every step.
// SECUREPRACTICE_TEST_STEPS makes it longer; on PostgreSQL it takes a tenth.
func TestRandomWalk(t *testing.T) {
	must(t, flag.Set("rapid.steps", "100"))
	must(t, flag.Set("rapid.checks", "5"))
	want := 2000
	if s := os.Getenv("SECUREPRACTICE_TEST_STEPS"); s != "" {
		var err error
		want, err = strconv.Atoi(s)
		must(t, err)
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(s *account.Settings) {
			s.Idle, s.Session, s.MaxAge, s.SignInsPerIP = 10_000*time.Hour, 10_000*time.Hour, -1, 1<<40
		})
		must(t, w.jobs.Stop(t.Context())) // codes and links are read where the jobs would read them
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
		for _, what := range []string{"signed in", "refused", "locked", "link sent", "link dead", "code right", "code wrong", "reset", "reset refused", "changed"} {
			if want >= 2000 && happened[what] == 0 && !t.Failed() {
				t.Errorf("it never came to %q", what)
			}
		}
	})
}

// owner is the model of one person.
type owner struct {
	account.User
	state     string
	wrong     int64
	passwords []string // newest first
	link      int64    // generation
	used      bool
	expires   time.Time
	flows     map[string]*proof // by browser
	hits      map[string]int64  // what is limited, by limit and window
}

// proof is the model of one browser's way through a reset.
type proof struct {
	name    int // of the flow, for its limits
	link    int64
	phone   bool
	code    string
	codeEnd time.Time
	tries   int
	sends   int
	end     time.Time
}

type walk struct {
	w        *world
	r        *rapid.T
	run      int
	happened map[string]int
	people   []*owner
	browsers map[string]*browser
	sessions map[string]*owner // by browser
	tokens   []token
	flows    int
}

type token struct {
	of   *owner
	link int64
	text string
}

// choices are passwords that every rule allows.
func choices() (all []string) {
	for i := range 9 {
		all = append(all, fmt.Sprintf("Sea%d-horse!kelp", i))
	}
	return all
}

func newWalk(w *world, r *rapid.T, run int, happened map[string]int) *walk {
	w.clock.Set(start.Truncate(24 * time.Hour).Add(time.Duration(run) * 30 * 24 * time.Hour))
	k := &walk{w: w, r: r, run: run, happened: happened, browsers: map[string]*browser{}, sessions: map[string]*owner{}}
	for _, name := range []string{"desk", "phone", "stranger"} {
		k.browsers[name] = w.browser()
	}
	hash, err := w.Hash(context.Background(), choices()[0])
	k.ok(err)
	for n, twoStep := range []bool{false, true} {
		o := &owner{state: "active", passwords: []string{choices()[0]}, flows: map[string]*proof{}, hits: map[string]int64{}}
		k.ok(w.d.InTx(context.Background(), func(ctx context.Context, tx *db.Tx) (err error) {
			o.User, err = w.Create(ctx, tx, actor.ByProgram("test"), account.NewUser{Email: fmt.Sprintf("u%d.%d@people.example", n, run), First: "Una", Last: "Poe", Cell: fmt.Sprintf("+1206%07d", 2_000_000+2*run+n),
				PasswordHash: hash, TermsVersion: "2026-01-01", Role: actor.Patient, TwoStep: twoStep})
			return err
		}))
		k.people = append(k.people, o)
	}
	return k
}

func (k *walk) steps(taken *int) map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){
		"sign in": k.signIn, "sign in wrong": k.signInWrong, "sign out": k.signOut, "forgot": k.forgot, "open": k.open, "method": k.method, "code": k.code, "code again": k.code,
		"set": k.set, "set too": k.set, "change": k.change, "home": k.home, "wait": k.wait, "staff": k.staff,
	}
	for name, step := range all {
		all[name] = func(r *rapid.T) {
			k.r = r
			k.w.clock.Advance(time.Millisecond) // earlier passwords are kept by their time
			step(r)
			*taken++
		}
	}
	all[""] = k.compare
	return all
}

func (k *walk) ok(err error) {
	if err != nil {
		k.r.Fatalf("unexpected: %v", err)
	}
}

func (k *walk) now() time.Time { return k.w.clock.Now() }

func (k *walk) browser() (string, *browser) {
	name := rapid.SampledFrom([]string{"desk", "phone", "stranger"}).Draw(k.r, "browser")
	return name, k.browsers[name]
}

func (k *walk) person() *owner { return k.people[rapid.IntRange(0, len(k.people)-1).Draw(k.r, "who")] }

// post sends a form from this walk's own network.
func (k *walk) post(b *browser, path string, form ...string) page {
	v := map[string][]string{}
	for i := 0; i < len(form); i += 2 {
		v[form[i]] = []string{form[i+1]}
	}
	r := b.request(http.MethodPost, path, v)
	r.RemoteAddr = fmt.Sprintf("[2001:db8:%x:%x::1]:4711", k.run>>16, k.run&0xffff)
	return b.do(r)
}

func (k *walk) answered(p page, status int, to, what string) {
	k.r.Helper()
	if p.status != status || p.to != to {
		k.r.Fatalf("%s: %d to %q, the model says %d to %q: %s", what, p.status, p.to, status, to, p.Find("main").Text())
	}
}

// allowed counts against a limit.
func (k *walk) allowed(o *owner, name string, most int64, window time.Duration) bool {
	key := fmt.Sprint(name, k.now().Truncate(window))
	o.hits[key]++
	return o.hits[key] <= most
}

func (o *owner) lives(now time.Time) bool { return o.link > 0 && !o.used && o.expires.After(now) }

func (k *walk) signInWrong(*rapid.T) {
	o := k.person()
	for range rapid.IntRange(1, 3).Draw(k.r, "times") {
		k.enter(o, "Not-this-1!")
	}
}

func (k *walk) signIn(*rapid.T) {
	o := k.person()
	k.enter(o, rapid.SampledFrom(append([]string{o.passwords[0]}, o.passwords...)).Draw(k.r, "password"))
}

func (k *walk) enter(o *owner, password string) {
	name, b := k.browser()
	p := k.post(b, "/signin", "email", o.Email, "password", password)
	if o.state == "active" && password == o.passwords[0] {
		k.answered(p, http.StatusSeeOther, "/", "sign in")
		o.wrong, k.sessions[name] = 0, o
		k.happened["signed in"]++
		return
	}
	k.answered(p, http.StatusUnprocessableEntity, "", "a refused sign-in")
	k.happened["refused"]++
	if o.state == "active" {
		if o.wrong++; o.wrong == 5 {
			o.state = "locked"
			k.happened["locked"]++
		}
	}
	if o.state == "locked" && k.allowed(o, "notice", 1, 24*time.Hour) {
		if o.lives(k.now()) {
			o.expires = k.now().Add(24 * time.Hour)
		} else {
			k.sendLink(o)
		}
	}
}

// sendLink is a reset e-mail, five a day.
func (k *walk) sendLink(o *owner) {
	if o.state == "deactivated" || !k.allowed(o, "reset", 5, 24*time.Hour) {
		return
	}
	o.link, o.used, o.expires, o.flows = o.link+1, false, k.now().Add(24*time.Hour), map[string]*proof{}
	text, err := k.w.verify.Token(context.Background(), k.w.d, "reset", o.ID)
	k.ok(err)
	k.tokens = append(k.tokens, token{o, o.link, text})
	k.happened["link sent"]++
}

func (k *walk) signOut(*rapid.T) {
	name, b := k.browser()
	k.answered(k.post(b, "/signout"), http.StatusSeeOther, "/signin?out=1", "sign out")
	delete(k.sessions, name)
}

func (k *walk) forgot(*rapid.T) {
	o := k.person()
	_, b := k.browser()
	k.answered(k.post(b, "/forgot", "email", o.Email), http.StatusSeeOther, "/forgot/sent", "forgot")
	k.sendLink(o)
}

// link is any link that was ever sent, the newest most often; alive says whether it still opens anything.
func (k *walk) link() (t token, alive bool) {
	if len(k.tokens) == 0 {
		k.r.Skip()
	}
	from := k.tokens
	if living := slices.DeleteFunc(slices.Clone(from), func(t token) bool { return !k.opens(t) }); len(living) > 0 && rapid.IntRange(0, 3).Draw(k.r, "dead") < 3 {
		from = living
	}
	t = from[len(from)-1-rapid.IntRange(0, len(from)-1).Draw(k.r, "link")]
	alive = k.opens(t)
	if !alive {
		k.happened["link dead"]++
	}
	return t, alive
}

func (k *walk) opens(t token) bool {
	return t.of.state != "deactivated" && t.of.lives(k.now()) && t.link == t.of.link
}

// at is a browser, three times of four one that has begun with the link.
func (k *walk) at(t token) (string, *browser) {
	for _, name := range []string{"desk", "phone", "stranger"} {
		if k.proof(t, name) != nil && rapid.IntRange(0, 3).Draw(k.r, "elsewhere") < 3 {
			return name, k.browsers[name]
		}
	}
	return k.browser()
}

func (k *walk) open(*rapid.T) {
	t, alive := k.link()
	_, b := k.browser()
	p := b.get("/reset/" + t.text)
	switch {
	case !alive:
		k.answered(p, http.StatusGone, "", "open a dead link")
	case t.of.TwoStep:
		k.answered(p, http.StatusSeeOther, "/reset/"+t.text+"/method", "open a link")
	default:
		k.answered(p, http.StatusSeeOther, "/reset/"+t.text+"/password", "open a link")
	}
}

// proof is the browser's flow of a link that lives, or nil.
func (k *walk) proof(t token, browser string) *proof {
	if f := t.of.flows[browser]; f != nil && f.link == t.link && f.end.After(k.now()) {
		return f
	}
	return nil
}

func (k *walk) begin(t token, browser string) *proof {
	if f := k.proof(t, browser); f != nil {
		return f
	}
	k.flows++
	f := &proof{name: k.flows, link: t.link, end: k.now().Add(24 * time.Hour)}
	t.of.flows[browser] = f
	return f
}

func (k *walk) method(*rapid.T) {
	t, alive := k.link()
	name, b := k.at(t)
	at := "/reset/" + t.text
	p := k.post(b, at+"/method", "method", "text_cell")
	if !alive {
		k.answered(p, http.StatusGone, "", "a code by a dead link")
		return
	}
	f := k.begin(t, name)
	switch {
	case f.phone:
		k.answered(p, http.StatusSeeOther, at+"/password", "a code after the proof")
	case !k.maySend(t.of, f):
		k.answered(p, http.StatusUnprocessableEntity, "", "one code too many")
	default:
		k.answered(p, http.StatusSeeOther, at+"/code", "send a code")
		f.sends++
		f.code, f.codeEnd = k.read(t.of), k.now().Add(10*time.Minute)
	}
}

// maySend asks the limits of a flow, a number, a person and a link. What is refused is not counted.
func (k *walk) maySend(o *owner, f *proof) bool {
	const day = 24 * time.Hour
	keys := map[string]int64{fmt.Sprint("flow", f.name, k.now().Truncate(15*time.Minute)): 3, fmt.Sprint("number", k.now().Truncate(day)): 10}
	if f.sends == 0 {
		keys[fmt.Sprint("link", f.link, k.now().Truncate(day))] = 3
	}
	for key, most := range keys {
		if o.hits[key] >= most {
			return false
		}
	}
	for key := range keys {
		o.hits[key]++
	}
	return true
}

// read opens the newest code of a person as the job that sends it does.
func (k *walk) read(o *owner) string {
	type row struct {
		id     string
		sealed []byte
	}
	all, err := db.All(context.Background(), k.w.d, func(scan db.Row) (f row, err error) {
		err = scan(&f.id, &f.sealed)
		return f, err
	}, "SELECT id, code_sealed FROM verify_flow WHERE subject_id = $1 AND code_sealed IS NOT NULL ORDER BY code_expires_at DESC LIMIT 1", o.ID)
	k.ok(err)
	code, err := k.w.keys.System().Open("verify_flow", "code_sealed", all[0].id, all[0].sealed)
	k.ok(err)
	return string(code)
}

func (k *walk) code(*rapid.T) {
	t, alive := k.link()
	name, b := k.at(t)
	f := k.proof(t, name)
	code, at := "", "/reset/"+t.text
	if f != nil && f.code != "" {
		code = f.code
	}
	right := code != "" && rapid.IntRange(0, 2).Draw(k.r, "right") > 0
	if !right {
		code = wrongCode(code)
	}
	p := k.post(b, at+"/code", "code", code)
	switch {
	case !alive:
		k.answered(p, http.StatusGone, "", "a code at a dead link")
	case f != nil && f.phone:
		k.answered(p, http.StatusSeeOther, at+"/password", "a code after the proof")
	case f == nil || f.code == "":
		k.answered(p, http.StatusSeeOther, at+"/method", "a code before one was sent")
	case right && f.codeEnd.After(k.now()):
		k.answered(p, http.StatusSeeOther, at+"/password", "the right code")
		f.phone, f.code = true, ""
		k.happened["code right"]++
	default:
		k.answered(p, http.StatusUnprocessableEntity, "", "a wrong or late code")
		k.happened["code wrong"]++
		if f.tries++; f.tries == 5 {
			delete(t.of.flows, name)
		}
	}
}

func wrongCode(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// renewed is what every new password does: it opens the account, ends sessions but one, and all links and flows.
func (k *walk) renewed(o *owner, password, except string) {
	o.state, o.wrong, o.passwords = "active", 0, append([]string{password}, o.passwords...)
	o.passwords = o.passwords[:min(len(o.passwords), 6)]
	o.flows = map[string]*proof{}
	for name, who := range k.sessions {
		if who == o && name != except {
			delete(k.sessions, name)
		}
	}
}

func (k *walk) set(*rapid.T) {
	t, alive := k.link()
	name, b := k.at(t)
	f, at := k.proof(t, name), "/reset/"+t.text
	password := rapid.SampledFrom(choices()).Draw(k.r, "new password")
	p := k.post(b, at+"/password", "new_password", password, "confirm_password", password)
	switch {
	case !alive:
		k.answered(p, http.StatusGone, "", "a password by a dead link")
	case t.of.TwoStep && (f == nil || !f.phone):
		k.answered(p, http.StatusSeeOther, at+"/method", "a password without the code")
		k.happened["reset refused"]++
	case slices.Contains(t.of.passwords, password):
		k.answered(p, http.StatusUnprocessableEntity, "", "one of the last passwords")
	default:
		k.answered(p, http.StatusSeeOther, "/reset/done", "reset")
		k.renewed(t.of, password, "")
		t.of.used = true
		delete(k.sessions, name) // whoever resets is signed out here too
		k.happened["reset"]++
	}
}

func (k *walk) change(*rapid.T) {
	name, b := k.browser()
	o := k.sessions[name]
	password := rapid.SampledFrom(choices()).Draw(k.r, "new password")
	current := choices()[0]
	if o != nil {
		current = o.passwords[0]
	}
	p := k.post(b, "/password", "current_password", current, "new_password", password, "confirm_password", password)
	switch {
	case o == nil:
		k.answered(p, http.StatusSeeOther, "/signin", "a change without a session")
	case !k.allowed(o, "current", 10, 15*time.Minute):
		k.answered(p, http.StatusTooManyRequests, "", "too many changes")
	case slices.Contains(o.passwords, password):
		k.answered(p, http.StatusUnprocessableEntity, "", "one of the last passwords")
	default:
		k.answered(p, http.StatusSeeOther, "/password/done", "change")
		k.renewed(o, password, name)
		if o.link > 0 {
			o.link, o.used = o.link+1, true
		}
		k.happened["changed"]++
	}
}

func (k *walk) home(*rapid.T) {
	name, b := k.browser()
	want := http.StatusSeeOther
	if k.sessions[name] != nil {
		want = http.StatusOK
	}
	if p := b.get("/"); p.status != want {
		k.r.Fatalf("home: %d, the model says %d", p.status, want)
	}
}

func (k *walk) wait(*rapid.T) {
	k.w.clock.Advance(rapid.SampledFrom([]time.Duration{time.Minute, 10 * time.Minute, 16 * time.Minute, 2 * time.Hour, 25 * time.Hour}).Draw(k.r, "for"))
}

// staff is what Support, or a User Manager, does: open a lock, close an account.
func (k *walk) staff(*rapid.T) {
	o := k.person()
	if o.state != "deactivated" && rapid.IntRange(0, 9).Draw(k.r, "close") > 0 {
		k.ok(k.w.d.InTx(context.Background(), func(ctx context.Context, tx *db.Tx) error {
			return k.w.Unlock(ctx, tx, actor.Actor{Kind: actor.Staff, ID: k.w.sam.ID}, o.ID)
		}))
		o.state, o.wrong = "active", 0
		return
	}
	k.ok(k.w.d.InTx(context.Background(), func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE account_user SET state = 'deactivated' WHERE id = $1", o.ID); err != nil {
			return err
		}
		return k.w.EndSessions(ctx, tx, o.ID, "", "deactivated")
	}))
	o.state = "deactivated"
	for name, who := range k.sessions {
		if who == o {
			delete(k.sessions, name)
		}
	}
}

// compare looks for a difference between what is stored and the model.
func (k *walk) compare(*rapid.T) {
	for _, o := range k.people {
		sessions := 0
		for _, who := range k.sessions {
			if who == o {
				sessions++
			}
		}
		want := fmt.Sprint(o.state, o.wrong, sessions, o.link, o.used, len(o.passwords))
		got, _, err := db.One(context.Background(), k.w.d, func(scan db.Row) (string, error) {
			var state string
			var wrong, sessions, link, passwords int64
			var used bool
			err := scan(&state, &wrong, &sessions, &link, &used, &passwords)
			return fmt.Sprint(state, wrong, sessions, link, used, passwords), err
		}, `SELECT u.state, u.wrong_tries, (SELECT COUNT(*) FROM account_session s WHERE s.user_id = u.id), COALESCE(l.generation, 0), l.used_at IS NOT NULL,
				(SELECT COUNT(*) FROM account_password p WHERE p.user_id = u.id)
			FROM account_user u LEFT JOIN verify_link l ON l.subject_id = u.id AND l.kind = 'reset' WHERE u.id = $1`, o.ID)
		k.ok(err)
		if got != want {
			k.r.Fatalf("%s is stored as %s, the model has %s", o.Email, got, want)
		}
	}
}
