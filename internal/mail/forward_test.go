package mail_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
)

// forwardOf begins a draft by the page's button and returns its id and the compose page.
func (w *world) forwardOf(as, messageID string) (string, page) {
	w.t.Helper()
	p := w.post(as, "/mail/m/"+messageID+"/forward", nil)
	to := p.head.Get("Location")
	id, ok := strings.CutPrefix(to, "/mail/new?draft=")
	if p.code != 303 || !ok {
		w.t.Fatalf("forward: %d to %q", p.code, to)
	}
	return id, w.get(as, to)
}

// sendDraft sends the compose form of a draft to somebody.
func (w *world) sendDraft(as, id, to string, more ...[2]string) page {
	w.t.Helper()
	form := w.get(as, "/mail/new?draft="+id)
	value := func(name string) string { return form.Find("form[data-compose] [name="+name+"]").AttrOr("value", "") }
	fields := [][2]string{{"id", id}, {"version", value("version")}, {"to", to}, {"subject", value("subject")}, {"body", form.Find("textarea[name=body]").Text()}}
	return w.postFiles(as, "/mail/new", append(fields, more...))
}

// TestForward passes a received message on as a new one: subject marked once, origin shown in the text and on the thread
// page, files under new links, and a line in the trail.
func TestForward(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("santos", "", "scan.pdf", pdf("scan"))
		sent, err := w.Send(t.Context(), w.people["santos"], mail.Compose{DraftID: id, To: "dana@example.org", Subject: "Alvarez, #30", Body: "The scan is attached."})
		must(t, err)
		w.work()
		w.clock.Advance(time.Hour)
		draft, form := w.forwardOf("dana", sent.MessageID)
		body := form.Find("textarea[name=body]").Text()
		want := "\n---------- Forwarded message ----------\nFrom: Miguel Santos, Eastlake Oral Surgery\nSent: Nov 23, 2026 at 2:40 PM PST\nTo: Dana Whitfield, Harbor Point Dental\n\nThe scan is attached."
		if !strings.HasSuffix(body, want) || strings.TrimSpace(strings.TrimSuffix(body, want)) != "" {
			t.Errorf("body = %q", body)
		}
		if got := form.Find("[name=subject]").AttrOr("value", ""); got != "Fwd: Alvarez, #30" {
			t.Errorf("subject = %q", got)
		}
		if got := form.text(".attach .fn"); got != "scan.pdf" {
			t.Errorf("files = %q", got)
		}
		w.want(2, "SELECT COUNT(*) FROM attach_link")
		w.want(1, "SELECT COUNT(*) FROM attach_file")
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-dana' AND message_id = $1 AND opened_at IS NOT NULL", sent.MessageID)
		if p := w.sendDraft("dana", draft, "mel@example.org"); p.code != 303 {
			t.Fatalf("send: %d %q", p.code, p.text(".summary"))
		}
		w.want(1, "SELECT COUNT(*) FROM mail_message WHERE id = $1 AND forwarded_from = $2 AND state = 'delivered' AND files = 1", draft, sent.MessageID)
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.forwarded' AND subject_id = $1 AND detail LIKE '%'||$2||'%' AND detail LIKE '%u-mel%' AND detail NOT LIKE '%confirmed%'", draft, sent.MessageID)
		thread := w.get("mel", "/mail")
		thread = w.get("mel", thread.head.Get("Location"))
		if got := thread.text(".sheet .text"); !strings.Contains(got, "Forwarded from Miguel Santos, Nov 23") {
			t.Errorf("thread = %q", got)
		}
		link, _ := thread.Find(".sheet .files a").Attr("href")
		if p := w.get("mel", link); p.code != 200 || !strings.Contains(p.raw, "scan") {
			t.Errorf("file: %d", p.code)
		}
		if _, form := w.forwardOf("mel", draft); form.Find("[name=subject]").AttrOr("value", "") != "Fwd: Alvarez, #30" {
			t.Errorf("subject twice: %q", form.Find("[name=subject]").AttrOr("value", ""))
		}
	})
}

