package mail_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/mail"
	"securepractice/internal/notify"
)

// TestRemindedOnce: an author is told once of each message that stays unopened, however many nodes look, and the
// e-mail names nothing private. What was opened brings none, and who wants no notices gets none.
func TestRemindedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		told := func(name string) (list []notify.OutboxItem) {
			for _, m := range w.outbox(name + "@example.org") {
				if m.Subject == "A message you sent has not been opened" {
					list = append(list, m)
				}
			}
			return list
		}
		w.prefer("mel", mail.Preferences{New: "none", Pace: "once", Read: "none"})
		sent := w.send("dana", "ruth@example.org", "Root canal", "private")
		w.exec(`INSERT INTO mail_delivery (user_id, message_id, thread_id, role, delivered_at)
			SELECT 'u-mel', message_id, thread_id, role, delivered_at FROM mail_delivery WHERE message_id = $1 AND user_id = 'u-ruth'`, sent.MessageID)
		read := w.send("dana", "theo@example.org", "Crown", "private")
		w.get("theo", "/mail/t/"+read.ThreadID)
		w.send("mel", "ruth@example.org", "Bill", "private") // Mel wants no notices
		w.clock.Advance(47 * time.Hour)
		must(t, w.RemindUnopened(t.Context()))
		if len(told("dana")) != 0 {
			t.Fatal("told before two days")
		}
		w.clock.Advance(2 * time.Hour)
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() { errs[i] = w.RemindUnopened(t.Context()) })
		}
		wg.Wait()
		must(t, errors.Join(errs...))
		w.clock.Advance(time.Hour)
		must(t, w.RemindUnopened(t.Context()))
		m := told("dana")
		if len(m) != 1 || len(m[0].Links) != 1 || m[0].Links[0] != "https://portal.example/mail/t/"+sent.ThreadID {
			t.Fatalf("%d reminders: %+v", len(m), m)
		}
		for _, private := range []string{"Ruth", "Okafor", "Root", "private", "Mel"} {
			if strings.Contains(m[0].Text+m[0].Subject, private) {
				t.Errorf("it says %q", private)
			}
		}
		if len(told("mel")) != 0 {
			t.Error("told though she wants no notices")
		}
		if got := w.get("mel", "/mail/sent").text(".standing"); got != "Delivered. Not opened after 2 days. You can call them." {
			t.Errorf("Sent says %q", got)
		}
		w.exec("UPDATE mail_delivery SET reminded_at = NULL")
		w.exec("UPDATE mail_message SET state = 'recalled'")
		must(t, w.RemindUnopened(t.Context()))
		if len(told("dana")) != 1 {
			t.Error("told of a recalled message")
		}
	})
}

// TestRemindedOfNewcomer: a message that waits for a registration counts as unopened; one that was claimed and read does not.
func TestRemindedOfNewcomer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "gloria@example.org", Subject: "Pre-med", Body: "b", New: newPatient()})
		must(t, err)
		w.clock.Advance(49 * time.Hour)
		for range 2 {
			must(t, w.RemindUnopened(t.Context()))
		}
		w.want(1, "SELECT COUNT(*) FROM mail_delivery WHERE reminded_at IS NOT NULL")
		const words = "Recipient not registered yet. Not opened after 2 days. You can call them. Is their phone number right?"
		if got := w.get("dana", "/mail/sent").text(".standing"); got != words {
			t.Errorf("Sent says %q", got)
		}
		w.exec("UPDATE mail_delivery SET reminded_at = NULL")
		w.exec("UPDATE mail_pending SET state = 'claimed'")
		must(t, w.RemindUnopened(t.Context()))
		w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE reminded_at IS NOT NULL")
	})
}

// TestRemindedOfMany: what is found together is one e-mail, which says how many.
func TestRemindedOfMany(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 3 {
			w.send("dana", "ruth@example.org", "Root canal", "private")
		}
		w.clock.Advance(49 * time.Hour)
		must(t, w.RemindUnopened(t.Context()))
		list := w.outbox("dana@example.org")
		if len(list) != 1 || list[0].Subject != "3 messages you sent have not been opened" || list[0].Links[0] != "https://portal.example/mail/sent" {
			t.Errorf("%+v", list)
		}
	})
}
