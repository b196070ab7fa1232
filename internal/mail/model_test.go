package mail_test

import (
	"cmp"
	"slices"
	"strings"

	"securepractice/internal/fault"
)

// box is the model of one person's mail.
type box struct {
	name, id, email string
	paid            bool
	patient         bool
	practice        string
	rows            map[string]*boxRow // by thread
	drafts          map[string]*boxDraft
	labels          []*boxLabel
}

// boxRow is how a conversation stands in a person's lists.
type boxRow struct {
	thread            *talk
	folder, before    string // before is where it was before the trash
	unread, withdrawn bool
	subject, snippet  string
	lastAt, messages  int64
}

type boxDraft struct {
	id, thread, to, subject, body string
	version, savedAt              int64
	passedOn, fromPatient         bool
}

type boxLabel struct {
	id, name string
	worn     map[string]bool // by thread
}

// talk is a conversation. People are all who will ever be in it.
type talk struct {
	id, subject string
	people      []*box
	letters     []*note // in the order they were written
}

// note is a message.
type note struct {
	id, form, body             string
	talk                       *talk
	author                     *box
	to                         []*box
	state                      string
	written, delivered, leaves int64
	opened                     map[*box]bool
	fromPatient                bool
}

// model is all that five people have done. now is the clock's time in microseconds.
type model struct {
	now    int64
	people []*box
	talks  []*talk
	notes  []*note
}

// shown are the messages of a conversation that have a place on a person's page of it.
func (t *talk) shown(p *box) (list []*note) {
	for _, n := range t.letters {
		if n.state != "stopped" && (n.author == p || n.delivered > 0 && slices.Contains(n.to, p)) {
			list = append(list, n)
		}
	}
	return list
}

// readable says whether the text of a message is a person's to read.
func (n *note) readable(p *box) bool {
	return n.author == p && n.state != "stopped" || slices.Contains(n.to, p) && n.state == "delivered"
}

// live says that a message counts for a person as something that is still there.
func (n *note) live(p *box) bool { return n.readable(p) && n.state != "recalled" }

// came is when a message came into a person's mail.
func (n *note) came(p *box) int64 {
	if n.author == p {
		return n.written
	}
	return n.delivered
}

func (m *model) note(id string) *note {
	if i := slices.IndexFunc(m.notes, func(n *note) bool { return n.id == id }); i >= 0 {
		return m.notes[i]
	}
	return nil
}

// claimed says whose an id is, as a message's or draft's; nil for nobody's.
func (m *model) claimed(id string) (who *box, message bool) {
	if n := m.note(id); n != nil {
		return n.author, true
	}
	for _, p := range m.people {
		if p.drafts[id] != nil {
			return p, false
		}
	}
	return nil, false
}

// parcels divides recipients: colleagues together, each patient apart.
func parcels(to []*box) (list [][]*box) {
	var shared []*box
	for _, p := range to {
		if p.patient {
			list = append(list, []*box{p})
		} else {
			shared = append(shared, p)
		}
	}
	if len(shared) > 0 {
		list = append([][]*box{shared}, list...)
	}
	return list
}

// sending says what a form would answer, and whether its messages are new.
func (m *model) sending(by *box, key string, to []*box, subject, body string, confirmed bool) (kind fault.Kind, fresh bool) {
	switch {
	case !by.paid:
		return fault.Forbidden, false
	case len(to) == 0 || slices.Contains(to, by):
		return fault.Invalid, false
	}
	who, message := m.claimed(key)
	switch {
	case who != nil && who != by:
		return fault.NotFound, false
	case message:
		return m.sentBefore(by, key, to, subject, body), false
	}
	d := by.drafts[key]
	switch {
	case d == nil:
	case d.fromPatient && !confirmed && slices.ContainsFunc(to, func(p *box) bool { return p.practice != by.practice }):
		return fault.Invalid, false
	case d.thread != "":
		return fault.Conflict, false
	}
	return fault.Unknown, true
}

