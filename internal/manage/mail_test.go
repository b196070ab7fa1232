package manage_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/practice"
)

// TestMailRules: a User Manager sets them, within bounds, once; a colleague's change is not overwritten unseen.
func TestMailRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.as("fay")
		link, _ := b.get("/users").Find(`a[href="/users/mail"]`).Attr("href")
		version, _ := b.get(link).says(http.StatusOK, "Message settings").Find("[name=version]").Attr("value")
		for _, typed := range []string{"", "0", "21", "-3", "many", "1.5"} {
			p := b.post(link, "version", version, "max_recipients", typed).says(http.StatusUnprocessableEntity, "Enter a number from 1 to 20")
			if got, _ := p.Find("[name=max_recipients]").Attr("value"); got != typed {
				t.Errorf("typed %q, the form says %q", typed, got)
			}
		}
		b.post(link, "version", version, "max_recipients", " 20 ").goes("/users/mail")
		b.get(link).says(http.StatusOK, "Saved. Messages of your practice may have up to 20 recipients.")
		if w.rows("SELECT max_recipients FROM practice_practice WHERE id = $1", w.harbor) != 20 || w.rows("SELECT max_recipients FROM practice_practice WHERE id = $1", w.lakeside) != 1 {
			t.Error("not saved for this practice alone")
		}
		w.as("ann").post(link, "version", version, "max_recipients", "5").says(http.StatusConflict, "Someone else has changed", "up to 20 recipients", "without an end")
		version, _ = b.get(link).Find("[name=version]").Attr("value")
		b.post(link, "version", version, "max_recipients", "20").goes("/users/mail")
		if w.rows("SELECT max_recipients FROM practice_practice WHERE id = $1", w.harbor) != 20 || w.trail("practice.edited", w.harbor) != 1 {
			t.Error("a stale form was saved, or the trail does not say it once")
		}
		w.as("ed").get(link).says(http.StatusNotFound)
		w.as("ed").post(link, "version", version, "max_recipients", "3").says(http.StatusNotFound)
	})
}

// TestMailAccess: the time others can read is saved, cleared and refused like the number of recipients, and each with the
// other settings as they are.
func TestMailAccess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.as("fay")
		version := func() string { return b.get("/users/mail").Find("[name=version]").AttrOr("value", "") }
		for _, typed := range []string{"0", "-1", "3651", "many", "1.5"} {
			p := b.post("/users/mail", "version", version(), "max_recipients", "1", "access_days", typed).says(http.StatusUnprocessableEntity, "Enter a number of days from 1 to 3650, or leave this empty")
			if got := p.Find("[name=access_days]").AttrOr("value", ""); got != typed {
				t.Errorf("typed %q, the form says %q", typed, got)
			}
		}
		b.post("/users/mail", "version", version(), "max_recipients", "4", "access_days", "90").goes("/users/mail")
		b.get("/users/mail").says(http.StatusOK, "A change holds for new messages only.")
		if w.rows("SELECT access_days FROM practice_practice WHERE id = $1", w.harbor) != 90 || w.rows("SELECT COUNT(*) FROM practice_practice WHERE access_days IS NOT NULL") != 1 {
			t.Error("not saved for this practice alone")
		}
		b.post("/users/mail", "version", version(), "max_recipients", "4").goes("/users/mail")
		if w.rows("SELECT COUNT(*) FROM practice_practice WHERE access_days IS NOT NULL") != 0 || w.trail("practice.edited", w.harbor) != 2 {
			t.Error("not cleared, or the trail does not say each change once")
		}
	})
}

// TestMailRetention: a shorter time is asked about with what it would end, and nothing ends for a month after the
// answer; a longer one is saved at once and ends nothing sooner.
func TestMailRetention(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.as("fay")
		version := func() string { return b.get("/users/mail").Find("[name=version]").AttrOr("value", "") }
		saved := func() (int64, int64) {
			return w.rows("SELECT COALESCE(MAX(retention_days), 0) FROM practice_practice"), w.rows("SELECT COALESCE(MAX(retention_from), 0) FROM practice_practice")
		}
		w.keeps(w.harbor, "t-old", 400)
		w.keeps(w.harbor, "t-older", 500)
		w.keeps(w.harbor, "t-new", 10)
		w.keeps(w.lakeside, "t-other", 500)
		for _, typed := range []string{"0", "29", "36501", "x"} {
			b.post("/users/mail", "version", version(), "max_recipients", "1", "retention_days", typed).says(http.StatusUnprocessableEntity, "Enter a number of days from 30 to 36500, or leave this empty")
		}
		on := w.clock.Now().Add(practice.RetentionNotice)
		ask := b.post("/users/mail", "version", version(), "max_recipients", "1", "retention_days", "365").
			says(http.StatusOK, "Keep conversations for a shorter time?", "2 conversations would end on "+on.Format("Jan 2, 2006"), "Nothing ends in the next 30 days")
		if days, _ := saved(); days != 0 || w.trail("practice.edited", w.harbor) != 0 {
			t.Error("saved without an answer")
		}
		b.post("/users/mail", "version", version(), "max_recipients", "1", "retention_days", "300", "confirmed", "365").says(http.StatusOK, "for 300 days")
		var fields []string
		for _, f := range ask.Find("main form input").EachIter() {
			fields = append(fields, f.AttrOr("name", ""), f.AttrOr("value", ""))
		}
		b.post("/users/mail", fields...).goes("/users/mail")
		if days, from := saved(); days != 365 || from != on.UnixMicro() || w.rows("SELECT COUNT(*) FROM practice_practice WHERE retention_days IS NOT NULL") != 1 {
			t.Errorf("%d days from %d, want 365 from %d", days, from, on.UnixMicro())
		}
		b.get("/users/mail").says(http.StatusOK, "2 conversations end in the next 30 days.")
		b.post("/users/mail", fields...).says(http.StatusConflict, "Someone else has changed", "On file now: Your practice keeps a conversation for 365 days after its newest message.")
		w.clock.Advance(24 * time.Hour)
		b.post("/users/mail", "version", version(), "max_recipients", "1", "retention_days", "450").goes("/users/mail")
		if days, from := saved(); days != 450 || from != on.UnixMicro() {
			t.Errorf("%d days from %d", days, from)
		}
		b.get("/users/mail").says(http.StatusOK, "1 conversation ends in the next 30 days.")
		b.post("/users/mail", "version", version(), "max_recipients", "1").goes("/users/mail")
		if days, from := saved(); days != 0 || from != 0 || w.trail("practice.edited", w.harbor) != 3 {
			t.Errorf("%d days from %d", days, from)
		}
	})
}

// keeps makes a conversation that a practice keeps, whose newest message is so many days old.
func (w *world) keeps(owner, id string, days int) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		at := w.clock.Now().Add(-time.Duration(days) * 24 * time.Hour).UnixMicro()
		if _, err := tx.Exec(ctx, "INSERT INTO mail_thread (id, subject_sealed, started_by, last_at, messages, version) VALUES ($1, $2, 'x', $3, 1, 1)", id, []byte("x"), at); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO mail_thread_key (thread_id, owner_id, wrapped_key) VALUES ($1, $2, $3)", id, owner, []byte("x"))
		return err
	})
}
