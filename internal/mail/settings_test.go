package mail_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
	"securepractice/internal/notify"
)

// prefer saves somebody's settings.
func (w *world) prefer(who string, p mail.Preferences) {
	w.t.Helper()
	p.Version = w.count("SELECT COALESCE(MAX(version), 0) FROM mail_settings WHERE user_id = $1", w.people[who].ID)
	must(w.t, w.SavePreferences(w.t.Context(), w.people[who], p))
}

func (w *world) giveCell(who, cell string) {
	w.exec("UPDATE account_user SET cell = $2 WHERE id = $1", w.people[who].ID, cell)
}

func settingsForm(version, signature, how, pace, read string) url.Values {
	return url.Values{"version": {version}, "signature": {signature}, "notice_new": {how}, "notice_pace": {pace}, "notice_read": {read}}
}

func chosen(p page, field string) string {
	v, _ := p.Find("[name=" + field + "][checked]").Attr("value")
	return v
}

func TestMessagingTab(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.get("dana", "/profile/messaging")
		if p.code != http.StatusOK || chosen(p, "notice_new") != "email" || chosen(p, "notice_pace") != "once" || chosen(p, "notice_read") != "none" || !strings.Contains(p.text("aside"), "No signature.") {
			t.Fatalf("at first %d %s", p.code, p.text("main"))
		}
		if p.text("nav[aria-label=Profile] [aria-current]") != "Messaging" || strings.Contains(p.raw, "Upgrade") {
			t.Error("tab or tier")
		}
		p = w.post("dana", "/profile/messaging", settingsForm("0", "Dana <b>W</b>\r\nHarbor Point", "none", "hourly", "email"))
		if p.code != http.StatusSeeOther || p.head.Get("Location") != "/profile/messaging" {
			t.Fatalf("saved: %d", p.code)
		}
		p = w.get("dana", "/profile/messaging")
		if chosen(p, "notice_new") != "none" || chosen(p, "notice_pace") != "hourly" || chosen(p, "notice_read") != "email" ||
			p.Find("[name=signature]").Text() != "Dana <b>W</b>\nHarbor Point" || p.Find("aside b").Length() != 0 || !strings.Contains(p.text("aside .text"), "Dana <b>W</b>") {
			t.Errorf("kept %s", p.text("main"))
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'profile.changed' AND subject_id = 'u-dana'")
		sealed, _, err := db.One(t.Context(), w.d, db.Scan1[[]byte], "SELECT signature_sealed FROM mail_settings WHERE user_id = 'u-dana'")
		if err != nil || strings.Contains(string(sealed), "Harbor") {
			t.Errorf("not sealed: %v", err)
		}
		// a preview saves nothing
		form := settingsForm("1", "Another", "email", "once", "none")
		form.Set("do", "preview")
		if p = w.post("dana", "/profile/messaging", form); p.code != http.StatusOK || !strings.Contains(p.text("aside"), "Another") {
			t.Errorf("preview: %d %s", p.code, p.text("aside"))
		}
		w.want(1, "SELECT version FROM mail_settings WHERE user_id = 'u-dana'")
		if p = w.get("gus", "/profile/messaging"); !strings.Contains(p.text("header"), "You can reply to messages. Upgrade to send new ones.") || p.Find("[name=signature]").Text() != "" {
			t.Error("a free user's page", p.text("main"))
		}
		if p = w.get("ruth", "/profile/messaging"); strings.Contains(p.raw, "Upgrade") {
			t.Error("a patient reads of paying")
		}
		if p = w.get("", "/profile/messaging"); p.code != http.StatusSeeOther {
			t.Errorf("signed out: %d", p.code)
		}
		if p = w.get("sup", "/profile/messaging"); p.code == http.StatusOK {
			t.Error("Support has mail settings")
		}
	})
}

func TestMessagingRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tc := range []struct{ signature, how, pace, read, field, says string }{
			{strings.Repeat("ä", 501), "email", "once", "none", "signature", "Signature must be 500 characters or fewer"},
			{"", "pigeon", "once", "none", "notice_new", "Choose how to be told when a message arrives"},
			{"", "email", "", "none", "notice_pace", "Choose how often to be told"},
			{"", "email", "once", "text", "notice_read", "Choose how to be told when your message is read"},
			{"", "text", "once", "none", "notice_new", "Add a cell phone number to your account first. Texts go to it."},
			{"", "both", "once", "none", "notice_new", "Add a cell phone number to your account first. Texts go to it."},
		} {
			p := w.post("dana", "/profile/messaging", settingsForm("0", tc.signature, tc.how, tc.pace, tc.read))
			if p.code != http.StatusUnprocessableEntity || !strings.Contains(p.text("#"+tc.field+"-e"), tc.says) || p.Find("[name=signature]").Text() != tc.signature {
				t.Errorf("%s: %d %s", tc.field, p.code, p.text("main"))
			}
		}
		w.want(0, "SELECT COUNT(*) FROM mail_settings")
		w.prefer("dana", mail.Preferences{Signature: strings.Repeat("ä", 500), New: "email", Pace: "once", Read: "none"})
	})
}

func TestTwoWindowsSaveSettings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.post("dana", "/profile/messaging", settingsForm("0", "first", "none", "once", "none"))
		p := w.post("dana", "/profile/messaging", settingsForm("0", "second", "email", "hourly", "none"))
		if p.code != http.StatusConflict || !strings.Contains(p.text("[role=alert]"), "Your settings were changed in another window. Nothing you typed is lost: check it and select Save again.") ||
			!strings.Contains(p.text("#signature-e"), "Saved in the other window: first") || !strings.Contains(p.text("#notice_new-e"), "Saved in the other window: None") {
			t.Fatalf("%d %s", p.code, p.text("main"))
		}
		version, _ := p.Find("[name=version]").Attr("value")
		if p.Find("[name=signature]").Text() != "second" || chosen(p, "notice_pace") != "hourly" || version != "1" {
			t.Errorf("what was typed is lost: version %s", version)
		}
		for _, v := range []string{"", "x", "7", "-1"} {
			if p = w.post("dana", "/profile/messaging", settingsForm(v, "third", "email", "once", "none")); p.code != http.StatusConflict {
				t.Errorf("version %q: %d", v, p.code)
			}
		}
		if p = w.post("dana", "/profile/messaging", settingsForm("1", "second", "email", "hourly", "none")); p.code != http.StatusSeeOther {
			t.Errorf("again: %d", p.code)
		}
		refused(t, w.SavePreferences(t.Context(), w.people["dana"], mail.Preferences{New: "email", Pace: "once", Read: "none"}), fault.Conflict, "")
	})
}

func TestSignatureStandsBelow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Case", "Hello")
		box := func(who, path string) string { return w.get(who, path).Find("textarea[name=body]").Text() }
		thread := "/mail/t/" + sent.ThreadID
		if box("dana", "/mail/new") != "" || box("santos", thread) != "" {
			t.Error("something stands in an empty box")
		}
		w.prefer("dana", mail.Preferences{Signature: "Dana Whitfield\nHarbor Point Dental", New: "email", Pace: "once", Read: "none"})
		want := "\n\nDana Whitfield\nHarbor Point Dental"
		for _, path := range []string{"/mail/new", thread} {
			if got := box("dana", path); got != want {
				t.Errorf("%s: %q", path, got)
			}
		}
		if box("santos", thread) != "" || box("mel", "/mail/new") != "" {
			t.Error("another person's box")
		}
		// the signature alone is no message
		fields := [][2]string{{"id", db.NewID()}, {"version", "0"}, {"to", "santos@example.org"}, {"subject", "s"}, {"body", want}}
		p := w.postFiles("dana", "/mail/new", fields)
		if p.code != http.StatusUnprocessableEntity || !strings.Contains(p.text("#body-e"), "Enter a message") || !strings.Contains(p.Find("textarea[name=body]").Text(), "Harbor Point") {
			t.Errorf("new: %d %s", p.code, p.text("#body-e"))
		}
		p = w.postFiles("dana", thread+"/reply", [][2]string{{"id", db.NewID()}, {"version", "0"}, {"body", want}})
		if p.code != http.StatusUnprocessableEntity || !strings.Contains(p.text("#body-e"), "Enter a message") {
			t.Errorf("reply: %d", p.code)
		}
		p = w.postFiles("dana", thread+"/reply", [][2]string{{"id", db.NewID()}, {"version", "0"}, {"body", "Hi" + want}})
		if p.code != http.StatusSeeOther {
			t.Errorf("with words: %d", p.code)
		}
		// a draft is shown as it was typed
		d, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: db.NewID(), To: "x", Body: "mine"})
		must(t, err)
		if got := box("dana", "/mail/new?draft="+d.ID); got != "mine" {
			t.Errorf("draft %q", got)
		}
	})
}

