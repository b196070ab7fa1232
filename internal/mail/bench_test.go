package mail_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
)

// BenchmarkReply measures replies, durable, with audit line and job, beside a bare loop that writes the same rows by the
// same statements without rules and encryption. The test server of PostgreSQL does not sync; give a real one in
// SECUREPRACTICE_TEST_POSTGRES for figures that mean something.
func BenchmarkReply(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		open := dbtest.SQLite
		if engine == "postgres" {
			open = dbtest.Postgres
		}
		for _, clients := range []int{1, 8, 32} {
			b.Run(fmt.Sprintf("%s/bare/clients=%d", engine, clients), func(b *testing.B) {
				w := newWorld(b, open(b))
				threads := w.threads(clients)
				race(b, clients, func(client, i int) error { return w.bareReply(b.Context(), threads[client], i) })
			})
			b.Run(fmt.Sprintf("%s/reply/clients=%d", engine, clients), func(b *testing.B) {
				w := newWorld(b, open(b))
				threads := w.threads(clients)
				race(b, clients, func(client, _ int) error {
					_, err := w.Reply(b.Context(), w.people["dana"], mail.Reply{DraftID: db.NewID(), ThreadID: threads[client], Body: body})
					return err
				})
			})
		}
	}
}

const body = "Thank you. The upper and lower scans are attached. I have put the call in Dr. Raman's book for Thursday at 8:15."

// threads makes one conversation for each client.
func (w *world) threads(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = w.send("dana", "santos@example.org", fmt.Sprint("Thread ", i), body).ThreadID
		w.reply("santos", list[i], body)
	}
	return list
}

// race has clients do b.N acts together and reports the rate, the 99th percentile and, for machines that are busy with other
// things, the processor time of one act.
func race(b *testing.B, clients int, act func(client, i int) error) {
	var next atomic.Int64
	var all sync.WaitGroup
	took := make([]time.Duration, b.N)
	spent := processor(b)
	b.ResetTimer()
	for client := range clients {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				begin := time.Now()
				if err := act(client, i); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(begin)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processor(b)-spent).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "replies/s")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// processor is the processor time this process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bareReply writes what a reply writes.
func (w *world) bareReply(ctx context.Context, thread string, i int) error {
	id, now, sealed := db.NewID(), start.UnixMicro()+int64(i), make([]byte, len(body)+32)
	statements := []struct {
		query string
		args  []any
	}{
		{`UPDATE mail_thread SET version = version + 1, messages = messages + 1, last_at = $3 WHERE id = $1 AND EXISTS (SELECT 1 FROM mail_member WHERE thread_id = $1 AND user_id = $2)`,
			[]any{thread, "u-dana", now}},
		{`DELETE FROM mail_draft WHERE id = $1 AND author_id = $2`, []any{id, "u-dana"}},
		{`INSERT INTO mail_message (thread_id, id, author_id, author_owner_id, body_sealed, files, state, written_at, delivered_at)
			VALUES ($1, $2, $3, $4, $5, 0, 'delivered', $6, $6) ON CONFLICT (author_id, id) DO NOTHING`, []any{thread, id, "u-dana", "p-harbor", sealed, now}},
		{`INSERT INTO mail_delivery (user_id, message_id, thread_id, role, delivered_at) VALUES ($1, $3, $4, 'from', $5), ($2, $3, $4, 'to', $5)`,
			[]any{"u-dana", "u-santos", id, thread, now}},
		{`INSERT INTO mail_member (user_id, thread_id, owner_id, as_role, folder, unread, last_at, last_from_id, last_from_name_sealed, subject_sealed, snippet_sealed, files, messages)
			VALUES ($1, $3, 'p-harbor', 'doctor', 'none', FALSE, $4, $2, $5, $5, $5, 0, 1), ($2, $3, 'p-eastlake', 'doctor', 'inbox', TRUE, $4, $1, $5, $5, $5, 0, 1)
			ON CONFLICT (user_id, thread_id) DO UPDATE SET unread = excluded.unread, last_at = excluded.last_at, snippet_sealed = excluded.snippet_sealed, messages = mail_member.messages + 1`,
			[]any{"u-dana", "u-santos", thread, now, sealed[:100]}},
		{`INSERT INTO audit_event (id, at, action, outcome, actor_kind, actor_id, subject_kind, subject_id, practice_id, thread_id, session_id, detail, row_mac)
			VALUES ($1, $3, 'mail.sent', 'ok', 'user', 'u-dana', 'message', $4, 'p-harbor', $5, 's-dana', '{"files":"0"}', $6), ($2, $3, 'mail.delivered', 'ok', 'user', 'u-dana', 'message', $4, 'p-harbor', $5, 's-dana', '{"to":"u-santos"}', $6)`,
			[]any{id + "a", id + "b", now, id, thread, sealed[:32]}},
		{`INSERT INTO audit_pending (event_id) VALUES ($1), ($2)`, []any{id + "a", id + "b"}},
		{`INSERT INTO notify_message (id, kind, to_sealed, to_mac, template, params_sealed, message_id, state, tries, user_id, practice_id, queued_at)
			VALUES ($1, 'email', $2, $3, 'mail.new', $4, $5, 'queued', 0, 'u-santos', 'p-harbor', $6)`, []any{id, sealed[:50], sealed[:32], sealed[:120], id + "@portal.example", now}},
	}
	return w.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(ctx, s.query, s.args...); err != nil {
				return err
			}
		}
		return w.jobs.Enqueue(ctx, tx, attach.CheckArgs{FileID: id}) // the job as the library writes it
	})
}

// BenchmarkPages measures the Inbox of 1,000 and 100,000 threads and a conversation of five messages, as HTML through the
// router.
func BenchmarkPages(b *testing.B) {
	for _, threads := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("inbox/threads=%d", threads), func(b *testing.B) {
			w := newWorld(b, dbtest.SQLite(b))
			w.fill("santos", 0, threads)
			race(b, 8, func(int, int) error { return w.plainGet("santos", "/mail/inbox") })
		})
	}
	b.Run("thread", func(b *testing.B) {
		w := newWorld(b, dbtest.SQLite(b))
		sent := w.send("dana", "santos@example.org", "Subject", body)
		for range 2 {
			w.reply("santos", sent.ThreadID, body)
			w.reply("dana", sent.ThreadID, body)
		}
		w.get("santos", "/mail/t/"+sent.ThreadID)
		race(b, 8, func(int, int) error { return w.plainGet("santos", "/mail/t/"+sent.ThreadID) })
	})
}
