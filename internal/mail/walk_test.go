package mail_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
)

// TestRandomWalk lets five people do at random what people do with mail, rightly and wrongly, beside a model of plain
// records: every answer must be the model's, every list must show what the model says, and no page may hold a word that
// its reader must not see. SECUREPRACTICE_TEST_STEPS makes it longer; on PostgreSQL it takes a third.
func TestRandomWalk(t *testing.T) {
	for name, value := range map[string]string{"rapid.steps": "150", "rapid.checks": "1", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	want := 300
	if s := os.Getenv("SECUREPRACTICE_TEST_STEPS"); s != "" {
		var err error
		if want, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	each(t, func(t *testing.T, w *world) {
		w.exec("UPDATE practice_practice SET max_recipients = 5")
		want := want
		if w.d.Postgres() && os.Getenv("SECUREPRACTICE_TEST_STEPS") == "" {
			want /= 3
		}
		taken, runs, happened := 0, 0, map[string]int{}
		for taken < want && !t.Failed() {
			rapid.Check(t, func(r *rapid.T) {
				runs++
				k := newWalk(w, r, runs, happened)
				k.begin()
				r.Repeat(k.steps(&taken))
				k.compare()
			})
		}
		t.Logf("%d acts in %d walks: %v", taken, runs, happened)
		for _, what := range []string{"send ok", "send again", "reply ok", "forward ok", "recall ok", "recall conflict", "undo ok", "open ok", "found", "save ok", "save conflict", "left", "bulk"} {
			if want >= 2500 && happened[what] == 0 && !t.Failed() {
				t.Errorf("it never came to %q", what)
			}
		}
	})
}

// walk is one walk with its model.
type walk struct {
	model
	w        *world
	r        *rapid.T
	run      int
	acts     int
	marks    int
	happened map[string]int
	forms    []form
}

// form is what somebody sent once, to be sent again.
type form struct {
	by            *box
	key, thread   string // thread of a reply
	to            []*box
	subject, body string
}

var vocabulary = []string{"crown", "molar", "implant", "canal", "denture", "veneer"}

func newWalk(w *world, r *rapid.T, run int, happened map[string]int) *walk {
	k := &walk{w: w, r: r, run: run, happened: happened}
	w.clock.Advance(24 * time.Hour)
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		for _, n := range []account.NewUser{
			{ID: "u-dana", First: "Dana", Last: "Whitfield", PracticeID: "p-harbor", Role: actor.Doctor, Paid: true},
			{ID: "u-mel", First: "Mel", Last: "Ito", PracticeID: "p-harbor", Role: actor.Helper, Paid: true, Manager: true},
			{ID: "u-santos", First: "Miguel", Last: "Santos", PracticeID: "p-eastlake", Role: actor.Doctor, Paid: true},
			{ID: "u-fred", First: "Fred", Last: "Free", PracticeID: "p-eastlake", Role: actor.Helper},
			{ID: "u-ruth", First: "Ruth", Last: "Okafor", Role: actor.Patient},
		} {
			n.ID += fmt.Sprintf("-%d", run)
			if err := w.join(ctx, tx, n); err != nil {
				return err
			}
			name := strings.TrimPrefix(n.ID, "u-")
			k.people = append(k.people, &box{name: name, id: n.ID, email: name + "@example.org", paid: n.Paid, patient: n.Role == actor.Patient,
				practice: n.PracticeID, rows: map[string]*boxRow{}, drafts: map[string]*boxDraft{}})
		}
		return nil
	})
	return k
}

// begin sends the first messages, so that every act has something to be done to.
func (k *walk) begin() {
	k.tick(time.Second)
	k.submit(form{by: k.people[0], key: db.NewID(), to: k.people[1:3], subject: k.words(), body: k.words()})
	k.submit(form{by: k.people[1], key: db.NewID(), to: k.people[3:], subject: k.words(), body: k.words()})
}