// TestForwardRefuses: what one may not see, or what nobody sees, is not found; who only replies cannot forward.
func TestForwardRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "ruth@example.org", "Your crown", "How is it?")
		back := w.reply("ruth", sent.ThreadID, "A little high")
		refused := func(as, id string, code int) {
			t.Helper()
			if p := w.post(as, "/mail/m/"+id+"/forward", nil); p.code != code || strings.Contains(p.raw, "A little high") {
				t.Errorf("%s forwards: %d", as, p.code)
			}
		}
		refused("santos", back.MessageID, 404)
		refused("mel", back.MessageID, 404) // the manager of the author's own practice
		refused("sup", back.MessageID, 404)
		refused("dana", db.NewID(), 404)
		refused("dana", "nonsense", 404)
		refused("ruth", sent.MessageID, 403)
		w.want(3, "SELECT COUNT(*) FROM audit_event WHERE action = 'access.refused' AND subject_kind = 'message'")
		for _, as := range []string{"ruth", "fred"} {
			if n := w.get(as, "/mail/t/"+sent.ThreadID).Find("[action$='/forward']").Length(); n != 0 {
				t.Errorf("%s is offered Forward", as)
			}
		}
		if n := w.get("dana", "/mail/t/"+sent.ThreadID).Find("[action$='/forward']").Length(); n != 2 {
			t.Errorf("dana is offered Forward %d times", n)
		}
		if n := w.get("dana", "/mail/t/"+sent.ThreadID+"/print").Find("[action$='/forward']").Length(); n != 0 {
			t.Error("the page for paper offers Forward")
		}
		for _, state := range []string{"waiting", "stopped", "recalled"} {
			w.exec("UPDATE mail_message SET state = $1 WHERE id = $2", state, back.MessageID)
			refused("dana", back.MessageID, 404)
			w.exec("UPDATE mail_message SET state = $1 WHERE id = $2", state, sent.MessageID)
			refused("dana", sent.MessageID, 404)
		}
		w.exec("UPDATE mail_message SET state = 'delivered'")
		w.exec("UPDATE mail_delivery SET access_until = $1 WHERE user_id = 'u-dana'", start.UnixMicro())
		refused("dana", back.MessageID, 404)
		w.want(0, "SELECT COUNT(*) FROM mail_draft")
		w.want(0, "SELECT COUNT(*) FROM mail_forward")
	})
}

// TestPatientsMessageLeaves: what came from a patient, or stood in a thread with one, goes outside the practice only after
// a confirmation of just that recipient, also when a colleague passed it on, and when the draft was deleted in between.
func TestPatientsMessageLeaves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "ruth@example.org", "Your crown", "How is it?")
		back := w.reply("ruth", sent.ThreadID, "A little high")
		draft, _ := w.forwardOf("dana", back.MessageID)
		p := w.sendDraft("dana", draft, "santos@example.org")
		box := p.Find("input[type=checkbox][name=outside]")
		if p.code != 422 || box.Length() != 1 || !strings.Contains(p.text("main"), "This message came from a patient.") || !strings.Contains(p.text("main"), "I confirm that santos@example.org may receive this patient's message.") {
			t.Fatalf("%d %q", p.code, p.text(".summary"))
		}
		for _, value := range []string{"yes", "mel@example.org", ""} {
			if p := w.sendDraft("dana", draft, "santos@example.org", [2]string{"outside", value}); p.code != 422 {
				t.Errorf("confirmed with %q: %d", value, p.code)
			}
		}
		w.want(0, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos'")
		_, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: draft, To: "gloria@example.org", Subject: "s", Body: "b", New: newPatient()})
		refused(t, err, fault.Invalid, "outside")
		if p := w.post("dana", "/mail/d/"+draft+"/delete", nil); p.code != 303 {
			t.Fatalf("delete: %d", p.code)
		}
		_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: draft, To: "santos@example.org", Subject: "s", Body: "kept in the other tab"})
		refused(t, err, fault.Invalid, "outside")
		_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: draft, To: "mel@example.org", Subject: "s", Body: "for a colleague"})
		must(t, err)
		again, _ := w.forwardOf("mel", draft)
		if p := w.sendDraft("mel", again, "santos@example.org"); p.code != 422 {
			t.Errorf("passed on by a colleague: %d", p.code)
		}
		own, _ := w.forwardOf("dana", sent.MessageID)
		if p := w.sendDraft("dana", own, "santos@example.org"); p.code != 422 {
			t.Errorf("one's own to a patient: %d", p.code)
		}
		p = w.sendDraft("dana", own, "santos@example.org", [2]string{"outside", box.AttrOr("value", "")})
		if p.code != 303 {
			t.Fatalf("confirmed: %d %q", p.code, p.text(".summary"))
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.forwarded' AND subject_id = $1 AND detail LIKE '%confirmed%' AND detail LIKE '%u-santos%'", own)
		if p := w.sendDraft("dana", own, "santos@example.org"); p.code == 303 {
			t.Error("a form of another text was taken for the one sent")
		}
	})
}

