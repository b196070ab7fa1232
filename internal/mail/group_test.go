package mail_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/mail"
)

// allow sets how many recipients dana's practice lets a form have.
func (w *world) allow(most int) {
	w.exec("UPDATE practice_practice SET max_recipients = $1 WHERE id = 'p-harbor'", most)
}

// colleague describes a new doctor at an address.
func colleague(email, first string) invite.NewInvitation {
	return invite.NewInvitation{Email: email, Role: invite.DoctorOut, First: first, Last: "New", Cell: "(206) 555-0142"}
}

func patientAt(email string) invite.NewInvitation {
	n := *newPatient()
	n.Email = email
	return n
}

// TestOpeningWakesAuthors: opening a conversation of many tells each whose message was new that it was read.
func TestOpeningWakesAuthors(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		sent := w.send("dana", "santos@example.org, mel@example.org, fred@example.org", "s", "b")
		w.reply("santos", sent.ThreadID, "r")
		for name, want := range map[string]bool{"dana": true, "santos": true, "fred": false} {
			wake, cancel := w.hub.Subscribe(w.people[name].ID)
			defer cancel()
			defer func() {
				select {
				case <-wake:
					if !want {
						t.Errorf("%s is woken", name)
					}
				default:
					if want {
						t.Errorf("%s is not woken", name)
					}
				}
			}()
		}
		w.get("mel", "/mail/t/"+sent.ThreadID)
	})
}

// TestSharedThread: colleagues of any practice share one thread, see each other, and an answer reaches everybody.
func TestSharedThread(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		sent := w.send("dana", "santos@example.org; mel@example.org,\nFRED@example.org, Santos@Example.org", "Implant course", "Who can come?")
		if sent.Messages != 1 {
			t.Fatalf("%d messages", sent.Messages)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_thread")
		w.want(3, "SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND role = 'to' AND delivered_at IS NOT NULL", sent.MessageID)
		w.want(2, "SELECT COUNT(*) FROM mail_thread_key") // one for each practice
		w.want(3, "SELECT COUNT(*) FROM mail_contact WHERE user_id = 'u-dana'")
		if got := w.get("santos", "/mail/inbox").text(".conv"); !strings.Contains(got, "Dana Whitfield and 2 others") {
			t.Errorf("row = %q", got)
		}
		if got := w.get("dana", "/mail/sent").text(".conv"); !strings.Contains(got, "Fred Free, Mel Ito and Miguel Santos") {
			t.Errorf("sent row = %q", got)
		}
		p := w.get("santos", "/mail/t/"+sent.ThreadID)
		if got := p.text("#th"); !strings.Contains(got, "With Dana Whitfield (Harbor Point Dental), Fred Free (Eastlake Oral Surgery) and Mel Ito (Harbor Point Dental). 1 message") {
			t.Errorf("head = %q", got)
		}
		if got := p.text("#reply-h"); got != "Reply to Dana Whitfield, Fred Free and Mel Ito" {
			t.Errorf("reply box = %q", got)
		}
		w.reply("santos", sent.ThreadID, "I can.")
		for _, name := range []string{"dana", "mel", "fred"} {
			if got := w.get(name, "/mail/t/"+sent.ThreadID).text("#thread"); !strings.Contains(got, "I can.") {
				t.Errorf("%s does not see the answer", name)
			}
			w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = $1 AND messages = 2 AND folder = 'inbox'", "u-"+name)
		}
		if got := w.get("fred", "/mail/inbox").text(".conv"); !strings.Contains(got, "Miguel Santos and 2 others") {
			t.Errorf("row after the answer = %q", got)
		}
		for _, name := range []string{"gus", "ruth", "sup"} {
			if p := w.get(name, "/mail/t/"+sent.ThreadID); p.code != 404 {
				t.Errorf("%s sees the thread: %d", name, p.code)
			}
		}
		if n := len(w.outbox("fred@example.org")); n != 2 {
			t.Errorf("%d notices to fred, want 2", n)
		}
	})
}

