package mail_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
)

// in counts a person's conversations in a folder.
func (w *world) in(name, folder string) int64 {
	w.t.Helper()
	return w.count("SELECT COUNT(*) FROM mail_member WHERE user_id = $1 AND folder = $2", w.people[name].ID, folder)
}

// TestTrash: one's own copy moves alone, comes back to where it was, and with the next message.
func TestTrash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "one")
		w.reply("santos", sent.ThreadID, "two")
		path := "/mail/t/" + sent.ThreadID
		rows := w.count("SELECT COUNT(*) FROM mail_message") + w.count("SELECT COUNT(*) FROM mail_delivery")
		for _, from := range []string{"inbox", "archive"} {
			if from == "archive" {
				w.post("santos", path+"/archive", nil)
			}
			for range 2 { // a second press changes nothing
				if p := w.post("santos", path+"/trash", url.Values{"in": {from}}); p.code != 303 || p.head.Get("Location") != "/mail/"+from {
					t.Fatalf("trash: %d %s", p.code, p.head.Get("Location"))
				}
			}
			if w.in("santos", "trash") != 1 || w.in("dana", "inbox") != 1 {
				t.Error("the wrong copy moved")
			}
			list := w.get("santos", "/mail/trash")
			if list.Find(".conv").Length() != 1 || !strings.Contains(list.text(".pane.list"), "Conversations stay here until you restore them. Only your own copy was moved: the others keep theirs, and nothing is deleted.") {
				t.Errorf("trash shows %q", list.text(".pane.list"))
			}
			if p := w.get("santos", path+"?in=trash"); p.code != 200 || p.Find(`form[action$="/restore"]`).Length() != 1 || p.Find(`form[action$="/trash"], form[action$="/archive"], form[action$="/unread"]`).Length() != 0 || p.text(".back") != "Trash" {
				t.Errorf("in trash: %d %s", p.code, p.text(".acts"))
			}
			for range 2 {
				if p := w.post("santos", path+"/restore", url.Values{"in": {"trash"}}); p.code != 303 || p.head.Get("Location") != "/mail/trash" {
					t.Fatalf("restore: %d", p.code)
				}
			}
			if w.in("santos", from) != 1 {
				t.Errorf("not back in %s", from)
			}
		}
		w.want(2, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.trashed' AND actor_id = 'u-santos' AND thread_id = $1", sent.ThreadID)
		w.want(2, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.restored' AND actor_id = 'u-santos' AND thread_id = $1", sent.ThreadID)
		for _, do := range []string{"archive", "trash"} {
			w.post("santos", path+"/"+do, nil)
			w.reply("dana", sent.ThreadID, "news")
			rows += 3
			if w.in("santos", "inbox") != 1 {
				t.Errorf("a new message left the conversation in %s", do)
			}
			w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND unread")
		}
		if now := w.count("SELECT COUNT(*) FROM mail_message") + w.count("SELECT COUNT(*) FROM mail_delivery"); now != rows {
			t.Errorf("%d rows, want %d: something was destroyed", now, rows)
		}
		if got := w.get("ruth", "/mail/trash").text(".pane.list .empty"); got != "Trash is empty." {
			t.Errorf("empty trash says %q", got)
		}
		alone := w.send("dana", "ruth@example.org", "Only mine", "b") // for dana in Sent alone
		if p := w.post("dana", "/mail/t/"+alone.ThreadID+"/trash", nil); p.code != 404 {
			t.Errorf("trash of what is in no folder: %d", p.code)
		}
	})
}

