package verify_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
)

// walkSteps is how many random steps the engine takes on SQLite; on PostgreSQL it takes a tenth of them, yet no fewer
// than the default. SECUREPRACTICE_TEST_STEPS=100000 is the long walk.
func walkSteps(t *testing.T, d *db.DB) int {
	t.Helper()
	const usual = 5000
	want := usual
	if s := os.Getenv("SECUREPRACTICE_TEST_STEPS"); s != "" {
		var err error
		if want, err = strconv.Atoi(s); err != nil || want < 1 {
			t.Fatalf("SECUREPRACTICE_TEST_STEPS: %q", s)
		}
	}
	if d.Postgres() {
		return max(want/10, min(want, usual/2))
	}
	return want
}

// TestRandomWalk drives the flow engine by random sequences of links, steps, codes, corrections and the clock, beside
// the model: every answer and everything stored must be the same after every step. A difference is shrunk to the
// shortest sequence that shows it.
func TestRandomWalk(t *testing.T) {
	must(t, flag.Set("rapid.steps", "100"))
	must(t, flag.Set("rapid.checks", "10"))
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		want, taken, runs := walkSteps(t, d), 0, 0
		happened := map[string]int{}
		for taken < want && !t.Failed() {
			rapid.Check(t, func(r *rapid.T) {
				runs++
				k := newWalk(w, r, runs, happened)
				r.Repeat(k.steps(&taken))
			})
		}
		t.Logf("%d steps in %d walks: %v", taken, runs, happened)
		for _, what := range []string{"code sent", "code refused", "code right", "code wrong", "flow spent", "finished", "not finished", "password set", "password not set", "link dead", "link alive"} {
			if want >= 5000 && happened[what] == 0 && !t.Failed() {
				t.Errorf("it never came to %q", what)
			}
		}
	})
}

// walk is one random sequence, with people and phones of its own.
type walk struct {
	w        *world
	r        *rapid.T
	m        *model
	run      int
	happened map[string]int
	tokens   []token
	handles  []handle
	links    []verify.Link
	codes    []string // every code that was ever sent in this walk
}

// token is a link as somebody holds it in an e-mail, however old.
type token struct {
	verify.Link
	text string
}

// handle is a flow as a page that is still open somewhere knows it, and the model's view of it.
type handle struct {
	f verify.Flow
	m *modelFlow
}

func newWalk(w *world, r *rapid.T, run int, happened map[string]int) *walk {
	w.clock.Set(start.Truncate(24 * time.Hour).Add(time.Duration(run) * 100 * 24 * time.Hour))
	return &walk{w: w, r: r, run: run, happened: happened, m: newModel(w.clock.Now())}
}

func (k *walk) steps(taken *int) map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){
		"new link": k.newLink, "open link": k.openLink, "begin": k.begin, "look": k.look, "look without link": k.lookIn,
		"send": k.send, "check": k.check, "check right": k.checkRight, "check right too": k.checkRight, "terms": k.terms, "save": k.save, "finish": k.finish,
		"set password": k.setPassword, "set password too": k.setPassword, "wait": k.wait, "end": k.end,
	}
	for name, step := range all {
		all[name] = func(r *rapid.T) { k.r = r; step(r); *taken++ }
	}
	all[""] = k.compare
	return all
}

func pick[T any](r *rapid.T, what string, list []T) T {
	if len(list) == 0 {
		r.Skip()
	}
	return list[len(list)-1-rapid.IntRange(0, len(list)-1).Draw(r, what)] // the newest most often
}

// flow is a page that is open somewhere, three times of four one whose flow goes on.
func (k *walk) flow() handle {
	var going []handle
	for _, h := range k.handles {
		if h.m.open(k.m.now) {
			going = append(going, h)
		}
	}
	if len(going) > 0 && rapid.IntRange(0, 3).Draw(k.r, "dead") < 3 {
		return pick(k.r, "open flow", going)
	}
	return pick(k.r, "flow", k.handles)
}

