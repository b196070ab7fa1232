package mail_test

import (
	"context"
	"strings"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/mail"
)

func newPatient() *invite.NewInvitation {
	return &invite.NewInvitation{Role: invite.Patient, First: "Gloria", Last: "Petrakis", Cell: "(206) 555-0142"}
}

// TestSendGives follows a message from one registered person to another.
func TestSendGives(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "Santos@Example.org", "Referral: J. Alvarez", "The volume is below.\n\nThursday works.")
		if sent.State != mail.Delivered {
			t.Fatalf("state = %q", sent.State)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_thread WHERE id = $1 AND messages = 1", sent.ThreadID)
		w.want(2, "SELECT COUNT(*) FROM mail_thread_key WHERE thread_id = $1", sent.ThreadID)
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND folder = 'inbox' AND unread")
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-dana' AND folder = 'none' AND NOT unread")
		w.want(1, "SELECT COUNT(*) FROM mail_contact WHERE user_id = 'u-dana' AND contact_user_id = 'u-santos'")
		for _, action := range []string{"mail.sent", "mail.delivered"} {
			w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = $1 AND thread_id = $2 AND practice_id = 'p-harbor'", action, sent.ThreadID)
		}
		inbox := w.get("santos", "/mail/inbox")
		if got := inbox.text(".conv.unread"); !strings.Contains(got, "Dana Whitfield") || !strings.Contains(got, "Harbor Point Dental") ||
			!strings.Contains(got, "Referral: J. Alvarez") || !strings.Contains(got, "The volume is below. Thursday works.") {
			t.Errorf("row = %q", got)
		}
		mails := w.outbox("santos@example.org")
		if len(mails) != 1 || mails[0].Subject != "You have a new secure message" || !strings.Contains(mails[0].Text, "Dana Whitfield at Harbor Point Dental") ||
			!strings.Contains(mails[0].Text, "https://portal.example/mail/t/"+sent.ThreadID) || !strings.Contains(mails[0].Text, "call Harbor Point Dental at (206) 555-0142.") {
			t.Fatalf("notices = %+v", mails)
		}
		for _, word := range []string{"Alvarez", "volume", "Referral"} {
			if strings.Contains(mails[0].Text+mails[0].Subject, word) {
				t.Errorf("the notice holds %q", word)
			}
		}
	})
}

// TestReplyBringsBack: a thread one began enters the Inbox with the first reply, an archived one comes back, and a
// patient's name stands in no notice.
func TestReplyBringsBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "ruth@example.org", "Your crown", "How is it?")
		w.reply("ruth", sent.ThreadID, "A little high.")
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-dana' AND folder = 'inbox' AND unread AND messages = 2")
		if got := w.get("dana", "/mail/inbox").text(".conv.unread"); !strings.Contains(got, "Ruth Okafor Patient"[:11]) || !strings.Contains(got, "Patient") || !strings.Contains(got, "A little high.") {
			t.Errorf("row = %q", got)
		}
		mails := w.outbox("dana@example.org")
		if len(mails) != 1 || !strings.HasPrefix(mails[0].Text, "A patient sent you a secure message") || strings.Contains(mails[0].Text, "Ruth") {
			t.Fatalf("notices = %+v", mails)
		}
		w.get("dana", "/mail/t/"+sent.ThreadID)
		if p := w.post("dana", "/mail/t/"+sent.ThreadID+"/archive", nil); p.code != 303 {
			t.Fatalf("archive: %d", p.code)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-dana' AND folder = 'archive' AND NOT unread")
		w.reply("dana", sent.ThreadID, "Come in on Friday.")
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-dana' AND folder = 'archive' AND NOT unread")
		w.reply("ruth", sent.ThreadID, "I will.")
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-dana' AND folder = 'inbox' AND unread")
	})
}

