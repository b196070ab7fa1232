package mail_test

import (
	"context"
	"strings"
	"testing"

	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/mail"
)

// TestVirusFoundLater: when new signatures find a virus in a delivered file, it is closed on both sides and everybody who
// has the message is warned, once, without a word of what it is about.
func TestVirusFoundLater(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "Jane Doe.pdf", pdf("a"))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "Secret subject", Body: "b"})
		must(t, err)
		w.work()
		href, _ := w.get("santos", "/mail/t/"+sent.ThreadID).Find(`.files a[href^="/mail/attachments/"]`).First().Attr("href")
		w.exec("UPDATE attach_file SET state = 'rejected', reason = 'lost'") // what is lost is no danger to anybody
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return w.Verdict(ctx, tx, "mail:"+id, attach.Moved{Blocked: true})
		})
		before := map[string]int{"dana": 0, "santos": 1} // the notice that a message has come
		w.exec("UPDATE attach_file SET state = 'infected', reason = 'virus_later'")
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return w.Verdict(ctx, tx, "mail:"+id, attach.Moved{Blocked: true})
		})
		for name, n := range before {
			box := w.outbox(name + "@example.org")
			if len(box) != n+1 {
				t.Fatalf("%s got %d e-mails, want 1", name, len(box)-n)
			}
			for _, private := range []string{"Jane", "Secret", "a.pdf"} {
				if m := box[0].Subject + box[0].Text; strings.Contains(m, private) {
					t.Errorf("the warning says %q: %s", private, m)
				}
			}
			if p := w.get(name, href); p.code != 404 {
				t.Errorf("%s downloads it: %d", name, p.code)
			}
			if got := w.get(name, "/mail/t/"+sent.ThreadID).text(".files"); !strings.Contains(got, "Blocked: Jane Doe.pdf was found to contain a virus and cannot be opened any more") {
				t.Errorf("%s reads %q", name, got)
			}
		}
	})
}