func (k *walk) steps(taken *int) map[string]func(*rapid.T) {
	all := map[string]func(){
		"send": k.send, "send 2": k.send, "send 3": k.send, "send again": k.again, "reply": k.reply, "reply 2": k.reply, "reply 3": k.reply,
		"forward": k.forward, "open": k.open, "open 2": k.open, "open 3": k.open, "folder": k.folder, "folder 2": k.folder, "bulk": k.bulk,
		"label": k.label, "recall": k.recallAct, "recall 2": k.recallAct, "undo": k.undoAct, "undo 2": k.undoAct, "leave": k.leaveAct,
		"save": k.save, "save 2": k.save, "discard": k.discard, "search": k.search, "wait": k.wait,
	}
	steps := map[string]func(*rapid.T){"": func(r *rapid.T) {
		if k.r = r; k.acts%12 == 11 {
			k.compare()
		}
	}}
	for name, step := range all {
		steps[name] = func(r *rapid.T) {
			k.r = r
			k.tick(time.Duration(1+k.n("ms", 4000)) * time.Millisecond)
			step()
			k.acts++
			*taken++
		}
	}
	return steps
}

// tick moves the clock.
func (k *walk) tick(by time.Duration) {
	k.w.clock.Advance(by)
	k.now = k.w.clock.Now().UnixMicro()
}

func (k *walk) n(what string, most int) int { return rapid.IntRange(0, most).Draw(k.r, what) }

// mostly is true in three of four cases.
func (k *walk) mostly(what string) bool { return k.n(what, 3) > 0 }

func (k *walk) who() *box { return k.people[k.n("who", len(k.people)-1)] }

// words are some of the vocabulary and a mark that stands nowhere else.
func (k *walk) words() string {
	k.marks++
	return vocabulary[k.n("word", len(vocabulary)-1)] + " " + vocabulary[k.n("word", len(vocabulary)-1)] + fmt.Sprintf(" mk%dn%dz", k.run, k.marks)
}

// some draws one of a list, most often one of the latest.
func some[T any](k *walk, what string, list []T) (one T) {
	from := len(list) - 1
	if k.mostly(what + " late") {
		from = min(from, 5)
	}
	return list[len(list)-1-k.n(what, from)]
}

// conversation draws a conversation, most often one of the person's.
func (k *walk) conversation(by *box) string {
	list := slices.Clone(k.talks)
	if own := slices.DeleteFunc(slices.Clone(list), func(t *talk) bool { return by.rows[t.id] == nil }); len(own) > 0 && k.n("any", 9) > 0 {
		list = own
	}
	return some(k, "conversation", list).id
}

// letter draws a message, most often one that passes.
func (k *walk) letter(pass func(*note) bool) *note {
	list := k.notes
	if own := slices.DeleteFunc(slices.Clone(list), func(n *note) bool { return !pass(n) }); len(own) > 0 && k.n("any", 9) > 0 {
		list = own
	}
	return some(k, "letter", list)
}

// draftOf draws one of a person's drafts, sometimes another's; nil where there is none.
func (k *walk) draftOf(by *box) *boxDraft {
	if k.n("another's", 9) == 0 {
		by = k.who()
	}
	var list []*boxDraft
	for _, d := range by.drafts {
		list = append(list, d)
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b *boxDraft) int { return cmp.Or(cmp.Compare(a.savedAt, b.savedAt), cmp.Compare(a.id, b.id)) })
	return some(k, "draft", list)
}

// want compares an answer with the model's.
func (k *walk) want(what string, err error, want fault.Kind) {
	k.r.Helper()
	got := fault.From(err).Kind
	if got != want || err != nil && got == fault.Unknown {
		k.r.Fatalf("%s: %v (%q), the model says %q", what, err, got, want)
	}
	k.happened[what+" "+cmp.Or(string(want), "ok")]++
}

var kinds = map[int]fault.Kind{http.StatusOK: fault.Unknown, http.StatusSeeOther: fault.Unknown, http.StatusNotFound: fault.NotFound, http.StatusConflict: fault.Conflict,
	http.StatusForbidden: fault.Forbidden, http.StatusUnprocessableEntity: fault.Invalid}

