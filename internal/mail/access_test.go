package mail_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/mail"
	"securepractice/internal/notify"
)

const (
	oneDay      = 24 * time.Hour
	unavailable = "This message is no longer available. Ask Harbor Point Dental, (206) 555-0100."
)

// accessDays sets how long others can read what dana's practice writes.
func (w *world) accessDays(days any) {
	w.exec("UPDATE practice_practice SET access_days = $1, phone = '(206) 555-0100' WHERE id = 'p-harbor'", days)
}

// secret is a message from dana with a file, named and worded so that each can be looked for.
func (w *world) secret(to string) (mail.Sent, string) {
	w.t.Helper()
	id := w.draftWith("dana", "", "veiledname.pdf", pdf("x-ray"))
	sent, err := w.Send(w.t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: to, Subject: "Veiledsubject", Body: "Veiledbody"})
	must(w.t, err)
	w.work()
	return sent, w.text("SELECT id FROM attach_link WHERE holder = 'mail:" + sent.MessageID + "'")
}

// reaches says which ways lead somebody to a message's content.
func (w *world) reaches(who string, sent mail.Sent, link string) string {
	w.t.Helper()
	var ways []string
	add := func(name string, p page) {
		if p.code == http.StatusOK && (strings.Contains(strings.ToLower(p.raw), "veiled") || strings.Contains(unzipped(p.raw), "Veiledbody")) {
			ways = append(ways, name)
		}
	}
	thread := "/mail/t/" + sent.ThreadID
	add("inbox", w.get(who, "/mail/inbox"))
	add("thread", w.get(who, thread+"?all=1"))
	add("drafts", w.get(who, "/mail/drafts"))
	add("print", w.get(who, thread+"/print"))
	add("print one", w.get(who, thread+"/print?message="+sent.MessageID))
	for _, way := range []string{"/pdf", "/pdf?message=" + sent.MessageID, "/export"} {
		if w.get(who, thread+way).code == http.StatusOK {
			ways = append(ways, way)
		}
	}
	if w.get(who, "/mail/attachments/"+link).code == http.StatusOK {
		ways = append(ways, "file")
	}
	if w.people[who].Paid {
		for _, word := range []string{"veiledbody", "veiledsubject", "veiledname"} {
			if len(w.find(who, word).hits()) > 0 {
				ways = append(ways, word)
			}
		}
		if w.post(who, "/mail/m/"+sent.MessageID+"/forward", nil).code == http.StatusSeeOther {
			ways = append(ways, "forward")
		}
	}
	return strings.Join(ways, ", ")
}

func unzipped(raw string) (all string) {
	r, err := zip.NewReader(bytes.NewReader([]byte(raw)), int64(len(raw)))
	if err != nil {
		return ""
	}
	for _, f := range r.File {
		if c, err := f.Open(); err == nil {
			b, _ := io.ReadAll(c)
			all += string(b)
		}
	}
	return all
}

// TestAccessEnds: behind the end, no way leads somebody of another practice to anything of the message, at once and
// without any job; the author keeps everything, colleagues too, and a reply goes on.
func TestAccessEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.accessDays(90)
		w.allow(5)
		sent, link := w.secret("santos@example.org, mel@example.org")
		w.want(start.Add(90*oneDay).UnixMicro(), "SELECT access_until FROM mail_delivery WHERE user_id = 'u-santos' AND message_id = $1", sent.MessageID)
		w.want(2, "SELECT COUNT(*) FROM mail_delivery WHERE message_id = $1 AND access_until IS NULL", sent.MessageID)
		w.clock.Set(start.Add(90*oneDay - time.Minute))
		if got := w.reaches("santos", sent, link); strings.Count(got, ",") != 11 {
			t.Errorf("before the end only these lead there: %s", got)
		}
		if got := w.get("santos", "/mail/t/"+sent.ThreadID).text(".sheet .text"); !strings.Contains(got, "You can read this message until Feb 21, 2027.") {
			t.Errorf("thread says %q", got)
		}
		if got := w.get("dana", "/mail/t/"+sent.ThreadID).text(".sheet .text"); !strings.Contains(got, "Outside your practice it can be read until Feb 21, 2027.") {
			t.Errorf("the author's thread says %q", got)
		}
		w.exec("DELETE FROM mail_draft") // what they passed on while they could is theirs
		w.clock.Set(start.Add(90 * oneDay))
		if got := w.reaches("santos", sent, link); got != "" {
			t.Errorf("behind the end these lead there: %s", got)
		}
		if got := w.reaches("mel", sent, link); strings.Count(got, ",") != 11 {
			t.Errorf("a colleague is led there by %s", got)
		}
		p := w.get("santos", "/mail/t/"+sent.ThreadID)
		if p.code != 200 || !strings.Contains(p.text(".sheet"), unavailable) || p.text("h1") == "Veiledsubject" {
			t.Errorf("thread: %d %q", p.code, p.text("main"))
		}
		if got := w.get("santos", "/mail/inbox").text(".conv"); strings.Count(got, "No longer available") != 2 {
			t.Errorf("list: %q", got)
		}
		w.reply("santos", sent.ThreadID, "I cannot open it any more")
		w.clock.Advance(time.Minute)
		back := w.reply("dana", sent.ThreadID, "Here it is again")
		if p := w.get("santos", "/mail/t/"+sent.ThreadID+"?all=1"); !strings.Contains(p.text(".sheet"), "Here it is again") || !strings.Contains(p.text(".sheet"), unavailable) ||
			strings.Contains(p.raw, "Veiledbody") || strings.Contains(p.raw, "veiledname") {
			t.Errorf("after replies: %q", p.text(".sheet"))
		}
		if got := pdfText(t, w.get("santos", "/mail/t/"+sent.ThreadID+"/pdf")); strings.Contains(got, "Veiledbody") || strings.Contains(got, "veiledname") {
			t.Errorf("PDF: %s", got)
		}
		if zip := unzipped(w.get("santos", "/mail/t/"+sent.ThreadID+"/export").raw); zip == "" || strings.Contains(zip, "Veiledbody") {
			t.Error("the export is empty or holds what has ended")
		}
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-santos' AND message_id = $1 AND access_until IS NOT NULL", back.MessageID)
	})
}

