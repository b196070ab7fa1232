//go:build bench

package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"securepractice/internal/account"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
)

// atOnce is how many threads one act of filling writes.
const atOnce = 250

// filler writes delivered messages from one person to another, each in a thread of its own, sealed as the room seals
// them, but many in an act: a million by the ordinary rule would take most of an hour.
type filler struct {
	w        *world
	from, to account.Card
	keys     [2]*crypt.Owner // of from and to
	words    *rand.Zipf
	at       int64  // of the newest message, µs
	last     string // the newest thread
	done     int
}

// mailbox is a person's, with who is signed in to it.
type mailbox struct {
	*filler
	cookie string
}

func (w *world) mailbox(t *testing.T, email string) mailbox {
	t.Helper()
	return mailbox{newFiller(t, w, email), w.session(t, email)}
}

func (m mailbox) inbox() string  { return m.w.server.URL + "/mail/inbox" }
func (m mailbox) newest() string { return m.w.server.URL + "/mail/t/" + m.last }

func newFiller(t *testing.T, w *world, to string) *filler {
	t.Helper()
	f := &filler{w: w, at: time.Now().Add(-30 * 24 * time.Hour).UnixMicro()}
	f.words = rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.2, 4, 20_000)
	f.from, f.keys[0] = w.card(t, w.dana.Email)
	f.to, f.keys[1] = w.card(t, to)
	return f
}

// card is a person and their owner's keys.
func (w *world) card(t *testing.T, email string) (account.Card, *crypt.Owner) {
	t.Helper()
	c, found, err := w.Account.ByEmail(t.Context(), w.DB, email)
	if err != nil || !found {
		t.Fatal(email, err)
	}
	o, err := w.Keys.Owner(t.Context(), w.DB, c.OwnerID)
	if err != nil {
		t.Fatal(err)
	}
	return c, o
}

// fill goes on until so many threads are there.
func (f *filler) fill(t *testing.T, want int) {
	t.Helper()
	for f.done < want {
		n := min(atOnce, want-f.done)
		if err := f.w.DB.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return f.write(ctx, tx, n) }); err != nil {
			t.Fatal(err)
		}
		f.done += n
	}
	if f.w.DB.Postgres() {
		f.settle(t)
	}
}

// settle does at once what the server's housekeeping does in the minutes after many rows came: until then index pages hold
// no hint, the planner knows nothing, and both compete with what is measured.
func (f *filler) settle(t *testing.T) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), f.w.Config.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	for _, s := range []string{"VACUUM (ANALYZE)", "CHECKPOINT"} {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
}

// batch collects the rows of one statement.
type batch struct {
	head string
	args []any
	n    int
}

func (b *batch) add(args ...any) { b.args, b.n = append(b.args, args...), b.n+1 }

func (b *batch) exec(ctx context.Context, tx *db.Tx) error {
	columns, values := len(b.args)/b.n, make([]string, b.n)
	for i := range values {
		row := make([]string, columns)
		for c := range row {
			row[c] = "$" + strconv.Itoa(i*columns+c+1)
		}
		values[i] = "(" + strings.Join(row, ",") + ")"
	}
	if _, err := tx.Exec(ctx, b.head+" VALUES "+strings.Join(values, ","), b.args...); err != nil {
		return fmt.Errorf("%s: %w", b.head, err)
	}
	return nil
}

func (f *filler) write(ctx context.Context, tx *db.Tx, n int) error {
	threads := batch{head: "INSERT INTO mail_thread (id, subject_sealed, started_by, last_at, messages, version)"}
	keys := batch{head: "INSERT INTO mail_thread_key (thread_id, owner_id, wrapped_key)"}
	messages := batch{head: "INSERT INTO mail_message (thread_id, id, author_id, author_owner_id, body_sealed, files, state, written_at, delivered_at)"}
	deliveries := batch{head: "INSERT INTO mail_delivery (user_id, message_id, thread_id, role, delivered_at)"}
	members := batch{head: `INSERT INTO mail_member (user_id, thread_id, owner_id, as_role, folder, unread, last_at, last_from_id, last_from_name_sealed,
		subject_sealed, snippet_sealed, files, messages)`}
	for i := range n {
		f.at += 1_000_000
		thread, id := db.NewID(), db.NewID()
		f.last = thread
		subject, body := fmt.Sprintf("Case %07d: %s", f.done+i, f.text(3)), f.text(40)
		if f.done+i == rareAt {
			body += " " + rareWord
		}
		key, err := crypt.NewThread()
		if err != nil {
			return err
		}
		sealed := func(table, column, id, text string) []byte {
			b, e := key.Seal(table, column, id, []byte(text))
			err = cmpErr(err, e)
			return b
		}
		threads.add(thread, sealed("mail_thread", "subject_sealed", thread, subject), f.from.ID, f.at, 1, 1)
		messages.add(thread, id, f.from.ID, f.from.OwnerID, sealed("mail_message", "body_sealed", id, body), 0, "delivered", f.at, f.at)
		deliveries.add(f.from.ID, id, thread, "from", f.at)
		deliveries.add(f.to.ID, id, thread, "to", f.at)
		for k, c := range []account.Card{f.from, f.to} {
			wrapped, e := f.keys[k].WrapThread(thread, key)
			err = cmpErr(err, e)
			keys.add(thread, c.OwnerID, wrapped)
			other, folder := f.to, "none"
			if k == 1 {
				other, folder = f.from, "inbox"
			}
			own := func(column string, text []byte) []byte {
				b, e := f.keys[k].Seal("mail_member", column, c.ID+"/"+thread, text)
				err = cmpErr(err, e)
				return b
			}
			name := append(append(binary.AppendUvarint(nil, uint64(len(other.Name))), other.Name...), other.Practice...)
			members.add(c.ID, thread, c.OwnerID, string(c.Role), folder, k == 1 && (f.done+i)%50 == 0, f.at, other.ID, own("last_from_name_sealed", name),
				own("subject_sealed", []byte(subject)), own("snippet_sealed", []byte(body[:min(140, len(body))])), 0, 1)
		}
		if err != nil {
			return err
		}
	}
	for _, b := range []batch{threads, keys, messages, deliveries, members} {
		if err := b.exec(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// rareWord stands once in everything that is filled, in message rareAt.
const (
	rareWord = "dilaceration"
	rareAt   = 700
)

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// text is n words, some of them frequent, most of them seldom, as in letters.
func (f *filler) text(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = word(f.words.Uint64())
	}
	return strings.Join(list, " ")
}

// word is how the n-th word of a made-up language is written.
func word(n uint64) string {
	const syllables = "ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu ra re ri ro ru sa se si so su ta te ti to tu"
	list := strings.Fields(syllables)
	var b strings.Builder
	for n += uint64(len(list)); n > 0; n /= uint64(len(list)) {
		b.WriteString(list[n%uint64(len(list))])
	}
	return b.String()
}