// TestChosen: what is chosen in a list is done together, to the actor's own rows only, and at most to a hundred.
func TestChosen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var ids []string
		for i := range 4 {
			w.clock.Advance(time.Second)
			ids = append(ids, w.send("dana", "santos@example.org", fmt.Sprint("s", i), "b").ThreadID)
		}
		foreign := w.send("dana", "ruth@example.org", "foreign", "b").ThreadID
		do := func(what, from string, threads ...string) page {
			t.Helper()
			return w.post("santos", "/mail/threads", url.Values{"do": {what}, "in": {from}, "thread": threads})
		}
		if n := w.get("santos", "/mail/inbox").Find(`input[name=thread][form=bulk]`).Length(); n != 4 {
			t.Errorf("%d boxes", n)
		}
		if w.get("dana", "/mail/sent").Find(`input[name=thread]`).Length() != 0 {
			t.Error("messages of Sent can be chosen")
		}
		all := append([]string{foreign, "nonsense", db.NewID()}, ids...)
		for _, step := range []struct {
			do, from, folder string
			n                int64
		}{{"archive", "inbox", "archive", 4}, {"inbox", "archive", "inbox", 4}, {"trash", "inbox", "trash", 4}, {"archive", "trash", "archive", 0}, {"restore", "trash", "inbox", 4}} {
			if p := do(step.do, step.from, all...); p.code != 303 || !strings.HasSuffix(p.head.Get("Location"), step.from) {
				t.Fatalf("%s: %d %s", step.do, p.code, p.head.Get("Location"))
			}
			if n := w.in("santos", step.folder); n != step.n {
				t.Errorf("%s: %d in %s, want %d", step.do, n, step.folder, step.n)
			}
			if w.in("ruth", "inbox") != 1 {
				t.Fatalf("%s moved another's row", step.do)
			}
		}
		w.want(4, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.trashed'")
		w.want(4, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.restored'")
		do("read", "inbox", all[:5]...)
		w.want(2, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND unread")
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-ruth' AND unread")
		w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE opened_at IS NOT NULL") // marked, not opened
		w.get("santos", "/mail/t/"+ids[0])
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE opened_at IS NOT NULL")
		do("unread", "inbox", ids...)
		w.want(4, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND unread")

		var many []string
		for range 101 {
			many = append(many, db.NewID())
		}
		for _, bad := range []struct {
			do    string
			ids   []string
			words string
		}{{"archive", nil, "Choose one or more conversations first."}, {"trash", append(many, ids...), "Choose at most 100 conversations at once."}, {"label", ids, "Choose a label first."}} {
			if p := do(bad.do, "inbox", bad.ids...); p.code != 422 || !strings.Contains(p.text("[data-summary]"), bad.words) || p.Find(".conv").Length() != 4 {
				t.Errorf("%s: %d %q", bad.do, p.code, p.text("[data-summary]"))
			}
		}
		if p := do("destroy", "inbox", ids...); p.code != 404 {
			t.Errorf("an unknown act: %d", p.code)
		}
		if p := do("archive", "sent", ids...); p.code != 404 || w.in("santos", "inbox") != 4 {
			t.Errorf("acts in Sent: %d", p.code)
		}
	})
}

// TestReadAgain: what was marked as read without being opened is recorded when it is opened, even by a session that had
// seen the conversation a moment before.
func TestReadAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "one")
		w.get("santos", "/mail/t/"+sent.ThreadID)
		w.reply("dana", sent.ThreadID, "two")
		w.post("santos", "/mail/threads", url.Values{"do": {"read"}, "in": {"inbox"}, "thread": {sent.ThreadID}})
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE opened_at IS NOT NULL")
		w.get("santos", "/mail/t/"+sent.ThreadID)
		w.want(2, "SELECT COUNT(*) FROM mail_delivery WHERE opened_at IS NOT NULL")
	})
}

// TestUnreadOnly pages through the unread of the Inbox alone.
func TestUnreadOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if got := w.get("santos", "/mail/inbox?show=unread").text(".pane.list .empty p"); got != "No unread messages." {
			t.Errorf("empty = %q", got)
		}
		var ids []string
		for i := range 60 {
			if i%3 == 0 {
				w.clock.Advance(time.Second)
			}
			ids = append(ids, w.send("dana", "santos@example.org", fmt.Sprintf("n%03d", i), "b").ThreadID)
		}
		w.post("santos", "/mail/threads", url.Values{"do": {"read"}, "in": {"inbox"}, "thread": ids[:4]})
		w.post("santos", "/mail/t/"+ids[4]+"/archive", nil)
		p := w.get("santos", "/mail/inbox?show=unread")
		if p.text(".chips [aria-current]") != "Unread" || p.Find(".conv").Length() != 50 || p.Find(".conv:not(.unread)").Length() != 0 {
			t.Errorf("%d rows", p.Find(".conv").Length())
		}
		older, _ := p.Find(".list-end a").Attr("href")
		p = w.get("santos", older)
		if got := p.text(".subj"); got != "n009 n008 n007 n006 n005" {
			t.Errorf("older = %q", got)
		}
		if p := w.get("santos", "/mail/inbox"); p.text(".chips [aria-current]") != "All" {
			t.Error("the chips do not say All")
		}
	})
}

