package mail_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/mail"
)

// conversation is two messages with a file, between two practices.
func (w *world) conversation() mail.Sent {
	w.t.Helper()
	id := w.draftWith("dana", "", "../<x>: ray.pdf", pdf("x-ray"))
	sent, err := w.Send(w.t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: `X-rays <b>"of" tooth 14</b>`, Body: "Hello Θεανώ 🦷\n<script>alert(1)</script>"})
	must(w.t, err)
	w.work()
	w.clock.Advance(time.Minute)
	w.reply("santos", sent.ThreadID, "The answer of Eastlake")
	w.clock.Advance(time.Minute)
	return sent
}

// pdfText reads a PDF's text with a program of the machine's, where it has one.
func pdfText(t *testing.T, p page) string {
	t.Helper()
	if p.code != http.StatusOK || p.head.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(p.raw, "%PDF-") {
		t.Fatalf("%d %s %.200q", p.code, p.head.Get("Content-Type"), p.raw)
	}
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		return ""
	}
	name := filepath.Join(t.TempDir(), "a.pdf")
	must(t, os.WriteFile(name, []byte(p.raw), 0o600))
	out, err := exec.CommandContext(t.Context(), tool, "-layout", name, "-").Output()
	must(t, err)
	return strings.Join(strings.Fields(string(out)), " ")
}

// TestRecordPDF: participants with practice, whole times with zone, files with their sums, page numbers, who and when.
func TestRecordPDF(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.conversation()
		p := w.get("dana", "/mail/t/"+sent.ThreadID+"/pdf")
		text := pdfText(t, p)
		if got := p.head.Get("Content-Disposition"); got != `attachment; filename="Conversation-2026-11-23.pdf"` {
			t.Errorf("name = %s", got)
		}
		sums, err := w.attach.Sums(t.Context(), w.d, w.ids("SELECT file_id FROM attach_link"))
		must(t, err)
		for _, want := range []string{"Participants: Dana Whitfield, Harbor Point Dental; Miguel Santos, Eastlake Oral Surgery", "Nov 23, 2026 at 2:40 PM PST", "2 messages",
			"Hello Θεανώ �", "<script>alert(1)</script>", "The answer of Eastlake", "<x>: ray.pdf", "Page 1 of 1", "SecurePractice. Saved as PDF by Dana Whitfield, Harbor Point Dental on Nov 23, 2026 at 2:42 PM PST"} {
			if text != "" && !strings.Contains(text, want) {
				t.Errorf("the PDF lacks %q: %s", want, text)
			}
		}
		for _, sum := range sums {
			if text != "" && !strings.Contains(text, "SHA-256: "+sum) {
				t.Errorf("the PDF lacks the file's sum %s: %s", sum, text)
			}
		}
		if len(sums) != 1 {
			t.Errorf("%d sums, want 1", len(sums))
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.printed' AND thread_id = $1", sent.ThreadID)
		w.want(1, "SELECT COUNT(*) FROM mail_print WHERE thread_id = $1 AND user_id = 'u-dana' AND kind = 'pdf' AND messages = 2 AND message_id IS NULL", sent.ThreadID)
		if again := w.get("dana", "/mail/t/"+sent.ThreadID+"/pdf"); again.raw != p.raw {
			t.Error("the same conversation at the same time is another document")
		}
	})
}

// ids reads one column of texts.
func (w *world) ids(query string) []string {
	w.t.Helper()
	list, err := db.All(w.t.Context(), w.d, db.Scan1[string], query)
	must(w.t, err)
	return list
}

// TestRecordOfOneMessage holds that message alone, on paper and as PDF.
func TestRecordOfOneMessage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.conversation()
		link, _ := w.get("santos", "/mail/t/"+sent.ThreadID).Find("#m-" + sent.MessageID + ` a[href*="/print?message="]`).Attr("href")
		p := w.get("santos", link)
		got := p.text("main")
		if p.code != 200 || !strings.Contains(got, "Hello") || strings.Contains(got, "The answer") || !strings.Contains(got, "Printed by Miguel Santos, Eastlake Oral Surgery") {
			t.Errorf("%d %q", p.code, got)
		}
		if p.Find("main script, main b").Length() != 0 {
			t.Error("text of a message became HTML")
		}
		text := pdfText(t, w.get("santos", strings.Replace(link, "/print", "/pdf", 1)))
		if text != "" && (!strings.Contains(text, "Hello") || strings.Contains(text, "The answer")) {
			t.Errorf("PDF = %s", text)
		}
		w.want(2, "SELECT COUNT(*) FROM mail_print WHERE message_id = $1 AND user_id = 'u-santos'", sent.MessageID)
		other := w.send("dana", "ruth@example.org", "Other", "Of another conversation")
		for _, id := range []string{other.MessageID, "x", "'; DROP TABLE mail_print"} {
			if p := w.get("santos", "/mail/t/"+sent.ThreadID+"/pdf?message="+url.QueryEscape(id)); p.code != 404 {
				t.Errorf("message %q of another conversation: %d", id, p.code)
			}
		}
	})
}