// TestForwardComesBack: a forwarded message whose own new file was refused is a draft that still comes from a patient.
func TestForwardComesBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "ruth@example.org", "Your crown", "How is it?")
		draft, _ := w.forwardOf("dana", sent.MessageID)
		if p := w.postFiles("dana", "/mail/drafts/file", [][2]string{{"id", draft}}, upload{"bad.txt", virus()}); p.code != 200 {
			t.Fatalf("file: %d", p.code)
		}
		if p := w.sendDraft("dana", draft, "santos@example.org", [2]string{"outside", "santos@example.org"}); p.code != 303 {
			t.Fatalf("send: %d %q", p.code, p.text(".summary"))
		}
		w.work()
		href, _ := w.get("dana", "/mail/drafts").Find(".conv a").Attr("href")
		id := strings.TrimPrefix(href, "/mail/d/")
		if id == draft || id == "" {
			t.Fatalf("draft %q", href)
		}
		_, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "s", Body: "b"})
		refused(t, err, fault.Invalid, "outside")
	})
}

// TestForwardHostile: what is passed on and who wrote it is data.
func TestForwardHostile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const evil = "<script>alert(1)</script>\u202egnp\r\nBcc: x@evil.example"
		w.exec("UPDATE account_user SET first_name = $1 WHERE id = 'u-santos'", "Mi\u202eguel <b>\nTo: x")
		sent := w.send("santos", "dana@example.org", evil, evil)
		draft, form := w.forwardOf("dana", sent.MessageID)
		harmless(t, "compose", form)
		body := form.Find("textarea[name=body]").Text()
		head, _, _ := strings.Cut(body, "\n\n"+"<script>")
		if strings.Contains(head, "\u202e") || strings.Count(head, "\nTo: ") != 1 {
			t.Errorf("head = %q", head)
		}
		if p := w.sendDraft("dana", draft, "mel@example.org"); p.code != 303 {
			t.Fatalf("send: %d %q", p.code, p.text(".summary"))
		}
		harmless(t, "thread", w.get("mel", w.get("mel", "/mail").head.Get("Location")))
		long := w.send("santos", "dana@example.org", strings.Repeat("é", 200), strings.Repeat("é", 100_000))
		if p := w.post("dana", "/mail/m/"+long.MessageID+"/forward", url.Values{}); p.code != 409 {
			t.Errorf("too long: %d", p.code)
		}
		short := w.send("santos", "dana@example.org", strings.Repeat("é", 200), "b")
		_, form = w.forwardOf("dana", short.MessageID)
		if got := []rune(form.Find("[name=subject]").AttrOr("value", "")); len(got) != 200 {
			t.Errorf("subject of %d characters", len(got))
		}
	})
}

// TestForwardToSeveral: every message of the form says where it comes from, and a patient apart gets the files too.
func TestForwardToSeveral(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.exec("UPDATE practice_practice SET max_recipients = 5 WHERE id = 'p-harbor'")
		id := w.draftWith("santos", "", "scan.pdf", pdf("scan"))
		sent, err := w.Send(t.Context(), w.people["santos"], mail.Compose{DraftID: id, To: "dana@example.org", Subject: "s", Body: "b"})
		must(t, err)
		w.work()
		draft, _ := w.forwardOf("dana", sent.MessageID)
		if p := w.sendDraft("dana", draft, "mel@example.org, ruth@example.org"); p.code != 303 {
			t.Fatalf("send: %d %q", p.code, p.text(".summary"))
		}
		w.want(2, "SELECT COUNT(*) FROM mail_message WHERE forwarded_from = $1 AND files = 1", sent.MessageID)
		w.want(2, "SELECT COUNT(*) FROM mail_forward WHERE from_message_id = $1", sent.MessageID)
		w.want(2, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.forwarded'")
		for _, as := range []string{"mel", "ruth"} {
			if got := w.get(as, w.get(as, "/mail").head.Get("Location")).text(".sheet .text"); !strings.Contains(got, "Forwarded from Miguel Santos") {
				t.Errorf("%s reads %q", as, got)
			}
		}
		back := w.reply("ruth", w.thread("ruth"), "from a patient")
		draft, _ = w.forwardOf("dana", back.MessageID)
		if p := w.sendDraft("dana", draft, "mel@example.org, santos@example.org"); p.code != 422 || p.Find("[name=outside]").AttrOr("value", "") != "mel@example.org, santos@example.org" {
			t.Errorf("one of two is outside: %d", p.code)
		}
	})
}

// thread is the one conversation of somebody's Inbox.
func (w *world) thread(as string) string {
	href, _ := w.get(as, "/mail/inbox").Find(".conv a").Attr("href")
	id, _, _ := strings.Cut(strings.TrimPrefix(href, "/mail/t/"), "?")
	return id
}
