package mail_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"securepractice/internal/mail"
	"securepractice/internal/notify"
)

// TestQuietHours: what arrives in them is in one notice at their end, where the person is; what else arrives is told at once.
func TestQuietHours(t *testing.T) {
	each(t, func(t *testing.T, w *world) { // it is 14:40 where everybody is
		w.prefer("santos", mail.Preferences{New: "email", Pace: "once", Read: "none", QuietFrom: "14:00", QuietUntil: "16:00"})
		told := func() int { return len(w.arrivals("santos@example.org", notify.Email)) }
		first := w.send("dana", "santos@example.org", "s", "b")
		w.send("dana", "santos@example.org", "s2", "b")
		w.send("dana", "fred@example.org", "s", "b")
		if told() != 0 || len(w.arrivals("fred@example.org", notify.Email)) != 1 {
			t.Fatalf("told %d times in quiet hours", told())
		}
		w.clock.Advance(79 * time.Minute)
		must(t, w.TellHourly(t.Context()))
		if told() != 0 {
			t.Fatal("told before their end")
		}
		w.clock.Advance(time.Minute)
		for range 2 {
			must(t, w.TellHourly(t.Context()))
		}
		if m := w.arrivals("santos@example.org", notify.Email); len(m) != 1 || m[0].Subject != "You have 2 new secure messages" {
			t.Fatalf("at their end: %+v", m)
		}
		w.send("dana", "santos@example.org", "s3", "b")
		if told() != 2 {
			t.Error("not told at once behind them")
		}

		// The notice that a sender asks for waits as well, and is of a message given long before.
		w.clock.Advance(22 * time.Hour) // 14:00 of the next day
		if p := w.post("dana", "/mail/m/"+first.MessageID+"/notice", nil); p.code != http.StatusSeeOther || told() != 2 {
			t.Errorf("asked again: %d, told %d", p.code, told())
		}
		w.clock.Advance(2 * time.Hour)
		must(t, w.TellHourly(t.Context()))
		if told() != 3 {
			t.Errorf("told %d times", told())
		}
	})
}

// TestQuietHoursChosenLater: a notice that is collected already waits for hours that were chosen since.
func TestQuietHoursChosenLater(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.prefer("santos", mail.Preferences{New: "email", Pace: "hourly", Read: "none"})
		w.send("dana", "santos@example.org", "s", "b") // due at 15:40
		w.prefer("santos", mail.Preferences{New: "email", Pace: "hourly", Read: "none", QuietFrom: "15:00", QuietUntil: "17:30"})
		for _, want := range []int{0, 0, 1} {
			w.clock.Advance(time.Hour)
			must(t, w.TellHourly(t.Context()))
			if n := len(w.arrivals("santos@example.org", notify.Email)); n != want {
				t.Fatalf("%d notices, want %d", n, want)
			}
		}
	})
}

// TestQuietHoursForm: both times or neither, each error at its field, and what was typed stays.
func TestQuietHoursForm(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tc := range []struct{ from, until, field, words string }{
			{"21:00", "", "quiet_until", "Enter when quiet hours end"},
			{"", "07:00", "quiet_from", "Enter when quiet hours begin"},
			{"25:00", "07:00", "quiet_from", "Enter when quiet hours begin"},
			{"21:00", "21:00", "quiet_until", "Enter another time"},
			{"<b>", "x", "quiet_from", "Enter when quiet hours begin"},
		} {
			form := settingsForm("0", "", "email", "once", "none")
			form.Set("quiet_from", tc.from)
			form.Set("quiet_until", tc.until)
			p := w.post("dana", "/profile/messaging", form)
			if p.code != 422 || !strings.Contains(p.text("#"+tc.field+"-e"), tc.words) || p.Find("[name=quiet_from]").AttrOr("value", "") != tc.from {
				t.Errorf("%s to %s: %d %q", tc.from, tc.until, p.code, p.text(".summary"))
			}
		}
		form := settingsForm("0", "", "email", "once", "none")
		form.Set("quiet_from", "21:00")
		form.Set("quiet_until", "07:05")
		if p := w.post("dana", "/profile/messaging", form); p.code != 303 {
			t.Fatalf("%d", p.code)
		}
		p := w.get("dana", "/profile/messaging")
		if p.Find("[name=quiet_from]").AttrOr("value", "") != "21:00" || p.Find("[name=quiet_until]").AttrOr("value", "") != "07:05" {
			t.Error("not kept")
		}
		w.prefer("dana", mail.Preferences{New: "email", Pace: "once", Read: "none"})
		w.want(1, "SELECT COUNT(*) FROM mail_settings WHERE quiet_from IS NULL AND quiet_until IS NULL")
	})
}
