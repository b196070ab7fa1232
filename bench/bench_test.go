//go:build bench

package bench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/jobs"
	"securepractice/internal/mail"
)

const span = 4 * time.Second

// bareArgs is a job of the size of a notice's.
type bareArgs struct {
	ID string `json:"id"`
}

func (bareArgs) Kind() string { return "bench_bare" }

// bare writes the rows of one reply by the same statements, without HTTP, rules or encryption.
func bare(ctx context.Context, tx *db.Tx, q *jobs.Client, thread string, users [2]string) error {
	id, now, blob := db.NewID(), time.Now().UnixMicro(), bytes.Repeat([]byte{7}, 120)
	for _, s := range []struct {
		text string
		args []any
	}{
		{"UPDATE mail_thread SET version = version + 1, messages = messages + 1, last_at = $2 WHERE id = $1", []any{thread, now}},
		{"INSERT INTO mail_message (thread_id, id, author_id, author_owner_id, body_sealed, files, state, written_at, delivered_at) VALUES ($1, $2, $3, $3, $4, 0, 'delivered', $5, $5)", []any{thread, id, users[0], blob, now}},
		{"INSERT INTO mail_delivery (user_id, message_id, thread_id, role, delivered_at) VALUES ($1, $2, $3, 'from', $5), ($4, $2, $3, 'to', $5)", []any{users[0], id, thread, users[1], now}},
		{`INSERT INTO mail_member (user_id, thread_id, owner_id, as_role, folder, unread, last_at, last_from_id, last_from_name_sealed, subject_sealed, snippet_sealed, files, messages)
			VALUES ($1, $2, $1, 'x', 'inbox', $6, $4, $3, $5, $5, $5, 0, 1), ($3, $2, $3, 'x', 'inbox', $6, $4, $1, $5, $5, $5, 0, 1)
			ON CONFLICT (user_id, thread_id) DO UPDATE SET last_at = $4, snippet_sealed = $5, unread = $6, messages = mail_member.messages + 1`, []any{users[0], thread, users[1], now, blob, true}},
		{"DELETE FROM mail_draft WHERE id = $1", []any{id}},
		{"INSERT INTO audit_event (id, at, action, outcome, actor_kind, actor_id, detail, row_mac) VALUES ($1, $2, 'mail.sent', 'ok', 'user', $3, '{}', $4), ($5, $2, 'mail.delivered', 'ok', 'user', $3, '{}', $4)", []any{db.NewID(), now, users[0], blob[:32], id}},
		{"INSERT INTO audit_pending (event_id) VALUES ($1), ($2)", []any{db.NewID(), id}},
		{"INSERT INTO notify_message (id, kind, to_sealed, to_mac, template, params_sealed, message_id, state, tries, queued_at) VALUES ($1, 'email', $2, $2, 'x', $2, 'x', 'queued', 0, $3)", []any{id, blob, now}},
	} {
		if _, err := tx.Exec(ctx, s.text, s.args...); err != nil {
			return err
		}
	}
	return q.Enqueue(ctx, tx, bareArgs{id})
}

// TestReplies: replies sent durably, with audit line and job, through the rules and by HTTP.
func TestReplies(t *testing.T) {
	engines(t, func(t *testing.T, engine, address string) {
		w := newWorld(t, address)
		cookie := w.session(t, w.dana.Email)
		threads := make([]string, 32)
		for i := range threads {
			s, err := w.Mail.Send(t.Context(), w.dana, mail.Compose{DraftID: db.NewID(), To: w.miguel.Email, Subject: fmt.Sprint("thread ", i), Body: "begin"})
			if err != nil {
				t.Fatal(err)
			}
			threads[i] = s.ThreadID
		}
		c := client()
		for _, clients := range []int{1, 8, 32} {
			limit := bareRate(t, w, clients)
			got := loop(t, clients, span, func(i, _ int) error {
				form := url.Values{"id": {db.NewID()}, "version": {"0"}, "body": {"Thank you. Thursday at 8:15 works for us, and the films are on their way."}, "do": {"send"}}
				return post(c, w.server.URL+"/mail/t/"+threads[i]+"/reply", cookie, form.Encode())
			})
			note(fmt.Sprintf("replies, %s, %d clients", engine, clients), got.rate, "/s", limit.rate, least(clients == 32, .5), "≥ 0.50 of the bare statements at 32 clients")
			if clients == 32 {
				most := 50.0
				if engine == "PostgreSQL" {
					most = 100
				}
				noteMost(fmt.Sprintf("replies, %s, 32 clients, p99", engine), got.p99, "ms", most, fmt.Sprintf("< %.0f ms", most))
			}
		}
	})
}

