package mail_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
)

// find searches as a browser does and gives the page it is led to.
func (w *world) find(as, words string, filters ...string) page {
	w.t.Helper()
	form := url.Values{"q": {words}}
	for i := 0; i+1 < len(filters); i += 2 {
		form.Set(filters[i], filters[i+1])
	}
	to := w.seek(as, words, form)
	for word := range strings.FieldsSeq(words) {
		if len(word) > 3 && strings.Contains(strings.ToLower(to), strings.ToLower(word)) {
			w.t.Errorf("%q stands in the address", words)
		}
	}
	return w.get(as, to)
}

// seek begins a search and gives the address it leads to.
func (w *world) seek(as, words string, forms ...url.Values) string {
	w.t.Helper()
	form := url.Values{"q": {words}}
	if len(forms) > 0 {
		form = forms[0]
	}
	p := w.post(as, "/mail/search", form)
	if p.code != http.StatusSeeOther {
		w.t.Fatalf("search for %q: %d %s", words, p.code, p.text("main"))
	}
	return p.head.Get("Location")
}

// hits are the ids of the messages on a page of a search.
func (p page) hits() (ids []string) {
	p.Find(".conv a").Each(func(_ int, a *selection) {
		_, id, _ := strings.Cut(a.AttrOr("href", ""), "#m-")
		ids = append(ids, id)
	})
	return ids
}

func (w *world) wantHits(p page, ids ...string) {
	w.t.Helper()
	if got := strings.Join(p.hits(), " "); got != strings.Join(ids, " ") {
		w.t.Errorf("found %s, want %s", got, strings.Join(ids, " "))
	}
}

// pile adds messages to a thread as plain rows, from one member to another, and gives their ids, oldest first.
func (w *world) pile(threadID, from, to string, n int, text func(i int) string) []string {
	w.t.Helper()
	key := w.threadKey(threadID, from)
	ids := make([]string, n)
	for i := 0; i < n; i += 250 {
		var messages, deliveries []any
		for k := i; k < min(n, i+250); k++ {
			ids[k] = db.NewID()
			sealed, err := key.Seal("mail_message", "body_sealed", ids[k], []byte(text(k)))
			must(w.t, err)
			at := w.clock.Now().UnixMicro() + int64(k)
			messages = append(messages, threadID, ids[k], w.people[from].ID, w.people[from].OwnerID, sealed, 0, "delivered", at, at)
			deliveries = append(deliveries, w.people[from].ID, ids[k], threadID, "from", at, w.people[to].ID, ids[k], threadID, "to", at)
		}
		w.exec(`INSERT INTO mail_message (thread_id, id, author_id, author_owner_id, body_sealed, files, state, written_at, delivered_at) VALUES `+values(len(messages), 9), messages...)
		w.exec(`INSERT INTO mail_delivery (user_id, message_id, thread_id, role, delivered_at) VALUES `+values(len(deliveries), 5), deliveries...)
	}
	w.clock.Advance(time.Duration(n) * time.Microsecond)
	return ids
}

func (w *world) threadKey(threadID, member string) *crypt.Thread {
	w.t.Helper()
	me := w.people[member]
	o, err := w.keys.Owner(w.t.Context(), w.d, me.OwnerID)
	must(w.t, err)
	wrapped, _, err := db.One(w.t.Context(), w.d, db.Scan1[[]byte], "SELECT wrapped_key FROM mail_thread_key WHERE thread_id = $1 AND owner_id = $2", threadID, me.OwnerID)
	must(w.t, err)
	key, err := o.UnwrapThread(threadID, wrapped)
	must(w.t, err)
	return key
}

