package preview

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode/utf32"

	tunicode "golang.org/x/text/encoding/unicode"
)

// Limits of what is shown of text. What is beyond them is cut, and the description says so.
const (
	textLen   = 512 << 10 // bytes that are read
	textLines = 3000
	lineLen   = 2000 // characters
	tableRows = 500
	tableCols = 50
	cellLen   = 300 // characters
	shownLen  = 400 << 10
)

// Written is the description of a text or table.
type Written struct {
	Kind  string     `json:"kind"` // "text", "table"
	Lines []string   `json:"lines,omitempty"`
	Rows  [][]string `json:"rows,omitempty"`
	Cut   bool       `json:"cut"` // there is more in the file
}

// Text describes a file of plain writing by its lines.
func Text(src io.ReadSeeker, size int64, emit func(Page) error) error {
	text, cut, err := readText(src, size)
	if err != nil {
		return err
	}
	w := Written{Kind: "text", Cut: cut}
	left := shownLen
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		short := shorten(line, lineLen)
		if left -= len(short) + 1; left < 0 || len(w.Lines) == textLines {
			w.Cut = true
			break
		}
		w.Cut = w.Cut || short != line
		w.Lines = append(w.Lines, short)
	}
	return emitInfo(w, emit)
}

// Table describes a file of values by its rows. What does not read as such is described as text.
func Table(src io.ReadSeeker, size int64, emit func(Page) error) error {
	text, cut, err := readText(src, size)
	if err != nil {
		return err
	}
	w := Written{Kind: "table", Cut: cut}
	left := shownLen
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma(text), true, -1
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Text(src, size, emit)
		}
		row, short := cells(row)
		for _, c := range row {
			left -= len(c) + 4
		}
		if left < 0 || len(w.Rows) == tableRows {
			w.Cut = true
			break
		}
		w.Cut = w.Cut || short
		w.Rows = append(w.Rows, row)
	}
	if len(w.Rows) == 0 {
		return ErrEmpty
	}
	return emitInfo(w, emit)
}

func cells(row []string) (list []string, cut bool) {
	if len(row) > tableCols {
		row, cut = row[:tableCols], true
	}
	list = make([]string, len(row))
	for i, c := range row {
		list[i] = shorten(c, cellLen)
		cut = cut || list[i] != c
	}
	return list, cut
}

// comma finds what parts the values: whatever of the usual ones the first lines have most, and alike.
func comma(text string) rune {
	var lines []string
	for line := range strings.Lines(text) {
		if lines = append(lines, line); len(lines) == 20 {
			break
		}
	}
	best, most := ',', 0
	for _, c := range []rune{',', ';', '\t', '|'} {
		least := -1
		for _, line := range lines {
			if n := strings.Count(line, string(c)); strings.TrimSpace(line) != "" && (least < 0 || n < least) {
				least = n
			}
		}
		if least > most {
			best, most = c, least
		}
	}
	return best
}

func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// readText reads a file's beginning as text in whatever of the usual encodings it is.
func readText(src io.ReadSeeker, size int64) (text string, cut bool, err error) {
	b, err := head(src, textLen)
	if err != nil {
		return "", false, err
	}
	text = harmless(decodeText(b))
	if strings.TrimSpace(text) == "" {
		return "", false, ErrEmpty
	}
	if n := strings.Count(text, "\uFFFD"); n > 16 && n*10 > utf8.RuneCountInString(text) {
		return "", false, ErrBroken // bytes, not writing
	}
	return text, size > int64(len(b)), nil
}

// decodeText knows UTF-8, UTF-16 and UTF-32 by their marks, UTF-16 without one by its zero bytes, and takes anything that
// is no UTF-8 for what old Windows wrote, which holds Latin-1.
func decodeText(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe, 0, 0}):
		return decoded(utf32.UTF32(utf32.LittleEndian, utf32.ExpectBOM).NewDecoder().Bytes(b[:len(b)/4*4]))
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return decoded(tunicode.UTF16(tunicode.LittleEndian, tunicode.ExpectBOM).NewDecoder().Bytes(b[:len(b)/2*2]))
	}
	if e, ok := zeroSide(b); ok {
		return decoded(tunicode.UTF16(e, tunicode.IgnoreBOM).NewDecoder().Bytes(b[:len(b)/2*2]))
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	for range utf8.UTFMax - 1 { // the end may be in the middle of a character
		if utf8.Valid(b) || len(b) == 0 || utf8.RuneStart(b[len(b)-1]) && b[len(b)-1] < utf8.RuneSelf {
			break
		}
		if cutOff := b[:len(b)-1]; len(b) >= textLen-utf8.UTFMax {
			b = cutOff
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	return decoded(charmap.Windows1252.NewDecoder().Bytes(b))
}

func decoded(b []byte, err error) string {
	if err != nil {
		return ""
	}
	return string(b)
}

// zeroSide knows UTF-16 of western writing: every other byte is zero.
func zeroSide(b []byte) (tunicode.Endianness, bool) {
	b = b[:min(len(b), 4096)/2*2]
	var even, odd int
	for i := 0; i < len(b); i += 2 {
		if b[i] == 0 {
			even++
		}
		if b[i+1] == 0 {
			odd++
		}
	}
	switch pairs := len(b) / 2; {
	case pairs == 0:
		return tunicode.LittleEndian, false
	case odd*10 > pairs*7 && even*10 < pairs:
		return tunicode.LittleEndian, true
	case even*10 > pairs*7 && odd*10 < pairs:
		return tunicode.BigEndian, true
	}
	return tunicode.LittleEndian, false
}

// reordering characters make a text look like another one.
var reordering = []rune{'\u061c', '\u200e', '\u200f', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069'}

// harmless replaces what a page cannot show or what would deceive its reader.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return r
		case unicode.IsControl(r), slices.Contains(reordering, r):
			return unicode.ReplacementChar
		case r == '\ufeff':
			return -1
		}
		return r
	}, s)
}
