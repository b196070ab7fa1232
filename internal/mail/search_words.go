package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What of a text is a word, in characters of its compared form. What is longer is found by its beginning.
const (
	minWord = 2
	maxWord = 32
)

// mostWords is how many different words of one message are indexed; subject, names and files come before the text.
const mostWords = 2000

// The fields of a message, each by the letter that stands before its words in the index.
const (
	inBody    = 'b'
	inFile    = 'f'
	inPeople  = 'p'
	inSubject = 's'
)

// token is a word of a text: its compared form, the bytes of the text that it stands for, and how many characters it has
// before it is cut.
type token struct {
	word       string
	from, to   int
	characters int
}

// splitter collects the characters of one word after another.
type splitter struct {
	buf   []byte
	plain bool // nothing but ASCII so far
	t     token
	give  func(token) bool
}

// splitWords gives each word of a text to fn until it returns false. Words are compared without regard to case, accents
// and ways of writing the same character (Unicode NFKC); whatever is neither letter nor digit parts them.
func splitWords(text string, fn func(token) bool) {
	s := splitter{give: fn, plain: true}
	var it norm.Iter
	it.InitString(norm.NFKD, text)
	for !it.Done() {
		from := it.Pos()
		piece := it.Next()
		for len(piece) > 0 {
			r, size := utf8.DecodeRune(piece)
			if !s.add(r, from, it.Pos()) {
				return
			}
			piece = piece[size:]
		}
	}
	s.end()
}

// add takes one character that stands for these bytes of the text; false when nothing more is wanted.
func (s *splitter) add(r rune, from, to int) bool {
	if r < utf8.RuneSelf {
		switch {
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
		default:
			return s.end()
		}
		return s.put(r, from, to)
	}
	switch {
	case unicode.Is(unicode.M, r):
		if s.t.characters > 0 {
			s.t.to = to
		}
		return true
	case unicode.IsLetter(r) || unicode.IsDigit(r):
		s.plain = false
		return s.put(unicode.ToLower(unicode.ToUpper(r)), from, to)
	}
	return s.end()
}

func (s *splitter) put(r rune, from, to int) bool {
	if s.t.characters == 0 {
		s.t.from = from
	}
	s.t.to = to
	if s.t.characters++; s.t.characters <= maxWord {
		s.buf = utf8.AppendRune(s.buf, r)
	}
	return true
}

// end closes the word that was collected.
func (s *splitter) end() bool {
	more := true
	if s.t.characters >= minWord {
		s.t.word = string(s.buf)
		if !s.plain {
			s.t.word = norm.NFC.String(s.t.word)
		}
		more = s.give(s.t)
	}
	s.buf, s.plain, s.t = s.buf[:0], true, token{}
	return more
}

// content is what of a message can be searched, opened.
type content struct {
	subject, body string
	people, files []string
}

// each gives every word of a message with the letter of its field, until fn returns false.
func (c content) each(fn func(field byte, word string) bool) {
	more := true
	walk := func(field byte, text string) {
		if more {
			splitWords(text, func(t token) bool {
				more = fn(field, t.word)
				return more
			})
		}
	}
	walk(inSubject, c.subject)
	for _, p := range c.people {
		walk(inPeople, p)
	}
	for _, f := range c.files {
		walk(inFile, f)
	}
	walk(inBody, c.body)
}

// keys are a message's different words, each behind the letter of its field.
func (c content) keys() map[string]bool {
	keys := map[string]bool{}
	c.each(func(field byte, word string) bool {
		keys[string(field)+word] = true
		return len(keys) < mostWords
	})
	return keys
}

// sought is one word that a message must have, or the beginning of one; People says that it must be a name's.
type sought struct {
	word   string
	people bool
}

// marks are the keys' beginnings under which the index has it.
func (w sought) marks() []string {
	if w.people {
		return []string{string(inPeople) + w.word}
	}
	return []string{string(inBody) + w.word, string(inFile) + w.word, string(inPeople) + w.word, string(inSubject) + w.word}
}

// meets says whether a message has all the words, by the same rules as the index.
func (c content) meets(all []sought) bool {
	left := map[sought]bool{}
	for _, w := range all {
		left[w] = true
	}
	keys := map[string]bool{}
	c.each(func(field byte, word string) bool {
		for w := range left {
			if strings.HasPrefix(word, w.word) && (!w.people || field == inPeople) {
				delete(left, w)
			}
		}
		keys[string(field)+word] = true
		return len(left) > 0 && len(keys) < mostWords
	})
	return len(left) == 0
}

// piece is a part of a text; Hit says that it is one of the words that were searched for.
type piece struct {
	text string
	hit  bool
}

// marked parts a text at the words that begin as one of those sought. Nothing of it is HTML.
func marked(text string, words []string) []piece {
	var list []piece
	last := 0
	splitWords(text, func(t token) bool {
		if !begins(t.word, words) || t.from < last {
			return true
		}
		if t.from > last {
			list = append(list, piece{text: text[last:t.from]})
		}
		list = append(list, piece{text: text[t.from:t.to], hit: true})
		last = t.to
		return true
	})
	if last < len(text) {
		list = append(list, piece{text: text[last:]})
	}
	return list
}

func begins(word string, words []string) bool {
	for _, w := range words {
		if strings.HasPrefix(word, w) {
			return true
		}
	}
	return false
}

// before is how many bytes of a text stand before the first hit in a list, at most.
const before = 30

// excerpt is the part of a text around the first hit, on one line; the text's beginning when there is none. found says
// which it is.
func excerpt(body string, words []string) (list []piece, found bool) {
	at := -1
	splitWords(body, func(t token) bool {
		if begins(t.word, words) {
			at = t.from
		}
		return at < 0
	})
	if at <= before {
		return marked(snippet(body), words), at >= 0
	}
	from := at - before
	for from < at && !utf8.RuneStart(body[from]) {
		from++
	}
	if gap := strings.IndexFunc(body[from:at], unicode.IsSpace); gap >= 0 {
		from += gap
	}
	return marked("… "+snippet(body[from:]), words), true
}
