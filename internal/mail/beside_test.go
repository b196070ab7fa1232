package mail_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestRowsWearLabels shows a row's labels in every list of conversations, its reader's alone, and not the one whose page it is.
func TestRowsWearLabels(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("santos", "dana@example.org", "One", "b")
		w.send("santos", "dana@example.org", "Two", "b")
		first, second := w.label("dana", "Crowns", "3"), w.label("dana", "Asked", "4")
		theirs := w.label("santos", "Theirs", "4")
		path := "/mail/t/" + sent.ThreadID
		w.post("dana", path+"/label", url.Values{"put": {first}})
		w.post("dana", path+"/label", url.Values{"put": {second}})
		w.reply("dana", sent.ThreadID, "b")
		w.post("santos", path+"/label", url.Values{"put": {theirs}})
		for at, want := range map[string]string{"/mail/inbox": "Labels: Asked Crowns", path: "Labels: Asked Crowns", "/mail/l/" + first: "Labels: Asked"} {
			p := w.get("dana", at)
			if got := p.text(".conv .tags"); got != want || p.Find(".tags").Length() != 1 {
				t.Errorf("%s: %q, want %q", at, got, want)
			}
		}
		if got := w.get("santos", "/mail/inbox").text(".conv .tags"); got != "Labels: Theirs" {
			t.Errorf("santos reads %q", got)
		}
		w.post("dana", path+"/label", url.Values{"take": {first}})
		if got := w.get("dana", "/mail/inbox").text(".conv .tags"); got != "Labels: Asked" {
			t.Errorf("taken off: %q", got)
		}
	})
}

// TestNeighboursInSent walks Sent from its newest to its oldest conversation and back, each met once, however often one wrote
// in it, and nothing that was stopped or is another's.
func TestNeighboursInSent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var ids []string
		for _, subject := range []string{"a", "b", "c"} {
			w.clock.Advance(time.Second)
			ids = append(ids, w.send("dana", "santos@example.org", subject, "b").ThreadID)
		}
		w.clock.Advance(time.Second)
		w.reply("dana", ids[0], "again") // a now stands above c
		w.clock.Advance(time.Second)
		w.send("santos", "dana@example.org", "not mine", "b")
		gone := w.send("dana", "santos@example.org", "stopped", "b")
		w.exec("UPDATE mail_message SET state = 'stopped' WHERE id = $1", gone.MessageID)
		way := []string{ids[0], ids[2], ids[1]}
		for i, id := range way {
			p := w.get("dana", "/mail/t/"+id+"?in=sent")
			up, _ := p.Find("#thread [data-key=k]").Attr("href")
			down, _ := p.Find("#thread [data-key=j]").Attr("href")
			wantUp, wantDown := "", ""
			if i > 0 {
				wantUp = "/mail/t/" + way[i-1] + "?in=sent"
			}
			if i+1 < len(way) {
				wantDown = "/mail/t/" + way[i+1] + "?in=sent"
			}
			if up != wantUp || down != wantDown {
				t.Errorf("beside %d: %q and %q, want %q and %q", i, up, down, wantUp, wantDown)
			}
		}
		if !strings.Contains(w.get("dana", "/mail/t/"+ids[1]+"?in=sent").text("#thread .acts"), "Previous") {
			t.Error("the last has no way back up")
		}
	})
}

// TestPhonesReadNoList: a phone gets a conversation without the list that it has no room for, whatever its browser.
func TestPhonesReadNoList(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("santos", "dana@example.org", "One", "b")
		for name, lists := range map[string]int{
			"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": 0,
			"Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0":                                                                    0,
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                   1,
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://portal.example/mail/t/"+sent.ThreadID, nil)
			r.Header.Set("User-Agent", name)
			if p := w.do(r, "dana"); p.Find(".pane.list").Length() != lists || p.Find("#thread h1").Length() != 1 {
				t.Errorf("%s gets %d lists", name, p.Find(".pane.list").Length())
			}
		}
	})
}