// end is what comes between: one of the rarer steps.
func (k *walk) end(r *rapid.T) {
	rapid.SampledFrom([]func(*rapid.T){k.sweep, k.renewLink, k.useLink, k.endLinks, k.endFlows, k.endBrowser, k.endOthers}).Draw(r, "which")(r)
}

func (k *walk) place() place {
	return place{rapid.SampledFrom([]string{"signup", "reset"}).Draw(k.r, "kind"), k.person(rapid.SampledFrom([]string{"ann", "bob"}).Draw(k.r, "who"))}
}

func (k *walk) person(name string) string { return fmt.Sprintf("%s-%d", name, k.run) }

func (k *walk) browser() string {
	return fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{"desk", "phone", "stranger"}).Draw(k.r, "browser"), k.run)
}

func (k *walk) from() string { return fmt.Sprintf("net-%d", k.run) }

// act runs one act; its error is the step's answer.
func (k *walk) act(fn func(ctx context.Context, tx *db.Tx) error) error {
	return k.w.d.InTx(context.Background(), fn)
}

// ok fails the walk for an error that is nobody's answer.
func (k *walk) ok(err error) {
	k.r.Helper()
	if err != nil {
		k.r.Fatalf("unexpected: %v", err)
	}
}

// answered compares whether something was refused, and how.
func (k *walk) answered(err error, kind fault.Kind, allowed bool, what string) {
	k.r.Helper()
	if allowed && err != nil || !allowed && !fault.Is(err, kind) {
		k.r.Fatalf("%s: %v, the model allows it: %v", what, err, allowed)
	}
}

func (k *walk) said(err error, want, what string) {
	k.r.Helper()
	got := ""
	if f := fault.From(err); err != nil && len(f.Fields) == 1 {
		got = f.Fields[0].Text
	} else if err != nil {
		got = err.Error()
	}
	if got != want {
		k.r.Fatalf("%s: %q, the model says %q", what, got, want)
	}
}

func (k *walk) newLink(*rapid.T) {
	p := k.place()
	ttl := rapid.SampledFrom([]time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}).Draw(k.r, "ttl")
	k.ok(k.act(func(ctx context.Context, tx *db.Tx) error { return k.w.NewLink(ctx, tx, p.kind, p.subject, ttl) }))
	k.m.newLink(p, ttl)
	k.mailed(p)
}

// mailed reads the link as its e-mail would carry it.
func (k *walk) mailed(p place) {
	text, err := k.w.Token(context.Background(), k.w.d, p.kind, p.subject)
	if !k.m.links[p].lives(k.m.now) {
		if !errors.Is(err, verify.ErrNoLink) {
			k.r.Fatalf("a dead link was written: %v", err)
		}
		return
	}
	k.ok(err)
	k.tokens = append(k.tokens, token{verify.Link{Kind: p.kind, Subject: p.subject, Generation: k.m.links[p].generation}, text})
}

func (k *walk) renewLink(*rapid.T) {
	p := k.place()
	var done bool
	k.ok(k.act(func(ctx context.Context, tx *db.Tx) (err error) {
		done, err = k.w.RenewLink(ctx, tx, p.kind, p.subject, 24*time.Hour)
		return err
	}))
	if want := k.m.renewLink(p, 24*time.Hour); done != want {
		k.r.Fatalf("renewed: %v, the model %v", done, want)
	}
	k.mailed(p)
}

// openLink opens any link that was ever mailed, at its own address or at the other kind's.
func (k *walk) openLink(*rapid.T) {
	t := pick(k.r, "token", k.tokens)
	kind := k.place().kind
	l, err := k.w.CheckToken(context.Background(), k.w.d, kind, t.text)
	have := k.m.links[place{t.Kind, t.Subject}]
	alive := kind == t.Kind && have.lives(k.m.now) && have.generation == t.Generation
	k.answered(err, fault.Gone, alive, "open a link")
	if !alive {
		k.happened["link dead"]++
		return
	}
	k.happened["link alive"]++
	if l != t.Link {
		k.r.Fatalf("opened %+v, it is %+v", l, t.Link)
	}
	k.links = append(k.links, l)
}