// TestPatientsApart: every patient has a thread alone and learns of nobody else; the colleagues share theirs.
func TestPatientsApart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		c := mail.Compose{DraftID: db.NewID(), To: "ruth@example.org, santos@example.org, theo@example.org, mel@example.org, new@example.org",
			Subject: "We are closed on Friday", Body: "Happy holidays.", More: []invite.NewInvitation{patientAt("new@example.org")}}
		sent, err := w.Send(t.Context(), w.people["dana"], c)
		must(t, err)
		if sent.Messages != 4 || sent.MessageID != c.DraftID {
			t.Fatalf("sent = %+v", sent)
		}
		w.want(4, "SELECT COUNT(*) FROM mail_thread")
		w.want(2, "SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND role = 'to'", c.DraftID)
		w.want(3, "SELECT COUNT(*) FROM mail_message WHERE form_id = $1", c.DraftID)
		w.want(0, `SELECT COUNT(*) FROM mail_member a JOIN mail_member b ON b.thread_id = a.thread_id AND b.user_id <> a.user_id
			WHERE a.as_role = 'patient' AND b.user_id <> 'u-dana'`)
		for _, name := range []string{"ruth", "theo"} {
			id, _, err := db.One(t.Context(), w.d, db.Scan1[string], "SELECT thread_id FROM mail_member WHERE user_id = $1", "u-"+name)
			must(t, err)
			p := w.get(name, "/mail/t/"+id)
			if got := p.text("#th"); !strings.Contains(got, "With Dana Whitfield, Harbor Point Dental. 1 message") {
				t.Errorf("%s: head = %q", name, got)
			}
			all := w.get(name, "/mail/inbox").raw + p.raw
			for _, other := range []string{"Ruth", "Theo", "Santos", "Mel Ito", "Gloria", "new@example.org", "others"} {
				if strings.Contains(all, other) && !strings.EqualFold(other, name) {
					t.Errorf("%s sees %q", name, other)
				}
			}
			w.reply(name, id, "Thank you, from "+name)
		}
		w.want(0, "SELECT COUNT(*) FROM mail_delivery d JOIN mail_message m ON m.id = d.message_id WHERE m.author_id IN ('u-ruth', 'u-theo') AND d.role = 'to' AND d.user_id <> 'u-dana'")
		w.want(1, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
	})
}

// TestManyRefuses: what several recipients add to the ways of being wrong; each sentence names whom it is about.
func TestManyRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(20)
		w.exec("UPDATE account_user SET state = 'deactivated' WHERE id = 'u-theo'")
		var many []string
		for i := range 21 {
			many = append(many, fmt.Sprintf("p%d@example.org", i))
		}
		for _, tc := range []struct{ name, to, field, text string }{
			{"too many", strings.Join(many, ","), "to", "Choose 20 recipients or fewer. You have entered 21."},
			{"self among them", "ruth@example.org, Dana@example.org", "to", "Dana@example.org: this is your own address. Enter another person's."},
			{"closed among them", "ruth@example.org, theo@example.org", "to", "theo@example.org: this person's account is closed, so they cannot receive messages."},
			{"wrong among them", "ruth@example.org, ruth at home", "to", "ruth at home: enter a valid email address"},
			{"header injection", "ruth@example.org\r\nBcc: eve@example.org", "to", "Bcc: eve@example.org: enter a valid email address"},
			{"two new ones", "a@example.org; b@example.org", "to", "a@example.org is new here. Fill in “New recipient” and send again.\nb@example.org is new here. Fill in “New recipient” and send again."},
			{"endless", strings.Repeat("a", 6001), "to", "To must be 6,000 characters or fewer"},
		} {
			_, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: tc.to, Subject: "s", Body: "b"})
			if got := fault.From(err).For(tc.field); got != tc.text {
				t.Errorf("%s: %q (%v), want %q", tc.name, got, err, tc.text)
			}
		}
		second := colleague("b@example.org", "")
		second.Cell = "12"
		_, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "a@example.org, b@example.org", Subject: "s", Body: "b",
			More: []invite.NewInvitation{second, colleague("a@example.org", "Ann")}})
		if f := fault.From(err); f.For("first_name") != "" || f.For("first_name_2") != "Enter their first name" || f.For("cell_phone_2") == "" {
			t.Errorf("the second block's errors: %+v", f)
		}
		w.nothingSent()
		w.allow(1)
		_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "ruth@example.org, santos@example.org", Subject: "s", Body: "b"})
		if got := fault.From(err).For("to"); got != "Choose one recipient" {
			t.Errorf("with one allowed: %q", got)
		}
		w.send("dana", "ruth@example.org, RUTH@example.org", "twice the same is one", "b")
		w.want(1, "SELECT COUNT(*) FROM mail_thread")
		w.allow(99) // what no page lets a manager choose
		_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: strings.Join(many, ","), Subject: "s", Body: "b"})
		if got := fault.From(err).For("to"); got != "Choose 20 recipients or fewer. You have entered 21." {
			t.Errorf("beyond every setting: %q", got)
		}
	})
}