func (m *model) sentBefore(by *box, key string, to []*box, subject, body string) fault.Kind {
	var was []*note
	for _, n := range m.notes {
		if n.author == by && (n.id == key || n.form == key) {
			was = append(was, n)
		}
	}
	list := parcels(to)
	same := len(list) == len(was)
	for i := 0; same && i < len(list); i++ {
		same = slices.ContainsFunc(was, func(n *note) bool {
			return (n.id == key) == (i == 0) && n.talk.subject == subject && n.body == body && n.state != "stopped" && sameBoxes(n.to, list[i])
		})
	}
	if !same {
		return fault.Conflict
	}
	return fault.Unknown
}

func sameBoxes(a, b []*box) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(p *box) bool { return !slices.Contains(b, p) })
}

// replying says what a reply would answer, and whether its message is new.
func (m *model) replying(by *box, key, thread, body string) (kind fault.Kind, fresh bool) {
	row := by.rows[thread]
	switch {
	case row == nil:
		return fault.NotFound, false
	case row.withdrawn:
		return fault.Conflict, false
	}
	who, message := m.claimed(key)
	switch {
	case who != nil && who != by:
		return fault.NotFound, false
	case message:
		if n := m.note(key); n.state == "stopped" || n.talk.id != thread || n.body != body {
			return fault.Conflict, false
		}
		return fault.Unknown, false
	case by.drafts[key] != nil && by.drafts[key].thread != thread:
		return fault.Conflict, false
	}
	return fault.Unknown, true
}

// add stores a message; held for so many microseconds.
func (m *model) add(n *note, hold int64) {
	n.written, n.opened, n.state = m.now, map[*box]bool{}, "waiting"
	if d := n.author.drafts[n.id]; d != nil {
		n.fromPatient = d.fromPatient
	}
	delete(n.author.drafts, n.id)
	m.notes, n.talk.letters = append(m.notes, n), append(n.talk.letters, n)
	row := n.author.rows[n.talk.id]
	if row == nil {
		row = &boxRow{thread: n.talk, folder: "none", subject: n.talk.subject}
		n.author.rows[n.talk.id] = row
	}
	row.lastAt, row.snippet, row.messages = m.now, n.body, row.messages+1
	if n.leaves = m.now + hold; hold == 0 {
		m.deliver(n)
	}
}

func (m *model) deliver(n *note) {
	n.state, n.delivered = "delivered", m.now
	for _, p := range n.to {
		row := p.rows[n.talk.id]
		if row == nil {
			row = &boxRow{thread: n.talk, subject: n.talk.subject}
			p.rows[n.talk.id] = row
		}
		if row.withdrawn {
			row.subject, row.withdrawn = n.talk.subject, false
		}
		row.folder, row.unread, row.lastAt, row.snippet, row.messages = "inbox", true, m.now, n.body, row.messages+1
	}
}

// leave delivers what is held no longer.
func (m *model) leave() {
	var due []*note
	for _, n := range m.notes {
		if n.state == "waiting" && n.leaves <= m.now {
			due = append(due, n)
		}
	}
	slices.SortStableFunc(due, func(a, b *note) int { return cmp.Compare(a.leaves, b.leaves) })
	for _, n := range due {
		m.deliver(n)
	}
}

// lapse settles what a person's row shows after a message has gone.
func (r *boxRow) lapse(p *box, gone *note) {
	left, fresh, later := 0, false, false
	for _, n := range r.thread.shown(p) {
		if n.live(p) {
			left++
			later = later || n.came(p) > gone.delivered || n.came(p) == gone.delivered && n.written > gone.written
			fresh = fresh || n.author != p && !n.opened[p]
		}
	}
	if !later {
		r.snippet = "Message withdrawn"
	}
	if r.withdrawn = left == 0; r.withdrawn {
		r.subject = "Message withdrawn"
	}
	r.unread = r.unread && fresh
}

func (m *model) recall(by *box, n *note) fault.Kind {
	switch {
	case n == nil || n.author != by || n.state != "delivered" && n.state != "recalled":
		return fault.NotFound
	case n.state == "recalled":
		return fault.Unknown
	case len(n.opened) > 0:
		return fault.Conflict
	}
	n.state = "recalled"
	for _, p := range n.to {
		p.rows[n.talk.id].lapse(p, n)
	}
	return fault.Unknown
}