// values are the placeholders of so many arguments in rows of some columns.
func values(args, columns int) string {
	var b strings.Builder
	for i := range args {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	return b.String() + ")"
}

// whole checks that every numbered message lies in exactly one segment and no number is given twice.
func (w *world) whole(name string) {
	w.t.Helper()
	id := w.people[name].ID
	n := w.count("SELECT COUNT(*) FROM mail_delivery WHERE user_id = $1 AND n IS NOT NULL", id)
	w.want(n, "SELECT COALESCE(SUM(count), 0) FROM mail_search WHERE user_id = $1", id)
	w.want(n, "SELECT COUNT(*) FROM mail_delivery d JOIN mail_search s ON s.user_id = d.user_id AND d.n >= s.from_n AND d.n < s.from_n + s.count WHERE d.user_id = $1", id)
}

func TestSearchFindsWordsAndBeginnings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.send("dana", "santos@example.org", "Crown prep for #30", "Please look at the upper molar. <b>Thanks</b> & regards")
		w.clock.Advance(time.Hour)
		back := w.reply("santos", first.ThreadID, "The CROWN fits. Müller agrees.")
		w.clock.Advance(time.Hour)
		id := w.draftWith("dana", "", "Panorex scan.pdf", pdf("a"))
		filed, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "ruth@example.org", Subject: "Your picture", Body: "See the file."})
		must(t, err)
		w.work()
		w.wantHits(w.find("dana", "crown"), back.MessageID, first.MessageID)
		w.wantHits(w.find("dana", "cro MULL"), back.MessageID)
		w.wantHits(w.find("dana", "molar"), first.MessageID)
		w.wantHits(w.find("dana", "olar"))
		w.wantHits(w.find("dana", "panor"), filed.MessageID)
		w.wantHits(w.find("dana", "okafor"), filed.MessageID)
		w.wantHits(w.find("dana", "eastlake crown"), back.MessageID, first.MessageID)
		w.wantHits(w.find("ruth", "panorex"), filed.MessageID)
		w.wantHits(w.find("ruth", "crown"))
		w.wantHits(w.find("gus", "crown"))
		if p := w.find("dana", "crown"); p.text(".conv:first-child .snip mark") != "CROWN" || p.Find(".subj mark").Length() != 2 || p.Find(".conv b").Length() > 0 {
			t.Errorf("marked: %s", p.raw)
		}
		if p := w.find("dana", "thanks"); !strings.Contains(p.raw, "&lt;b&gt;<mark>Thanks</mark>&lt;/b&gt; &amp; regards") {
			t.Error(p.text(".snip"))
		}
		if p := w.find("dana", "panorex"); p.text(".conv mark") != "Panorex" {
			t.Error(p.text(".conv"))
		}
		if p := w.find("dana", "zzz"); p.text(".pane.list .empty p") != "Nothing matches “zzz”." {
			t.Error(p.text(".empty p"))
		}
	})
}

func TestSearchRefusesWhatFindsNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for words, want := range map[string]string{"": "Enter what to search for", "a #": "Enter at least 2 letters or digits of a word", strings.Repeat("w", 33): "A word can have up to 32 letters and digits",
			strings.Repeat("ab ", 70): "Search mail must be 200 characters or fewer", strings.Repeat("ab ", 21): "Search for up to 20 words"} {
			p := w.post("dana", "/mail/search", url.Values{"q": {words}})
			if p.code != http.StatusUnprocessableEntity || !strings.Contains(p.text(".summary"), want) || p.Find("#q").AttrOr("value", "") != strings.TrimSpace(words) {
				t.Errorf("%q: %d %s", words, p.code, p.text("main"))
			}
		}
		if p := w.post("dana", "/mail/search", url.Values{"q": {"crown"}, "from": {"2026-11-24"}, "to": {"2026-11-23"}, "folder": {"attic"}}); !strings.Contains(p.text(".summary"), "last day that is not before") || !strings.Contains(p.text(".summary"), "Choose a folder") {
			t.Error(p.text(".summary"))
		}
		if p := w.find("dana", "J. Alvarez"); !strings.Contains(p.text(".note"), "Not searched for: “J.”") {
			t.Error(p.text(".note"))
		}
		if p := w.get("dana", "/mail/search?q=crown"); p.code != http.StatusOK || p.Find(".conv, .said").Length() != 0 || strings.Contains(p.raw, "crown") {
			t.Error(p.text("main"))
		}
	})
}

