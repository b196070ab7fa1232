package mail

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func wordsOf(text string) (list []string) {
	splitWords(text, func(t token) bool { list = append(list, t.word); return true })
	return list
}

func TestWordsAreComparedAsPeopleReadThem(t *testing.T) {
	for text, want := range map[string]string{
		"Crown, CROWN; crown's":           "crown crown crown",
		"Müller MU\u0308LLER ＭＵＬＬＥＲ":      "muller muller muller",
		"#30 und x²3 a b":                 "30 und x23",
		"Ὀδυσσεύς ΟΔΥΣΣΕΎΣ":               "οδυσσευσ οδυσσευσ",
		"ann.ortiz@example.org":           "ann ortiz example org",
		"ﬁnal Ⅳ½":                         "final iv1",
		"한글 хвороба":                      "한글 хвороба",
		"\x00\xff\xfe ok\u200bay":         "ok ay",
		"\u0301\u0301 \u0301a":            "",
		strings.Repeat("w", 40) + " tail": strings.Repeat("w", 32) + " tail",
	} {
		if got := strings.Join(wordsOf(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestHitsAreMarkedWhereTheyStand(t *testing.T) {
	got := ""
	for _, p := range marked("Die MU\u0308LLERin & <b>mull</b>.", []string{"mull"}) {
		if p.hit {
			p.text = "[" + p.text + "]"
		}
		got += p.text
	}
	if want := "Die [MU\u0308LLERin] & <b>[mull]</b>."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	list, found := excerpt(strings.Repeat("Lorem ipsum ", 300)+"the crown\nfits "+strings.Repeat("dolor ", 300), []string{"cro"})
	line := ""
	for _, p := range list {
		line += p.text
	}
	if !found || !strings.HasPrefix(line, "… ") || !strings.Contains(line, "the crown fits") || len(line) > 200 {
		t.Errorf("%q", line)
	}
}

// sample makes messages with common and rare words.
func sample(from, n int) []content {
	list := make([]content, n)
	for i := range list {
		list[i] = content{subject: fmt.Sprintf("common rare%06d", from+i), body: "crown bridge", people: []string{"Ann Ortiz"}, files: []string{"scan.pdf"}}
		if (from+i)%3 == 0 {
			list[i].body += " third"
		}
	}
	return list
}

func opened(t *testing.T, w *segmentWriter, count int) part {
	t.Helper()
	d, err := openDictionary(w.dictionary())
	if err != nil {
		t.Fatal(err)
	}
	return part{dict: d, lists: slices.Concat(w.blocks()...), count: count}
}

func (p part) places(t *testing.T, prefix string) (list []int) {
	t.Helper()
	spans, err := p.dict.find([]byte(prefix))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		if err := readList(p.lists[s.at:s.at+s.size], p.count, func(n int) { list = append(list, n) }); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestSegmentsMergeToWhatOneSegmentWouldBe(t *testing.T) {
	var parts []part
	for i := range 16 {
		parts = append(parts, opened(t, buildSegment(sample(i*256, 256)), 256))
	}
	w, err := mergeSegments(parts)
	if err != nil {
		t.Fatal(err)
	}
	whole := buildSegment(sample(0, 4096))
	if string(w.dictionary()) != string(whole.dictionary()) || string(slices.Concat(w.blocks()...)) != string(slices.Concat(whole.blocks()...)) {
		t.Error("the merged segment is another")
	}
	p := opened(t, w, 4096)
	for prefix, want := range map[string]int{"srare000007": 1, "srare0000": 100, "bthird": 1366, "bcro": 4096, "pann": 4096, "fpdf": 4096, "bann": 0, "a": 0, "z": 0, "scommon": 4096} {
		if got := p.places(t, prefix); len(got) != want {
			t.Errorf("%s: %d messages, want %d", prefix, len(got), want)
		}
	}
	if got := p.places(t, "srare000007"); !slices.Equal(got, []int{7}) {
		t.Error(got)
	}
}

// readAll walks everything a decoder may be led through.
func readAll(dict, lists []byte) error {
	d, err := openDictionary(dict)
	if err != nil {
		return err
	}
	if _, err := d.find([]byte("bcr")); err != nil {
		return err
	}
	_, err = mergeSegments([]part{{dict: d, lists: lists, count: 256}})
	return err
}

func TestDamagedSegmentsAreTold(t *testing.T) {
	w := buildSegment(sample(0, 256))
	dict, lists := w.dictionary(), slices.Concat(w.blocks()...)
	if err := readAll(dict, lists); err != nil {
		t.Fatal(err)
	}
	for i := range dict {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := slices.Clone(dict)
			bad[i] ^= flip
			if err := readAll(bad, lists); err != nil && !errors.Is(err, errDamaged) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
		if err := readAll(dict[:i], lists); !errors.Is(err, errDamaged) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if err := readAll(dict, lists[1:]); !errors.Is(err, errDamaged) {
		t.Error(err)
	}
}

func FuzzSegment(f *testing.F) {
	w := buildSegment(sample(0, 40))
	f.Add(w.dictionary(), slices.Concat(w.blocks()...))
	f.Add([]byte{1, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, dict, lists []byte) {
		if err := readAll(dict, lists); err != nil && !errors.Is(err, errDamaged) {
			t.Error(err)
		}
	})
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"Crown #30", "MU\u0308LLER ﬁ ½", "\xff\xfe", strings.Repeat("a\u0301", 80)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		splitWords(text, func(k token) bool {
			if k.from < 0 || k.to > len(text) || k.from >= k.to || k.characters < minWord || len(k.word) > longestKey-1 || k.word == "" {
				t.Fatalf("%+v of %s", k, hex.EncodeToString([]byte(text)))
			}
			if k.to < last {
				t.Fatal("backwards")
			}
			last = k.to
			return true
		})
		var all strings.Builder
		for _, p := range marked(text, []string{"a", "cr"}) {
			all.WriteString(p.text)
		}
		if all.String() != text {
			t.Fatalf("marked changes %q", text)
		}
		if len(wordsOf(norm.NFD.String(text))) != len(wordsOf(norm.NFC.String(text))) {
			t.Logf("forms of %q differ", text)
		}
		excerpt(text, []string{"cr"})
	})
}
