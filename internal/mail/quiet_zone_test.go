package mail_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/mail"
	"securepractice/internal/notify"
)

// zoned moves a person to a time zone.
func zoned(w *world, who, zone string) actor.Actor {
	w.exec("UPDATE account_user SET zone = $2 WHERE id = $1", w.people[who].ID, zone)
	a := w.people[who]
	a.Zone = zone
	return a
}

// at moves the clock to a time in UTC.
func (w *world) at(when string) {
	w.t.Helper()
	at, err := time.Parse("2006-01-02 15:04", when)
	must(w.t, err)
	w.clock.Set(at)
}

// tellUntil lets the work of every minute run up to a time.
func (w *world) tellUntil(when string) {
	w.t.Helper()
	at, err := time.Parse("2006-01-02 15:04", when)
	must(w.t, err)
	for w.clock.Now().Before(at) {
		w.clock.Advance(min(10*time.Minute, at.Sub(w.clock.Now())))
		must(w.t, w.TellHourly(w.t.Context()))
	}
}

func TestQuietHoursKeepArrivals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const cell = "+12065550177"
		w.giveCell("santos", cell)
		zoned(w, "santos", "America/New_York") // UTC-5: quiet from 03:00 to 12:00 UTC
		w.prefer("santos", mail.Preferences{New: "both", Pace: "once", Read: "none", QuietFrom: "22:00", QuietUntil: "07:00"})
		told := func() (e, x int) {
			return len(w.arrivals("santos@example.org", notify.Email)), len(w.arrivals(cell, notify.Text))
		}
		want := func(when string, emails, texts int) {
			t.Helper()
			if e, x := told(); e != emails || x != texts {
				t.Errorf("%s: %d emails, %d texts; want %d and %d", when, e, x, emails, texts)
			}
		}
		w.at("2026-11-24 02:59")
		w.send("dana", "santos@example.org", "evening", "b")
		want("before", 1, 1)
		w.at("2026-11-24 03:00")
		first := w.send("dana", "santos@example.org", "Ruth Okafor", "secret words")
		w.at("2026-11-24 08:20")
		w.send("mel", "santos@example.org", "second", "b")
		opened := w.send("dana", "santos@example.org", "third", "b")
		w.get("santos", "/mail/t/"+opened.ThreadID)
		w.tellUntil("2026-11-24 11:59")
		want("all night", 1, 1)
		w.clock.Advance(time.Minute)
		var wg sync.WaitGroup // every node looks
		for range 4 {
			wg.Go(func() {
				if err := w.TellHourly(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		want("in the morning", 2, 2)
		m := w.arrivals("santos@example.org", notify.Email)[0]
		if m.Subject != "You have 2 new secure messages" || strings.Contains(m.Text, "Ruth") || strings.Contains(m.Text, "secret") {
			t.Errorf("%+v", m)
		}
		if x := w.arrivals(cell, notify.Text)[0]; !strings.HasPrefix(x.Text, "You have 2 new secure messages.") {
			t.Errorf("%+v", x)
		}
		w.send("dana", "santos@example.org", "by day", "b")
		want("by day", 3, 3)
		w.want(0, "SELECT COUNT(*) FROM mail_settings WHERE hourly_at IS NOT NULL")
		// nobody else's notice waits, and what is no arrival does not either
		w.at("2026-11-25 05:00")
		w.reply("santos", first.ThreadID, "awake")
		if len(w.arrivals("dana@example.org", notify.Email)) != 1 {
			t.Error("another person's notice is kept")
		}
		w.reply("dana", first.ThreadID, "all read before the morning")
		w.get("santos", "/mail/t/"+first.ThreadID)
		w.tellUntil("2026-11-25 13:00")
		want("read meanwhile", 3, 3)
	})
}

func TestQuietHoursOfHourly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.prefer("santos", mail.Preferences{New: "email", Pace: "hourly", Read: "none", QuietFrom: "22:00", QuietUntil: "07:00"}) // 06:00 to 15:00 UTC
		got := func() int { return len(w.arrivals("santos@example.org", notify.Email)) }
		w.at("2026-11-24 05:30") // its hour ends in the quiet time
		w.send("dana", "santos@example.org", "s", "b")
		w.tellUntil("2026-11-24 14:50")
		if got() != 0 {
			t.Fatal("told in the quiet hours")
		}
		w.tellUntil("2026-11-24 15:00")
		if got() != 1 {
			t.Errorf("%d in the morning", got())
		}
		w.send("dana", "santos@example.org", "s", "b")
		w.tellUntil("2026-11-24 15:50")
		if got() != 1 {
			t.Error("two within an hour")
		}
		w.tellUntil("2026-11-24 16:00")
		if got() != 2 {
			t.Errorf("%d by day", got())
		}
	})
}

// TestQuietHoursChange: what is kept goes by the settings and the time zone of its person now, an hour later at most.
func TestQuietHoursChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		night := mail.Preferences{New: "email", Pace: "once", Read: "none", QuietFrom: "22:00", QuietUntil: "07:00"}
		w.prefer("santos", night)
		w.prefer("fred", night)
		w.prefer("gus", night)
		got := func(who string) int { return len(w.arrivals(who+"@example.org", notify.Email)) }
		w.at("2026-11-24 08:00") // midnight
		for _, who := range []string{"santos", "fred", "gus"} {
			w.send("dana", who+"@example.org", "s", "b")
		}
		w.prefer("santos", mail.Preferences{New: "email", Pace: "once", Read: "none"}) // no quiet hours any more
		zoned(w, "fred", "Pacific/Honolulu")                                           // 22:00 there: now until 17:00 UTC
		w.exec("UPDATE account_user SET state = 'deactivated' WHERE id = 'u-gus'")
		w.tellUntil("2026-11-24 09:00")
		if got("santos") != 1 || got("fred") != 0 {
			t.Errorf("an hour later: %d and %d", got("santos"), got("fred"))
		}
		w.tellUntil("2026-11-24 16:50")
		if got("fred") != 0 {
			t.Error("told before the morning of the new zone")
		}
		w.tellUntil("2026-11-24 17:00")
		if got("fred") != 1 || got("gus") != 0 {
			t.Errorf("in the morning: %d, and %d to a closed account", got("fred"), got("gus"))
		}
		w.want(0, "SELECT COUNT(*) FROM mail_settings WHERE hourly_at IS NOT NULL")
	})
}

// TestQuietHoursHoldNoSecurity: a link to a new password leaves at once, while an arrival waits.
func TestQuietHoursHoldNoSecurity(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.prefer("santos", mail.Preferences{New: "email", Pace: "once", Read: "none", QuietFrom: "00:00", QuietUntil: "23:59"})
		w.send("dana", "santos@example.org", "s", "b")
		must(t, w.account.Forgot(t.Context(), actor.Actor{Kind: actor.Visitor, IP: "192.0.2.7"}, "santos@example.org"))
		m := w.arrivals("santos@example.org", notify.Email)
		if len(m) != 1 || !strings.Contains(m[0].Subject, "your password") {
			t.Errorf("%d: %+v", len(m), m)
		}
	})
}