func least(yes bool, v float64) float64 {
	if yes {
		return v
	}
	return 0
}

// bareRate is what the same database takes of the bare statements.
func bareRate(t *testing.T, w *world, clients int) result {
	t.Helper()
	d := dbtest.SQLite(t)
	if w.DB.Postgres() {
		d = dbtest.Postgres(t)
	}
	q := jobs.New(d, w.Log)
	jobs.Handle(q, jobs.Work{}, func(context.Context, bareArgs) error { return nil })
	threads := make([]string, clients)
	for i := range threads {
		threads[i] = db.NewID()
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO mail_thread (id, subject_sealed, started_by, last_at, messages, version) VALUES ($1, $2, 'x', 1, 0, 1)", threads[i], []byte("x"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return loop(t, clients, span, func(i, _ int) error {
		return d.InTx(context.Background(), func(ctx context.Context, tx *db.Tx) error { return bare(ctx, tx, q, threads[i], [2]string{"a", "b"}) })
	})
}

// TestMailbox: list and thread pages of mailboxes of a thousand, a hundred thousand and a million threads. Each is compared
// with a mailbox of a thousand in the same seconds, by turns: what else the machine does meets both.
func TestMailbox(t *testing.T) {
	engines(t, func(t *testing.T, engine, address string) {
		w := newWorld(t, address)
		c := client()
		few, many := w.mailbox(t, "linh@eastlakeoral.example"), w.mailbox(t, w.miguel.Email)
		few.fill(t, 1000)
		for _, want := range []int{1000, 100_000, 1_000_000} {
			begin := time.Now()
			many.fill(t, want)
			t.Logf("filled to %d in %s", want, time.Since(begin).Round(time.Second))
			limit := hello(t, 8, span/2)
			for name, of := range map[string]func(mailbox) string{"Inbox": mailbox.inbox, "thread page": mailbox.newest} {
				var small, large, one [3]result
				for turn := range large {
					small[turn] = loop(t, 8, span/2, func(int, int) error { return get(c, of(few), few.cookie) })
					large[turn] = loop(t, 8, span/2, func(int, int) error { return get(c, of(many), many.cookie) })
					one[turn] = loop(t, 1, span/4, func(int, int) error { return get(c, of(many), many.cookie) })
				}
				label, got := fmt.Sprintf("%s of %d threads, %s", name, want, engine), median(large)
				note(label+", 8 clients", got.rate, "/s", limit.rate, 1.0/12, "≥ 0.08 of hello-world")
				noteMost(label+", p99 at 8 clients", got.p99, "ms", 15, "< 15 ms")
				noteMost(label+" against 1,000 threads", median(small).rate/got.rate, "×", 1.3, "≤ 1.3×")
				note(fmt.Sprintf("%s, one client, p50 %.1f, p99", label, median(one).p50), median(one).p99, "ms", 0, 0, "")
			}
		}
	})
}

// median is the run in the middle by its rate.
func median(runs [3]result) result {
	slices.SortFunc(runs[:], func(a, b result) int { return cmp.Compare(a.rate, b.rate) })
	return runs[1]
}

// TestSends: new messages, each beginning a thread, by the ordinary rule at 32 clients.
func TestSends(t *testing.T) {
	engines(t, func(t *testing.T, engine, address string) {
		w := newWorld(t, address)
		got := loop(t, 32, span, func(_, n int) error {
			_, err := w.Mail.Send(context.Background(), w.dana, mail.Compose{DraftID: db.NewID(), To: w.miguel.Email, Subject: fmt.Sprintf("Case %06d: upper arch scan", n),
				Body: "We have the scan. Shade A2 as noted, due back to you on Dec 2."})
			return err
		})
		limit := bareRate(t, w, 32)
		note("new messages, "+engine+", 32 clients", got.rate, "/s", limit.rate, 0, "beside the bare statements of a reply")
		note("new messages, "+engine+", 32 clients, p99", got.p99, "ms", 0, 0, "")
	})
}

