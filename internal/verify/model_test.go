package verify_test

import (
	"fmt"
	"time"

	"securepractice/internal/verify"
)

// model is what this room promises, written a second time and as simply as can be: plain records and no database. The
// walk of walk_test.go does the same to both and looks for a difference after every step.
type model struct {
	now   time.Time
	links map[place]*modelLink
	flows []*modelFlow
	sent  map[string]int64 // codes that left, by limit, key and window
}

// place is where links and flows hang: one subject's flow of one kind.
type place struct{ kind, subject string }

type modelLink struct {
	generation int64
	expires    time.Time
	used       bool
}

type modelFlow struct {
	place
	id, browser string
	generation  int64
	state       string // open, done, ended
	begun       time.Time
	expires     time.Time
	phone       bool // proved
	code        string
	codeExpires time.Time
	sends       int64
	tries       int64
	terms, data string
	version     int64
}

func newModel(now time.Time) *model {
	return &model{now: now, links: map[place]*modelLink{}, sent: map[string]int64{}}
}

func (l *modelLink) lives(now time.Time) bool { return l != nil && !l.used && l.expires.After(now) }

func (f *modelFlow) open(now time.Time) bool { return f.state == "open" && f.expires.After(now) }

// mayProve says whether a flow stands one more try.
func (f *modelFlow) mayProve(now time.Time) bool { return f.open(now) && !f.phone && f.tries < 5 }

func (f *modelFlow) end(state string) {
	f.state, f.code, f.data = state, "", ""
	f.version++
}

// endWhere ends the open flows that a test names.
func (m *model) endWhere(which func(f *modelFlow) bool) {
	for _, f := range m.flows {
		if f.state == "open" && which(f) {
			f.end("ended")
		}
	}
}

func (m *model) newLink(p place, ttl time.Duration) {
	l := m.links[p]
	if l == nil {
		l = &modelLink{}
		m.links[p] = l
	}
	l.generation, l.expires, l.used = l.generation+1, m.now.Add(ttl), false
	m.endWhere(func(f *modelFlow) bool { return f.place == p })
}

func (m *model) renewLink(p place, ttl time.Duration) bool {
	l := m.links[p]
	if l == nil || l.used {
		return false
	}
	l.expires = m.now.Add(ttl)
	return true
}

func (m *model) useLink(l verify.Link) bool {
	have := m.links[place{l.Kind, l.Subject}]
	if !have.lives(m.now) || have.generation != l.Generation {
		return false
	}
	have.used = true
	return true
}

// endLinks ends what a correction, a change of phone or a deactivation ends; kind "" is every kind.
func (m *model) endLinks(kind, subject string) {
	for p, l := range m.links {
		if p.subject == subject && (kind == "" || p.kind == kind) {
			l.generation++
			l.used = true
		}
	}
	m.endWhere(func(f *modelFlow) bool { return f.subject == subject && (kind == "" || f.kind == kind) })
}

// begin is the browser's open flow; id names it if it is a new one.
func (m *model) begin(p place, browser string, generation int64, id string) *modelFlow {
	m.endWhere(func(f *modelFlow) bool {
		return f.place == p && f.browser == browser && (f.generation != generation || !f.expires.After(m.now))
	})
	if f := m.find(p, browser, generation); f != nil {
		return f
	}
	f := &modelFlow{place: p, id: id, browser: browser, generation: generation, state: "open", begun: m.now, expires: m.now.Add(ttl), version: 1}
	m.flows = append(m.flows, f)
	return f
}

func (m *model) find(p place, browser string, generation int64) *modelFlow {
	for _, f := range m.flows {
		if f.place == p && f.browser == browser && f.generation == generation && f.open(m.now) {
			return f
		}
	}
	return nil
}

// newest are the flows that a step without a link of its own could mean: the youngest of this browser.
func (m *model) newest(kind, browser string) (all []*modelFlow) {
	for _, f := range m.flows {
		if f.kind != kind || f.browser != browser || !f.open(m.now) {
			continue
		}
		if len(all) > 0 && f.begun.Before(all[0].begun) {
			continue
		}
		if len(all) > 0 && f.begun.After(all[0].begun) {
			all = nil
		}
		all = append(all, f)
	}
	return all
}

// maySend is the sentence that refuses a code, or "", in the order in which the limits are asked.
func (m *model) maySend(f *modelFlow, number, from string) string {
	if !f.mayProve(m.now) {
		return f.spent()
	}
	for _, l := range m.limits(f, number, from) {
		if m.sent[l.key] >= l.most {
			return l.text
		}
	}
	return ""
}

type modelLimit struct {
	key  string
	most int64
	text string
}

func (m *model) limits(f *modelFlow, number, from string) []modelLimit {
	const day = 24 * time.Hour
	at := func(window time.Duration, key ...any) string { return fmt.Sprint(m.now.Truncate(window), key) }
	all := []modelLimit{{at(15*time.Minute, "flow", f.id), 3, tooManyCodes}, {at(day, "number", number), 10, tooManyToday},
		{at(day, "person", f.subject), 20, tooManyToday}, {at(day, "address", from), 50, tooManyToday}}
	if f.sends == 0 && f.generation > 0 {
		all = append(all, modelLimit{at(day, "link", f.place, f.generation), 3, tooManyToday})
	}
	return all
}

func (m *model) send(f *modelFlow, number, from, code string) {
	for _, l := range m.limits(f, number, from) {
		m.sent[l.key]++
	}
	f.sends++
	f.version++
	f.code, f.codeExpires = code, m.now.Add(10*time.Minute)
}

func (f *modelFlow) spent() string {
	if f.generation == 0 {
		return "Too many tries. Go back and start again."
	}
	return tooManyTries
}

// check is the sentence that refuses a code, or "" when it was right.
func (m *model) check(f *modelFlow, code string) string {
	if !f.mayProve(m.now) {
		return f.spent()
	}
	f.tries++
	f.version++
	left := 5 - f.tries
	switch {
	case f.code != "" && f.codeExpires.After(m.now) && code == f.code:
		f.phone, f.code = true, ""
		f.version++
		return ""
	case left == 0:
		f.end("ended")
		return f.spent()
	case f.code == "" || !f.codeExpires.After(m.now):
		return expired
	case left == 1:
		return "That code is not right. You have 1 try left."
	}
	return fmt.Sprintf("That code is not right. You have %d tries left.", left)
}

func (m *model) acceptTerms(f *modelFlow, version string) bool {
	if !f.open(m.now) {
		return false
	}
	f.terms = version
	f.version++
	return true
}

func (m *model) save(f *modelFlow, seen int64, data string) bool {
	if !f.open(m.now) || f.version != seen {
		return false
	}
	f.data = data
	f.version++
	return true
}

func (m *model) mayFinish(f *modelFlow, n verify.Need) bool {
	return f.open(m.now) && (!n.Phone || f.phone) && (n.Terms == "" || f.terms == n.Terms)
}

func (m *model) finish(f *modelFlow) {
	f.end("done")
	m.endWhere(func(o *modelFlow) bool { return o.place == f.place })
}

// sweep ends what has run out and forgets what was over 30 days ago.
func (m *model) sweep() {
	m.endWhere(func(f *modelFlow) bool { return !f.expires.After(m.now) })
	var kept []*modelFlow
	for _, f := range m.flows {
		if f.state == "open" || f.expires.After(m.now.Add(-30*24*time.Hour)) {
			kept = append(kept, f)
		}
	}
	m.flows = kept
}