func (k *walk) wantCode(what string, p page, want fault.Kind) {
	k.r.Helper()
	got, known := kinds[p.code]
	if !known || got != want {
		k.r.Fatalf("%s: %d %s, the model says %q", what, p.code, p.text("main"), want)
	}
	k.happened[what+" "+cmp.Or(string(want), "ok")]++
}

func (k *walk) recipients(by *box) (to []*box) {
	for range 1 + k.n("more", 2) {
		if p := k.who(); !slices.Contains(to, p) && (p != by || k.n("self", 9) == 0) {
			to = append(to, p)
		}
	}
	return to
}

func addresses(to []*box) string {
	var list []string
	for _, p := range to {
		list = append(list, p.email)
	}
	return strings.Join(list, ", ")
}

func (k *walk) hold() time.Duration {
	if k.n("hold", 2) == 0 {
		return hold
	}
	return 0
}

func (k *walk) send() {
	f := form{by: k.who(), key: db.NewID(), subject: k.words(), body: k.words()}
	f.to = k.recipients(f.by)
	if d := k.draftOf(f.by); d != nil && k.n("of a draft", 2) == 0 {
		f.key = d.id
		if d.passedOn && f.by.drafts[d.id] == d {
			f.body += " " + d.body
		}
	}
	k.submit(f)
}

// again sends a form once more, as it was or changed, or under somebody else's name.
func (k *walk) again() {
	f := some(k, "form", k.forms)
	switch k.n("change", 5) {
	case 0:
		f.body = k.words()
	case 1:
		f.by = k.who()
	case 2:
		f.to = k.recipients(f.by)
	}
	if f.thread == "" {
		k.submit(f)
	} else {
		k.answer(f)
	}
}

func (k *walk) submit(f form) {
	confirmed, held := k.mostly("confirmed"), k.hold()
	want, fresh := k.sending(f.by, f.key, f.to, f.subject, f.body, confirmed)
	c := mail.Compose{DraftID: f.key, To: addresses(f.to), Subject: f.subject, Body: f.body, Hold: held}
	if confirmed {
		c.Outside = c.To
	}
	sent, err := k.w.Send(k.w.t.Context(), k.w.people[f.by.name], c)
	k.want("send", err, want)
	switch {
	case err != nil:
		return
	case !fresh:
		if n := k.note(f.key); sent.ThreadID != n.talk.id || sent.MessageID != n.id || sent.State != n.state {
			k.r.Fatalf("sent again: %+v, the model has %+v", sent, n)
		}
		k.happened["send again"]++
		return
	}
	k.forms = append(k.forms, f)
	list := parcels(f.to)
	if sent.Messages != len(list) {
		k.r.Fatalf("it became %d messages, want %d", sent.Messages, len(list))
	}
	d := f.by.drafts[f.key]
	for i, to := range list {
		n := &note{id: sent.MessageID, body: f.body, author: f.by, to: to, fromPatient: d != nil && d.fromPatient}
		threadID := sent.ThreadID
		if i > 0 {
			n.id, threadID = k.further(f.key)
			n.form = f.key
		}
		n.talk = &talk{id: threadID, subject: f.subject, people: append(slices.Clone(to), f.by)}
		k.talks = append(k.talks, n.talk)
		k.add(n, held.Microseconds())
	}
}

// further looks up the second message of a form: its ids are the program's.
func (k *walk) further(key string) (id, threadID string) {
	found, _, err := db.One(k.w.t.Context(), k.w.d, db.Scan1[string], "SELECT id || ' ' || thread_id FROM mail_message WHERE form_id = $1", key)
	if err != nil {
		k.r.Fatal(err)
	}
	id, threadID, _ = strings.Cut(found, " ")
	return id, threadID
}

func (k *walk) reply() {
	f := form{by: k.who(), key: db.NewID(), body: k.words()}
	f.thread = k.conversation(f.by)
	if d := k.draftOf(f.by); d != nil && k.n("of a draft", 2) == 0 {
		f.key = d.id
		if d.thread != "" && k.mostly("its own") {
			f.thread = d.thread
		}
	}
	k.answer(f)
}

