package mail_test

import (
	"slices"
	"strings"
	"testing"
)

// TestReceiptsOfSeveral: one recipient's reading is not shown as everybody's, in the thread and in Sent, and only to the author.
func TestReceiptsOfSeveral(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Referral", "See the film.")
		for _, user := range []string{"u-mel", "u-fred"} {
			w.exec(`INSERT INTO mail_delivery (user_id, message_id, thread_id, role, delivered_at)
				SELECT $1, message_id, thread_id, role, delivered_at FROM mail_delivery WHERE message_id = $2 AND user_id = 'u-santos'`, user, sent.MessageID)
		}
		check := func(summary, santos string) {
			t.Helper()
			thread := w.get("dana", "/mail/t/"+sent.ThreadID)
			var got []string
			thread.Find(".thread .receivers li").Each(func(_ int, li *selection) { got = append(got, li.Text()) })
			if want := []string{"Fred Free: Delivered", "Mel Ito: Delivered", "Miguel Santos: " + santos}; !slices.Equal(got, want) {
				t.Errorf("thread lists %q, want %q", got, want)
			}
			if got := thread.text("p.hint"); !strings.Contains(got, summary) {
				t.Errorf("thread says %q, want %q", got, summary)
			}
			box := w.get("dana", "/mail/sent")
			if got := box.text(".standing"); got != summary {
				t.Errorf("Sent says %q, want %q", got, summary)
			}
			if got := box.Find(".receivers li").Length(); got != 3 {
				t.Errorf("Sent lists %d recipients", got)
			}
		}
		check("Read by 0 of 3", "Delivered")
		theirs := w.get("santos", "/mail/t/"+sent.ThreadID)
		if theirs.Find(".receivers").Length() != 0 || strings.Contains(theirs.raw, "Read by") {
			t.Error("a recipient sees the receipts")
		}
		check("Read by 1 of 3", "Read Nov 23 at 2:40 PM")
		w.reply("dana", sent.ThreadID, "One more.")
		if got := w.get("dana", "/mail/t/"+sent.ThreadID).text("p.hint"); !strings.HasSuffix(got, "Delivered") {
			t.Errorf("a message to one says %q", got)
		}
	})
}
