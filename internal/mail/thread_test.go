package mail_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/mail"
)

// TestOpening marks read, records the view and tells the author, once for a session and quarter of an hour.
func TestOpening(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "First")
		path := "/mail/t/" + sent.ThreadID
		wake, cancel := w.hub.Subscribe("u-dana")
		defer cancel()
		views := func(n int64) {
			t.Helper()
			w.want(n, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.view' AND actor_id = 'u-santos'")
		}
		head := httptest.NewRequestWithContext(t.Context(), http.MethodHead, "https://portal.example"+path, nil)
		if p := w.do(head, "santos"); p.code != 200 || p.raw != "" {
			t.Errorf("HEAD: %d %q", p.code, p.raw)
		}
		ahead := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://portal.example"+path, nil)
		ahead.Header.Set("Sec-Purpose", "prefetch;prerender")
		if p := w.do(ahead, "santos"); p.code != 503 || strings.Contains(p.raw, "First") {
			t.Errorf("prefetch: %d", p.code)
		}
		w.get("santos", "/mail/poll")
		views(0)
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND unread")
		w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE opened_at IS NOT NULL")

		p := w.get("santos", path)
		views(1)
		w.want(0, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND unread")
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-santos' AND opened_at IS NOT NULL")
		if b := p.Find(".rail [data-unread]"); b.Text() != "" {
			t.Errorf("unread beside the thread = %q", b.Text())
		}
		select {
		case <-wake:
		default:
			t.Error("the author was not woken")
		}
		w.get("santos", path)
		views(1)
		w.clock.Advance(14 * time.Minute)
		w.get("santos", path)
		views(1)
		w.clock.Advance(2 * time.Minute)
		w.get("santos", path)
		views(2)
		w.reply("dana", sent.ThreadID, "Second")
		p = w.get("santos", path)
		views(3)
		if p.Find("details.sheet").Length() != 2 || p.Find("details.sheet[open]").Length() != 1 || !strings.Contains(p.text("details.sheet[open]"), "Second") {
			t.Errorf("sheets: %q open", p.text("details.sheet[open]"))
		}
		if got := w.get("dana", "/mail/sent").text(".conv"); strings.Count(got, "Read Nov 23 at 2:") != 2 {
			t.Errorf("sent = %q", got)
		}
		w.people["santos2"] = w.people["santos"]
		other := w.people["santos2"]
		other.SessionID = "s-other"
		w.people["santos2"] = other
		w.get("santos2", path)
		views(4)
		if p := w.post("santos", path+"/unread", nil); p.code != 303 {
			t.Errorf("mark unread: %d", p.code)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND unread")
		if got := w.get("dana", "/mail/sent").text(".conv"); strings.Count(got, "Read Nov 23") != 2 {
			t.Errorf("marking unread took the receipt: %q", got)
		}
	})
}

// TestUnreadAreOpen: what is new to the reader is unfolded, the rest but the newest is folded.
func TestUnreadAreOpen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "one")
		w.get("santos", "/mail/t/"+sent.ThreadID)
		for _, body := range []string{"two", "three", "four"} {
			w.clock.Advance(time.Second)
			w.reply("dana", sent.ThreadID, body)
		}
		p := w.get("santos", "/mail/t/"+sent.ThreadID)
		if n := p.Find("details.sheet[open]").Length(); n != 3 {
			t.Errorf("%d open, want 3", n)
		}
		if got := p.text("details.sheet:not([open]) .text > p:not(.acts)"); got != "one" {
			t.Errorf("folded = %q", got)
		}
		p = w.get("santos", "/mail/t/"+sent.ThreadID)
		if n := p.Find("details.sheet[open]").Length(); n != 1 {
			t.Errorf("%d open the second time, want 1", n)
		}
	})
}