func TestSearchFilters(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.send("dana", "santos@example.org", "Crown one", "b")
		w.clock.Advance(24 * time.Hour)
		b := w.reply("santos", a.ThreadID, "crown two")
		w.clock.Advance(24 * time.Hour)
		c := w.send("dana", "ruth@example.org", "Crown three", "b")
		id := w.draftWith("ruth", c.ThreadID, "x.pdf", pdf("a"))
		d, err := w.Reply(t.Context(), w.people["ruth"], mail.Reply{DraftID: id, ThreadID: c.ThreadID, Body: "crown four"})
		must(t, err)
		w.work()
		w.wantHits(w.find("dana", "crown"), d.MessageID, c.MessageID, b.MessageID, a.MessageID)
		w.wantHits(w.find("dana", "crown", "folder", "sent"), c.MessageID, a.MessageID)
		w.wantHits(w.find("dana", "crown", "person", "oka"), d.MessageID, c.MessageID)
		w.wantHits(w.find("dana", "crown", "files", "yes"), d.MessageID)
		w.get("dana", "/mail/t/"+c.ThreadID)
		w.wantHits(w.find("dana", "crown", "unread", "yes"), b.MessageID, a.MessageID)
		// 22:40 UTC on the 24th is the 24th in Los Angeles too; its day ends at 8:00 UTC.
		w.wantHits(w.find("dana", "crown", "from", "2026-11-24", "to", "2026-11-24"), b.MessageID)
		w.wantHits(w.find("dana", "crown", "to", "2026-11-23"), a.MessageID)
		w.post("dana", "/mail/t/"+a.ThreadID+"/archive", nil)
		w.wantHits(w.find("dana", "crown", "folder", "archive"), b.MessageID, a.MessageID)
		w.wantHits(w.find("dana", "crown", "folder", "inbox"), d.MessageID, c.MessageID)
		w.exec("UPDATE mail_member SET folder = 'trash' WHERE user_id = $1 AND thread_id = $2", "u-dana", a.ThreadID)
		w.wantHits(w.find("dana", "crown"), d.MessageID, c.MessageID)
		w.wantHits(w.find("dana", "crown", "folder", "trash"), b.MessageID, a.MessageID)
	})
}

// TestSearchIndex goes through a person's index as it grows: what is found is the same with it and without.
func TestSearchIndex(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		thread := w.send("dana", "santos@example.org", "Subject words", "zero").ThreadID
		ids := w.pile(thread, "dana", "santos", 700, func(i int) string {
			return fmt.Sprintf("message rare%04d common %s", i, strings.Repeat("third", 1-min(1, i%3)))
		})
		w.find("santos", "common")
		w.work()
		w.whole("santos")
		w.want(2, "SELECT COUNT(*) FROM mail_search WHERE user_id = 'u-santos' AND count = 256")
		w.want(0, "SELECT COUNT(*) FROM mail_search WHERE user_id = 'u-dana'")
		for _, i := range []int{0, 7, 254, 255, 256, 511, 512, 699} {
			w.wantHits(w.find("santos", fmt.Sprintf("rare%04d", i)), ids[i])
		}
		w.wantHits(w.find("santos", "rare000 third"), ids[9], ids[6], ids[3], ids[0])
		var all []string
		p := w.find("santos", "common third")
		for {
			all = append(all, p.hits()...)
			next := p.Find(".list-end a").AttrOr("href", "")
			if next == "" {
				break
			}
			if len(p.hits()) != 50 {
				t.Fatalf("a page of %d", len(p.hits()))
			}
			p = w.get("santos", next)
		}
		if len(all) != 234 || all[0] != ids[699] || all[233] != ids[0] {
			t.Errorf("%d hits", len(all))
		}
		// What may not be seen any more is not found, whatever the index holds.
		w.exec("UPDATE mail_message SET state = 'recalled' WHERE id = $1", ids[7])
		w.wantHits(w.find("santos", "rare0007"))
		w.exec("UPDATE mail_delivery SET access_until = 1 WHERE user_id = 'u-santos'")
		w.wantHits(w.find("santos", "rare0008"))
		w.exec("UPDATE mail_delivery SET access_until = NULL WHERE user_id = 'u-santos'")
		w.wantHits(w.find("santos", "rare0008"), ids[8])
		w.exec("DELETE FROM mail_delivery WHERE user_id = 'u-santos' AND message_id = $1", ids[8])
		w.wantHits(w.find("santos", "rare0008"))
	})
}