func (k *walk) useLink(*rapid.T) {
	l := pick(k.r, "link", k.links)
	err := k.act(func(ctx context.Context, tx *db.Tx) error { return k.w.UseLink(ctx, tx, l) })
	k.answered(err, fault.Gone, k.m.useLink(l), "use a link")
}

func (k *walk) endLinks(*rapid.T) {
	p := k.place()
	kind := rapid.SampledFrom([]string{"", p.kind}).Draw(k.r, "which")
	k.ok(k.act(func(ctx context.Context, tx *db.Tx) error { return k.w.EndLink(ctx, tx, kind, p.subject, "edited") }))
	k.m.endLinks(kind, p.subject)
}

// begin goes on from a page opened by a link, which may have died since; generation 0 is a flow without a link.
func (k *walk) begin(*rapid.T) {
	p, generation := k.place(), int64(0)
	if rapid.IntRange(0, 4).Draw(k.r, "linkless") > 0 {
		l := pick(k.r, "link", k.links)
		p, generation = place{l.Kind, l.Subject}, l.Generation
	}
	browser := k.browser()
	var f verify.Flow
	k.ok(k.act(func(ctx context.Context, tx *db.Tx) (err error) {
		f, err = k.w.Begin(ctx, tx, verify.Start{Kind: p.kind, Subject: p.subject, Generation: generation, Browser: browser})
		return err
	}))
	m := k.m.begin(p, browser, generation, f.ID)
	k.same(f, m)
	k.handles = append(k.handles, handle{f, m})
}

// same compares a flow as the room gives it with the model's.
func (k *walk) same(f verify.Flow, m *modelFlow) {
	k.r.Helper()
	if f.ID != m.id || f.Kind != m.kind || f.Subject != m.subject || f.Generation != m.generation || f.Phone != m.phone || f.Terms != m.terms || string(f.Data) != m.data ||
		f.CodeSent != (m.code != "") || f.Version != m.version {
		k.r.Fatalf("flow %+v, the model's %+v", f, *m)
	}
}

func (k *walk) look(*rapid.T) {
	h := k.flow()
	browser := k.browser()
	f, found, err := k.w.Flow(context.Background(), k.w.d, h.m.kind, h.m.subject, browser, h.m.generation)
	k.ok(err)
	m := k.m.find(h.m.place, browser, h.m.generation)
	if found != (m != nil) {
		k.r.Fatalf("found a flow: %v, the model %+v", found, m)
	}
	if found {
		k.same(f, m)
		k.handles = append(k.handles, handle{f, m})
	}
}

func (k *walk) lookIn(*rapid.T) {
	p, browser := k.place(), k.browser()
	f, found, err := k.w.FlowIn(context.Background(), k.w.d, p.kind, browser)
	k.ok(err)
	all := k.m.newest(p.kind, browser)
	if i := slices.IndexFunc(all, func(m *modelFlow) bool { return m.id == f.ID }); found != (len(all) > 0) || found && i < 0 {
		k.r.Fatalf("found %+v, the model %d", f, len(all))
	}
}

func (k *walk) send(*rapid.T) {
	h := k.flow()
	number := fmt.Sprintf("+1206%07d", 2_000_000+2*k.run+rapid.IntRange(0, 1).Draw(k.r, "number"))
	by := actor.Actor{Kind: actor.Visitor, IP: k.from()}
	err := k.w.SendCode(context.Background(), by, h.f, verify.Send{Method: verify.Method{Value: "text_cell", To: number}, Name: "Harbor Dental", Field: "method"})
	want := k.m.maySend(h.m, number, k.from())
	k.said(err, want, "send a code")
	if want != "" {
		k.happened["code refused"]++
		return
	}
	k.happened["code sent"]++
	code := k.read(h.m.id)
	k.m.send(h.m, number, k.from(), code)
	k.codes = append(k.codes, code)
}