// TestAccessSearchForgets: what was indexed while it could be read is found no more.
func TestAccessSearchForgets(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent, _ := w.secret("santos@example.org")
		w.find("santos", "veiledbody")
		w.pile(sent.ThreadID, "dana", "santos", 300, func(int) string { return "filling" })
		must(t, w.KeepIndexes(t.Context()))
		if len(w.find("santos", "veiledbody").hits()) != 1 {
			t.Fatal("not found while it can be read")
		}
		w.want(256, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-santos' AND n IS NOT NULL")
		w.exec("UPDATE mail_delivery SET access_until = $1 WHERE user_id = 'u-santos'", w.clock.Now().UnixMicro())
		if len(w.find("santos", "veiledbody").hits())+len(w.find("santos", "filling").hits()) != 0 {
			t.Error("found behind its end")
		}
	})
}

// TestAccessUnit: each message has the end of its own giving; a later setting holds for new messages only; nothing is
// marked as opened that could not be.
func TestAccessUnit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.accessDays(30)
		sent := w.send("dana", "santos@example.org", "Unit", "First text")
		w.accessDays(10)
		w.clock.Advance(15 * oneDay)
		second := w.reply("dana", sent.ThreadID, "Second text")
		w.accessDays(nil)
		w.clock.Advance(10*oneDay + time.Minute)
		p := w.get("santos", "/mail/t/"+sent.ThreadID+"?all=1")
		if got := p.text("#m-" + sent.MessageID + " .text"); !strings.Contains(got, "First text") {
			t.Errorf("first: %q", got)
		}
		if got := p.text("#m-" + second.MessageID + " .text"); !strings.Contains(got, unavailable) || strings.Contains(p.raw, "Second text") {
			t.Errorf("second: %q", got)
		}
		if got := w.get("santos", "/mail/inbox").text(".conv"); strings.Contains(got, "Second") || !strings.Contains(got, "Unit") || !strings.Contains(got, "No longer available") {
			t.Errorf("list: %q", got)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-santos' AND opened_at IS NOT NULL")
		third := w.reply("dana", sent.ThreadID, "Third text")
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-santos' AND message_id = $1 AND access_until IS NULL", third.MessageID)
		w.clock.Advance(1000 * oneDay)
		if got := w.get("santos", "/mail/inbox").text(".conv"); !strings.Contains(got, "Unit") || !strings.Contains(got, "Third text") {
			t.Errorf("list: %q", got)
		}
	})
}

// TestAccessAfterClaimAndCheck: the time begins when the message is given: at registration, and when its files are clean.
func TestAccessAfterClaimAndCheck(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.accessDays(30)
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "ana@example.org", Subject: "Claimed", Body: "Text", New: newPatient()})
		must(t, err)
		id := w.invitation("ana@example.org")
		w.clock.Advance(5 * oneDay)
		w.accept("ana", id, account.NewUser{First: "Ana", Last: "New", Role: actor.Patient})
		until := start.Add(35 * oneDay).UnixMicro()
		w.want(until, "SELECT access_until FROM mail_delivery WHERE user_id = 'u-ana' AND message_id = $1", sent.MessageID)
		w.want(until, "SELECT access_until FROM mail_member WHERE user_id = 'u-ana'")
		w.clock.Advance(30 * oneDay)
		if p := w.get("ana", "/mail/t/"+sent.ThreadID); p.code != 200 || strings.Contains(p.raw, "Claimed") || !strings.Contains(p.text(".sheet"), unavailable) {
			t.Errorf("%d %q", p.code, p.text("main"))
		}
		w.reply("ana", sent.ThreadID, "May I see it again?")
		if got := w.get("dana", "/mail/t/"+sent.ThreadID).text(".sheet"); !strings.Contains(got, "May I see it again?") || !strings.Contains(got, "Text") {
			t.Errorf("the practice sees %q", got)
		}
	})
}

