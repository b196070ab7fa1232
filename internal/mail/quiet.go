package mail

import (
	"strings"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/clock"
	"securepractice/internal/fault"
)

// quiet is the part of each day in which a person wants no notices of new messages: minutes after midnight in their
// time zone, from the first up to the second. It may go over midnight. Both are -1 when there is none.
type quiet struct{ from, to int64 }

var noQuiet = quiet{-1, -1}

// lookAgain is how long a kept notice waits at most before it is looked at again: quiet hours and time zones change
// while it waits.
const lookAgain = time.Hour

// holds says whether a minute of the day is quiet.
func (q quiet) holds(minute int64) bool {
	switch {
	case q.from < 0:
		return false
	case q.from < q.to:
		return q.from <= minute && minute < q.to
	}
	return q.from <= minute || minute < q.to
}

// end is the first minute from now on that is not quiet; false when now is not. It asks the zone's clock for each
// minute, so that an hour that a change of the clocks leaves out or repeats is counted as people see it.
func (q quiet) end(now time.Time, zone *time.Location) (time.Time, bool) {
	at := now.Truncate(time.Minute)
	for {
		local := at.In(zone)
		if !q.holds(int64(local.Hour()*60 + local.Minute())) {
			return at, at.After(now)
		}
		at = at.Add(time.Minute)
	}
}

// until is when a notice kept by quiet hours is to be looked at again, in microseconds; 0 when none is kept now.
func (q quiet) until(now time.Time, zoneName string) int64 {
	zone := account.Location(zoneName)
	if zone == nil {
		zone = account.Location(account.DefaultZone)
	}
	end, ok := q.end(now, zone)
	if !ok {
		return 0
	}
	return clock.Micros(now.Add(min(end.Sub(now), lookAgain)))
}

// due is when a notice of what arrives now leaves, in microseconds; 0 for at once.
func (n notices) due(now time.Time, zoneName string) int64 {
	if n.pace == hourly {
		return clock.Micros(now.Add(time.Hour))
	}
	return n.quiet.until(now, zoneName)
}

// timeForms are the ways in which a time of day may be typed. Browsers send the first.
var timeForms = []string{"15:04", "15:04:05", "3:04 PM", "3:04PM", "3 PM", "3PM"}

// minuteOf is a typed time of day in minutes after midnight; -1 when it is none.
func minuteOf(text string) int64 {
	text = strings.ToUpper(strings.TrimSpace(text))
	for _, form := range timeForms {
		if t, err := time.Parse(form, text); err == nil {
			return int64(t.Hour()*60 + t.Minute())
		}
	}
	return -1
}

// timeField is a stored minute of the day as a field for times shows it; "" for none.
func timeField(minute int64) string { return minuteText(minute, "15:04") }

func minuteText(minute int64, form string) string {
	if minute < 0 {
		return ""
	}
	return time.Unix(minute*60, 0).UTC().Format(form)
}

// timeLabel is a typed time of day in words: "10:00 PM".
func timeLabel(text string) string { return minuteText(minuteOf(text), "3:04 PM") }

// quietOf are the quiet hours that were typed; none when checkQuiet finds fault with them.
func quietOf(p Preferences) quiet {
	q := quiet{minuteOf(p.QuietFrom), minuteOf(p.QuietTo)}
	if q.from < 0 || q.to < 0 {
		return noQuiet
	}
	return q
}

func checkQuiet(f *fault.Fields, p Preferences) {
	if strings.TrimSpace(p.QuietFrom+p.QuietTo) == "" {
		return
	}
	from, to := minuteOf(p.QuietFrom), minuteOf(p.QuietTo)
	if from < 0 {
		f.Add("quiet_from", "Enter when quiet hours begin, like 10:00 PM")
	}
	if to < 0 {
		f.Add("quiet_to", "Enter when quiet hours end, like 7:00 AM")
	}
	if from >= 0 && from == to {
		f.Add("quiet_to", "Quiet hours must end at another time than they begin")
	}
}

// zoneLabel is what a time zone is called where it is chosen.
func zoneLabel(name string) string { return label(account.Zones(), name) }