// read opens the code as the job that sends it does.
func (k *walk) read(flow string) string {
	sealed, _, err := db.One(context.Background(), k.w.d, db.Scan1[[]byte], "SELECT code_sealed FROM verify_flow WHERE id = $1", flow)
	k.ok(err)
	code, err := k.w.keys.System().Open("verify_flow", "code_sealed", flow, sealed)
	k.ok(err)
	return string(code)
}

// check types any code that was ever sent to anybody here, or none, or nonsense.
func (k *walk) check(*rapid.T) {
	k.try(k.flow(), rapid.SampledFrom(append([]string{"", "12345", "abcdef", "000000"}, k.codes...)).Draw(k.r, "code"))
}

func (k *walk) checkRight(*rapid.T) {
	h := k.flow()
	if h.m.code == "" {
		k.r.Skip()
	}
	k.try(h, h.m.code[:3]+" "+h.m.code[3:])
}

func (k *walk) try(h handle, code string) {
	err := k.w.CheckCode(context.Background(), actor.Actor{Kind: actor.Visitor, IP: k.from()}, h.f, code)
	want := "Enter the secret code"
	switch code = strings.ReplaceAll(code, " ", ""); code {
	case "":
	case "12345", "abcdef":
		want = "The code must be 6 numbers"
	default:
		want = k.m.check(h.m, code)
	}
	k.said(err, want, "check a code")
	switch {
	case want == "":
		k.happened["code right"]++
	case strings.HasPrefix(want, "Too many"):
		k.happened["flow spent"]++
	case strings.HasPrefix(want, "That code is not"):
		k.happened["code wrong"]++
	}
}

func (k *walk) terms(*rapid.T) {
	h := k.flow()
	version := rapid.SampledFrom([]string{"2025", "2026"}).Draw(k.r, "version")
	err := k.act(func(ctx context.Context, tx *db.Tx) error { return k.w.AcceptTerms(ctx, tx, h.f, version) })
	k.answered(err, fault.Conflict, k.m.acceptTerms(h.m, version), "accept the terms")
}

func (k *walk) save(*rapid.T) {
	h := k.flow()
	data := rapid.SampledFrom([]string{"typed", "typed more"}).Draw(k.r, "data")
	err := k.act(func(ctx context.Context, tx *db.Tx) error { return k.w.SaveData(ctx, tx, h.f, []byte(data)) })
	k.answered(err, fault.Conflict, k.m.save(h.m, h.f.Version, data), "save")
}

func (k *walk) need() verify.Need {
	return verify.Need{Phone: rapid.Bool().Draw(k.r, "phone"), Terms: rapid.SampledFrom([]string{"", "2026"}).Draw(k.r, "terms")}
}

func (k *walk) finish(*rapid.T) {
	h, need := k.flow(), k.need()
	err := k.act(func(ctx context.Context, tx *db.Tx) error { return k.w.Finish(ctx, tx, h.f, need) })
	allowed := k.m.mayFinish(h.m, need)
	k.answered(err, fault.Conflict, allowed, "finish")
	if !allowed {
		k.happened["not finished"]++
		return
	}
	k.happened["finished"]++
	k.m.finish(h.m)
}

// setPassword is the last page of a reset or a sign-up: link and flow together, or neither.
func (k *walk) setPassword(*rapid.T) {
	l, browser, need := pick(k.r, "link", k.links), k.browser(), k.need()
	if h := k.flow(); rapid.IntRange(0, 3).Draw(k.r, "mixed") < 3 { // its own link and browser
		l, browser = verify.Link{Kind: h.m.kind, Subject: h.m.subject, Generation: h.m.generation}, h.m.browser
	}
	p := place{l.Kind, l.Subject}
	err := k.act(func(ctx context.Context, tx *db.Tx) error {
		if err := k.w.UseLink(ctx, tx, l); err != nil {
			return err
		}
		f, found, err := k.w.Flow(ctx, tx, l.Kind, l.Subject, browser, l.Generation)
		if err != nil || !found {
			return errors.Join(err, verify.Gone())
		}
		return k.w.Finish(ctx, tx, f, need)
	})
	m, link := k.m.find(p, browser, l.Generation), k.m.links[p]
	allowed := link.lives(k.m.now) && link.generation == l.Generation && m != nil && k.m.mayFinish(m, need)
	if allowed != (err == nil) {
		k.r.Fatalf("set a password: %v, the model allows it: %v", err, allowed)
	}
	if !allowed {
		k.happened["password not set"]++
		return
	}
	k.happened["password set"]++
	k.m.useLink(l)
	k.m.finish(m)
}