// TestManySameForm: the same form is the same messages, in whatever order its recipients are typed; any other content is
// told so and sends nothing.
func TestManySameForm(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		c := mail.Compose{DraftID: db.NewID(), To: "ruth@example.org, santos@example.org, theo@example.org, mel@example.org, new@example.org", Subject: "s", Body: "b",
			More: []invite.NewInvitation{colleague("new@example.org", "Nora")}}
		type answer struct {
			sent mail.Sent
			err  error
		}
		answers := make(chan answer)
		for range 6 {
			go func() {
				s, err := w.Send(context.WithoutCancel(t.Context()), w.people["dana"], c)
				answers <- answer{s, err}
			}()
		}
		var first mail.Sent
		for range 6 {
			a := <-answers
			must(t, a.err)
			if first == (mail.Sent{}) {
				first = a.sent
			}
			if a.sent != first {
				t.Errorf("%+v, want %+v", a.sent, first)
			}
		}
		w.accept("new", w.invitation("new@example.org"), account.NewUser{First: "Nora", Last: "New", PracticeID: "p-eastlake", Role: actor.Doctor})
		c.To = "mel@example.org, NEW@example.org, theo@example.org, santos@example.org, ruth@example.org"
		if again, err := w.Send(t.Context(), w.people["dana"], c); err != nil || again != first {
			t.Errorf("in another order: %+v, %v", again, err)
		}
		for name, change := range map[string]func(c *mail.Compose){
			"one patient fewer": func(c *mail.Compose) { c.To = "mel@example.org, new@example.org, santos@example.org, ruth@example.org" },
			"one colleague fewer": func(c *mail.Compose) {
				c.To = "mel@example.org, theo@example.org, santos@example.org, ruth@example.org"
			},
			"one colleague other": func(c *mail.Compose) {
				c.To = "mel@example.org, fred@example.org, theo@example.org, santos@example.org, ruth@example.org"
			},
			"only the first": func(c *mail.Compose) { c.To = "ruth@example.org" },
			"the body":       func(c *mail.Compose) { c.Body = "other" },
		} {
			o := c
			change(&o)
			if _, err := w.Send(t.Context(), w.people["dana"], o); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.want(3, "SELECT COUNT(*) FROM mail_message")
		w.want(1, "SELECT COUNT(*) FROM invite_invitation")
		if n := len(w.outbox("ruth@example.org")); n != 1 {
			t.Errorf("%d notices to ruth", n)
		}
	})
}

// TestAllOrNothing: one recipient who cannot be invited any more today keeps the whole form back.
func TestAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(20)
		invited := 0
		for {
			c := mail.Compose{DraftID: db.NewID(), To: "ruth@example.org", Subject: "s", Body: "b"}
			for i := range 15 {
				email := fmt.Sprintf("n%d-%d@example.org", invited, i)
				c.To += ", " + email
				c.More = append(c.More, patientAt(email))
			}
			before := w.count("SELECT COUNT(*) FROM mail_message")
			_, err := w.Send(t.Context(), w.people["dana"], c)
			if err == nil {
				invited += 15
				continue
			}
			refused(t, err, fault.TooMany, "")
			w.want(before, "SELECT COUNT(*) FROM mail_message")
			w.want(int64(invited), "SELECT COUNT(*) FROM invite_invitation")
			break
		}
		if invited != 45 { // the limit is 50 a day: each new address counts
			t.Errorf("%d were invited before the day's limit", invited)
		}
	})
}

