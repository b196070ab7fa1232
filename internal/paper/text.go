package paper

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// replacement stands for what the font does not have.
const replacement = '\uFFFD'

var (
	plainGlyphs = sync.OnceValue(func() *sfnt.Font { return parse(plainFont) })
	boldGlyphs  = sync.OnceValue(func() *sfnt.Font { return parse(boldFont) })
)

// parse reads a font of ours; nil would show every character as missing.
func parse(data []byte) *sfnt.Font {
	f, err := sfnt.Parse(data)
	if err != nil {
		return nil
	}
	return f
}

// show is a text as it can be set: in NFC, tabs as spaces, with the replacement sign for each character that the font
// does not have or that would change the direction of others. Marks that only join or vary others are left out.
func (p *press) show(font, text string) string {
	glyphs := plainGlyphs()
	if font == "B" {
		glyphs = boldGlyphs()
	}
	var buf sfnt.Buffer
	text = strings.ReplaceAll(norm.NFC.String(strings.ToValidUTF8(text, string(replacement))), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\r', r == '\u2028', r == '\u2029', r == '\v', r == '\f':
			return '\n'
		case unicode.IsSpace(r):
			return ' '
		case r >= '\uFE00' && r <= '\uFE0F', r == '\u200C', r == '\u200D', r == '\u00AD', r == '\uFEFF':
			return -1
		case r <= 0xFFFF && !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) && has(glyphs, &buf, r):
			return r
		}
		p.missing = true
		return replacement
	}, text)
}

func has(f *sfnt.Font, buf *sfnt.Buffer, r rune) bool {
	if f == nil {
		return false
	}
	i, err := f.GlyphIndex(buf, r)
	return err == nil && i != 0
}

// width is how wide a character is, in millimetres.
func (p *press) width(s style, r rune) float64 {
	g := glyph{s.font, r}
	w, known := p.widths[g]
	if !known {
		p.pdf.SetFont(family, s.font, 1)
		w = p.pdf.GetStringWidth(string(r))
		p.widths[g] = w
	}
	return w * s.size
}

// wrap breaks a text into lines that fit: between words, and within a word that is longer than a line.
func (p *press) wrap(s style, text string) []string {
	const padding = 2.2 // of a cell, both sides
	room := p.room() - padding
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		runes := []rune(paragraph)
		start, gap, used := 0, -1, 0.0
		for i := 0; i < len(runes); i++ {
			w := p.width(s, runes[i])
			if used+w > room && i > start {
				end := i
				if gap > start {
					end = gap
				}
				lines = append(lines, strings.TrimRight(string(runes[start:end]), " "))
				start = end
				for start < len(runes) && runes[start] == ' ' {
					start++
				}
				i, gap, used = start-1, -1, 0
				continue
			}
			used += w
			if runes[i] == ' ' {
				gap = i
			}
		}
		lines = append(lines, string(runes[min(start, len(runes)):]))
	}
	return lines
}

// visual is a line in the order in which it is drawn, from the left.
func visual(line string) string {
	if !hasRTL(line) {
		return line
	}
	var par bidi.Paragraph
	if _, err := par.SetString(line); err != nil {
		return line
	}
	order, err := par.Order()
	if err != nil {
		return line
	}
	runs := make([]run, order.NumRuns())
	for i := range runs {
		r := order.Run(i)
		runs[i] = run{text: r.String(), rtl: r.Direction() == bidi.RightToLeft}
		if runs[i].rtl {
			runs[i].text = bidi.ReverseString(runs[i].text)
		}
	}
	if align(line) == "R" {
		slices.Reverse(runs)
	} else {
		turn(runs)
	}
	var b strings.Builder
	for _, r := range runs {
		b.WriteString(r.text)
	}
	return b.String()
}

// run is a part of a line in one direction.
type run struct {
	text string
	rtl  bool
}

// turn puts right-to-left parts with nothing but numbers between them in the order in which they are drawn, in a line
// that begins at the left.
func turn(runs []run) {
	for i := 0; i < len(runs); i++ {
		if !runs[i].rtl {
			continue
		}
		last := i
		for j := i + 1; j < len(runs) && (runs[j].rtl || !hasLetter(runs[j].text)); j++ {
			if runs[j].rtl {
				last = j
			}
		}
		slices.Reverse(runs[i : last+1])
		i = last
	}
}

func hasLetter(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return strong(r) == bidi.LeftToRight })
}

func hasRTL(line string) bool {
	return strings.ContainsFunc(line, func(r rune) bool { return strong(r) == bidi.RightToLeft })
}

// align is the side that a line begins at: that of its first letter.
func align(line string) string {
	for _, r := range line {
		switch strong(r) {
		case bidi.RightToLeft:
			return "R"
		case bidi.LeftToRight:
			return "L"
		}
	}
	return "L"
}

// strong is the direction that a character has by itself; Neutral for most signs.
func strong(r rune) bidi.Direction {
	props, _ := bidi.LookupRune(r)
	switch props.Class() {
	case bidi.R, bidi.AL:
		return bidi.RightToLeft
	case bidi.L:
		return bidi.LeftToRight
	}
	return bidi.Neutral
}