// news are the notices of a kind about mail that left for somebody.
func (w *world) arrivals(to string, kind notify.Kind) []notify.OutboxItem {
	w.t.Helper()
	var list []notify.OutboxItem
	for _, m := range w.outbox(to) {
		if m.Kind == kind {
			list = append(list, m)
		}
	}
	return list
}

func TestArrivalNoticesGoAsChosen(t *testing.T) {
	const cell = "+12065550177"
	for _, tc := range []struct {
		way           string
		emails, texts int
	}{{"email", 1, 0}, {"text", 0, 1}, {"both", 1, 1}, {"none", 0, 0}} {
		each(t, func(t *testing.T, w *world) {
			w.giveCell("santos", cell)
			w.prefer("santos", mail.Preferences{New: tc.way, Pace: "once", Read: "none"})
			w.send("dana", "santos@example.org", "Ruth Okafor", "secret words")
			emails, texts := w.arrivals("santos@example.org", notify.Email), w.arrivals(cell, notify.Text)
			if len(emails) != tc.emails || len(texts) != tc.texts {
				t.Fatalf("%s: %d emails, %d texts", tc.way, len(emails), len(texts))
			}
			for _, m := range texts {
				if m.Text != "Harbor Point Dental sent you a secure message. To read, sign in: https://portal.example/mail/inbox" {
					t.Errorf("a text says %q", m.Text)
				}
			}
			w.send("dana", "fred@example.org", "s", "b") // who chose nothing gets an e-mail
			if len(w.arrivals("fred@example.org", notify.Email)) != 1 {
				t.Error("the default is not an e-mail")
			}
		})
	}
}

func TestEmailInATextsPlace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const cell = "+12065550177"
		w.giveCell("santos", cell)
		w.prefer("santos", mail.Preferences{New: "text", Pace: "once", Read: "none"})
		for range 22 {
			w.send("dana", "santos@example.org", "s", "b")
		}
		if e, x := len(w.arrivals("santos@example.org", notify.Email)), len(w.arrivals(cell, notify.Text)); e != 2 || x != 20 {
			t.Errorf("%d emails, %d texts", e, x)
		}
		w.clock.Advance(24 * time.Hour)
		w.giveCell("santos", "")
		w.send("dana", "santos@example.org", "s", "b")
		if e := len(w.arrivals("santos@example.org", notify.Email)); e != 3 {
			t.Errorf("%d emails without a number", e)
		}
	})
}

