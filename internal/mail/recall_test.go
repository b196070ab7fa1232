package mail_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/mail"
)

// TestRecall withdraws a message nobody has opened: nothing of it is left to its reader, everything to its author.
func TestRecall(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "xray.pdf", pdf("a"))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "Secret subject", Body: "Secret body"})
		must(t, err)
		w.work()
		link, _ := w.get("dana", "/mail/t/"+sent.ThreadID).Find("a[href^='/mail/attachments/']").Attr("href")
		if n := len(w.outbox("santos@example.org")); n != 1 {
			t.Fatalf("%d notices before", n)
		}
		if p := w.get("dana", "/mail/m/"+sent.MessageID+"/recall"); p.code != http.StatusOK || p.Find("form button.danger").Length() != 1 {
			t.Fatalf("the question: %d", p.code)
		}
		w.clock.Advance(time.Minute)
		p := w.post("dana", "/mail/m/"+sent.MessageID+"/recall", nil)
		if p.code != http.StatusSeeOther || p.head.Get("Location") != "/mail/t/"+sent.ThreadID {
			t.Fatalf("%d %s", p.code, p.head.Get("Location"))
		}
		if p := w.post("dana", "/mail/m/"+sent.MessageID+"/recall", nil); p.code != http.StatusSeeOther {
			t.Errorf("the second press: %d", p.code)
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.recalled' AND subject_id = $1", sent.MessageID)
		for _, path := range []string{"/mail/inbox", "/mail/t/" + sent.ThreadID, "/mail/t/" + sent.ThreadID + "/print"} {
			if p := w.get("santos", path); strings.Contains(p.raw, "Secret") || strings.Contains(p.raw, "xray") {
				t.Errorf("%s shows something of it", path)
			}
		}
		p = w.get("santos", "/mail/t/"+sent.ThreadID)
		if got := p.text("details.sheet .text"); !strings.Contains(got, "Dana Whitfield withdrew this message on Nov 23, 2026 at 2:41 PM PST.") {
			t.Errorf("in its place: %q", got)
		}
		if p.Find("form#reply").Length() != 0 || p.text("h1") == "" {
			t.Error("there is something to reply to")
		}
		if got := w.get("santos", "/mail/inbox").text("b[data-unread]"); got != "" {
			t.Errorf("unread = %q", got)
		}
		if p := w.get("santos", link); p.code != http.StatusNotFound {
			t.Errorf("its file: %d", p.code)
		}
		w.wantHits(w.find("santos", "secret"))
		if _, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: db.NewID(), ThreadID: sent.ThreadID, Body: "What was it?"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a reply to nothing: %v", err)
		}
		w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE role = 'to' AND opened_at IS NOT NULL")
		own := w.get("dana", "/mail/t/"+sent.ThreadID)
		if !strings.Contains(own.raw, "Secret body") || !strings.Contains(own.text("details.sheet .text"), "Recalled") {
			t.Error("the author has lost it")
		}
		if p := w.get("dana", link); p.code != http.StatusOK {
			t.Errorf("the author's file: %d", p.code)
		}
		if got := w.get("dana", "/mail/sent").text("main"); !strings.Contains(got, "Recalled") {
			t.Errorf("Sent: %q", got)
		}
	})
}

// TestRecallLeavesTheRest: only one message goes, and the next brings the subject back.
func TestRecallLeavesTheRest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := w.send("dana", "santos@example.org", "The subject", "first body")
		w.clock.Advance(time.Second)
		two := w.reply("dana", one.ThreadID, "second body")
		w.recall("dana", two.MessageID)
		p := w.get("santos", "/mail/inbox")
		if got := p.text(".conv"); !strings.Contains(got, "The subject") || !strings.Contains(got, "Message withdrawn") || strings.Contains(got, "second") {
			t.Errorf("Inbox: %q", got)
		}
		if got := p.text("b[data-unread]"); got == "" {
			t.Error("the first one is not new any more")
		}
		w.recall("dana", one.MessageID)
		if got := w.get("santos", "/mail/inbox").text(".conv"); strings.Contains(got, "subject") {
			t.Errorf("Inbox: %q", got)
		}
		w.clock.Advance(time.Second)
		w.reply("dana", one.ThreadID, "third body")
		if got := w.get("santos", "/mail/inbox").text(".conv"); !strings.Contains(got, "The subject") || !strings.Contains(got, "third") {
			t.Errorf("Inbox: %q", got)
		}
		p = w.get("santos", "/mail/t/"+one.ThreadID)
		if n := strings.Count(p.raw, "withdrew this message"); n != 2 || p.Find("form#reply").Length() != 1 {
			t.Errorf("%d of two withdrawn, reply box %d", n, p.Find("form#reply").Length())
		}
	})
}

// TestRecallRefused: opened, waiting, another's, or a recipient's own wish.
func TestRecallRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "S", "b")
		for _, who := range []string{"santos", "mel", "gus", "ruth", "sup"} {
			if p := w.post(who, "/mail/m/"+sent.MessageID+"/recall", nil); p.code != http.StatusNotFound && p.code != http.StatusForbidden {
				t.Errorf("%s: %d", who, p.code)
			}
		}
		w.get("santos", "/mail/t/"+sent.ThreadID)
		if _, err := w.Recall(t.Context(), w.people["dana"], sent.MessageID); !fault.Is(err, fault.Conflict) {
			t.Errorf("an opened one: %v", err)
		}
		if w.get("dana", "/mail/t/"+sent.ThreadID).Find("a[href$='/recall']").Length() != 0 {
			t.Error("it is offered for an opened message")
		}
	})
}

// TestRecallNotices: the notice that has not left stays, the collected one does not count it, who is invited gets nothing.
func TestRecallNotices(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "S", "b") // no job has run
		w.recall("dana", sent.MessageID)
		if n := len(w.outbox("santos@example.org")); n != 0 {
			t.Errorf("%d notices of a withdrawn message", n)
		}
		new, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "new@example.org", Subject: "S", Body: "b",
			New: &invite.NewInvitation{Role: invite.Patient, First: "Nia", Last: "New", Cell: "(206) 555-0142"}})
		must(t, err)
		w.want(1, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
		w.recall("dana", new.MessageID)
		w.want(0, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
	})
}

// TestRecallAgainstOpening: of the two exactly one wins, and a reader who sees a message has opened it.
func TestRecallAgainstOpening(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		opened := 0
		for i := range 25 {
			secret := fmt.Sprintf("Secret body %02d", i)
			sent := w.send("dana", "santos@example.org", "S", secret)
			var both sync.WaitGroup
			var seen string
			var err error
			both.Go(func() { seen = w.get("santos", "/mail/t/"+sent.ThreadID).raw })
			both.Go(func() { _, err = w.Recall(context.Background(), w.people["dana"], sent.MessageID) })
			both.Wait()
			switch shown := strings.Contains(seen, secret); {
			case shown && !fault.Is(err, fault.Conflict):
				t.Fatalf("seen and recalled: %v", err)
			case !shown && err != nil:
				t.Fatalf("neither seen nor recalled: %v", err)
			case shown:
				opened++
			}
		}
		t.Logf("%d of 25 opened first", opened)
	})
}

func (w *world) recall(by, messageID string) {
	w.t.Helper()
	if _, err := w.Recall(w.t.Context(), w.people[by], messageID); err != nil {
		w.t.Fatalf("%s recalls: %v", by, err)
	}
}