// TestAccessIsTold: the e-mail of the arrival says how long, and one more comes a week before if it was never opened;
// never for a message withdrawn, and never twice, however many nodes look.
func TestAccessIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.accessDays(90)
		sent := w.send("dana", "santos@example.org", "Told", "Text")
		opened := w.send("dana", "fred@example.org", "Opened", "Text")
		recalled := w.send("dana", "ruth@example.org", "Recalled", "Text")
		w.prefer("theo", mail.Preferences{New: "none", Pace: "once", Read: "none"})
		w.send("dana", "theo@example.org", "Quiet", "Text")
		if got := w.arrivals("santos@example.org", notify.Email)[0].Text; !strings.Contains(got, "You can read it for 90 days.") {
			t.Errorf("the arrival says %q", got)
		}
		w.get("fred", "/mail/t/"+opened.ThreadID)
		w.exec("UPDATE mail_message SET state = 'recalled' WHERE id = $1", recalled.MessageID)
		w.clock.Set(start.Add(83*oneDay - time.Minute))
		must(t, w.TellEnding(t.Context()))
		w.clock.Advance(time.Minute)
		fault := make(chan error, 2)
		for range 2 {
			go func() { fault <- w.TellEnding(context.Background()) }()
		}
		must(t, <-fault)
		must(t, <-fault)
		must(t, w.TellEnding(t.Context()))
		all := w.arrivals("santos@example.org", notify.Email)
		if len(all) != 2 || !strings.Contains(all[0].Text, "You can read it for 7 days more.") || !strings.Contains(all[0].Text, "/mail/t/"+sent.ThreadID) || strings.Contains(all[0].Text+all[0].Subject, "Told") {
			t.Errorf("santos is told %+v", all)
		}
		for who, n := range map[string]int{"fred": 1, "ruth": 1, "theo": 0} {
			if got := len(w.arrivals(who+"@example.org", notify.Email)); got != n {
				t.Errorf("%s: %d e-mails, want %d", who, got, n)
			}
		}
	})
}

// TestAccessAfterStopped: a message that is taken back out of its author's row leaves it as if it had never been there.
func TestAccessAfterStopped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.accessDays(30)
		sent := w.send("dana", "santos@example.org", "Veiledsubject", "Veiledbody")
		id := w.draftWith("santos", sent.ThreadID, "bad.pdf", pdf("bad"))
		_, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: id, ThreadID: sent.ThreadID, Body: "Mine"})
		must(t, err)
		w.exec("UPDATE attach_file SET state = 'infected'")
		w.tx(func(ctx context.Context, tx *db.Tx) error { return w.Verdict(ctx, tx, "mail:"+id, attach.Moved{}) })
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND access_until IS NOT NULL AND snippet_until IS NOT NULL")
		w.clock.Advance(31 * oneDay)
		if p := w.get("santos", "/mail/inbox"); strings.Contains(p.raw, "Veiled") || !strings.Contains(p.text(".conv"), "No longer available") {
			t.Errorf("list: %q", p.text(".conv"))
		}
	})
}

// TestAccessAfterRecall: what was withdrawn holds up no end, and what comes after it has its own.
func TestAccessAfterRecall(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.accessDays(30)
		sent := w.send("dana", "santos@example.org", "Veiledsubject", "Veiledbody")
		w.get("santos", "/mail/t/"+sent.ThreadID)
		w.clock.Advance(20 * oneDay)
		second := w.reply("dana", sent.ThreadID, "Veiledreply")
		_, err := w.Recall(t.Context(), w.people["dana"], second.MessageID)
		must(t, err)
		w.clock.Advance(11 * oneDay)
		if p := w.get("santos", "/mail/inbox"); strings.Contains(p.raw, "Veiled") {
			t.Errorf("list: %q", p.text(".conv"))
		}
		first := w.send("dana", "ruth@example.org", "Veiledsubject", "Veiledbody")
		_, err = w.Recall(t.Context(), w.people["dana"], first.MessageID)
		must(t, err)
		third := w.reply("dana", first.ThreadID, "Veiledreply")
		if p := w.get("ruth", "/mail/inbox"); !strings.Contains(p.text(".conv"), "Veiledsubject") {
			t.Errorf("list: %q", p.text(".conv"))
		}
		w.clock.Advance(30 * oneDay)
		for _, path := range []string{"/mail/inbox", "/mail/t/" + third.ThreadID + "?all=1"} {
			if p := w.get("ruth", path); strings.Contains(p.raw, "Veiled") || !strings.Contains(p.text("main"), "No longer available") {
				t.Errorf("%s: %q", path, p.text("main"))
			}
		}
	})
}