// TestThread: a thread page, decrypted.
func TestThread(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/data/b.db")
	s, err := w.Mail.Send(t.Context(), w.dana, mail.Compose{DraftID: db.NewID(), To: w.miguel.Email, Subject: "Five messages", Body: "One"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		by := []actor.Actor{w.miguel, w.dana}[i%2]
		if _, err := w.Mail.Reply(t.Context(), by, mail.Reply{DraftID: db.NewID(), ThreadID: s.ThreadID, Body: "And another one, of two lines.\n\nThis is the second."}); err != nil {
			t.Fatal(err)
		}
	}
	cookie, c := w.session(t, w.miguel.Email), client()
	limit := hello(t, 8, span/2)
	got := loop(t, 8, span, func(int, int) error { return get(c, w.server.URL+"/mail/t/"+s.ThreadID, cookie) })
	note("thread page of 5 messages, SQLite, 8 clients", got.rate, "/s", limit.rate, 1.0/12, "≥ 0.08 of hello-world")
	noteMost("thread page of 5 messages, SQLite, p99 at 8 clients", got.p99, "ms", 15, "< 15 ms")
}

// TestSignIns: sign-ins beside the raw rate of argon2id with the same parameters.
func TestSignIns(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/data/b.db")
	salt := make([]byte, 16)
	limit := loop(t, runtime.NumCPU(), span, func(int, int) error { argon2.IDKey([]byte("x"), salt, 1, 46*1024, 1, 32); return nil })
	got := loop(t, 8, span, func(int, int) error {
		_, err := w.Account.SignIn(context.Background(), actor.Actor{Kind: actor.Visitor, IP: db.NewID()}, account.SignIn{Email: w.dana.Email, Password: password(w.dana.Email), Browser: "b"})
		return err
	})
	note("sign-ins, 8 clients", got.rate, "/s", limit.rate, .8, "≥ 0.80 of raw argon2id")
}

// TestCrowd: 290 sign-ins at once, just below the limit of one address, against the real program. Whoever is not let in is told
// to try again shortly, and memory stays bounded.
func TestCrowd(t *testing.T) {
	p := run(t, build(t), t.TempDir())
	c := client()
	form := url.Values{"email": {"miguel@eastlakeoral.example"}, "password": {password("miguel@eastlakeoral.example")}}.Encode()
	var in, busy, other atomic.Int64
	var group sync.WaitGroup
	for range 290 {
		group.Go(func() {
			req, err := http.NewRequest(http.MethodPost, p.url+"/signin", strings.NewReader(form))
			if err != nil {
				other.Add(1)
				return
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Origin", p.url)
			r, err := c.Do(req)
			switch {
			case err != nil:
				other.Add(1)
				return
			case r.StatusCode == http.StatusSeeOther:
				in.Add(1)
			case r.StatusCode == http.StatusServiceUnavailable:
				busy.Add(1)
			default:
				other.Add(1)
			}
			r.Body.Close()
		})
	}
	group.Wait()
	noteMost(fmt.Sprintf("290 sign-ins at once: %d in, %d told to wait, anything else", in.Load(), busy.Load()), float64(other.Load()), "", 0, "no error but 503")
	noteMost("most memory of the program under it", p.memory("VmHWM"), "MB", 400, "bounded: < 400 MB")
}

// TestProcess: start and memory of the real program.
func TestProcess(t *testing.T) {
	bin, dir := build(t), t.TempDir()
	run(t, bin, dir).stop() // makes the data
	p := run(t, bin, dir)
	noteMost("start to ready on existing data", float64(p.took.Milliseconds()), "ms", 150, "< 150 ms")
	time.Sleep(6 * time.Second) // idle: past the first round of periodic work
	noteMost("idle memory", p.memory("VmRSS"), "MB", 60, "< 60 MB")
}