// TestPaneAlone: a script that swaps the conversation gets it without the page around it, and it counts as a view.
func TestPaneAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "one")
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://portal.example/mail/t/"+sent.ThreadID, nil)
		r.Header.Set("HX-Request", "true")
		p := w.do(r, "santos")
		if p.Find("section#thread h1").Length() != 1 || p.Find(".rail").Length() != 0 {
			t.Errorf("pane = %q", p.raw)
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.view'")
	})
}

// TestPrint shows everything with whole dates and who prints it, and is recorded each time.
func TestPrint(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "one")
		w.clock.Advance(time.Minute)
		w.reply("santos", sent.ThreadID, "two")
		link, _ := w.get("dana", "/mail/t/"+sent.ThreadID).Find(`.acts a[href$="/print"]`).Attr("href")
		for range 2 {
			p := w.get("dana", link)
			got := p.text("main")
			if p.code != 200 || !strings.Contains(got, "Printed by Dana Whitfield, Harbor Point Dental on Nov 23, 2026 at 2:41 PM PST") || !strings.Contains(got, "Nov 23, 2026 at 2:40 PM PST") || !strings.Contains(got, "one") || !strings.Contains(got, "two") {
				t.Fatalf("%d %q", p.code, got)
			}
			if p.Find("details.sheet:not([open])").Length() != 0 || p.Find("form.compose").Length() != 0 {
				t.Error("something is folded, or the reply box is there")
			}
		}
		w.want(2, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.printed' AND thread_id = $1", sent.ThreadID)
		if p := w.get("mel", link); p.code != 404 {
			t.Errorf("a colleague prints: %d", p.code)
		}
	})
}

// TestHostileText is harmless wherever it is shown.
func TestHostileText(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		evil := `"><script>alert(1)</script><img src=x onerror=alert(1)> {{7*7}} ${x} javascript:alert(1) ` + "\u202e" + `' OR 1=1 --`
		w.exec("UPDATE account_user SET first_name = $1, last_name = $2 WHERE id = 'u-santos'", evil, evil)
		me := w.people["santos"]
		me.First, me.Last = evil, evil
		w.people["santos"] = me
		n := newPatient()
		n.First, n.Last = evil[:60], evil[:60]
		first := w.send("dana", "santos@example.org", evil, evil+"\n\nhttps://x.example/\"onmouseover=alert(1)")
		w.reply("santos", first.ThreadID, evil)
		_, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "gloria@example.org", Subject: evil, Body: evil, New: n})
		must(t, err)
		id := w.draftWith("dana", "", `x" onload="alert(1)<script>.pdf`, pdf("x"))
		_, err = w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: id, Version: 1, To: evil[:20], Subject: evil, Body: evil, New: mail.Newcomer{First: evil, Role: evil}})
		must(t, err)
		own := w.label("dana", evil[:40], "1")
		w.post("dana", "/mail/t/"+first.ThreadID+"/label", url.Values{"put": {own}})
		w.post("dana", "/mail/t/"+first.ThreadID+"/trash", nil)
		pages := []string{"/mail/trash", "/mail/labels", "/mail/l/" + own, "/mail/l/" + own + "/edit", "/mail/l/" + own + "/delete", "/mail/t/" + first.ThreadID + "?in=l-" + own, "/mail/inbox", "/mail/sent", "/mail/drafts", "/mail/archive", "/mail/contacts", "/mail/contacts?q=" + url.QueryEscape(evil), "/mail/d/" + id, "/mail/d/" + id + "/delete",
			"/mail/new?draft=" + id, "/mail/t/" + first.ThreadID, "/mail/t/" + first.ThreadID + "/print"}
		for _, path := range pages {
			p := w.get("dana", path)
			if p.code != 200 {
				t.Errorf("%s: %d", path, p.code)
			}
			harmless(t, path, p)
		}
		bad := w.postFiles("dana", "/mail/new", [][2]string{{"id", db.NewID()}, {"version", "0"}, {"to", evil}, {"subject", evil}, {"body", evil}, {"role", evil}, {"first_name", evil}})
		harmless(t, "refused form", bad)
		conflict := w.postFiles("dana", "/mail/new", [][2]string{{"id", id}, {"version", "1"}, {"to", evil}, {"subject", evil}, {"body", evil}, {"do", "save"}})
		if conflict.code != 409 {
			t.Errorf("conflict page: %d", conflict.code)
		}
		harmless(t, "conflict page", conflict)
		for _, to := range []string{"santos@example.org", "dana@example.org", "gloria@example.org"} {
			for _, m := range w.outbox(to) {
				if strings.ContainsAny(m.Subject, "\r\n") || strings.Contains(m.Text, "7*7") && to == "gloria@example.org" {
					t.Errorf("notice to %s: %q", to, m.Subject)
				}
			}
		}
	})
}