// TestBeside: previous and next lead through the list that the conversation was opened from.
func TestBeside(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var ids []string
		for i := range 4 {
			if i != 2 { // two of one moment
				w.clock.Advance(time.Second)
			}
			ids = append(ids, w.send("dana", "santos@example.org", fmt.Sprint("s", i), "b").ThreadID)
		}
		w.post("santos", "/mail/t/"+ids[1]+"/archive", nil)
		walk := func(from, first, key string) string {
			t.Helper()
			var titles []string
			for path := "/mail/t/" + first + "?in=" + from; path != ""; {
				p := w.get("santos", path)
				if p.code != 200 {
					t.Fatalf("%s: %d", path, p.code)
				}
				title := p.Find("h1").Contents().First().Text()
				titles = append(titles, title)
				if len(titles) > 9 {
					t.Fatal("round and round")
				}
				path, _ = p.Find(".acts [data-key=" + key + "]").Attr("href")
				if path != "" && !strings.HasSuffix(path, "?in="+from) {
					t.Errorf("next leaves the list: %s", path)
				}
			}
			return strings.Join(titles, " ")
		}
		if got := walk("inbox", ids[3], "j"); got != "s3 s2 s0" {
			t.Errorf("next: %q", got)
		}
		if got := walk("inbox", ids[0], "k"); got != "s0 s2 s3" {
			t.Errorf("previous: %q", got)
		}
		if got := walk("archive", ids[1], "j") + walk("archive", ids[1], "k"); got != "s1s1" {
			t.Errorf("archive: %q", got)
		}
		w.post("santos", "/mail/threads", url.Values{"do": {"unread"}, "in": {"inbox"}, "thread": {ids[0], ids[3]}})
		if got := walk("unread", ids[3], "j"); got != "s3 s0" {
			t.Errorf("unread: %q", got)
		}
		p := w.get("santos", "/mail/t/"+ids[1])
		if p.text(".back") != "Archive" || p.text("#list-h") != "Archive" {
			t.Errorf("opened from nowhere: back to %q", p.text(".back"))
		}
		for _, odd := range []string{"nonsense", "l-" + db.NewID(), "l-x", "drafts"} {
			if p := w.get("santos", "/mail/t/"+ids[1]+"?in="+odd); p.code != 200 || p.text(".back") != "Archive" {
				t.Errorf("in=%s: %d %q", odd, p.code, p.text(".back"))
			}
		}
		if p := w.get("dana", "/mail/t/"+ids[0]); p.text(".back") != "Sent" {
			t.Errorf("in Sent: %q", p.text(".thread-head"))
		}
	})
}

// TestShowAll opens every message by a link, without a script.
func TestShowAll(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "The subject", "one")
		id := w.draftWith("santos", sent.ThreadID, "a.pdf", pdf("a"))
		_ = id
		for _, body := range []string{"two", "three"} {
			w.clock.Advance(time.Second)
			w.reply("dana", sent.ThreadID, body)
		}
		w.get("santos", "/mail/t/"+sent.ThreadID)
		p := w.get("santos", "/mail/t/"+sent.ThreadID+"?in=inbox")
		if n := p.Find("details.sheet[open]").Length(); n != 1 {
			t.Errorf("%d open", n)
		}
		if p.Find("h1").Contents().First().Text() != "The subject" {
			t.Error("a reply changed the subject")
		}
		all, _ := p.Find("[data-toggle-all]").Attr("href")
		p = w.get("santos", all)
		if n := p.Find("details.sheet[open]").Length(); n != 3 || p.text("[data-toggle-all]") != "Collapse all messages" {
			t.Errorf("%d open by %s", n, all)
		}
		back, _ := p.Find("[data-toggle-all]").Attr("href")
		if n := w.get("santos", back).Find("details.sheet[open]").Length(); n != 1 {
			t.Errorf("%d open after folding", n)
		}
	})
}

// TestPhonePage: a phone that says that it is one gets the conversation without the list.
func TestPhonePage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "one")
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://portal.example/mail/t/"+sent.ThreadID+"?in=inbox", nil)
		r.Header.Set("Sec-CH-UA-Mobile", "?1")
		if p := w.do(r, "santos"); p.code != 200 || p.Find(".pane.list").Length() != 0 || p.Find(".rail").Length() != 1 || p.text(".back") != "Inbox" {
			t.Errorf("%d, %d lists", p.code, p.Find(".pane.list").Length())
		}
		if p := w.get("santos", "/mail/t/"+sent.ThreadID+"?in=inbox"); p.Find(".pane.list .conv").Length() != 1 || p.Find(".conv [aria-current]").Length() != 1 {
			t.Error("no list beside the conversation")
		}
	})
}
