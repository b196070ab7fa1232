package ui

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bytes writes a size in powers of ten, as practices see it elsewhere: "212 KB", "3.1 MB", "254.7 MB", "148 MB".
// Nothing that holds a byte is shown as 0.
func Bytes(n int64) string {
	const mb, gb = 1_000_000, 1_000_000_000
	switch {
	case n <= 0:
		return "0 KB"
	case n < mb-500: // what would round to 1000 KB is written as 1 MB
		return strconv.FormatInt(max(1, (n+500)/1000), 10) + " KB"
	case n < gb-50_000:
		return tenths(n, mb) + " MB"
	default:
		return tenths(n, gb) + " GB"
	}
}

func tenths(n, unit int64) string {
	t := (n + unit/20) / (unit / 10)
	if t%10 == 0 {
		return strconv.FormatInt(t/10, 10)
	}
	return strconv.FormatInt(t/10, 10) + "." + strconv.FormatInt(t%10, 10)
}

// Count writes a number for a small space: "99+" is the most it says.
func Count(n int) string {
	if n > 99 {
		return "99+"
	}
	return strconv.Itoa(n)
}

// LongTime is the full form, which never depends on today: "Nov 19, 2026 at 9:04 AM PST".
func LongTime(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("Jan 2, 2006 at 3:04 PM MST")
}

// ShortTime is the form of lists, seen from now: "2:36 PM" today, "Yesterday", "Fri" within a week, "Nov 18" this
// year, "Nov 18, 2025" before.
func ShortTime(t, now time.Time, zone *time.Location) string {
	t, now = t.In(zone), now.In(zone)
	switch days := dayNumber(now) - dayNumber(t); {
	case days == 0:
		return t.Format("3:04 PM")
	case days == 1:
		return "Yesterday"
	case days > 1 && days < 7:
		return t.Format("Mon")
	case t.Year() == now.Year():
		return t.Format("Jan 2")
	default:
		return t.Format("Jan 2, 2006")
	}
}

// dayNumber counts calendar days, so that a day of 23 or 25 hours is still one day.
func dayNumber(t time.Time) int64 {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// colour is the filing tab's colour of a person, 1 to 8: the same id has the same colour on every page.
func colour(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash's Write never fails
	return strconv.Itoa(int(h.Sum32()%8) + 1)
}

// initials are the first letters of the first and last word of a name that begin with a letter or a figure.
func initials(name string) string {
	var words []rune
	for _, w := range strings.Fields(strings.TrimPrefix(name, "Dr. ")) {
		if r, _ := utf8.DecodeRuneInString(w); unicode.IsLetter(r) || unicode.IsDigit(r) {
			words = append(words, unicode.ToUpper(r))
		}
	}
	switch len(words) {
	case 0:
		return "?"
	case 1:
		return string(words[:1])
	}
	return string([]rune{words[0], words[len(words)-1]})
}