func (k *walk) answer(f form) {
	held := k.hold()
	want, fresh := k.replying(f.by, f.key, f.thread, f.body)
	sent, err := k.w.Reply(k.w.t.Context(), k.w.people[f.by.name], mail.Reply{DraftID: f.key, ThreadID: f.thread, Body: f.body, Hold: held})
	k.want("reply", err, want)
	if err != nil || !fresh {
		return
	}
	k.forms = append(k.forms, f)
	t := f.by.rows[f.thread].thread
	to := slices.DeleteFunc(slices.Clone(t.people), func(p *box) bool { return p == f.by })
	if sent.MessageID != f.key || sent.ThreadID != t.id {
		k.r.Fatalf("replied: %+v", sent)
	}
	k.add(&note{id: f.key, body: f.body, author: f.by, to: to, talk: t}, held.Microseconds())
}

func (k *walk) forward() {
	by := k.who()
	n := k.letter(func(n *note) bool { return n.state == "delivered" && n.readable(by) })
	want := fault.Unknown
	switch {
	case !by.paid && n.readable(by):
		want = fault.Forbidden
	case !by.paid || !n.readable(by) || n.state != "delivered":
		want = fault.NotFound
	}
	id, err := k.w.Forward(k.w.t.Context(), k.w.people[by.name], n.id)
	k.want("forward", err, want)
	if err != nil {
		return
	}
	subject := n.talk.subject
	if !strings.HasPrefix(subject, "Fwd: ") {
		subject = "Fwd: " + subject
	}
	by.drafts[id] = &boxDraft{id: id, subject: subject, body: n.body, version: 1, savedAt: k.now, passedOn: true,
		fromPatient: n.fromPatient || slices.ContainsFunc(n.talk.people, func(p *box) bool { return p.patient })}
	if n.author != by {
		n.opened[by] = true
	}
}

func (k *walk) open() {
	by := k.who()
	id := k.conversation(by)
	want := fault.Unknown
	if by.rows[id] == nil {
		want = fault.NotFound
	}
	list := k.model.open(by, id)
	p := k.w.get(by.name, "/mail/t/"+id)
	k.wantCode("open", p, want)
	k.noSecrets(by, "/mail/t/"+id, p)
	if want != fault.Unknown {
		return
	}
	var shown []string
	p.Find("details.sheet").Each(func(i int, s *selection) {
		shown = append(shown, strings.TrimPrefix(s.AttrOr("id", ""), "m-"))
		if i >= len(list) {
			return
		}
		text, n := strings.Join(strings.Fields(s.Find(".text").Text()), " "), list[i]
		if n.readable(by) != strings.Contains(text, n.body) || n.readable(by) == (n.author != by && strings.Contains(text, "withdrew this message")) {
			k.r.Fatalf("%s reads %q of %+v", by.name, text, n)
		}
		if n.author == by && !strings.Contains(text, n.standing()) {
			k.r.Fatalf("%s reads %q, want %q", by.name, text, n.standing())
		}
	})
	var ids []string
	for _, n := range list {
		ids = append(ids, n.id)
	}
	if !slices.Equal(shown, ids) {
		k.r.Fatalf("%s sees the messages %v, want %v", by.name, shown, ids)
	}
}

func (k *walk) folder() {
	by := k.who()
	id := k.conversation(by)
	do := []string{"archive", "inbox", "trash", "restore", "unread"}[k.n("do", 4)]
	row, want := by.rows[id], fault.Unknown
	if !row.act(do) && (row == nil || do != "trash" && do != "restore" || row.folder == "none" || (do == "trash") != (row.folder == "trash")) {
		want = fault.NotFound
	}
	k.wantCode("folder", k.w.post(by.name, "/mail/t/"+id+"/"+do, nil), want)
}

func (k *walk) bulk() {
	by := k.who()
	form := url.Values{"do": {[]string{"archive", "inbox", "trash", "restore", "unread", "read"}[k.n("do", 5)]}}
	for range 1 + k.n("more", 4) {
		form.Add("thread", k.conversation(by))
	}
	seen := map[string]bool{}
	for _, id := range form["thread"] {
		if !seen[id] {
			by.rows[id].act(form.Get("do"))
		}
		seen[id] = true
	}
	k.wantCode("bulk", k.w.post(by.name, "/mail/threads", form), fault.Unknown)
	k.happened["bulk"]++
}

