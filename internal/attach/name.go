package attach

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"securepractice/internal/fault"
)

// cleanName makes a name that is shown, stored and offered for saving out of what a browser said: the last element of
// a path, in NFC, without control characters and without marks that change the direction or hide text. A name is data:
// it never becomes a path here.
func cleanName(said string) (string, error) {
	said = said[strings.LastIndexAny(said, `/\`)+1:]
	said = strings.ToValidUTF8(said, "")
	said = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, said)
	name := strings.Trim(norm.NFC.String(said), " .")
	if len(name) > MaxName {
		return "", fault.Field(field, short(name)+": this file name is too long. Rename the file, then attach it again.")
	}
	return name, nil
}

// short cuts a name for a sentence.
func short(name string) string {
	const most = 60
	if utf8.RuneCountInString(name) <= most {
		return name
	}
	return string([]rune(name)[:most]) + "…"
}

// extension is what stands behind the last dot, in lower case; empty when there is none.
func extension(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return strings.ToLower(name[i+1:])
}

// sameName folds what people take for the same name.
func sameName(name string) string { return strings.ToLower(name) }
