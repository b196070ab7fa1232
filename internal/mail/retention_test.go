package mail_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
	"securepractice/internal/notify"
)

// keepFor sets how long a practice keeps its conversations, in force at once.
func (w *world) keepFor(practiceID string, days any) {
	w.exec("UPDATE practice_practice SET retention_days = $2, retention_from = 1 WHERE id = $1", practiceID, days)
}

// left counts the rows in which something of a thread is.
func (w *world) left(threadID string) (n int64) {
	w.t.Helper()
	for _, table := range []string{"mail_thread_key", "mail_message", "mail_delivery", "mail_member", "mail_label", "mail_draft", "mail_pending"} {
		n += w.count("SELECT COUNT(*) FROM "+table+" WHERE thread_id = $1", threadID)
	}
	return n + w.count("SELECT COUNT(*) FROM mail_thread WHERE id = $1", threadID)
}

// TestRetentionInTurn: one practice ends its keeping and the other loses nothing; with the last of them everything goes,
// the files too, and nothing of another conversation.
func TestRetentionInTurn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		sent, link := w.secret("santos@example.org, mel@example.org")
		other, _ := w.secret("santos@example.org")
		w.reply("santos", sent.ThreadID, "Answer")
		draft := w.draftWith("mel", sent.ThreadID, "draft.pdf", pdf("draft"))
		w.exec("INSERT INTO mail_label (user_id, label, thread_id, last_at) VALUES ('u-dana', $2, $1, 1)", sent.ThreadID, w.label("dana", "Old", "1"))
		w.keepFor("p-harbor", 365)
		w.clock.Advance(365 * oneDay)
		must(t, w.EndRetention(t.Context()))
		w.want(3, "SELECT COUNT(*) FROM mail_member WHERE thread_id = $1", sent.ThreadID)
		w.clock.Advance(time.Minute)
		w.reply("santos", other.ThreadID, "An answer restarts the time")
		must(t, w.EndRetention(t.Context()))
		for _, who := range []string{"dana", "mel"} {
			if p := w.get(who, "/mail/t/"+sent.ThreadID); p.code != 404 {
				t.Errorf("%s: %d", who, p.code)
			}
			if w.get(who, "/mail/attachments/"+link).code != 404 || w.get(who, "/mail/t/"+sent.ThreadID+"/export").code != 404 {
				t.Errorf("%s reaches a file", who)
			}
			w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = $1 AND thread_id = $2", "u-"+who, sent.ThreadID)
		}
		w.want(0, "SELECT COUNT(*) FROM mail_label")
		w.want(0, "SELECT COUNT(*) FROM mail_draft WHERE id = $1", draft)
		w.want(0, "SELECT COUNT(*) FROM mail_thread_key WHERE thread_id = $1 AND owner_id = 'p-harbor'", sent.ThreadID)
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'retention.ended' AND thread_id = $1", sent.ThreadID)
		w.want(0, "SELECT COUNT(*) FROM audit_event WHERE action = 'retention.ended' AND thread_id = $1", other.ThreadID)
		if got := w.reaches("santos", sent, link); strings.Count(got, ",") < 10 {
			t.Errorf("the other practice is led there by %s", got)
		}
		if p := w.get("dana", "/mail/t/"+other.ThreadID); !strings.Contains(p.text(".sheet"), "Veiledbody") {
			t.Errorf("another conversation: %d %q", p.code, p.text("main"))
		}
		_, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: db.NewID(), ThreadID: sent.ThreadID, Body: "Is anybody there?"})
		if !fault.Is(err, fault.Conflict) || !strings.Contains(fault.From(err).Text, "no longer keeps") {
			t.Errorf("an answer to nobody: %v", err)
		}
		w.exec("DELETE FROM mail_draft")
		w.exec("DELETE FROM attach_link WHERE sealed_by = 'owner'")
		w.keepFor("p-eastlake", 30)
		files := w.count("SELECT COUNT(*) FROM attach_file WHERE state = 'clean'")
		must(t, w.EndRetention(t.Context()))
		if n := w.left(sent.ThreadID); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		w.want(0, "SELECT COUNT(*) FROM attach_link WHERE id = $1", link)
		w.want(files-1, "SELECT COUNT(*) FROM attach_file WHERE state = 'clean'")
		w.want(2, "SELECT COUNT(*) FROM audit_event WHERE action = 'retention.ended' AND thread_id = $1", sent.ThreadID)
		if w.count("SELECT COUNT(*) FROM attach_trash") == 0 || w.left(other.ThreadID) == 0 {
			t.Error("files were not put aside, or another conversation went")
		}
		must(t, w.EndRetention(t.Context()))
		w.want(2, "SELECT COUNT(*) FROM audit_event WHERE action = 'retention.ended' AND thread_id = $1", sent.ThreadID)
	})
}