// TestSendRefuses: every sentence stands at its field and nothing is stored or sent.
func TestSendRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.exec("UPDATE account_user SET state = 'deactivated' WHERE id = 'u-theo'")
		good := mail.Compose{To: "santos@example.org", Subject: "s", Body: "b"}
		cases := []struct {
			name, field, text string
			change            func(c *mail.Compose)
		}{
			{"nobody", "to", "Enter a recipient", func(c *mail.Compose) { c.To = "  " }},
			{"two", "to", "Choose one recipient", func(c *mail.Compose) { c.To = "santos@example.org, ruth@example.org" }},
			{"no address", "to", "Enter a valid email address", func(c *mail.Compose) { c.To = "Nobody I know" }},
			{"broken address", "to", "Enter a valid email address", func(c *mail.Compose) { c.To = "santos@" }},
			{"header injection", "to", "Choose one recipient", func(c *mail.Compose) { c.To = "santos@example.org\r\nBcc: eve@example.org" }},
			{"self", "to", "This is your own address. Enter another person's.", func(c *mail.Compose) { c.To = "DANA@example.org" }},
			{"closed", "to", "This person's account is closed, so they cannot receive messages.", func(c *mail.Compose) { c.To = "theo@example.org" }},
			{"new", "to", "new@example.org is new here. Fill in “New recipient” and send again.", func(c *mail.Compose) { c.To = "new@example.org" }},
			{"new without role", "role", "Choose the person's role", func(c *mail.Compose) { c.To, c.New = "new@example.org", newPatient(); c.New.Role = "king" }},
			{"new without name", "first_name", "Enter their first name", func(c *mail.Compose) { c.To, c.New = "new@example.org", newPatient(); c.New.First = "" }},
			{"new without phone", "phone", "Enter a phone number or a cell phone number", func(c *mail.Compose) { c.To, c.New = "new@example.org", newPatient(); c.New.Cell = "" }},
			{"no subject", "subject", "Enter a subject", func(c *mail.Compose) { c.Subject = " \n\t" }},
			{"long subject", "subject", "Subject must be 200 characters or fewer", func(c *mail.Compose) { c.Subject = strings.Repeat("é", 201) }},
			{"no message", "body", "Enter a message", func(c *mail.Compose) { c.Body = "\n \u200b" }},
			{"long message", "body", "Message must be 100,000 characters or fewer", func(c *mail.Compose) { c.Body = strings.Repeat("é", 100_001) }},
		}
		for _, tc := range cases {
			c := good
			c.DraftID = db.NewID()
			tc.change(&c)
			_, err := w.Send(t.Context(), w.people["dana"], c)
			if got := fault.From(err).For(tc.field); got != tc.text {
				t.Errorf("%s: %q (%v), want %q", tc.name, got, err, tc.text)
			}
		}
		w.nothingSent()
		ok := good
		ok.DraftID, ok.Subject, ok.Body = db.NewID(), strings.Repeat("é", 200), strings.Repeat("é", 100_000)
		if _, err := w.Send(t.Context(), w.people["dana"], ok); err != nil {
			t.Errorf("at the limits: %v", err)
		}
	})
}

// nothingSent checks that no act has left anything.
func (w *world) nothingSent() {
	w.t.Helper()
	for _, table := range []string{"mail_thread", "mail_thread_key", "mail_message", "mail_delivery", "mail_pending", "mail_member", "mail_contact", "invite_invitation", "notify_message"} {
		w.want(0, "SELECT COUNT(*) FROM "+table)
	}
	w.want(0, "SELECT COUNT(*) FROM audit_event WHERE action LIKE 'mail.%' OR action LIKE 'invite.%'")
}

// TestOnlyPaidComposes: the server refuses whatever the request says (SECURITY.md 18).
func TestOnlyPaidComposes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, name := range []string{"gus", "fred", "ruth"} {
			id := db.NewID()
			_, err := w.Send(t.Context(), w.people[name], mail.Compose{DraftID: id, To: "dana@example.org", Subject: "s", Body: "b"})
			refused(t, err, fault.Forbidden, "")
			_, err = w.SaveDraft(t.Context(), w.people[name], mail.Draft{ID: id, To: "dana@example.org"})
			refused(t, err, fault.Forbidden, "")
			p := w.postFiles(name, "/mail/new", [][2]string{{"id", id}, {"to", "dana@example.org"}, {"subject", "s"}, {"body", "b"}}, upload{"a.pdf", pdf("x")})
			if p.code != 403 {
				t.Errorf("%s posts: %d", name, p.code)
			}
			for _, path := range []string{"/mail/new", "/mail/contacts"} {
				p = w.get(name, path)
				if p.code != 403 {
					t.Errorf("%s gets %s: %d", name, path, p.code)
				}
				if paid := strings.Contains(strings.ToLower(p.text("main")), "paid"); paid != (name != "ruth") {
					t.Errorf("%s reads %q", name, p.text("main"))
				}
			}
			if strings.Contains(w.get(name, "/mail/inbox").raw, "/mail/new") {
				t.Errorf("%s is offered Compose", name)
			}
		}
		w.nothingSent()
		w.want(0, "SELECT COUNT(*) FROM mail_draft")
		w.want(0, "SELECT COUNT(*) FROM attach_file")
	})
}

