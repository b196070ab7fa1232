package mail_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/invite"
	"securepractice/internal/mail"
)

// tables are all that an act of this room may write.
var tables = []string{"mail_thread", "mail_thread_key", "mail_message", "mail_delivery", "mail_pending", "mail_member", "mail_draft", "mail_contact",
	"attach_holder", "attach_link", "audit_event", "audit_pending", "notify_message", "invite_invitation", "verify_link", "river_job"}

// image is everything the tables hold, row by row.
func (w *world) image() string {
	w.t.Helper()
	var b strings.Builder
	for _, table := range tables {
		if table == "river_job" {
			continue
		}
		n := w.count("SELECT COUNT(*) FROM " + table)
		fmt.Fprintf(&b, "%s %d\n", table, n)
	}
	for _, sum := range []string{"SELECT COALESCE(SUM(version + messages), 0) FROM mail_thread", "SELECT COALESCE(SUM(messages + files + last_at), 0) FROM mail_member",
		"SELECT COUNT(*) FROM mail_message WHERE state = 'waiting'", "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'",
		"SELECT COUNT(*) FROM attach_link WHERE sealed_by = 'owner'", "SELECT COUNT(*) FROM mail_member WHERE folder = 'inbox' AND unread"} {
		fmt.Fprintf(&b, "%d\n", w.count(sum))
	}
	return b.String()
}

// breaker makes every write to a table fail, and mends it again. It works as the owner of the tables.
type breaker struct {
	t *testing.T
	d *db.DB
}

func newBreaker(t *testing.T, d *db.DB, url string) breaker {
	t.Helper()
	if d.Postgres() {
		owner, err := db.Open(t.Context(), url, db.Options{Conns: 2})
		must(t, err)
		t.Cleanup(func() { _ = owner.Close() })
		d = owner
	}
	return breaker{t, d}
}

func (b breaker) exec(query string) {
	b.t.Helper()
	must(b.t, b.d.InTx(b.t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, query)
		return err
	}))
}

func (b breaker) fail(table string) {
	if b.d.Postgres() {
		b.exec("CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$")
		b.exec("CREATE TRIGGER broken BEFORE INSERT OR UPDATE OR DELETE ON " + table + " FOR EACH ROW EXECUTE FUNCTION broken()")
		return
	}
	for _, act := range []string{"INSERT", "UPDATE", "DELETE"} {
		b.exec("CREATE TRIGGER broken_" + act + " BEFORE " + act + " ON " + table + " BEGIN SELECT RAISE(ABORT, 'broken'); END")
	}
}

func (b breaker) mend(table string) {
	if b.d.Postgres() {
		b.exec("DROP TRIGGER broken ON " + table)
		return
	}
	for _, act := range []string{"INSERT", "UPDATE", "DELETE"} {
		b.exec("DROP TRIGGER broken_" + act)
	}
}

// TestNothingHalf breaks every table in turn under every act: an act that fails leaves nothing, and works when the table
// does again.
func TestNothingHalf(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		d := dbtest.SQLite(t)
		w, b := newWorld(t, d), newBreaker(t, d, "")
		nothingHalf(t, w, b)
		nothingTypedLost(t, w, b)
	})
	t.Run("postgres", func(t *testing.T) {
		owner, url := dbtest.PostgresURLs(t)
		d, err := db.Open(t.Context(), url, db.Options{Conns: 8})
		must(t, err)
		t.Cleanup(func() { _ = d.Close() })
		w, b := newWorld(t, d), newBreaker(t, d, owner)
		nothingHalf(t, w, b)
		nothingTypedLost(t, w, b)
	})
}

// verdict is the act that a judged file sets off for a message that waits.
func (w *world) verdict(state string) func() error {
	id := w.draftWith("dana", "", "a.pdf", pdf("a"))
	_, err := w.Send(w.t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "ruth@example.org", Subject: "s", Body: "b"})
	must(w.t, err)
	w.exec("UPDATE attach_file SET state = $1 WHERE state = 'uploaded'", state)
	return func() error {
		return w.d.InTx(w.t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.Verdict(ctx, tx, "mail:"+id, attach.Moved{}) })
	}
}