// TestSearchWaitsForDelivery: what waits, or was stopped, is not found by its recipient, nor is it indexed.
func TestSearchWaitsForDelivery(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.send("dana", "santos@example.org", "s", "b")
		id := w.draftWith("dana", first.ThreadID, "x.pdf", virus())
		sent, err := w.Reply(t.Context(), w.people["dana"], mail.Reply{DraftID: id, ThreadID: first.ThreadID, Body: "waiting words"})
		must(t, err)
		w.wantHits(w.find("santos", "waiting"))
		w.wantHits(w.find("dana", "waiting"), sent.MessageID)
		w.work()
		w.wantHits(w.find("santos", "waiting"))
		w.wantHits(w.find("dana", "waiting"))
	})
}

// TestIndexersTogether: two nodes index and rebuild one mailbox at once; no message is missed and no number given twice.
func TestIndexersTogether(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		thread := w.send("dana", "santos@example.org", "s", "zero").ThreadID
		ids := w.pile(thread, "dana", "santos", 16*256+300, func(i int) string { return fmt.Sprintf("rare%05d", i) })
		w.find("santos", "zero")
		ctx := context.WithoutCancel(t.Context())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if err := w.KeepIndexes(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		all.Go(func() {
			if err := w.RebuildSearch(ctx, "santos@example.org", func(mail.Rebuilding) {}); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		must(t, w.KeepIndexes(ctx))
		w.whole("santos")
		w.want(1, "SELECT COUNT(*) FROM mail_search WHERE user_id = 'u-santos' AND count = 4096")
		w.want(1, "SELECT COUNT(*) FROM mail_search WHERE user_id = 'u-santos' AND count = 256")
		for _, i := range []int{0, 255, 256, 4095, 4096, 4351, 4395} {
			w.wantHits(w.find("santos", fmt.Sprintf("rare%05d", i)), ids[i])
		}
	})
}

// TestIndexNothingHalf breaks every table of the index under each of its steps: nothing half is left, and the next run
// does it.
func TestIndexNothingHalf(t *testing.T) {
	run := func(t *testing.T, d *db.DB, owner string) {
		t.Helper()
		w, b := newWorld(t, d), newBreaker(t, d, owner)
		thread := w.send("dana", "santos@example.org", "s", "zero").ThreadID
		ids := w.pile(thread, "dana", "santos", 16*256, func(i int) string { return fmt.Sprintf("rare%05d", i) })
		w.find("santos", "zero")
		tables := []string{"mail_box", "mail_delivery", "mail_search", "mail_search_block"}
		image := func() string {
			return fmt.Sprint(w.count("SELECT next_n + version FROM mail_box"), w.count("SELECT COUNT(*) FROM mail_delivery WHERE n IS NOT NULL"),
				w.count("SELECT COUNT(*) FROM mail_search"), w.count("SELECT COUNT(*) FROM mail_search_block"))
		}
		try := func(step string) {
			for _, table := range tables {
				was := image()
				b.fail(table)
				if err := w.KeepIndexes(t.Context()); err == nil && table == "mail_box" {
					t.Errorf("%s works without %s", step, table)
				}
				b.mend(table)
				if now := image(); now != was && table != "mail_delivery" { // merging touches no delivery, and takes place
					t.Errorf("%s, %s broken: %s became %s", step, table, was, now)
				}
				w.whole("santos")
			}
		}
		try("index")
		must(t, w.KeepIndexes(t.Context()))
		w.whole("santos")
		w.wantHits(w.find("santos", "rare04000"), ids[4000])
		w.exec("UPDATE mail_box SET base_n = next_n")
		w.exec("DELETE FROM mail_search")
		w.exec("DELETE FROM mail_search_block")
		b.fail("mail_delivery")
		if err := w.KeepIndexes(t.Context()); err == nil {
			t.Error("numbers are taken back without mail_delivery")
		}
		b.mend("mail_delivery")
		must(t, w.KeepIndexes(t.Context()))
		w.whole("santos")
		w.wantHits(w.find("santos", "rare04000"), ids[4000])
	}
	t.Run("sqlite", func(t *testing.T) { run(t, dbtest.SQLite(t), "") })
	t.Run("postgres", func(t *testing.T) {
		owner, program := dbtest.PostgresURLs(t)
		d, err := db.Open(t.Context(), program, db.Options{Conns: 8})
		must(t, err)
		t.Cleanup(func() { _ = d.Close() })
		run(t, d, owner)
	})
}

// TestDamagedIndexIsRebuilt: whatever of the index is changed, moved or missing, the search says so and mends it.
func TestDamagedIndexIsRebuilt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		thread := w.send("dana", "santos@example.org", "s", "zero").ThreadID
		ids := w.pile(thread, "dana", "santos", 600, func(i int) string { return fmt.Sprintf("rare%05d", i) })
		w.find("santos", "zero")
		must(t, w.KeepIndexes(t.Context()))
		for _, harm := range []string{
			"UPDATE mail_search SET dict_sealed = (SELECT postings_sealed FROM mail_search_block ORDER BY seg LIMIT 1)",
			"UPDATE mail_search_block SET postings_sealed = (SELECT dict_sealed FROM mail_search ORDER BY from_n LIMIT 1)",
			"DELETE FROM mail_search_block",
			"UPDATE mail_search SET owner_id = 'gone'",
			"UPDATE mail_search SET owner_id = 'p-harbor'",
		} {
			w.exec(harm)
			p := w.find("santos", "rare00300")
			if p.code != http.StatusOK || !strings.Contains(p.text(".note"), "Search is being rebuilt.") {
				t.Errorf("%s: %d %s", harm, p.code, p.text(".said"))
			}
			w.wantHits(w.find("santos", "rare00599"), ids[599])
			must(t, w.KeepIndexes(t.Context()))
			w.whole("santos")
			w.wantHits(w.find("santos", "rare00300"), ids[300])
		}
	})
}