func (k *walk) endFlows(*rapid.T) {
	p := k.place()
	k.ok(k.act(func(ctx context.Context, tx *db.Tx) error {
		return k.w.EndFlows(ctx, tx, p.subject, p.kind, "password")
	}))
	k.m.endWhere(func(f *modelFlow) bool { return f.place == p })
}

func (k *walk) endBrowser(*rapid.T) {
	p, browser := k.place(), k.browser()
	k.ok(k.act(func(ctx context.Context, tx *db.Tx) error { return k.w.EndBrowser(ctx, tx, p.kind, browser, "again") }))
	k.m.endWhere(func(f *modelFlow) bool { return f.kind == p.kind && f.browser == browser })
}

func (k *walk) endOthers(*rapid.T) {
	h := k.flow()
	k.ok(k.act(func(ctx context.Context, tx *db.Tx) error { return k.w.EndOthers(ctx, tx, h.f, "password") }))
	k.m.endWhere(func(f *modelFlow) bool { return f.place == h.m.place && f != h.m })
}

func (k *walk) wait(*rapid.T) {
	k.w.clock.Advance(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 16 * time.Minute, 2 * time.Hour, 25 * time.Hour}).Draw(k.r, "for"))
	k.m.now = k.w.clock.Now()
}

func (k *walk) sweep(*rapid.T) {
	k.ok(k.w.Sweep(context.Background()))
	k.m.sweep()
}

// compare looks for a difference between what is stored and the model.
func (k *walk) compare(r *rapid.T) {
	type row struct {
		id, state, terms         string
		generation, tries, sends int64
		version, expires         int64
		proved, coded, typed     bool
	}
	people := []any{k.person("ann"), k.person("bob")}
	rows, err := db.All(context.Background(), k.w.d, func(scan db.Row) (f row, err error) {
		err = scan(&f.id, &f.state, &f.terms, &f.generation, &f.tries, &f.sends, &f.version, &f.expires, &f.proved, &f.coded, &f.typed)
		return f, err
	}, `SELECT id, state, COALESCE(terms_version, ''), generation, tries, sends, version, expires_at, phone_at IS NOT NULL, code_mac IS NOT NULL, data_sealed IS NOT NULL
		FROM verify_flow WHERE subject_id IN ($1, $2)`, people...)
	k.ok(err)
	stored := map[string]row{}
	for _, f := range rows {
		stored[f.id] = f
	}
	if len(rows) != len(k.m.flows) {
		r.Fatalf("%d flows are stored, the model has %d", len(rows), len(k.m.flows))
	}
	for _, m := range k.m.flows {
		want := row{id: m.id, state: m.state, terms: m.terms, generation: m.generation, tries: m.tries, sends: m.sends, version: m.version, expires: m.expires.UnixMicro(),
			proved: m.phone, coded: m.code != "", typed: m.data != ""}
		if got := stored[m.id]; got != want {
			r.Fatalf("stored %+v\nmodel %+v", got, want)
		}
	}
	links, err := db.All(context.Background(), k.w.d, func(scan db.Row) (string, error) {
		var p place
		var generation int64
		var used bool
		err := scan(&p.kind, &p.subject, &generation, &used)
		return fmt.Sprint(p, generation, used), err
	}, "SELECT kind, subject_id, generation, used_at IS NOT NULL FROM verify_link WHERE subject_id IN ($1, $2)", people...)
	k.ok(err)
	var want []string
	for p, l := range k.m.links {
		want = append(want, fmt.Sprint(p, l.generation, l.used))
	}
	slices.Sort(links)
	slices.Sort(want)
	if !slices.Equal(links, want) {
		r.Fatalf("links %v, the model's %v", links, want)
	}
}