// harmless checks that a page holds no element or attribute that came from somebody's text.
func harmless(t *testing.T, path string, p page) {
	t.Helper()
	if n := p.Find("script:not([src]), img[onerror], [onload], [onmouseover], [style]").Length(); n != 0 {
		t.Errorf("%s: %d elements came from text", path, n)
	}
	for _, href := range p.Find("a[href]").Nodes {
		for _, a := range href.Attr {
			if a.Key == "href" && strings.HasPrefix(strings.ToLower(a.Val), "javascript:") {
				t.Errorf("%s: a link %q", path, a.Val)
			}
		}
	}
}

// TestNewsInThread: a conversation that is being read hears of somebody else's newer message in it, and of nothing else.
func TestNewsInThread(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "s", "b")
		other := w.send("dana", "theo@example.org", "s", "b")
		last := func() string {
			t.Helper()
			at, found := w.get("santos", "/mail/t/"+sent.ThreadID).Find("[data-thread='" + sent.ThreadID + "']").Attr("data-last")
			if !found || at == "" {
				t.Fatal("the page does not say what it shows")
			}
			return at
		}
		here := func(who, thread, last string) bool {
			return strings.Contains(w.get(who, "/mail/poll?thread="+thread+"&last="+last).raw, `"here":true`)
		}
		before := last()
		w.clock.Advance(time.Second)
		if here("santos", sent.ThreadID, before) {
			t.Error("news of nothing")
		}
		w.reply("santos", sent.ThreadID, "own")
		if here("santos", sent.ThreadID, before) {
			t.Error("news of one's own")
		}
		w.clock.Advance(time.Second)
		w.send("dana", "santos@example.org", "another", "b")
		if here("santos", sent.ThreadID, before) {
			t.Error("news of another conversation")
		}
		w.reply("dana", sent.ThreadID, "new")
		if !here("santos", sent.ThreadID, before) || here("santos", sent.ThreadID, last()) {
			t.Error("a reply is no news, or stays news when it was shown")
		}
		if here("santos", other.ThreadID, "0") || here("ruth", sent.ThreadID, "0") || here("santos", sent.ThreadID, "x") {
			t.Error("news of what is not theirs")
		}
	})
}

// TestLive: the poll says what is unread and new, and a stream is woken.
func TestLive(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ask := func(since string) (n struct {
			Unread, Fresh int64
			Newest        string
		}) {
			t.Helper()
			p := w.get("santos", "/mail/poll?since="+since)
			must(t, json.Unmarshal([]byte(p.raw), &n))
			return n
		}
		if n := ask(""); n.Unread != 0 || n.Newest != "" || n.Fresh != 0 {
			t.Errorf("at first: %+v", n)
		}
		wake, cancel := w.hub.Subscribe("u-santos")
		defer cancel()
		first := w.send("dana", "santos@example.org", "s", "b")
		select {
		case <-wake:
		default:
			t.Error("not woken")
		}
		n := ask("")
		if n.Unread != 1 || n.Fresh != 1 || n.Newest == "" {
			t.Errorf("after one: %+v", n)
		}
		shown, _ := w.get("santos", "/mail/inbox").Find("[data-news]").Attr("data-newest")
		if shown != n.Newest || ask(shown).Fresh != 0 {
			t.Errorf("the page shows %q, newest is %q", shown, n.Newest)
		}
		w.clock.Advance(time.Second)
		w.send("dana", "santos@example.org", "s2", "b")
		w.send("dana", "santos@example.org", "s3", "b")
		if n := ask(shown); n.Unread != 3 || n.Fresh != 2 {
			t.Errorf("after three: %+v", n)
		}
		w.clock.Advance(time.Second)
		w.get("santos", "/mail/t/"+first.ThreadID)
		w.reply("santos", first.ThreadID, "mine")
		if n := ask(n.Newest); n.Fresh != 2 || n.Unread != 2 {
			t.Errorf("one's own reply is no news: %+v", n)
		}
		got, err := w.Unread(t.Context(), w.d, "u-santos")
		if err != nil || got != 2 {
			t.Errorf("unread = %d, %v", got, err)
		}
	})
}

