package mail_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
)

// TestRepliesTogether: both sides write at once; nothing is lost or counted twice.
func TestRepliesTogether(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "s", "b")
		const each = 12
		var all sync.WaitGroup
		for _, name := range []string{"dana", "santos"} {
			by := w.people[name]
			for range 3 {
				all.Go(func() {
					for range each / 3 {
						if _, err := w.Reply(context.WithoutCancel(t.Context()), by, mail.Reply{DraftID: db.NewID(), ThreadID: sent.ThreadID, Body: "from " + name}); err != nil {
							t.Errorf("%s: %v", name, err)
						}
					}
				})
			}
		}
		all.Wait()
		w.want(2, "SELECT COUNT(*) FROM mail_member WHERE thread_id = $1 AND messages = $2", sent.ThreadID, 2*each+1)
		w.want(2*each+1, "SELECT messages FROM mail_thread WHERE id = $1", sent.ThreadID)
		w.want(2*each+1, "SELECT COUNT(*) FROM mail_delivery WHERE thread_id = $1 AND role = 'to' AND delivered_at IS NOT NULL", sent.ThreadID)
		if n := w.get("santos", "/mail/t/"+sent.ThreadID).Find("details.sheet").Length(); n != 2*each+1 {
			t.Errorf("%d messages shown", n)
		}
	})
}

// TestClaimMeetsReply: what the sender adds while the invited person accepts is given too.
func TestClaimMeetsReply(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		dana := w.people["dana"]
		for _, letter := range strings.Split("abcd", "") {
			email, name := letter+"@example.org", "person"+letter
			sent, err := w.Send(t.Context(), dana, mail.Compose{DraftID: db.NewID(), To: email, Subject: "s", Body: "b", New: newPatient()})
			must(t, err)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					_, err := w.Reply(context.WithoutCancel(t.Context()), dana, mail.Reply{DraftID: db.NewID(), ThreadID: sent.ThreadID, Body: "more"})
					if err != nil && !fault.Is(err, fault.Conflict) {
						t.Errorf("reply: %v", err)
					}
				})
			}
			w.accept(name, w.invitation(email), account.NewUser{First: "N", Last: "N", Role: actor.Patient})
			all.Wait()
			w.want(0, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
			stored := w.count("SELECT COUNT(*) FROM mail_message WHERE thread_id = $1", sent.ThreadID)
			w.want(stored, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = $1 AND delivered_at IS NOT NULL", "u-"+name)
			w.want(stored, "SELECT messages FROM mail_member WHERE user_id = $1", "u-"+name)
		}
	})
}

// TestVerdictsTogether: the two last files of a message are judged at once; it is given, and once.
func TestVerdictsTogether(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		rounds := int64(2)
		if w.d.Postgres() { // where the two really run side by side
			rounds = 15
		}
		for range rounds {
			id := w.draftWith("dana", "", "1.pdf", pdf("1"))
			_, err := w.Attach(t.Context(), w.people["dana"], mail.AttachIn{DraftID: id, Name: "2.pdf", Body: strings.NewReader(string(pdf("2")))})
			must(t, err)
			_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "s", Body: "b"})
			must(t, err)
			files, err := db.All(t.Context(), w.d, db.Scan1[string], "SELECT file_id FROM attach_link WHERE holder = $1", "mail:"+id)
			must(t, err)
			var all, both sync.WaitGroup
			both.Add(len(files))
			for _, file := range files {
				all.Go(func() {
					err := w.d.InTx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *db.Tx) error {
						if _, err := tx.Exec(ctx, "UPDATE attach_file SET state = 'clean' WHERE id = $1", file); err != nil {
							return err
						}
						if w.d.Postgres() { // each has its verdict before the other's is to be seen
							both.Done()
							both.Wait()
						}
						return w.Verdict(ctx, tx, "mail:"+id, attach.Moved{})
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		w.want(rounds, "SELECT COUNT(*) FROM mail_message WHERE state = 'delivered'")
		w.want(rounds, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND messages = 1 AND files = 2")
		w.want(rounds, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.delivered'")
	})
}