// TestRecordHoldsNothingThatWaits: what waits, was stopped or recalled is in nobody's record.
func TestRecordHoldsNothingThatWaits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.conversation()
		held := w.reply("dana", sent.ThreadID, "A hidden word")
		for _, state := range []string{"waiting", "stopped", "recalled"} {
			w.exec("UPDATE mail_message SET state = $2 WHERE id = $1", held.MessageID, state)
			for _, who := range []string{"dana", "santos"} {
				if p := w.get(who, "/mail/t/"+sent.ThreadID+"/print"); p.code != 200 || strings.Contains(p.text("main"), "hidden") || !strings.Contains(p.text("main"), "2 messages") {
					t.Errorf("%s, %s: %d %q", state, who, p.code, p.text("main"))
				}
				if text := pdfText(t, w.get(who, "/mail/t/"+sent.ThreadID+"/pdf")); strings.Contains(text, "hidden") {
					t.Errorf("%s, %s: %s", state, who, text)
				}
				if p := w.get(who, "/mail/t/"+sent.ThreadID+"/pdf?message="+held.MessageID); p.code != 404 {
					t.Errorf("%s, %s: alone: %d", state, who, p.code)
				}
			}
		}
	})
}

// TestRecordOpens: what is new to a reader counts as opened when they take it out, for its author too.
func TestRecordOpens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "one")
		w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND opened_at IS NOT NULL AND role = 'to'", sent.MessageID)
		pdfText(t, w.get("santos", "/mail/t/"+sent.ThreadID+"/pdf"))
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND opened_at IS NOT NULL AND role = 'to'", sent.MessageID)
		w.want(0, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND unread")
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.view'")
	})
}

// TestRecordLimit: a person takes only so many records an hour; printing a page is not counted.
func TestRecordLimit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "one")
		for range 60 {
			if p := w.get("dana", "/mail/t/"+sent.ThreadID+"/pdf"); p.code != 200 {
				t.Fatalf("%d", p.code)
			}
		}
		if p := w.get("dana", "/mail/t/"+sent.ThreadID+"/pdf"); p.code != 429 || !strings.Contains(p.raw, "Try again in an hour") {
			t.Errorf("%d %.300s", p.code, p.raw)
		}
		if p := w.get("dana", "/mail/t/"+sent.ThreadID+"/print"); p.code != 200 {
			t.Errorf("print: %d", p.code)
		}
		w.want(60, "SELECT COUNT(*) FROM mail_print WHERE kind = 'pdf'")
	})
}

// TestRecordParts: what is too long for one document is refused as PDF with the way on, and printed in parts.
func TestRecordParts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "number 0")
		big := string(bytes.Repeat([]byte("word "), 19_000))
		for range 23 {
			w.clock.Advance(time.Second)
			w.reply("dana", sent.ThreadID, big)
		}
		if p := w.get("santos", "/mail/t/"+sent.ThreadID+"/pdf"); p.code != 409 || !strings.Contains(p.raw, "too long for one PDF") {
			t.Errorf("%d %.300s", p.code, p.raw)
		}
		p := w.get("santos", "/mail/t/"+sent.ThreadID+"/print")
		next, _ := p.Find(`main a[href*="?part="]`).Attr("href")
		if n := p.Find("details.sheet").Length(); !strings.Contains(p.text("main"), "Part 1 of 2") || n < 20 || n > 23 {
			t.Errorf("%d sheets", n)
		}
		if q := w.get("santos", next); p.Find("details.sheet").Length()+q.Find("details.sheet").Length() != 24 {
			t.Errorf("the parts hold %d and %d", p.Find("details.sheet").Length(), q.Find("details.sheet").Length())
		}
		if q := w.get("santos", "/mail/t/"+sent.ThreadID+"/print?part=3"); q.code != 404 {
			t.Errorf("a part that is not there: %d", q.code)
		}
	})
}