// TestSameFormTwice: the same form is the same message; with other content it is told so, and nothing is sent.
func TestSameFormTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := mail.Compose{DraftID: db.NewID(), To: "santos@example.org", Subject: "s", Body: "b"}
		first, err := w.Send(t.Context(), w.people["dana"], c)
		must(t, err)
		again, err := w.Send(t.Context(), w.people["dana"], c)
		if err != nil || again != first {
			t.Fatalf("again = %+v, %v; want %+v", again, err, first)
		}
		for name, change := range map[string]func(c *mail.Compose){
			"recipient": func(c *mail.Compose) { c.To = "ruth@example.org" },
			"subject":   func(c *mail.Compose) { c.Subject = "other" },
			"body":      func(c *mail.Compose) { c.Body = "other" },
		} {
			o := c
			change(&o)
			_, err := w.Send(t.Context(), w.people["dana"], o)
			if !fault.Is(err, fault.Conflict) {
				t.Errorf("other %s: %v", name, err)
			}
		}
		r := mail.Reply{DraftID: db.NewID(), ThreadID: first.ThreadID, Body: "r"}
		one, err := w.Reply(t.Context(), w.people["santos"], r)
		must(t, err)
		two, err := w.Reply(t.Context(), w.people["santos"], r)
		if err != nil || one != two {
			t.Fatalf("again = %+v, %v; want %+v", two, err, one)
		}
		other := w.send("dana", "santos@example.org", "second", "b")
		for _, bad := range []mail.Reply{
			{DraftID: r.DraftID, ThreadID: other.ThreadID, Body: "r"},
			{DraftID: r.DraftID, ThreadID: first.ThreadID, Body: "other"},
			{DraftID: c.DraftID, ThreadID: first.ThreadID, Body: "b"},
		} {
			by := "santos"
			if bad.DraftID == c.DraftID {
				by = "santos" // somebody else's message id is nobody's
			}
			if _, err := w.Reply(t.Context(), w.people[by], bad); err == nil {
				t.Errorf("%+v was sent", bad)
			}
		}
		w.want(3, "SELECT COUNT(*) FROM mail_message")
		w.want(3, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.sent'")
		if n := len(w.outbox("santos@example.org")); n != 2 {
			t.Errorf("%d notices, want 2", n)
		}
	})
}

// TestForeignIDs: an id that is somebody else's draft or message, a colleague's too, sends nothing and takes nothing.
func TestForeignIDs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		draft := w.draftWith("mel", "", "a.pdf", pdf("a"))
		sent := w.send("mel", "ruth@example.org", "s", "b")
		thread := w.send("dana", "ruth@example.org", "s", "b")
		for _, id := range []string{draft, sent.MessageID, "", "not an id", strings.ToUpper(db.NewID())} {
			_, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "s", Body: "b"})
			refused(t, err, fault.NotFound, "")
			_, err = w.Reply(t.Context(), w.people["dana"], mail.Reply{DraftID: id, ThreadID: thread.ThreadID, Body: "b"})
			refused(t, err, fault.NotFound, "")
			_, err = w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: id, Body: "b"})
			refused(t, err, fault.NotFound, "")
		}
		w.want(2, "SELECT COUNT(*) FROM mail_message")
		w.want(1, "SELECT COUNT(*) FROM mail_draft WHERE id = $1 AND author_id = 'u-mel'", draft)
		w.want(1, "SELECT COUNT(*) FROM attach_link WHERE holder = $1 AND sealed_by = 'owner'", "mail:"+draft)
	})
}

// TestDoubleClick sends one form from many at once.
func TestDoubleClick(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := mail.Compose{DraftID: db.NewID(), To: "new@example.org", Subject: "s", Body: "b", New: newPatient()}
		type answer struct {
			sent mail.Sent
			err  error
		}
		answers := make(chan answer)
		for range 8 {
			go func() {
				s, err := w.Send(context.WithoutCancel(t.Context()), w.people["dana"], c)
				answers <- answer{s, err}
			}()
		}
		var first mail.Sent
		for range 8 {
			a := <-answers
			if a.err != nil {
				t.Errorf("send: %v", a.err)
				continue
			}
			if first.ThreadID == "" {
				first = a.sent
			}
			if a.sent != first {
				t.Errorf("two messages: %+v and %+v", first, a.sent)
			}
		}
		w.want(1, "SELECT COUNT(*) FROM mail_message")
		w.want(1, "SELECT COUNT(*) FROM mail_thread")
		w.want(1, "SELECT COUNT(*) FROM invite_invitation")
		if n := len(w.outbox("new@example.org")); n != 1 {
			t.Errorf("%d invitations, want 1", n)
		}
	})
}