// TestRetentionOfPatients: a patient keeps what their practice keeps no longer, with the name of who wrote it.
func TestRetentionOfPatients(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent, link := w.secret("ruth@example.org")
		w.keepFor("p-harbor", 30)
		w.clock.Advance(31 * oneDay)
		must(t, w.EndRetention(t.Context()))
		if p := w.get("dana", "/mail/t/"+sent.ThreadID); p.code != 404 {
			t.Errorf("the practice: %d", p.code)
		}
		if got := w.get("dana", "/mail/sent").text("main"); strings.Contains(got, "Veiled") {
			t.Errorf("Sent: %q", got)
		}
		p := w.get("ruth", "/mail/t/"+sent.ThreadID)
		if p.code != 200 || !strings.Contains(p.text(".sheet"), "Dana Whitfield") || !strings.Contains(p.text(".sheet"), "Veiledbody") {
			t.Errorf("%d %q", p.code, p.text("main"))
		}
		if got := w.get("ruth", "/mail/attachments/"+link).code; got != 200 {
			t.Errorf("the patient's file: %d", got)
		}
		must(t, w.EndRetention(t.Context()))
		w.want(1, "SELECT COUNT(*) FROM mail_thread WHERE id = $1", sent.ThreadID)
	})
}

// TestRetentionWaits: nothing ends by default, before its notice is over, while it waits to leave, or when the practice
// has changed its mind; what nobody has accepted ends with its only keeper.
func TestRetentionWaits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "ana@example.org", Subject: "s", Body: "b", New: newPatient()})
		must(t, err)
		stays := func(why string) {
			t.Helper()
			must(t, w.EndRetention(t.Context()))
			if w.count("SELECT COUNT(*) FROM mail_message WHERE id = $1", sent.MessageID) != 1 {
				t.Fatalf("ended although %s", why)
			}
		}
		w.clock.Advance(400 * oneDay)
		stays("nothing was set")
		w.exec("UPDATE practice_practice SET retention_days = 365, retention_from = $1", w.clock.Now().Add(time.Minute).UnixMicro())
		stays("its notice is not over")
		w.keepFor("p-harbor", 401)
		stays("its time is not over")
		w.keepFor("p-harbor", 365)
		w.exec("UPDATE mail_message SET state = 'waiting'")
		stays("it waits to leave")
		w.exec("UPDATE mail_message SET state = 'delivered'")
		must(t, w.EndRetention(t.Context()))
		if n := w.left(sent.ThreadID); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

// TestRetentionSearch: the words of what has ended are not in the index any more; everything else is found as before.
func TestRetentionSearch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.find("dana", "anything")
		old := w.send("dana", "santos@example.org", "Old", "Veiledword")
		w.pile(old.ThreadID, "dana", "santos", 300, func(int) string { return "filling" })
		must(t, w.KeepIndexes(t.Context()))
		w.want(256, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-dana' AND n IS NOT NULL")
		w.clock.Advance(31 * oneDay)
		kept := w.send("dana", "santos@example.org", "New", "Keptword")
		w.pile(kept.ThreadID, "dana", "santos", 300, func(int) string { return "lasting" })
		w.keepFor("p-harbor", 30)
		must(t, w.EndRetention(t.Context()))
		w.want(0, "SELECT COUNT(*) FROM mail_search WHERE user_id = 'u-dana'")
		w.want(0, "SELECT COUNT(*) FROM mail_search_block WHERE user_id = 'u-dana'")
		for range 2 {
			if n := len(w.find("dana", "filling").hits()) + len(w.find("dana", "veiledword").hits()); n != 0 {
				t.Errorf("%d hits in what has ended", n)
			}
			w.wantHits(w.find("dana", "keptword"), kept.MessageID)
			must(t, w.KeepIndexes(t.Context()))
		}
		w.whole("dana")
		w.wantHits(w.find("dana", "keptword"), kept.MessageID)
	})
}

