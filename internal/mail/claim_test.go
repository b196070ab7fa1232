package mail_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/mail"
)

// accept makes an account of an invitation, as the last page of sign-up does.
func (w *world) accept(name, invitationID string, n account.NewUser) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		n.ID = "u-" + name
		if err := w.join(ctx, tx, n); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE invite_invitation SET state = 'accepted', accepted_by = $2, version = version + 1 WHERE id = $1", invitationID, n.ID); err != nil {
			return err
		}
		return w.Claim(ctx, tx, invite.Accepted{InvitationID: invitationID, UserID: n.ID, OwnerID: w.people[name].OwnerID, Role: n.Role})
	})
}

func (w *world) invitation(email string) string {
	w.t.Helper()
	id, found, err := db.One(w.t.Context(), w.d, db.Scan1[string], "SELECT id FROM invite_invitation WHERE email = $1", email)
	if err != nil || !found {
		w.t.Fatal(found, err)
	}
	return id
}

// TestSomebodyNew follows a message to an address nobody knows, through registration, to the reply.
func TestSomebodyNew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sent, err := w.Send(ctx, w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "gloria@example.org", Subject: "Pre-med", Body: "Before your visit", New: newPatient()})
		must(t, err)
		w.want(1, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
		w.want(1, "SELECT COUNT(*) FROM mail_thread_key") // an invited address has no key
		w.want(0, "SELECT COUNT(*) FROM mail_contact")
		if got := w.get("dana", "/mail/sent").text(".conv"); !strings.Contains(got, "Gloria Petrakis") || !strings.Contains(got, "Recipient not registered yet") || !strings.Contains(got, "Resend invitation") {
			t.Errorf("sent row = %q", got)
		}
		second := w.send("dana", "gloria@example.org", "Also", "One more thing") // the practice's own open invitation
		third := w.reply("dana", sent.ThreadID, "And this.")
		w.want(3, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
		if n := len(w.outbox("gloria@example.org")); n != 3 {
			t.Errorf("%d e-mails to the invited person, want 3", n)
		}
		wake, cancel := w.hub.Subscribe("u-dana")
		defer cancel()
		w.accept("gloria", w.invitation("gloria@example.org"), account.NewUser{First: "Gloria", Last: "Petrakis-Hall", Role: actor.Patient})
		select {
		case <-wake:
		default:
			t.Error("the sender's pages were not woken")
		}
		w.want(3, "SELECT COUNT(*) FROM mail_pending WHERE state = 'claimed'")
		w.want(2, "SELECT COUNT(*) FROM mail_thread_key WHERE owner_id = 'u-gloria'")
		w.want(1, "SELECT COUNT(*) FROM mail_contact WHERE user_id = 'u-dana' AND contact_user_id = 'u-gloria'")
		w.want(3, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.delivered'")
		if p := w.get("dana", "/mail/sent"); !strings.Contains(p.text(".conv"), "Gloria Petrakis-Hall") || strings.Contains(p.text(".conv"), "not registered") {
			t.Errorf("sent = %q", p.text(".conv"))
		}
		read := w.get("gloria", "/mail/t/"+sent.ThreadID)
		if got := read.text("#thread"); !strings.Contains(got, "Before your visit") || !strings.Contains(got, "And this.") || !strings.Contains(got, "With Dana Whitfield, Harbor Point Dental. 2 messages") {
			t.Errorf("thread = %q", got)
		}
		if p := w.get("gloria", "/mail/t/"+second.ThreadID); !strings.Contains(p.text("#thread"), "One more thing") {
			t.Errorf("second thread: %d", p.code)
		}
		if third.ThreadID != sent.ThreadID {
			t.Error("the addition began a thread")
		}
		w.reply("gloria", sent.ThreadID, "Thank you.")
		if got := w.get("dana", "/mail/t/"+sent.ThreadID).text("#thread"); !strings.Contains(got, "Thank you.") || !strings.Contains(got, "Read Nov 23 at 2:40 PM") {
			t.Errorf("thread = %q", got)
		}
	})
}

