package mail

import (
	"testing"
	"time"
)

// TestQuietEnd: hours within a day, over midnight, and on the days when clocks change.
func TestQuietEnd(t *testing.T) {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	night, noon, early := quiet{from: 21 * 60, until: 7 * 60, set: true}, quiet{from: 12 * 60, until: 13 * 60, set: true}, quiet{from: 0, until: 2*60 + 30, set: true}
	for _, tc := range []struct {
		q        quiet
		at, want string // want "" = not quiet
	}{
		{night, "2026-11-23 20:59", ""},
		{night, "2026-11-23 21:00", "2026-11-24 07:00 -0800"},
		{night, "2026-11-30 23:59", "2026-12-01 07:00 -0800"},
		{night, "2026-11-24 06:59", "2026-11-24 07:00 -0800"},
		{night, "2026-11-24 07:00", ""},
		{noon, "2026-11-24 12:00", "2026-11-24 13:00 -0800"},
		{noon, "2026-11-24 13:00", ""},
		{noon, "2026-11-24 11:59", ""},
		{night, "2026-10-31 22:00", "2026-11-01 07:00 -0800"}, // clocks go back in that night
		{night, "2026-03-07 22:00", "2026-03-08 07:00 -0700"}, // forward
		{early, "2026-03-08 01:30", "2026-03-08 03:30 -0700"}, // to a time that is not there
		{quiet{}, "2026-11-24 00:00", ""},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", tc.at, zone)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if end, in := tc.q.end(at); in {
			got = end.Format("2006-01-02 15:04 -0700")
		}
		if got != tc.want {
			t.Errorf("%v at %s: %q, want %q", tc.q, tc.at, got, tc.want)
		}
	}
}