// TestFilesOfSeveral: the files of one form are linked to each of its messages, sealed by each thread, and stored once;
// the last clean verdict gives every message.
func TestFilesOfSeveral(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		id := w.draftWith("dana", "", "Plan.pdf", pdf("plan"))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "ruth@example.org, theo@example.org, santos@example.org, mel@example.org", Subject: "s", Body: "b"})
		must(t, err)
		if sent.State != mail.Waiting || sent.Messages != 3 {
			t.Fatalf("sent = %+v", sent)
		}
		w.want(1, "SELECT COUNT(*) FROM attach_file")
		w.want(3, "SELECT COUNT(*) FROM attach_link WHERE sealed_by = 'thread'")
		w.want(3, "SELECT COUNT(*) FROM mail_message WHERE state = 'waiting' AND files = 1")
		for _, name := range []string{"ruth", "theo", "santos", "mel"} {
			w.invisible(name, sent.ThreadID)
		}
		w.work()
		w.want(3, "SELECT COUNT(*) FROM mail_message WHERE state = 'delivered'")
		links := map[string]string{}
		for _, name := range []string{"ruth", "theo", "santos", "mel"} {
			thread, _, err := db.One(t.Context(), w.d, db.Scan1[string], "SELECT thread_id FROM mail_member WHERE user_id = $1 AND unread AND files = 1", "u-"+name)
			must(t, err)
			href, _ := w.get(name, "/mail/t/"+thread).Find(`.files a[href^="/mail/attachments/"]`).First().Attr("href")
			if p := w.get(name, href); p.code != 200 || p.raw != string(pdf("plan")) {
				t.Errorf("%s downloads %q: %d", name, href, p.code)
			}
			links[name] = href
		}
		if links["ruth"] == links["theo"] || links["santos"] != links["mel"] {
			t.Errorf("links = %v", links)
		}
		for name, foreign := range map[string]string{"ruth": links["theo"], "theo": links["mel"], "mel": links["ruth"]} {
			if p := w.get(name, foreign); p.code != 404 {
				t.Errorf("%s gets another thread's file: %d", name, p.code)
			}
		}
	})
}

// TestVirusOfSeveral: a refused file brings the form's messages back as the one draft they were, with everybody it was
// for and its file once; its author is told once, and nobody sees anything.
func TestVirusOfSeveral(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		id := w.draftWith("dana", "", "plan.txt", virus())
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "ruth@example.org, santos@example.org, mel@example.org", Subject: "s", Body: "b"})
		must(t, err)
		w.work()
		w.want(2, "SELECT COUNT(*) FROM mail_message WHERE state = 'stopped'")
		w.want(0, "SELECT COUNT(*) FROM mail_member")
		w.invisible("ruth", sent.ThreadID)
		w.invisible("mel", sent.ThreadID)
		drafts := w.get("dana", "/mail/drafts")
		for _, to := range []string{"ruth@example.org", "mel@example.org", "santos@example.org"} {
			if !strings.Contains(drafts.text(".list"), to) {
				t.Errorf("drafts = %q, want one to %q too", drafts.text(".list"), to)
			}
		}
		w.want(1, "SELECT COUNT(*) FROM mail_draft")
		w.want(1, "SELECT COUNT(*) FROM attach_link")
		if n := len(w.outbox("dana@example.org")); n != 1 {
			t.Errorf("%d e-mails say that the message was stopped, want 1", n)
		}
		_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "ruth@example.org, santos@example.org, mel@example.org", Subject: "s", Body: "b"})
		refused(t, err, fault.Conflict, "")
	})
}

// TestClosedInGroup: an answer goes to the others, the page says who does not get it, and only when nobody is left it is
// refused.
func TestClosedInGroup(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		sent := w.send("dana", "santos@example.org, mel@example.org", "s", "b")
		w.exec("UPDATE account_user SET state = 'deactivated' WHERE id = 'u-mel'")
		if got := w.get("santos", "/mail/t/"+sent.ThreadID).text("#reply"); !strings.Contains(got, "Reply to Dana Whitfield") || !strings.Contains(got, "Mel Ito’s account is closed, so they will not get your message.") {
			t.Errorf("reply box = %q", got)
		}
		for range 2 { // the thread stays one of several, also in the second answer
			r := w.reply("santos", sent.ThreadID, "still here")
			w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND role = 'to' AND user_id = 'u-dana'", r.MessageID)
			w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND user_id = 'u-mel'", r.MessageID)
		}
		w.exec("UPDATE account_user SET state = 'deactivated' WHERE id = 'u-dana'")
		_, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: db.NewID(), ThreadID: sent.ThreadID, Body: "nobody"})
		refused(t, err, fault.Conflict, "")
	})
}