func nothingHalf(t *testing.T, w *world, b breaker) {
	ctx := t.Context()
	thread := w.send("dana", "santos@example.org", "first", "b")
	acts := map[string]func() (func() error, int){
		"send": func() (func() error, int) {
			id := w.draftWith("dana", "", "a.pdf", pdf("a"))
			return func() error {
				_, err := w.Send(ctx, w.people["dana"], mail.Compose{DraftID: id, To: "ruth@example.org", Subject: "s", Body: "b"})
				return err
			}, 9
		},
		"send to somebody new": func() (func() error, int) {
			id, email := db.NewID(), db.NewID()+"@example.org"
			return func() error {
				_, err := w.Send(ctx, w.people["dana"], mail.Compose{DraftID: id, To: email, Subject: "s", Body: "b", New: newPatient()})
				return err
			}, 11
		},
		"send to several": func() (func() error, int) {
			w.allow(5)
			id, email := w.draftWith("dana", "", "a.pdf", pdf("a")), db.NewID()+"@example.org"
			return func() error {
				_, err := w.Send(ctx, w.people["dana"], mail.Compose{DraftID: id, To: "ruth@example.org, santos@example.org, " + email, Subject: "s", Body: "b", More: []invite.NewInvitation{patientAt(email)}})
				return err
			}, 13
		},
		"reply": func() (func() error, int) {
			d, err := w.SaveDraft(ctx, w.people["santos"], mail.Draft{ID: db.NewID(), ThreadID: thread.ThreadID, Body: "r"})
			must(t, err)
			return func() error {
				_, err := w.Reply(ctx, w.people["santos"], mail.Reply{DraftID: d.ID, ThreadID: thread.ThreadID, Body: "r"})
				return err
			}, 9
		},
		"claim": func() (func() error, int) {
			email, name := db.NewID()+"@example.org", db.NewID()
			_, err := w.Send(ctx, w.people["dana"], mail.Compose{DraftID: db.NewID(), To: email, Subject: "s", Body: "b", New: newPatient()})
			must(t, err)
			w.tx(func(ctx context.Context, tx *db.Tx) error {
				return w.join(ctx, tx, account.NewUser{ID: name, First: "N", Last: "N", Role: actor.Patient})
			})
			a := invite.Accepted{InvitationID: w.invitation(email), UserID: name, OwnerID: name, Role: actor.Patient}
			return func() error {
				return w.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return w.Claim(ctx, tx, a) })
			}, 8
		},
		"deliver": func() (func() error, int) { return w.verdict("clean"), 8 },
		"stop":    func() (func() error, int) { return w.verdict("infected"), 9 },
		"open": func() (func() error, int) {
			w.reply("dana", thread.ThreadID, "new")
			return func() error {
				if p := w.get("santos", "/mail/t/"+thread.ThreadID); p.code != 200 || !strings.Contains(p.raw, "new") {
					if strings.Contains(p.raw, "Message</label>") {
						t.Error("a thread was shown without its record")
					}
					return errTest
				}
				return nil
			}, 4
		},
	}
	for name, prepare := range acts {
		broke := 0
		act, _ := prepare()
		for _, table := range tables {
			before := w.image()
			b.fail(table)
			err := act()
			b.mend(table)
			if err == nil { // the act does not write this table; it is done, so another one is tried on the rest
				if fresh, _ := prepare(); fresh != nil {
					act = fresh
				}
				continue
			}
			broke++
			if after := w.image(); after != before {
				t.Errorf("%s with %s broken left something:\n%s\nwas\n%s", name, table, after, before)
			}
		}
		if err := act(); err != nil {
			t.Errorf("%s after the mending: %v", name, err)
		}
		_, least := prepare()
		if broke < least {
			t.Errorf("%s failed %d times, it writes at least %d tables", name, broke, least)
		}
	}
}

// nothingTypedLost: when the database fails under Send, the form is there again with all that was typed and a number for
// Support, and the same form then goes out once.
func nothingTypedLost(t *testing.T, w *world, b breaker) {
	t.Helper()
	thread := w.send("dana", "santos@example.org", "Before", "b").ThreadID
	for path, form := range map[string]url.Values{
		"/mail/new":                    {"id": {db.NewID()}, "to": {"santos@example.org"}, "subject": {"Films <of> #14"}, "body": {"A long\nletter & more"}},
		"/mail/t/" + thread + "/reply": {"id": {db.NewID()}, "version": {"0"}, "body": {"A long\nletter & more"}},
	} {
		before := w.count("SELECT COUNT(*) FROM mail_message")
		b.fail("mail_message")
		p := w.post("dana", path, form)
		b.mend("mail_message")
		if p.code != http.StatusInternalServerError {
			t.Errorf("%s with a failing database: %d", path, p.code)
		}
		if words := p.text("[data-summary]"); !strings.Contains(words, "it will not be sent twice") || !strings.Contains(words, "this number: ") || strings.Contains(words, "broken") {
			t.Errorf("%s says %q", path, words)
		}
		if got := p.Find("form[data-compose] [name=body]").Text(); got != form.Get("body") {
			t.Errorf("%s keeps %q of the text", path, got)
		}
		if got := p.Find("form[data-compose] [name=id]").AttrOr("value", ""); got != form.Get("id") {
			t.Errorf("%s now calls the message %q", path, got)
		}
		for range 2 {
			if p := w.post("dana", path, form); p.code != http.StatusSeeOther {
				t.Errorf("%s sent again: %d", path, p.code)
			}
		}
		if n := w.count("SELECT COUNT(*) FROM mail_message"); n != before+1 {
			t.Errorf("%s stored %d messages", path, n-before)
		}
	}
}
