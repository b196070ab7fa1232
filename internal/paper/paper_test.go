package paper

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 23, 22, 40, 0, 0, time.UTC)

func sample() *Doc {
	d := New("X-rays for Θεανώ 5 мая", "SecurePractice. Made by Dana Whitfield on Nov 23, 2026 at 2:40 PM PST.", at)
	d.Line("Participants: Dana Whitfield, Harbor Point Dental")
	d.Head("Dana Whitfield, Nov 23, 2026 at 2:40 PM PST")
	d.Body("Latin é ß ő, Greek αβγ, Cyrillic жюри, signs ✓ → € ½ …\nHebrew שלום עולם 42, (א) and Arabic مرحبا.\nכל השורה בעברית 17\n\nEmoji 🦷 and 漢字 and \x07 and \u202eevil\n" + strings.Repeat("W", 300) + "\n<script>alert(1)</script> (a) \\ {nb}")
	d.Small("SHA-256 " + strings.Repeat("ab", 32))
	for range 60 {
		d.Head("A heading")
		d.Body(strings.Repeat("word ", 40))
	}
	return d
}

func write(t *testing.T, d *Doc) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSame: the same text and time are the same bytes, and nothing in them acts.
func TestSame(t *testing.T) {
	one, two := write(t, sample()), write(t, sample())
	if !bytes.Equal(one, two) {
		t.Error("two documents of the same text differ")
	}
	for _, word := range []string{"/JavaScript", "/JS", "/URI", "/Launch", "/OpenAction"} {
		if bytes.Contains(one, []byte(word)) {
			t.Errorf("the document holds %s", word)
		}
	}
	if out := os.Getenv("PAPER_OUT"); out != "" {
		if err := os.WriteFile(out, one, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestShow: what cannot be shown is marked, and only that.
func TestShow(t *testing.T) {
	d, err := sample().draw(9)
	if err != nil || !d.missing {
		t.Fatalf("missing = %v, %v", d.missing, err)
	}
	for in, want := range map[string]string{
		"é ß Ω ж ✓ €": "é ß Ω ж ✓ €", "🦷": "�", "a\x00b": "a�b", "a\u202eb": "a�b", "a\tb\r\nc": "a b\nc", "\xff": "�", "✓\ufe0f": "✓",
	} {
		if got := d.show("", in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

// TestWrap: no line is wider than the page, and nothing but spaces at breaks is lost.
func TestWrap(t *testing.T) {
	d, err := New("t", "f", at).draw(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{strings.Repeat("W", 500), strings.Repeat("word ", 100), "", "a\n\nb", strings.Repeat(" ", 400) + "x", "x " + strings.Repeat("i", 700)} {
		lines := d.wrap(bodyStyle, text)
		for _, l := range lines {
			sum := 0.0
			for _, r := range l {
				sum += d.width(bodyStyle, r)
			}
			if sum > d.room() {
				t.Errorf("a line of %.1f mm in %.1f: %q", sum, d.room(), l)
			}
		}
		if got, want := squeeze(strings.Join(lines, "")), squeeze(text); got != want {
			t.Errorf("wrapped %q, want %q", got, want)
		}
	}
}

func squeeze(s string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(s) }

// TestVisual: right-to-left words are drawn from the right, numbers within them from the left.
func TestVisual(t *testing.T) {
	for in, want := range map[string]string{"abc": "abc", "שלום": "םולש", "a שלום b": "a םולש b", "שלום 42": "42 םולש", "a שלום 42 עולם b": "a םלוע 42 םולש b"} {
		if got := visual(in); got != want {
			t.Errorf("%q is drawn %q, want %q", in, got, want)
		}
	}
}