// TestClaimIntoGroup: invited colleagues of one thread come in one by one or at once; everybody then sees them by name,
// what was written meanwhile is theirs too, and their answers reach all.
func TestClaimIntoGroup(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		for round := range 3 {
			a, b := fmt.Sprintf("ann%d", round), fmt.Sprintf("bo%d", round)
			sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "santos@example.org, " + a + "@example.org, " + b + "@example.org", Subject: "s", Body: "first",
				More: []invite.NewInvitation{colleague(a+"@example.org", "Ann"), colleague(b+"@example.org", "Bo")}})
			must(t, err)
			w.want(2, "SELECT COUNT(*) FROM mail_pending WHERE message_id = $1 AND state = 'waiting'", sent.MessageID)
			if got := w.get("santos", "/mail/t/"+sent.ThreadID).text("#thread"); !strings.Contains(got, "With Ann New, Bo New and Dana Whitfield (Harbor Point Dental)") || !strings.Contains(got, "Ann New and Bo New have not registered yet.") {
				t.Errorf("thread = %q", got)
			}
			w.reply("santos", sent.ThreadID, "second")
			w.want(4, "SELECT COUNT(*) FROM mail_pending WHERE thread_id = $1 AND state = 'waiting'", sent.ThreadID)
			var both sync.WaitGroup
			for i, name := range []string{a, b} {
				w.people[name] = actor.Actor{}
				id := w.invitation(name + "@example.org")
				w.tx(func(ctx context.Context, tx *db.Tx) error {
					return w.join(ctx, tx, account.NewUser{ID: "u-" + name, First: []string{"Ann", "Bo"}[i], Last: "Real", PracticeID: "p-eastlake", Role: actor.Doctor})
				})
				by := w.people[name]
				both.Go(func() {
					if err := w.d.InTx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *db.Tx) error {
						if _, err := tx.Exec(ctx, "UPDATE invite_invitation SET state = 'accepted', accepted_by = $2, version = version + 1 WHERE id = $1", id, by.ID); err != nil {
							return err
						}
						return w.Claim(ctx, tx, invite.Accepted{InvitationID: id, UserID: by.ID, OwnerID: by.OwnerID, Role: by.Role})
					}); err != nil {
						t.Errorf("claim: %v", err)
					}
				})
			}
			both.Wait()
			w.want(0, "SELECT COUNT(*) FROM mail_pending WHERE thread_id = $1 AND state = 'waiting'", sent.ThreadID)
			w.want(4, "SELECT COUNT(*) FROM mail_member WHERE thread_id = $1 AND messages = 2", sent.ThreadID)
			if got := w.get(a, "/mail/t/"+sent.ThreadID).text("#thread"); !strings.Contains(got, "With Bo Real (Eastlake Oral Surgery), Dana Whitfield (Harbor Point Dental) and Miguel Santos (Eastlake Oral Surgery). 2 messages") {
				t.Errorf("the newcomer's thread = %q", got)
			}
			if got := w.get("dana", "/mail/sent").text(".conv:first-child"); !strings.Contains(got, "Ann Real") || !strings.Contains(got, "Bo Real") || strings.Contains(got, " New") {
				t.Errorf("sent row = %q", got)
			}
			r := w.reply(b, sent.ThreadID, "third")
			w.want(3, "SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND role = 'to' AND delivered_at IS NOT NULL", r.MessageID)
			w.want(0, "SELECT COUNT(*) FROM mail_contact WHERE user_id = $1", "u-"+b)
		}
	})
}