// label makes a label, deletes it, puts it on a conversation or takes it off.
func (k *walk) label() {
	by := k.who()
	if len(by.labels) < 3 && k.n("make", 2) == 0 {
		k.makeLabel(by)
		return
	}
	owner := by
	if k.n("another's", 9) == 0 {
		owner = k.who()
	}
	if len(owner.labels) == 0 {
		k.makeLabel(by)
		return
	}
	l, want := some(k, "label", owner.labels), fault.Unknown
	if owner != by {
		want = fault.NotFound
	}
	if k.n("delete", 9) == 0 {
		k.wantCode("label", k.w.post(by.name, "/mail/l/"+l.id+"/delete", nil), want)
		if owner == by {
			by.labels = slices.DeleteFunc(by.labels, func(o *boxLabel) bool { return o == l })
		}
		return
	}
	do, id := []string{"label", "unlabel"}[k.n("do", 3)/3], k.conversation(by)
	k.wantCode("label", k.w.post(by.name, "/mail/threads", url.Values{"do": {do}, "label": {l.id}, "thread": {id}}), want)
	switch {
	case owner != by || by.rows[id] == nil:
	case do == "label":
		l.worn[id] = true
	default:
		delete(l.worn, id)
	}
}

func (k *walk) makeLabel(by *box) {
	l, want := &boxLabel{name: vocabulary[k.n("name", 3)], worn: map[string]bool{}}, fault.Unknown
	if slices.ContainsFunc(by.labels, func(o *boxLabel) bool { return o.name == l.name }) {
		want = fault.Invalid
	}
	k.wantCode("label", k.w.post(by.name, "/mail/labels", url.Values{"name": {l.name}, "colour": {"1"}}), want)
	if want != fault.Unknown {
		return
	}
	k.w.get(by.name, "/mail/labels").Find(".label-list li").Each(func(_ int, s *selection) {
		if a := s.Find("a").First(); strings.Contains(a.Text(), l.name) {
			l.id = strings.TrimPrefix(a.AttrOr("href", ""), "/mail/l/")
		}
	})
	by.labels = append(by.labels, l)
}

// authorOf is a message's author, and now and then anybody.
func (k *walk) authorOf(n *note) *box {
	if k.n("anybody", 7) == 0 {
		return k.who()
	}
	return n.author
}

func (k *walk) recallAct() {
	n := k.letter(func(n *note) bool { return n.state == "delivered" && len(n.opened) == 0 })
	by := k.authorOf(n)
	_, err := k.w.Recall(k.w.t.Context(), k.w.people[by.name], n.id)
	k.want("recall", err, k.recall(by, n))
}

func (k *walk) undoAct() {
	n := k.letter(func(n *note) bool { return n.state == "waiting" })
	by := k.authorOf(n)
	want, thread := k.undo(by, n)
	where, err := k.w.Undo(k.w.t.Context(), k.w.people[by.name], n.id)
	k.want("undo", err, want)
	if err != nil {
		return
	}
	at, err := url.Parse(where)
	if err != nil || thread != strings.TrimPrefix(at.Path, "/mail/t/") && (thread != "" || at.Path != "/mail/new") {
		k.r.Fatalf("undone to %q, want a draft of %q", where, thread)
	}
	first := k.note(cmp.Or(n.form, n.id))
	d := &boxDraft{id: at.Query().Get("draft"), thread: thread, body: first.body, version: 1, savedAt: k.now, passedOn: true, fromPatient: first.fromPatient}
	if thread == "" {
		d.subject = first.talk.subject
	}
	by.drafts[d.id] = d
}

// leaveAct lets leave what is held no longer, now and then after waiting for it.
func (k *walk) leaveAct() {
	if k.n("wait", 1) == 0 {
		k.tick(hold)
	}
	if err := k.w.Leave(k.w.t.Context()); err != nil {
		k.r.Fatal(err)
	}
	k.leave()
	k.happened["left"]++
}

