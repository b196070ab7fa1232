package mail_test

import (
	"context"
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

const hold = 10 * time.Second

// held sends a message that may be taken back, as a page does.
func (w *world) held(by, to, subject, body string) mail.Sent {
	w.t.Helper()
	sent, err := w.Send(w.t.Context(), w.people[by], mail.Compose{DraftID: db.NewID(), To: to, Subject: subject, Body: body, Hold: hold})
	must(w.t, err)
	return sent
}

// TestLeaves: what is held is nobody's but its author's until its time has come; then it goes once.
func TestLeaves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.held("dana", "santos@example.org", "Secret subject", "Secret body")
		if sent.State != mail.Waiting {
			t.Fatalf("state %q", sent.State)
		}
		w.clock.Advance(hold - time.Second)
		must(t, w.Leave(t.Context()))
		if p := w.get("santos", "/mail/inbox"); strings.Contains(p.raw, "Secret") {
			t.Error("it is seen before it left")
		}
		if p := w.get("santos", "/mail/t/"+sent.ThreadID); p.code != http.StatusNotFound {
			t.Errorf("its thread: %d", p.code)
		}
		if n := len(w.outbox("santos@example.org")); n != 0 {
			t.Errorf("%d notices before it left", n)
		}
		own := w.get("dana", "/mail/t/"+sent.ThreadID)
		if !strings.Contains(own.text("details.sheet .text"), "Sending") || own.Find(".sheet form[action$='/undo'] button").Length() != 1 {
			t.Errorf("its author sees %q, %d", own.text("details.sheet .text"), own.Find(".sheet form[action$='/undo'] button").Length())
		}
		w.clock.Advance(time.Second)
		var all sync.WaitGroup
		for range 4 { // nodes
			all.Go(func() {
				if err := w.Leave(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := w.get("santos", "/mail/inbox").text(".conv"); strings.Count(got, "Secret subject") != 1 {
			t.Errorf("Inbox: %q", got)
		}
		if n := len(w.outbox("santos@example.org")); n != 1 {
			t.Errorf("%d notices", n)
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.delivered' AND subject_id = $1", sent.MessageID)
		if _, err := w.Undo(t.Context(), w.people["dana"], sent.MessageID); !fault.Is(err, fault.Conflict) {
			t.Errorf("too late: %v", err)
		}
	})
}

// TestUndo: what is taken back is one draft with everything, and nothing of it is anywhere else.
func TestUndo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "xray.pdf", pdf("a"))
		in := mail.Compose{DraftID: id, To: "new@example.org", Subject: "The subject", Body: "The body", Hold: hold,
			New: &invite.NewInvitation{Role: invite.Patient, First: "Nia", Last: "New", Cell: "(206) 555-0142"}}
		sent, err := w.Send(t.Context(), w.people["dana"], in)
		must(t, err)
		w.work() // the file is clean, and still nothing leaves
		if n := len(w.outbox("new@example.org")); n != 0 {
			t.Fatalf("%d invitations left", n)
		}
		for _, who := range []string{"santos", "mel", "ruth", "sup"} {
			if p := w.post(who, "/mail/m/"+sent.MessageID+"/undo", nil); p.code != http.StatusNotFound && p.code != http.StatusForbidden {
				t.Errorf("%s: %d", who, p.code)
			}
		}
		p := w.post("dana", "/mail/m/"+sent.MessageID+"/undo", nil)
		where := p.head.Get("Location")
		if p.code != http.StatusSeeOther || !strings.HasPrefix(where, "/mail/new?draft=") {
			t.Fatalf("%d %s", p.code, where)
		}
		if got := w.get("dana", where); !strings.Contains(got.raw, "The body") || !strings.Contains(got.raw, "new@example.org") || !strings.Contains(got.raw, "xray.pdf") {
			t.Error("the draft has lost something")
		}
		w.clock.Advance(time.Hour)
		must(t, w.Leave(t.Context()))
		w.work()
		w.want(0, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
		w.want(0, "SELECT COUNT(*) FROM mail_message WHERE state <> 'stopped'")
		if n := len(w.outbox("new@example.org")); n != 0 {
			t.Errorf("%d invitations left", n)
		}
		if _, err := w.Send(t.Context(), w.people["dana"], in); !fault.Is(err, fault.Conflict) {
			t.Errorf("the same form again: %v", err)
		}
		if p := w.post("dana", "/mail/m/"+sent.MessageID+"/undo", nil); p.code != http.StatusConflict {
			t.Errorf("the second press: %d", p.code)
		}
	})
}