func TestFirstSearchSaysHowFarItIs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		thread := w.send("dana", "santos@example.org", "s", "zero").ThreadID
		ids := w.pile(thread, "dana", "santos", 1200, func(i int) string { return fmt.Sprintf("rare%05d", i) })
		p := w.find("santos", "rare01199")
		w.wantHits(p, ids[1199])
		if !strings.Contains(p.text(".note"), "We are still reading your older messages. 0 of 1,201 are ready") {
			t.Error(p.text(".note"))
		}
		w.work()
		p = w.find("santos", "rare00000")
		w.wantHits(p, ids[0])
		if p.Find(".note").Length() != 0 {
			t.Error(p.text(".note"))
		}
	})
}

// TestSearchIsPrivate: an address works for nobody else, the trail knows numbers alone, and nothing leads the words out.
func TestSearchIsPrivate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "quokka", "b")
		to := w.post("dana", "/mail/search", url.Values{"q": {"quokka"}}).head.Get("Location")
		p := w.get("dana", to)
		w.wantHits(p, sent.MessageID)
		if p.head.Get("Referrer-Policy") != "no-referrer" || strings.Contains(p.Find("title").Text(), "quokka") {
			t.Error(p.head)
		}
		for _, name := range []string{"santos", "mel", "ruth"} {
			if p := w.get(name, to); p.code != http.StatusOK || strings.Contains(p.raw, "quokka") || p.Find(".said, .conv").Length() > 0 {
				t.Errorf("%s sees %s", name, p.text("main"))
			}
		}
		if p := w.get("sup", to); p.code == http.StatusOK {
			t.Errorf("Support: %d", p.code)
		}
		w.want(1, `SELECT COUNT(*) FROM audit_event WHERE action = 'mail.searched' AND detail = '{"hits":"1"}'`)
		w.want(0, `SELECT COUNT(*) FROM audit_event WHERE detail LIKE '%quokka%'`)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodHead, "https://portal.example"+to, nil)
		w.do(r, "dana")
		w.want(1, `SELECT COUNT(*) FROM audit_event WHERE action = 'mail.searched'`)
	})
}