// save makes a draft or changes one, from the version it has or from an older one.
func (k *walk) save() {
	by := k.who()
	in := mail.Draft{ID: db.NewID(), To: addresses(k.recipients(by)), Subject: k.words(), Body: k.words()}
	d := k.draftOf(by)
	switch {
	case d != nil && k.mostly("one there is"):
		in.ID, in.ThreadID, in.Version = d.id, d.thread, d.version
		if k.n("old", 3) == 0 {
			in.Version--
		}
		if d.passedOn {
			in.Body += " " + d.body
			if by.drafts[d.id] == nil {
				in.Body = k.words()
			}
		}
	case len(k.notes) > 0 && k.n("of a message", 9) == 0:
		in.ID = some(k, "letter", k.notes).id
	case k.n("reply", 1) == 0:
		in.ThreadID = k.conversation(by)
	}
	want := k.saving(by, in)
	_, err := k.w.SaveDraft(k.w.t.Context(), k.w.people[by.name], in)
	k.want("save", err, want)
	if err != nil {
		return
	}
	d = by.drafts[in.ID]
	if d == nil {
		d = &boxDraft{id: in.ID, thread: in.ThreadID}
		by.drafts[d.id] = d
	}
	d.to, d.subject, d.body, d.version, d.savedAt = in.To, in.Subject, in.Body, d.version+1, k.now
}

// saving says what a save would answer.
func (m *model) saving(by *box, in mail.Draft) fault.Kind {
	d := by.drafts[in.ID]
	who, _ := m.claimed(in.ID)
	switch {
	case in.ThreadID == "" && !by.paid:
		return fault.Forbidden
	case in.ThreadID != "" && by.rows[in.ThreadID] == nil, who != nil && who != by:
		return fault.NotFound
	case d == nil && (who == by || in.Version > 0), d != nil && d.version != in.Version:
		return fault.Conflict
	}
	return fault.Unknown
}

func (k *walk) discard() {
	by := k.who()
	d, want := k.draftOf(by), fault.Unknown
	if d == nil {
		k.save()
		return
	}
	if by.drafts[d.id] != d {
		want = fault.NotFound
	}
	k.wantCode("discard", k.w.post(by.name, "/mail/d/"+d.id+"/delete", nil), want)
	delete(by.drafts, d.id)
}

func (k *walk) wait() { k.tick(time.Duration(k.n("hours", 100)) * time.Hour) }