// TestUndoOfSeveral: patients' messages of one form come back as one draft; a reply comes back to its thread.
func TestUndoOfSeveral(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		id := w.draftWith("dana", "", "form.pdf", pdf("a"))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "ruth@example.org, theo@example.org", Subject: "S", Body: "For both", Hold: hold})
		must(t, err)
		w.work()
		if sent.Messages != 2 {
			t.Fatalf("%d messages", sent.Messages)
		}
		where, err := w.Undo(t.Context(), w.people["dana"], sent.MessageID)
		must(t, err)
		got := w.get("dana", where)
		for _, want := range []string{"ruth@example.org", "theo@example.org", "For both", "form.pdf"} {
			if !strings.Contains(got.raw, want) {
				t.Errorf("the draft has no %s", want)
			}
		}
		w.want(1, "SELECT COUNT(*) FROM mail_draft")
		w.want(1, "SELECT COUNT(*) FROM attach_link")

		first := w.send("santos", "dana@example.org", "S", "one")
		w.get("dana", "/mail/t/"+first.ThreadID)
		back, err := w.Reply(t.Context(), w.people["dana"], mail.Reply{DraftID: db.NewID(), ThreadID: first.ThreadID, Body: "too early", Hold: hold})
		must(t, err)
		where, err = w.Undo(t.Context(), w.people["dana"], back.MessageID)
		must(t, err)
		if !strings.HasPrefix(where, "/mail/t/"+first.ThreadID+"?draft=") || !strings.Contains(w.get("dana", where).text("form#reply textarea"), "too early") {
			t.Errorf("the reply is written on at %s", where)
		}
		if got := w.get("dana", "/mail/inbox").text(".conv .snip"); got != "one" {
			t.Errorf("the list shows %q", got)
		}
	})
}

// TestUndoAgainstLeaving: of the two exactly one wins.
func TestUndoAgainstLeaving(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		undone := 0
		for range 25 {
			sent := w.held("dana", "santos@example.org", "S", "b")
			w.clock.Advance(hold)
			var both sync.WaitGroup
			var undo, leave error
			both.Go(func() { _, undo = w.Undo(context.Background(), w.people["dana"], sent.MessageID) })
			both.Go(func() { leave = w.Leave(context.Background()) })
			both.Wait()
			must(t, leave)
			given := w.count("SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND role = 'to' AND delivered_at IS NOT NULL", sent.MessageID)
			switch {
			case undo == nil && given == 0:
				undone++
			case fault.Is(undo, fault.Conflict) && given == 1:
			default:
				t.Fatalf("undo says %v, given to %d", undo, given)
			}
		}
		t.Logf("%d of 25 taken back", undone)
	})
}

// TestLeavesWithTheLastVerdict: held for its files and for its author, a message goes when both let it.
func TestLeavesWithTheLastVerdict(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		send := func() mail.Sent {
			id := w.draftWith("dana", "", "xray.pdf", pdf(db.NewID()))
			sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "S", Body: "b", Hold: hold})
			must(t, err)
			return sent
		}
		given := func(s mail.Sent) int64 {
			return w.count("SELECT COUNT(*) FROM mail_message WHERE id = $1 AND state = 'delivered'", s.MessageID)
		}
		slow := send()
		w.clock.Advance(hold)
		must(t, w.Leave(t.Context())) // its file is not checked yet
		if given(slow) != 0 {
			t.Fatal("given unchecked")
		}
		w.work()
		if given(slow) != 1 {
			t.Error("not given with its last verdict")
		}
		quick := send()
		w.work()
		if given(quick) != 0 {
			t.Error("given before its time")
		}
		w.clock.Advance(hold)
		must(t, w.Leave(t.Context()))
		if given(quick) != 1 {
			t.Error("not given when its time had come")
		}
	})
}