// TestOlder pages through a folder without leaving out or repeating a row; a cursor of another's is none.
func TestOlder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 120 {
			if i%3 == 0 {
				w.clock.Advance(time.Second)
			}
			w.send("dana", "santos@example.org", fmt.Sprintf("n%03d", i), "b")
		}
		for _, list := range []struct{ as, folder string }{{"santos", "inbox"}, {"dana", "sent"}} {
			seen, pages := map[string]bool{}, 0
			path := "/mail/" + list.folder
			var cursor string
			for path != "" {
				p := w.get(list.as, path)
				pages++
				for _, s := range strings.Fields(p.text(".subj")) {
					if seen[s] {
						t.Errorf("%s twice", s)
					}
					seen[s] = true
				}
				path, _ = p.Find(".list-end a").Attr("href")
				if path != "" {
					cursor = path
				}
			}
			if len(seen) != 120 || pages != 3 {
				t.Errorf("%s: %d rows on %d pages", list.folder, len(seen), pages)
			}
			forged := strings.Replace(cursor, "after=1", "after=", 1) // the year 1995: before every row
			if got := w.get(list.as, forged).text(".subj"); !strings.Contains(got, "n119") {
				t.Errorf("a forged cursor leads to %q", got[:20])
			}
		}
		if got := w.get("santos", "/mail/inbox").text(".rail [data-unread]"); got != "99+" {
			t.Errorf("count = %q", got)
		}
	})
}

// TestEvents: an open stream hears of a message.
func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		site := httptest.NewServer(w.site)
		defer site.Close()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL+mail.EventsPath, nil)
		must(t, err)
		r.AddCookie(&http.Cookie{Name: "__Host-sp_session", Value: "santos"})
		answer, err := http.DefaultClient.Do(r)
		must(t, err)
		defer answer.Body.Close()
		lines := bufio.NewScanner(answer.Body)
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), "retry:") { // from here on the stream is subscribed
			t.Fatalf("%d %q", answer.StatusCode, lines.Text())
		}
		w.send("dana", "santos@example.org", "Secret", "b")
		heard := ""
		for lines.Scan() && !strings.HasPrefix(heard, "event: mail") {
			heard = lines.Text() + heard
		}
		if !strings.HasPrefix(heard, "event: mail") || strings.Contains(heard, "Secret") {
			t.Errorf("heard %q", heard)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND unread")
	})
}

// TestNamesAreData: nothing a person puts into their name moves into the organisation that a list shows.
func TestNamesAreData(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, last := range []string{"A\nNorthgate", "B\x1fNorthgate", "\x05Northgate", "Ünïcode 😀"} {
			err := w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE account_user SET last_name = $1 WHERE id = $2", last, w.people["dana"].ID)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			w.clock.Advance(time.Second)
			w.send("dana", "santos@example.org", "named", "b")
			row := w.get("santos", "/mail/inbox").Find(".conv").First()
			if got := row.Find(".org").Text(); got != "Harbor Point Dental" {
				t.Errorf("named %q, the list shows the organisation %q", last, got)
			}
			if got := row.Find(".nm").Text(); !strings.HasSuffix(got, last) {
				t.Errorf("named %q, the list shows %q", last, got)
			}
		}
	})
}