// TestMixedRecipients: known, invited, held and new recipients in one form; an account with a held invitation's address
// gets nothing before it is confirmed.
func TestMixedRecipients(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		one := colleague("held@example.org", "Hal")
		_, err := w.Send(t.Context(), w.people["mel"], mail.Compose{DraftID: db.NewID(), To: one.Email, Subject: "s", Body: "b", New: &one})
		must(t, err)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			if err := w.join(ctx, tx, account.NewUser{ID: "u-held", First: "Hal", Last: "Held", PracticeID: "p-eastlake", Role: actor.Doctor}); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE invite_invitation SET state = 'held'")
			return err
		})
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "held@example.org, santos@example.org, new@example.org", Subject: "mixed", Body: "b",
			More: []invite.NewInvitation{colleague("new@example.org", "Nora")}})
		must(t, err)
		w.want(2, "SELECT COUNT(*) FROM mail_pending WHERE message_id = $1 AND state = 'waiting'", sent.MessageID)
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND role = 'to'", sent.MessageID)
		w.invisible("held", sent.ThreadID)
		w.reply("santos", sent.ThreadID, "reaches all three")
		w.want(4, "SELECT COUNT(*) FROM mail_pending WHERE thread_id = $1 AND state = 'waiting'", sent.ThreadID)
		w.invisible("held", sent.ThreadID)
	})
}

// TestTwiceInOneGroup: somebody who is in a group by their account and claims an invitation of another address in it has
// the message once.
func TestTwiceInOneGroup(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "santos@example.org, other@example.org", Subject: "s", Body: "b",
			More: []invite.NewInvitation{colleague("other@example.org", "Miguel")}})
		must(t, err)
		santos := w.people["santos"]
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return w.Claim(ctx, tx, invite.Accepted{InvitationID: w.invitation("other@example.org"), UserID: santos.ID, OwnerID: santos.OwnerID, Role: santos.Role})
		})
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND messages = 1")
		w.reply("dana", sent.ThreadID, "more")
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND messages = 2")
	})
}

// TestPatientClaimsNoGroup: somebody who was invited as a colleague and has a patient's account comes into no thread of
// several; its beginner has the message in Drafts, files too, and can send it to them alone.
func TestPatientClaimsNoGroup(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		draft := w.draftWith("dana", "", "Plan.pdf", pdf("plan"))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: draft, To: "santos@example.org, pat@example.org", Subject: "For colleagues", Body: "Only for us",
			More: []invite.NewInvitation{colleague("pat@example.org", "Pat")}})
		must(t, err)
		w.work()
		w.reply("santos", sent.ThreadID, "Between us")
		alone, err := w.Send(t.Context(), w.people["mel"], mail.Compose{DraftID: db.NewID(), To: "pat@example.org", Subject: "Alone", Body: "b"})
		must(t, err)
		w.accept("pat", w.invitation("pat@example.org"), account.NewUser{First: "Pat", Last: "Tient", Role: actor.Patient})
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-pat'")
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-pat'")
		w.want(1, "SELECT COUNT(*) FROM mail_thread_key WHERE owner_id = $1", w.people["pat"].OwnerID)
		w.want(0, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
		if p := w.get("pat", "/mail/t/"+alone.ThreadID); p.code != 200 {
			t.Errorf("their own thread: %d", p.code)
		}
		if p := w.get("pat", "/mail/t/"+sent.ThreadID); p.code != 404 {
			t.Errorf("the colleagues' thread: %d", p.code)
		}
		id, found, err := db.One(t.Context(), w.d, db.Scan1[string], "SELECT id FROM mail_draft WHERE author_id = 'u-dana'")
		if err != nil || !found {
			t.Fatal("no draft", err)
		}
		if p := w.get("dana", "/mail/new?draft="+id); p.text("[name=to]") != "pat@example.org" || p.Find("#body").Text() != "Only for us" || !strings.Contains(p.text(".attach"), "Plan.pdf") {
			t.Errorf("the draft = %q", p.text("form.compose"))
		}
		if n := len(w.outbox("dana@example.org")); n != 2 { // the answer, and that somebody got nothing
			t.Errorf("%d notices to dana", n)
		}
		again, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "pat@example.org", Subject: "For colleagues", Body: "Only for us"})
		must(t, err)
		if p := w.get("pat", "/mail/t/"+again.ThreadID); p.code != 200 || !strings.Contains(p.text("#thread"), "Plan.pdf") || strings.Contains(p.raw, "Santos") {
			t.Errorf("sent alone: %d", p.code)
		}
		w.reply("dana", sent.ThreadID, "still only colleagues")
		w.want(2, "SELECT COUNT(*) FROM mail_member WHERE thread_id = $1", sent.ThreadID)
	})
}
