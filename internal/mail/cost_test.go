package mail_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
)

// counter stands between the program and PostgreSQL and counts the statements that pass.
type counter struct{ n atomic.Int64 }

// counted opens a fresh database through a counter.
func counted(t *testing.T) (*db.DB, *counter) {
	t.Helper()
	u, err := url.Parse(dbtest.PostgresURL(t))
	must(t, err)
	q := u.Query()
	network, address := "tcp", u.Host
	if host := q.Get("host"); host != "" {
		port := q.Get("port")
		if port == "" {
			port = "5432"
		}
		network, address = "unix", filepath.Join(host, ".s.PGSQL."+port)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	c := &counter{}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial(network, address)
			if err != nil {
				_ = in.Close()
				continue
			}
			go c.pass(in, out)
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = l.Addr().String(), q.Encode()
	d, err := db.Open(t.Context(), u.String(), db.Options{Conns: 4})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d, c
}

// pass hands on what the program says, message by message: 'E' runs a prepared statement, 'Q' a plain one.
func (c *counter) pass(in, out net.Conn) {
	defer out.Close()
	head := make([]byte, 4)
	if _, err := io.ReadFull(in, head); err != nil { // the first message has no type
		return
	}
	if _, err := out.Write(head); err != nil {
		return
	}
	if _, err := io.CopyN(out, in, int64(binary.BigEndian.Uint32(head))-4); err != nil {
		return
	}
	m := make([]byte, 5)
	for {
		if _, err := io.ReadFull(in, m); err != nil {
			return
		}
		if m[0] == 'E' || m[0] == 'Q' {
			c.n.Add(1)
		}
		if _, err := out.Write(m); err != nil {
			return
		}
		if _, err := io.CopyN(out, in, int64(binary.BigEndian.Uint32(m[1:]))-4); err != nil {
			return
		}
	}
}

// count runs fn twice, so that everything is prepared and known, and counts the statements of the second time.
func (c *counter) count(fn func()) int64 {
	fn()
	before := c.n.Load()
	fn()
	return c.n.Load() - before
}

// TestStatements bounds what the hot paths ask of the database, BEGIN and COMMIT included, however long the lists are.
func TestStatements(t *testing.T) {
	d, c := counted(t)
	w := newWorld(t, d)
	var last mail.Sent
	for i := range 40 {
		w.clock.Advance(time.Second)
		last = w.send("dana", "santos@example.org", fmt.Sprint("s", i), "b")
		w.reply("santos", last.ThreadID, "r")
	}
	for range 10 {
		w.clock.Advance(time.Second)
		w.reply("dana", last.ThreadID, "again")
	}
	for _, tc := range []struct {
		name string
		most int64
		act  func()
	}{
		{"inbox of 40", 3, func() { w.get("santos", "/mail/inbox") }},
		{"sent of 50", 5, func() { w.get("dana", "/mail/sent") }},
		{"thread of 12, seen before", 12, // two of them find its neighbours in the list
			func() { w.get("santos", "/mail/t/"+last.ThreadID) }},
		{"reply and its first view", 38, func() {
			w.reply("dana", last.ThreadID, "new")
			w.get("santos", "/mail/t/"+last.ThreadID)
		}},
		{"poll", 3, func() { w.get("santos", "/mail/poll") }},
		{"reply", 18, func() { w.reply("santos", last.ThreadID, "r") }},
	} {
		if n := c.count(tc.act); n > tc.most {
			t.Errorf("%s: %d statements, at most %d", tc.name, n, tc.most)
		} else {
			t.Logf("%s: %d statements", tc.name, n)
		}
	}
}

// TestInboxStaysFast compares the lists of somebody with 1,000 threads and of somebody with 50,000, one beside the other.
// Sixty of them are unread, and these stand deep in the Inbox: whatever counts or lists them must not pass the others.
func TestInboxStaysFast(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		lists := map[string][]string{}
		for name, n := range map[string]int{"mel": 1_000, "santos": 50_000} {
			w.fill(name, 0, n)
			own := w.label(name, "All", "1")
			lists[name] = []string{"/mail/inbox", "/mail/inbox?show=unread", "/mail/l/" + own}
			w.labelEvery(name, own, n)
		}
		if w.d.Postgres() {
			w.exec("ANALYZE") // as the server does by itself a minute later
		}
		for i, path := range lists["mel"] {
			small, large := time.Hour, time.Hour
			for range 15 {
				small = min(small, w.timed("mel", path))
				large = min(large, w.timed("santos", lists["santos"][i]))
			}
			t.Logf("%s with 1,000 threads: %v, 50,000: %v", path, small, large)
			if large > small+small/3+500*time.Microsecond {
				t.Errorf("%s: 50,000 threads take %v, 1,000 take %v", path, large, small)
			}
		}
	})
}

// labelEvery puts a label on each of a person's n conversations, as plain rows; not all at once, because an act has seconds.
func (w *world) labelEvery(name, own string, n int) {
	w.t.Helper()
	const most = 5_000
	for first := 0; first < n; first += most {
		at := start.UnixMicro() + int64(first)
		w.exec(`INSERT INTO mail_label (user_id, label, thread_id, last_at)
			SELECT user_id, '`+own+`', thread_id, last_at FROM mail_member WHERE user_id = $1 AND last_at >= $2 AND last_at < $3`, w.people[name].ID, at, at+most)
	}
}

// timed is how long one page of a list takes.
func (w *world) timed(name, path string) time.Duration {
	w.t.Helper()
	begin := time.Now()
	if p := w.get(name, path); p.Find(".conv").Length() != 50 {
		w.t.Fatalf("%d rows", p.Find(".conv").Length())
	}
	return time.Since(begin)
}

// fill gives a person threads from n to m as plain rows, as if they had been sent.
func (w *world) fill(name string, n, m int) {
	w.t.Helper()
	me := w.people[name]
	owner, err := w.keys.Owner(w.t.Context(), w.d, me.OwnerID)
	must(w.t, err)
	for n < m {
		most := min(n+500, m)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			for i := n; i < most; i++ {
				if err := plant(ctx, tx, owner, me, start.UnixMicro()+int64(i), i/60 == 7); err != nil {
					return err
				}
			}
			return nil
		})
		n = most
	}
}

func plant(ctx context.Context, tx *db.Tx, owner *crypt.Owner, me actor.Actor, at int64, unread bool) error {
	id := db.NewID()
	place := me.ID + "/" + id
	var sealed [3][]byte
	for i, c := range []struct{ column, text string }{{"last_from_name_sealed", "\x0eDana WhitfieldHarbor Point Dental"}, {"subject_sealed", "A subject"}, {"snippet_sealed", "How it begins"}} {
		var err error
		if sealed[i], err = owner.Seal("mail_member", c.column, place, []byte(c.text)); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, "INSERT INTO mail_thread (id, subject_sealed, started_by, last_at, messages, version) VALUES ($1, $2, 'u-dana', $3, 1, 1)", id, sealed[1], at); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO mail_member (user_id, thread_id, owner_id, as_role, folder, unread, last_at, last_from_id, last_from_name_sealed, subject_sealed, snippet_sealed, files, messages)
		VALUES ($1, $2, $3, 'doctor', 'inbox', $4, $5, 'u-dana', $6, $7, $8, 0, 1)`, me.ID, id, me.OwnerID, unread, at, sealed[0], sealed[1], sealed[2])
	return err
}