func TestHourlyNotice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.prefer("santos", mail.Preferences{New: "email", Pace: "hourly", Read: "none"})
		got := func() []notify.OutboxItem { return w.arrivals("santos@example.org", notify.Email) }
		w.send("dana", "santos@example.org", "earlier", "b")
		w.clock.Advance(10 * time.Minute)
		opened := w.send("dana", "santos@example.org", "opened", "b")
		w.send("mel", "santos@example.org", "third", "b")
		must(t, w.TellHourly(t.Context()))
		if len(got()) != 0 {
			t.Fatal("told within the hour")
		}
		w.get("santos", "/mail/t/"+opened.ThreadID)
		w.clock.Advance(50 * time.Minute)
		var wg sync.WaitGroup // every node looks
		for range 4 {
			wg.Go(func() {
				if err := w.TellHourly(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		m := got()
		if len(m) != 1 || m[0].Subject != "You have 2 new secure messages" || strings.Contains(m[0].Text, "Dana") || strings.Contains(m[0].Text, "third") {
			t.Fatalf("%d: %+v", len(m), m)
		}
		w.clock.Advance(time.Minute)
		one := w.send("dana", "santos@example.org", "next", "b")
		w.clock.Advance(59 * time.Minute)
		must(t, w.TellHourly(t.Context()))
		if len(got()) != 1 {
			t.Error("a second notice within an hour")
		}
		w.clock.Advance(time.Minute)
		must(t, w.TellHourly(t.Context()))
		if m = got(); len(m) != 2 || m[0].Subject != "You have a new secure message" {
			t.Errorf("%d: %+v", len(m), m)
		}
		// all was read meanwhile, or notices are off: nothing leaves
		w.reply("dana", one.ThreadID, "again")
		w.get("santos", "/mail/t/"+one.ThreadID)
		w.clock.Advance(2 * time.Hour)
		must(t, w.TellHourly(t.Context()))
		w.reply("dana", one.ThreadID, "and again")
		w.prefer("santos", mail.Preferences{New: "none", Pace: "hourly", Read: "none"})
		w.clock.Advance(2 * time.Hour)
		must(t, w.TellHourly(t.Context()))
		if len(got()) != 2 {
			t.Errorf("%d notices", len(got()))
		}
		w.want(0, "SELECT COUNT(*) FROM mail_settings WHERE hourly_at IS NOT NULL")
	})
}

func TestReadNoticeOnceAMessage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		told := func() []notify.OutboxItem {
			var list []notify.OutboxItem
			for _, m := range w.outbox("dana@example.org") {
				if m.Subject == "Your message was read" {
					list = append(list, m)
				}
			}
			return list
		}
		silent := w.send("dana", "ruth@example.org", "Root canal", "private")
		w.get("ruth", "/mail/t/"+silent.ThreadID)
		if len(told()) != 0 {
			t.Fatal("told without asking")
		}
		w.prefer("dana", mail.Preferences{New: "email", Pace: "once", Read: "email"})
		sent := w.send("dana", "ruth@example.org", "Root canal", "private")
		thread := "/mail/t/" + sent.ThreadID
		w.reply("dana", sent.ThreadID, "one more")
		w.get("dana", thread) // one's own view is none
		if len(told()) != 0 {
			t.Fatal("told before it was read")
		}
		for range 3 {
			w.get("ruth", thread)
			w.clock.Advance(time.Hour)
		}
		w.post("ruth", thread+"/unread", url.Values{})
		w.get("ruth", thread)
		m := told()
		if len(m) != 1 || len(m[0].Links) != 1 || m[0].Links[0] != "https://portal.example"+thread {
			t.Fatalf("%d notices: %+v", len(m), m)
		}
		for _, private := range []string{"Ruth", "Okafor", "Root", "private"} {
			if strings.Contains(m[0].Text+m[0].Subject, private) {
				t.Errorf("it says %q", private)
			}
		}
		w.reply("dana", sent.ThreadID, "the next")
		w.get("ruth", thread)
		if len(told()) != 2 {
			t.Errorf("%d notices after the next message", len(told()))
		}
		w.reply("ruth", sent.ThreadID, "thanks") // who did not ask is not told
		w.get("dana", thread)
		if n := len(w.outbox("ruth@example.org")); n == 0 {
			t.Error("no mail for Ruth at all")
		}
		for _, m := range w.outbox("ruth@example.org") {
			if m.Subject == "Your message was read" {
				t.Error("Ruth was told")
			}
		}
	})
}
