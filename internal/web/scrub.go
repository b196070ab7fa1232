package web

import (
	"fmt"
	"regexp"
)

// Errors carry their words in their text and other people's in quotes, as fmt and the drivers write them. The
// quoted parts, addresses, paths and long figures are taken out before a line is logged.
var (
	quoted  = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|'[^']*'|`[^`]*`")
	address = regexp.MustCompile(`[^\s<>()]+@[^\s<>()]+|[a-z]+://\S+|(?:/[^\s/:]+){2,}`)
	figures = regexp.MustCompile(`\d{5,}`)
)

// scrub cuts an error's text to what may stand in a log: the words of the program, at most 500 bytes.
func scrub(s string) string {
	s = quoted.ReplaceAllString(s, "…")
	s = address.ReplaceAllString(s, "…")
	s = figures.ReplaceAllString(s, "…")
	if len(s) > 500 {
		s = s[:500] + "…"
	}
	return s
}

func panicText(v any) string {
	if err, ok := v.(error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v) // a panic's free text may hold anything
}
