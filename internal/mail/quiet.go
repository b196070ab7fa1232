package mail

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// quiet are the hours in which a person is not told of mail: minutes of the day where they are, which may span midnight.
type quiet struct {
	from, until int64
	set         bool
}

const clockFormat = "15:04"

// readQuiet reads the two times of a form, and notes at their fields what is wrong with them.
func readQuiet(p Preferences, f *fault.Fields) quiet {
	if p.QuietFrom == "" && p.QuietUntil == "" {
		return quiet{}
	}
	from, err1 := time.Parse(clockFormat, p.QuietFrom)
	until, err2 := time.Parse(clockFormat, p.QuietUntil)
	if err1 != nil {
		f.Add("quiet_from", "Enter when quiet hours begin, such as 21:00, or leave both empty")
	}
	if err2 != nil {
		f.Add("quiet_until", "Enter when quiet hours end, such as 07:00, or leave both empty")
	}
	if err1 == nil && err2 == nil && from.Equal(until) {
		f.Add("quiet_until", "Enter another time than the one quiet hours begin at")
	}
	return quiet{from: int64(60*from.Hour() + from.Minute()), until: int64(60*until.Hour() + until.Minute()), set: true}
}

// show writes the hours as a form does.
func (q quiet) show() (from, until string) {
	if !q.set {
		return "", ""
	}
	write := func(m int64) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }
	return write(q.from), write(q.until)
}

// lookAgain is how long a held notice waits before it is looked at again: its person may change their hours or time zone
// meanwhile.
const lookAgain = time.Hour

// holds says whether a minute of the day is quiet.
func (q quiet) holds(minute int64) bool {
	switch {
	case !q.set:
		return false
	case q.from < q.until:
		return q.from <= minute && minute < q.until
	}
	return minute >= q.from || minute < q.until
}

// end is when the quiet hours end that a moment falls into; false when it falls into none. It asks the clock of the place
// for each minute, so that an hour that is left out or comes twice counts as people there see it.
func (q quiet) end(at time.Time) (time.Time, bool) {
	for end := at.Truncate(time.Minute); ; end = end.Add(time.Minute) {
		if !q.holds(int64(60*end.Hour() + end.Minute())) {
			return end, end.After(at)
		}
	}
}

// put says when a notice that is due then may leave, or is to be looked at again: then, or at the end of a person's quiet
// hours, an hour later at most.
func (q quiet) put(to account.Card, due int64) int64 {
	zone := account.Location(to.Zone)
	if zone == nil {
		zone = account.Location(account.DefaultZone)
	}
	if end, in := q.end(time.UnixMicro(due).In(zone)); in {
		return min(end.UnixMicro(), due+lookAgain.Microseconds())
	}
	return due
}

// held keeps the notice of a message that was given then with what else arrives, when the person's pace or quiet hours want
// that. It is false for one that leaves now.
func (s *Service) held(ctx context.Context, tx *db.Tx, to account.Card, n notices, given int64) (bool, error) {
	now := s.now()
	due := now
	if n.pace == hourly {
		due += time.Hour.Microseconds()
	}
	due = n.quiet.put(to, due)
	if due == now {
		return false, nil
	}
	if err := collect(ctx, tx, to.ID, given, due); err != nil {
		return false, fmt.Errorf("collect a notice: %w", err)
	}
	return true, nil
}
