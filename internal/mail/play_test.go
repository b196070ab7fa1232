package mail_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"securepractice/internal/mail"
)

// playable sends a conversation with one file of dana's to santos and gives the address of the file.
func (w *world) playable(name string, data []byte) (href string) {
	w.t.Helper()
	first := w.send("dana", "santos@example.org", "A film", "See for yourself.")
	_, err := w.Reply(w.t.Context(), w.people["dana"], mail.Reply{DraftID: w.draftWith("dana", first.ThreadID, name, data), ThreadID: first.ThreadID, Body: "Here it is."})
	must(w.t, err)
	w.work()
	href, ok := w.get("santos", "/mail/t/"+first.ThreadID+"?all=1").Find(`.files a[href^="/mail/attachments/"]`).First().Attr("href")
	if !ok {
		w.t.Fatal("the file did not arrive")
	}
	return href
}

// trail counts the lines of an action.
func (w *world) trail(action string) int64 {
	w.t.Helper()
	return w.count("SELECT COUNT(*) FROM audit_event WHERE action = $1", action)
}

// TestPlay: a recording goes to the player as what it is, whole or in ranges; other files, other people and a page of
// its own get nothing to run.
func TestPlay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tone := wav(1)
		href := w.playable("tone.wav", tone)
		ask := func(as, span, dest string) page {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://portal.example"+href+"/play", nil)
			if span != "" {
				r.Header.Set("Range", span)
			}
			r.Header.Set("Sec-Fetch-Dest", dest)
			return w.do(r, as)
		}
		before := w.trail("file.downloaded")
		whole := ask("santos", "", "audio")
		if whole.code != 200 || whole.raw != string(tone) || whole.head.Get("Content-Type") != "audio/wav" || whole.head.Get("Content-Disposition") != "inline" {
			t.Errorf("%d %v", whole.code, whole.head)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-store", "Accept-Ranges": "bytes"} {
			if got := whole.head.Get(name); got != want {
				t.Errorf("%s: %q, not %q", name, got, want)
			}
		}
		part := ask("santos", "bytes=100-199", "audio")
		if part.code != http.StatusPartialContent || part.raw != string(tone[100:200]) {
			t.Errorf("a range gives %d with %d bytes", part.code, len(part.raw))
		}
		if n := w.trail("file.downloaded") - before; n != 1 {
			t.Errorf("%d lines in the trail for one playing", n)
		}
		w.clock.Advance(11 * time.Minute)
		ask("santos", "bytes=200-", "audio")
		if n := w.trail("file.downloaded") - before; n != 2 {
			t.Errorf("%d lines in the trail for two playings", n)
		}
		if alone := ask("santos", "", "document"); !strings.HasPrefix(alone.head.Get("Content-Disposition"), "attachment;") {
			t.Errorf("opened by itself it is %s", alone.head.Get("Content-Disposition"))
		}
		refused := w.trail("access.refused")
		for _, other := range []string{"fred", "ruth", "sup"} {
			if got := ask(other, "bytes=1-", "audio"); got.code == 200 || got.code == 206 {
				t.Errorf("%s may play it: %d", other, got.code)
			}
		}
		if n := w.trail("access.refused") - refused; n < 2 {
			t.Errorf("%d refusals in the trail", n)
		}
	})
}

// TestPlayOnlyMedia: what is no film or recording is not found by the player, whatever it is called.
func TestPlayOnlyMedia(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		href := w.playable("notes.pdf", pdf("notes"))
		if got := w.get("santos", href+"/play"); got.code != http.StatusNotFound || strings.Contains(got.raw, "%PDF") {
			t.Errorf("a PDF is played: %d", got.code)
		}
	})
}
