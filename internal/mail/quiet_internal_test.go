package mail

import (
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/clock"
)

func hours(from, until int64) quiet { return quiet{from: from, until: until, set: true} }

// TestQuietEnd: the end is the first minute whose time on the wall is not quiet, also where the clocks change.
func TestQuietEnd(t *testing.T) {
	night, lunch := hours(22*60, 7*60), hours(12*60, 13*60+30)
	const pacific = "America/Los_Angeles"
	for _, tc := range []struct {
		name, zone string
		q          quiet
		now, end   string // RFC 3339; no end: not quiet
	}{
		{"none", pacific, quiet{}, "2026-11-23T23:00:00-08:00", ""},
		{"before", pacific, night, "2026-11-23T21:59:59-08:00", ""},
		{"at its first minute", pacific, night, "2026-11-23T22:00:00-08:00", "2026-11-24T07:00:00-08:00"},
		{"over midnight", pacific, night, "2026-11-24T00:00:00-08:00", "2026-11-24T07:00:00-08:00"},
		{"in its last second", pacific, night, "2026-11-24T06:59:59-08:00", "2026-11-24T07:00:00-08:00"},
		{"at its end", pacific, night, "2026-11-24T07:00:00-08:00", ""},
		{"within a day", "Asia/Kathmandu", lunch, "2026-11-23T12:00:30+05:45", "2026-11-23T13:30:00+05:45"},
		{"a night an hour shorter", pacific, night, "2026-03-07T23:00:00-08:00", "2026-03-08T07:00:00-07:00"},
		{"a night an hour longer", pacific, night, "2026-10-31T23:00:00-07:00", "2026-11-01T07:00:00-08:00"},
		{"an end that is left out", pacific, hours(22*60, 2*60+30), "2026-03-08T01:00:00-08:00", "2026-03-08T03:00:00-07:00"},
		{"an end that comes twice", pacific, hours(22*60, 90), "2026-11-01T01:10:00-07:00", "2026-11-01T01:30:00-07:00"},
		{"the second time", pacific, hours(22*60, 90), "2026-11-01T01:10:00-08:00", "2026-11-01T01:30:00-08:00"},
		{"quiet hours that are left out", pacific, hours(2*60, 3*60), "2026-03-08T03:00:00-07:00", ""},
		{"half an hour's change", "Australia/Lord_Howe", night, "2026-10-04T01:00:00+10:30", "2026-10-04T07:00:00+11:00"},
		{"all but a minute", pacific, hours(60, 59), "2026-11-24T01:00:00-08:00", "2026-11-25T00:59:00-08:00"},
	} {
		now, err := time.Parse(time.RFC3339, tc.now)
		if err != nil {
			t.Fatal(err)
		}
		to := account.Card{Zone: tc.zone}
		got, ok := tc.q.end(now.In(account.Location(tc.zone)))
		if !ok {
			if tc.end != "" || tc.q.put(to, clock.Micros(now)) != clock.Micros(now) {
				t.Errorf("%s: not quiet", tc.name)
			}
			continue
		}
		want, err := time.Parse(time.RFC3339, tc.end)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: until %s, want %s", tc.name, got.In(account.Location(tc.zone)).Format(time.RFC3339), tc.end)
		}
		if next := clock.Time(tc.q.put(to, clock.Micros(now))); !next.After(now) || next.After(want) || next.Sub(now) > lookAgain {
			t.Errorf("%s: looked at again %s", tc.name, next)
		}
	}
}