// TestFirstVisit: who has exactly one conversation, never opened, is led to it.
func TestFirstVisit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "ruth@example.org", "s", "b")
		if p := w.get("ruth", "/mail"); p.code != 303 || p.head.Get("Location") != "/mail/t/"+sent.ThreadID {
			t.Fatalf("%d to %q", p.code, p.head.Get("Location"))
		}
		w.get("ruth", "/mail/t/"+sent.ThreadID)
		if p := w.get("ruth", "/mail"); p.code != 200 {
			t.Fatalf("second visit: %d", p.code)
		}
	})
}

// TestHeld: while an invitation waits for its person's confirmation, an account of the same address gets nothing.
func TestHeld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "gloria@example.org", Subject: "s", Body: "b", New: newPatient()})
		must(t, err)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			if err := w.join(ctx, tx, account.NewUser{ID: "u-gloria", First: "Gloria", Last: "P", Role: actor.Patient}); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE invite_invitation SET state = 'held'")
			return err
		})
		later := w.send("dana", "gloria@example.org", "s2", "b2")
		w.reply("dana", sent.ThreadID, "more")
		w.want(0, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-gloria'")
		w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-gloria'")
		p := w.get("dana", "/mail/sent")
		if n := strings.Count(p.text(".conv"), "Waiting for confirmation"); n != 3 || strings.Contains(p.raw, "Resend invitation") {
			t.Errorf("%d rows wait for confirmation, want 3: %q", n, p.text(".conv"))
		}
		if p := w.get("gloria", "/mail/t/"+later.ThreadID); p.code != 404 {
			t.Errorf("held thread: %d", p.code)
		}
		mails := w.outbox("gloria@example.org")
		if len(mails) < 1 || !strings.Contains(mails[0].Text, "/mail/held/"+w.invitation("gloria@example.org")) {
			t.Errorf("notices = %+v", mails)
		}
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return w.Claim(ctx, tx, invite.Accepted{InvitationID: w.invitation("gloria@example.org"), UserID: "u-gloria", OwnerID: "u-gloria", Role: actor.Patient})
		})
		w.want(2, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-gloria' AND folder = 'inbox' AND unread")
		if p := w.get("gloria", "/mail/t/"+later.ThreadID); p.code != 200 {
			t.Errorf("claimed thread: %d", p.code)
		}
	})
}

// TestTwoPracticesInvite: each practice's messages wait with its own invitation; claiming one gives nothing of the other.
func TestTwoPracticesInvite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, from := range []string{"dana", "santos"} {
			_, err := w.Send(t.Context(), w.people[from], mail.Compose{DraftID: db.NewID(), To: "gloria@example.org", Subject: "from " + from, Body: "b", New: newPatient()})
			must(t, err)
		}
		w.want(2, "SELECT COUNT(*) FROM invite_invitation")
		id, _, err := db.One(t.Context(), w.d, db.Scan1[string], "SELECT id FROM invite_invitation WHERE practice_id = 'p-harbor'")
		must(t, err)
		w.accept("gloria", id, account.NewUser{First: "Gloria", Last: "P", Role: actor.Patient})
		if got := w.get("gloria", "/mail/inbox").text(".conv"); !strings.Contains(got, "from dana") || strings.Contains(got, "from santos") {
			t.Errorf("inbox = %q", got)
		}
	})
}

// TestResendInvitation is for the author alone, while it waits, and three times a day.
func TestResendInvitation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "gloria@example.org", Subject: "s", Body: "b", New: newPatient()})
		must(t, err)
		path := "/mail/m/" + sent.MessageID + "/notice"
		for _, name := range []string{"mel", "santos", "ruth"} {
			if p := w.post(name, path, nil); p.code != 404 {
				t.Errorf("%s resends: %d", name, p.code)
			}
		}
		for range 3 {
			if p := w.post("dana", path, nil); p.code != 303 {
				t.Fatalf("resend: %d", p.code)
			}
		}
		if p := w.post("dana", path, nil); p.code != 429 {
			t.Errorf("fourth resend: %d", p.code)
		}
		if n := len(w.outbox("gloria@example.org")); n != 4 {
			t.Errorf("%d e-mails, want 4", n)
		}
		w.exec("UPDATE invite_invitation SET state = 'withdrawn'")
		if _, err := w.Reply(t.Context(), w.people["dana"], mail.Reply{DraftID: db.NewID(), ThreadID: sent.ThreadID, Body: "x"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("reply to a withdrawn invitation: %v", err)
		}
	})
}

