package ui

import (
	"html"
	"regexp"
	"strings"

	"github.com/a-h/templ"
)

// link finds web addresses. It ends before closing punctuation, so that a sentence's full stop stays outside.
var link = regexp.MustCompile(`https?://[^\s<>"']+[^\s<>"'.,;:!?)\]]`)

// Text shows what a person wrote: a blank line makes a paragraph, http and https addresses become links that
// carry no referrer, everything else is escaped. It is the only place that makes HTML out of text.
func Text(s string) templ.Component { return templ.Raw(textHTML(s)) }

func textHTML(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n"))
	if s == "" {
		return ""
	}
	var b strings.Builder
	for _, para := range strings.Split(s, "\n\n") {
		if para = strings.Trim(para, "\n"); para == "" {
			continue // more than one blank line is still one gap
		}
		b.WriteString("<p>")
		last := 0
		for _, m := range link.FindAllStringIndex(para, -1) {
			b.WriteString(lines(para[last:m[0]]))
			u := html.EscapeString(para[m[0]:m[1]])
			b.WriteString(`<a href="` + u + `" rel="noopener noreferrer nofollow" target="_blank">` + u + `</a>`)
			last = m[1]
		}
		b.WriteString(lines(para[last:]) + "</p>")
	}
	return b.String()
}

func lines(s string) string { return strings.ReplaceAll(html.EscapeString(s), "\n", "<br>") }