// undo takes a form's messages back. thread is where the draft belongs; "" for a new message.
func (m *model) undo(by *box, n *note) (kind fault.Kind, thread string) {
	if n == nil || n.author != by {
		return fault.NotFound, ""
	}
	form, list := cmp.Or(n.form, n.id), []*note(nil)
	for _, o := range m.notes {
		if o.author == by && (o.id == form || o.form == form) {
			if o.state != "waiting" {
				return fault.Conflict, ""
			}
			list = append(list, o)
		}
	}
	for _, o := range list {
		o.state = "stopped"
		row := by.rows[o.talk.id]
		if row.messages--; row.messages == 0 {
			m.forget(by, o.talk)
			continue
		}
		if len(list) == 1 {
			thread = o.talk.id
		}
		row.rewind(by)
	}
	return fault.Unknown, thread
}

// rewind shows in an author's row the newest message that is left.
func (r *boxRow) rewind(p *box) {
	shown := r.thread.shown(p)
	newest := shown[len(shown)-1]
	if r.snippet = newest.body; !newest.readable(p) {
		r.snippet = "Message withdrawn"
	}
	if !slices.ContainsFunc(shown, func(n *note) bool { return n.readable(p) }) {
		r.withdrawn, r.subject, r.unread = true, "Message withdrawn", false
	}
}

// forget takes a conversation from a person's lists. What they were writing in it becomes a new message.
func (m *model) forget(by *box, t *talk) {
	for _, d := range by.drafts {
		if d.thread == t.id {
			d.thread, d.subject, d.version, d.passedOn = "", t.subject, d.version+1, true
		}
	}
	delete(by.rows, t.id)
	for _, l := range by.labels {
		delete(l.worn, t.id)
	}
}

// open reads a conversation: its messages in the order of its page.
func (m *model) open(by *box, thread string) []*note {
	row := by.rows[thread]
	if row == nil {
		return nil
	}
	row.unread = false
	list := row.thread.shown(by)
	for _, n := range list {
		if n.author != by && n.state == "delivered" {
			n.opened[by] = true
		}
	}
	return list
}

// act moves or marks one conversation, and says whether it changed.
func (r *boxRow) act(do string) bool {
	stands := r != nil && (r.folder == "inbox" || r.folder == "archive")
	switch {
	case do == "restore" && r != nil && r.folder == "trash":
		r.folder = r.before
		return true
	case do == "restore" || !stands:
		return false
	case do == "archive" || do == "inbox":
		r.folder = do
	case do == "trash":
		r.before, r.folder = r.folder, do
	default:
		r.unread = do == "unread"
	}
	return true
}

// section lists a person's conversations that pass, newest first.
func (p *box) section(pass func(*boxRow) bool) (list []*boxRow) {
	for _, r := range p.rows {
		if pass(r) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *boxRow) int {
		return cmp.Or(cmp.Compare(b.lastAt, a.lastAt), strings.Compare(b.thread.id, a.thread.id))
	})
	return list
}

// standing is the beginning of what Sent says of a message.
func (n *note) standing() string {
	switch {
	case n.state == "recalled":
		return "Recalled"
	case n.state == "waiting":
		return "Sending"
	case len(n.to) > 1:
		return "Read by " + string(rune('0'+len(n.opened))) + " of " + string(rune('0'+len(n.to)))
	case len(n.opened) > 0:
		return "Read "
	}
	return "Delivered"
}

// secrets are all the words that a person may come to see anywhere.
func (m *model) secrets(p *box) string {
	var b strings.Builder
	for _, t := range m.talks {
		for _, n := range t.letters {
			if n.readable(p) {
				b.WriteString(t.subject + " " + n.body + " ")
			}
		}
	}
	for _, d := range p.drafts {
		b.WriteString(d.subject + " " + d.body + " ")
	}
	return b.String()
}