func (k *walk) search() {
	by, word := k.who(), vocabulary[k.n("word", len(vocabulary)-1)]
	k.tick(2 * time.Second) // nobody may search more than once a second
	path := k.w.seek(by.name, word)
	if k.n("jobs", 9) == 0 {
		k.w.work()
	}
	var got, want []string
	for path != "" {
		p := k.w.get(by.name, path)
		k.noSecrets(by, path, p)
		got, path = append(got, p.hits()...), older(p)
	}
	for _, n := range k.notes {
		row := by.rows[n.talk.id]
		if n.live(by) && row.folder != "trash" && strings.Contains(row.subject+" "+n.body, word) {
			want = append(want, n.id)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		k.r.Fatalf("%s searches for %s: %v, want %v", by.name, word, got, want)
	}
	if len(want) > 0 {
		k.happened["found"]++
	}
}

// older is where a list goes on.
func older(p page) (path string) {
	p.Find(".list-end a").Each(func(_ int, a *selection) { path = a.AttrOr("href", "") })
	return path
}

var mark = regexp.MustCompile(`mk\d+n\d+z`)

// noSecrets finds no word on a page that its reader must not see.
func (k *walk) noSecrets(p *box, path string, shown page) {
	k.r.Helper()
	may := k.secrets(p)
	for _, word := range mark.FindAllString(shown.raw, -1) {
		if !strings.Contains(may, word) {
			k.r.Fatalf("%s sees %s at %s", p.name, word, path)
		}
	}
}

// compare looks at every list of all five.
func (k *walk) compare() {
	for _, p := range k.people {
		unread := 0
		for _, folder := range []string{"inbox", "archive", "trash"} {
			list := p.section(func(r *boxRow) bool { return r.folder == folder })
			k.wantRows(p, "/mail/"+folder, conversations(list))
			for _, r := range list {
				if folder == "inbox" && r.unread {
					unread++
				}
			}
		}
		k.wantRows(p, "/mail/inbox?show=unread", conversations(p.section(func(r *boxRow) bool { return r.folder == "inbox" && r.unread })))
		for _, l := range p.labels {
			k.wantRows(p, "/mail/l/"+l.id, conversations(p.section(func(r *boxRow) bool { return l.worn[r.thread.id] && r.folder != "trash" })))
		}
		k.wantRows(p, "/mail/sent", k.sent(p))
		shown := k.wantRows(p, "/mail/drafts", p.draftRows())
		if got := shown.text(".folders b[data-unread]"); unread < 100 && got != strings.TrimPrefix(strconv.Itoa(unread), "0") {
			k.r.Fatalf("%s has %q unread, want %d", p.name, got, unread)
		}
	}
}

func conversations(list []*boxRow) (lines []string) {
	for _, r := range list {
		lines = append(lines, fmt.Sprintf("%s|%s|%s|%t", r.thread.id, r.subject, r.snippet, r.unread))
	}
	return lines
}

func (k *walk) sent(p *box) (lines []string) {
	var own []*note
	for _, n := range k.notes {
		if n.author == p && n.state != "stopped" {
			own = append(own, n)
		}
	}
	slices.SortFunc(own, func(a, b *note) int { return cmp.Or(cmp.Compare(b.written, a.written), cmp.Compare(b.id, a.id)) })
	for _, n := range own {
		standing := n.standing()
		lines = append(lines, fmt.Sprintf("%s|%s|%s|false", n.id, p.rows[n.talk.id].subject, strings.TrimSpace(standing)))
	}
	return lines
}

func (p *box) draftRows() (lines []string) {
	var list []*boxDraft
	for _, d := range p.drafts {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *boxDraft) int { return cmp.Or(cmp.Compare(b.savedAt, a.savedAt), cmp.Compare(b.id, a.id)) })
	for _, d := range list {
		subject := d.subject
		if row := p.rows[d.thread]; row != nil {
			subject = row.subject
		}
		lines = append(lines, fmt.Sprintf("%s|%s", d.id, cmp.Or(subject, "No subject yet")))
	}
	return lines
}

// wantRows compares a list, page by page, with the model's lines, and gives its last page.
func (k *walk) wantRows(by *box, path string, want []string) (p page) {
	k.r.Helper()
	var got []string
	for at := path; at != ""; at = older(p) {
		p = k.w.get(by.name, at)
		if p.code != http.StatusOK {
			k.r.Fatalf("%s: %d", at, p.code)
		}
		k.noSecrets(by, at, p)
		p.Find(".pane.list .conv").Each(func(_ int, s *selection) { got = append(got, line(path, s)) })
	}
	if !slices.Equal(got, want) {
		k.r.Fatalf("%s of %s is\n%s\nwant\n%s", path, by.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return p
}

func line(path string, s *selection) string {
	text := func(selector string) string {
		return strings.Join(strings.Fields(s.Find(selector).First().Text()), " ")
	}
	href, _, _ := strings.Cut(s.Find("a").First().AttrOr("href", ""), "?")
	id := href[strings.LastIndex(href, "/")+1:]
	subject, snippet := text(".subj > span"), text(".snip")
	switch path {
	case "/mail/drafts":
		return id + "|" + subject
	case "/mail/sent":
		_, id, _ = strings.Cut(s.Find("a").First().AttrOr("href", ""), "#m-")
		if strings.HasPrefix(snippet, "Read ") && !strings.HasPrefix(snippet, "Read by ") {
			snippet = "Read"
		}
		snippet, _, _ = strings.Cut(snippet, ". Not opened after ")
	}
	return fmt.Sprintf("%s|%s|%s|%t", id, subject, snippet, s.HasClass("unread"))
}