// TestSearchLeavesNoWordInTheLog: with everything logged, and with the index broken, the log names the route alone.
func TestSearchLeavesNoWordInTheLog(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var said bytes.Buffer
		w.mount(slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug})))
		w.find("dana", "quokka")
		to := w.seek("dana", "quokka")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "https://portal.example"+to, nil)
		w.do(r, "dana")
		sealed := strings.TrimPrefix(to, "/mail/search?q=")
		if log := said.String(); !strings.Contains(log, "route=/mail/search") || strings.Contains(log, "quokka") || strings.Contains(log, sealed) {
			t.Error(log)
		}
	})
}

func TestHostileTextIsHarmlessInHits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		evil := `"><script>alert(1)</script><img src=x onerror=alert(2)> crown`
		w.send("dana", "santos@example.org", evil, evil)
		for _, words := range []string{"crown", "script", "img"} {
			p := w.find("santos", words)
			if p.Find(".conv").Length() != 1 || p.Find("main script, main img").Length() != 0 || p.Find(".subj mark").Length() == 0 {
				t.Errorf("%s: %s", words, p.raw)
			}
		}
		if p := w.find("santos", evil); p.Find("#q").AttrOr("value", "") != evil || p.Find("main script, main img").Length() != 0 {
			t.Error(p.text("main"))
		}
		if p := w.find("santos", "", "person", "<b>zzz"); p.text(".pane.list .empty p") != "Nothing matches “<b>zzz”." {
			t.Error(p.text(".empty p"))
		}
	})
}

func TestSearchesAreLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 60 {
			w.post("gus", "/mail/search", url.Values{"q": {"crown"}})
		}
		if p := w.post("gus", "/mail/search", url.Values{"q": {"crown"}}); p.code != http.StatusTooManyRequests || p.Find("#q").AttrOr("value", "") != "crown" {
			t.Errorf("%d %s", p.code, p.text("main"))
		}
	})
}

// TestSearchCommandRebuilds: a rebuild leaves no part of the old index and finds the same afterwards.
func TestSearchCommandRebuilds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		thread := w.send("dana", "santos@example.org", "s", "zero").ThreadID
		ids := w.pile(thread, "dana", "santos", 600, func(i int) string { return fmt.Sprintf("rare%05d", i) })
		w.find("santos", "zero")
		w.find("dana", "zero")
		must(t, w.KeepIndexes(t.Context()))
		var said []mail.Rebuilding
		must(t, w.RebuildSearch(t.Context(), "", func(r mail.Rebuilding) { said = append(said, r) }))
		w.want(0, "SELECT COUNT(*) FROM mail_search")
		w.want(0, "SELECT COUNT(*) FROM mail_search_block")
		w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE n IS NOT NULL")
		if last := said[len(said)-1]; last != (mail.Rebuilding{Mailbox: 2, Mailboxes: 2, Done: 512, Messages: 512}) {
			t.Errorf("%+v", said)
		}
		w.work()
		w.whole("santos")
		w.whole("dana")
		w.wantHits(w.find("santos", "rare00300"), ids[300])
		if err := w.RebuildSearch(t.Context(), "nobody@example.org", func(mail.Rebuilding) {}); err == nil {
			t.Error("rebuilt for nobody")
		}
	})
}