// TestRetentionIsTold: the User Managers hear how many conversations end within a month, once a month, and nothing of them.
func TestRetentionIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.send("dana", "santos@example.org", "Veiledsubject", "b")
		w.send("dana", "ruth@example.org", "Veiledsubject", "b")
		w.keepFor("p-harbor", 100)
		told := func() []notify.OutboxItem {
			var list []notify.OutboxItem
			for _, m := range w.arrivals("mel@example.org", notify.Email) {
				if strings.Contains(m.Subject, "about to end") {
					list = append(list, m)
				}
			}
			return list
		}
		w.clock.Advance(70*oneDay - time.Minute)
		must(t, w.EndRetention(t.Context()))
		if len(told()) != 0 {
			t.Error("told too early")
		}
		w.clock.Advance(2 * time.Minute)
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- w.EndRetention(context.Background()) }()
		}
		must(t, <-errs)
		must(t, <-errs)
		w.clock.Advance(29 * oneDay)
		must(t, w.EndRetention(t.Context()))
		if list := told(); len(list) != 1 || !strings.Contains(list[0].Text, "2 conversations") || strings.Contains(list[0].Text, "Veiled") {
			t.Errorf("told %+v", list)
		}
		w.want(2, "SELECT COUNT(*) FROM mail_thread")
		w.clock.Advance(oneDay)
		w.send("dana", "santos@example.org", "Another", "b")
		must(t, w.EndRetention(t.Context()))
		if list := told(); len(list) != 2 && len(list) != 1 {
			t.Errorf("told %d times", len(list))
		}
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE owner_id = 'p-harbor'")
	})
}

// TestRetentionOnManyNodes: however many end the same conversations at once, each ends once, and an answer that was
// acknowledged meanwhile is never lost.
func TestRetentionOnManyNodes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var threads []string
		for range 12 {
			threads = append(threads, w.send("dana", "santos@example.org", "s", "b").ThreadID)
		}
		w.keepFor("p-harbor", 30)
		w.clock.Advance(31 * oneDay)
		errs := make(chan error, 3)
		for range 3 {
			go func() { errs <- w.EndRetention(context.Background()) }()
		}
		answered := map[string]string{}
		for _, id := range threads {
			r, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: db.NewID(), ThreadID: id, Body: "late"})
			if err == nil {
				answered[id] = r.MessageID
			}
		}
		for range 3 {
			must(t, <-errs)
		}
		for _, id := range threads {
			ended := w.count("SELECT COUNT(*) FROM audit_event WHERE action = 'retention.ended' AND thread_id = $1", id)
			if m := answered[id]; m != "" && (ended != 0 || w.count("SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-dana' AND message_id = $1", m) != 1) || m == "" && ended != 1 {
				t.Errorf("%s: answered %q, ended %d times", id, m, ended)
			}
		}
	})
}

// TestRetentionNothingHalf breaks every table in turn: an end that fails leaves everything as it was, and is made up for.
func TestRetentionNothingHalf(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		d := dbtest.SQLite(t)
		endsWhole(t, newWorld(t, d), newBreaker(t, d, ""))
	})
	t.Run("postgres", func(t *testing.T) {
		owner, url := dbtest.PostgresURLs(t)
		d, err := db.Open(t.Context(), url, db.Options{Conns: 8})
		must(t, err)
		t.Cleanup(func() { _ = d.Close() })
		endsWhole(t, newWorld(t, d), newBreaker(t, d, owner))
	})
}

func endsWhole(t *testing.T, w *world, b breaker) {
	w.keepFor("p-harbor", 30)
	w.exec("UPDATE practice_practice SET retention_told_at = $1", w.clock.Now().UnixMicro())
	w.find("dana", "anything")
	prepare := func() (threadID string) {
		id, email := w.draftWith("dana", "", "a.pdf", pdf("a")), db.NewID()+"@example.org"
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: email, Subject: "s", Body: "b", New: newPatient()})
		must(t, err)
		w.work()
		w.draftWith("dana", sent.ThreadID, "b.pdf", pdf("b"))
		w.exec("UPDATE mail_thread SET last_at = 1 WHERE id = $1", sent.ThreadID)
		return sent.ThreadID
	}
	thread, broke := prepare(), 0
	for _, table := range tables {
		before := w.image()
		b.fail(table)
		err := w.EndRetention(t.Context())
		b.mend(table)
		if err == nil { // the act does not write this table
			thread = prepare()
			continue
		}
		broke++
		if after := w.image(); after != before {
			t.Errorf("with %s broken something is left:\n%s\nwas\n%s", table, after, before)
		}
	}
	must(t, w.EndRetention(t.Context()))
	if n := w.left(thread); n != 0 || broke < 10 {
		t.Errorf("%d rows are left; it failed %d times", n, broke)
	}
}