// TestNoticeAgain: those who have not opened a message are told once more as they chose, three times a day; the author alone
// can ask for it.
func TestNoticeAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		w.prefer("mel", mail.Preferences{New: "none", Pace: "once", Read: "none"})
		sent := w.send("dana", "santos@example.org, fred@example.org, mel@example.org", "Subject", "b")
		path := "/mail/m/" + sent.MessageID + "/notice"
		w.get("santos", "/mail/t/"+sent.ThreadID)
		for _, name := range []string{"mel", "santos", "ruth", "sup"} {
			if p := w.post(name, path, nil); p.code != 404 && p.code != 403 {
				t.Errorf("%s: %d", name, p.code)
			}
		}
		if got := w.get("dana", "/mail/t/"+sent.ThreadID).text(".sheet form[action$='/notice'] button"); got != "Send the notice again" {
			t.Errorf("the thread offers %q", got)
		}
		for range 3 {
			if p := w.post("dana", path, nil); p.code != 303 {
				t.Fatalf("again: %d", p.code)
			}
		}
		if p := w.post("dana", path, nil); p.code != 429 {
			t.Errorf("a fourth time: %d", p.code)
		}
		for name, want := range map[string]int{"santos": 1, "fred": 4, "mel": 0} {
			list := w.outbox(name + "@example.org")
			if len(list) != want {
				t.Errorf("%s has %d notices, want %d", name, len(list), want)
			}
			for _, m := range list {
				if strings.Contains(m.Subject+m.Text, "Subject") {
					t.Errorf("the notice tells of the message: %q", m.Text)
				}
			}
		}
		w.clock.Advance(25 * time.Hour)
		w.get("fred", "/mail/t/"+sent.ThreadID)
		w.get("mel", "/mail/t/"+sent.ThreadID)
		if p := w.post("dana", path, nil); p.code != 409 {
			t.Errorf("all have opened it: %d", p.code)
		}
		if w.get("dana", "/mail/t/"+sent.ThreadID).Find("form[action$='/notice']").Length() != 0 {
			t.Error("still offered")
		}
		w.want(3, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.noticed'")
	})
}

// TestClaimMeetsSend: a message sent at the moment of acceptance is either given or refused, never left behind.
func TestClaimMeetsSend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for round := range 6 {
			email := "new" + string(rune('a'+round)) + "@example.org"
			n := newPatient()
			_, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: email, Subject: "s", Body: "b", New: n})
			must(t, err)
			id := w.invitation(email)
			dana := w.people["dana"]
			type result struct{ err error }
			sends := make(chan result)
			for range 4 {
				go func() {
					_, err := w.Send(context.WithoutCancel(t.Context()), dana, mail.Compose{DraftID: db.NewID(), To: email, Subject: "s", Body: "b"})
					sends <- result{err}
				}()
			}
			name := "new" + string(rune('a'+round))
			w.accept(name, id, account.NewUser{First: "N", Last: "N", Role: actor.Patient})
			for range 4 {
				if r := <-sends; r.err != nil && !fault.Is(r.err, fault.Conflict) {
					t.Errorf("send: %v", r.err)
				}
			}
			w.want(0, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
			given := w.count("SELECT COUNT(*) FROM mail_delivery WHERE user_id = $1 AND role = 'to' AND delivered_at IS NOT NULL", "u-"+name)
			w.want(given, "SELECT COUNT(*) FROM mail_delivery d JOIN mail_thread_key k ON k.thread_id = d.thread_id AND k.owner_id = d.user_id WHERE d.user_id = $1", "u-"+name)
			w.want(given, "SELECT COALESCE(SUM(messages), 0) FROM mail_member WHERE user_id = $1", "u-"+name)
		}
	})
}
