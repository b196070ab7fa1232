package preview_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"securepractice/internal/preview"
)

// needPDF skips where the tools for documents are not installed; the portal then says that it shows none.
func needPDF(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/usr/bin/pdftoppm"); err != nil {
		t.Skip("poppler-utils is not installed")
	}
}

func paper(t testing.TB, change func(*fpdf.Fpdf)) []byte {
	t.Helper()
	doc := fpdf.New("P", "mm", "A4", "")
	doc.SetAuthor(owner, true)
	doc.AddPage()
	doc.SetFont("Helvetica", "", 20)
	doc.Cell(100, 20, "Treatment plan")
	if change != nil {
		change(doc)
	}
	var b bytes.Buffer
	if err := doc.Output(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pages of a document by its raw objects, of which the first is the catalogue; streams are theirs.
func rawPDF(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	x := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, x)
	return b.Bytes()
}

type doc struct {
	Kind         string
	Pages, Shown int
	Text         []string
	Lines        []string
	Rows         [][]string
	Cut          bool
}

func describe(t testing.TB, all []preview.Page) (d doc) {
	t.Helper()
	if err := json.Unmarshal(find(t, all, "info").Data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPDF: its pages as pictures, its words for those who cannot see, and nothing of who made it.
func TestPDF(t *testing.T) {
	needPDF(t)
	all, err := pages(t, runner(t, nil), "pdf", paper(t, func(d *fpdf.Fpdf) {
		for n := range 2 {
			d.AddPage()
			d.Cell(100, 20, fmt.Sprintf("Page %d", n+2))
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if d := describe(t, all); d.Pages != 3 || d.Shown != 3 || d.Text[0] != "Treatment plan" || d.Text[2] != "Page 3" {
		t.Errorf("described as %+v", d)
	}
	if page := find(t, all, "page"); page.H != 1800 || page.W < 1200 {
		t.Errorf("%d by %d", page.W, page.H)
	}
	for _, p := range all {
		if bytes.Contains(p.Data, []byte(owner)) {
			t.Errorf("%s %d holds its author", p.Kind, p.N)
		}
	}
}

// TestHostilePDF: scripts do not run, other files are not read, sizes and counts that lie cost nothing.
func TestHostilePDF(t *testing.T) {
	needPDF(t)
	page := "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
	tree := "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
	words := "BT /F 20 Tf 20 100 Td (Words) Tj ET"
	stream := func(s string) string { return fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(s), s) }
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"JavaScript", rawPDF("<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\('planted'\\);while\\(true\\){}) >> >>", tree, page, stream(words)), nil},
		{"launches a program", rawPDF("<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (/bin/sh) >> >>", tree, page, stream(words)), nil},
		{"another file", rawPDF("<< /Type /Catalog /Pages 2 0 R >>", tree, page, "<< /Length 0 /F (/etc/passwd) >>\nstream\n\nendstream"), nil},
		{"a kilometre wide", rawPDF("<< /Type /Catalog /Pages 2 0 R >>", tree, strings.Replace(page, "300 300]", "99999999 99999999]", 1), stream(words)), nil},
		{"a kilometre wide and flat", rawPDF("<< /Type /Catalog /Pages 2 0 R >>", tree, strings.Replace(page, "300 300]", "99999999 1]", 1), stream(words)), errors.ErrUnsupported},
		{"a million pages", rawPDF("<< /Type /Catalog /Pages 2 0 R >>", strings.Replace(tree, "Count 1", "Count 1000000", 1), page, stream(words)), errors.ErrUnsupported},
		{"a tree that holds itself", rawPDF("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>", page, stream(words)), errors.ErrUnsupported},
		{"lying length", rawPDF("<< /Type /Catalog /Pages 2 0 R >>", tree, page, "<< /Length 999999999 >>\nstream\n"+words+"\nendstream"), nil},
		{"cut", paper(t, nil)[:300], preview.ErrBroken},
		{"not one", []byte("%PDF-1.7\nnothing more\n%%EOF"), preview.ErrBroken},
		{"password", paper(t, func(d *fpdf.Fpdf) { d.SetProtection(0, "secret", "owner") }), preview.ErrEncrypted},
	} {
		begin := time.Now()
		all, err := pages(t, runner(t, nil), "pdf", c.data)
		if !errors.Is(err, c.want) && !errors.Is(c.want, errors.ErrUnsupported) { // where either end is right
			t.Errorf("%s: err = %v, want %v", c.name, err, c.want)
		}
		for _, p := range all {
			if bytes.Contains(p.Data, []byte("planted")) || bytes.Contains(p.Data, []byte("root:")) {
				t.Errorf("%s: %s holds what it must not", c.name, p.Kind)
			}
		}
		if took := time.Since(begin); took > 15*time.Second {
			t.Errorf("%s took %v", c.name, took)
		}
	}
}

// TestText: the usual encodings, lines of every system, and nothing that deceives.
func TestText(t *testing.T) {
	for name, data := range map[string]string{
		"UTF-8":            "Zähne 14\nÜber",
		"UTF-8 marked":     "\xef\xbb\xbfZähne 14\r\nÜber",
		"UTF-16 LE":        "\xff\xfeZ\x00\xe4\x00h\x00n\x00e\x00 \x001\x004\x00\n\x00\xdc\x00b\x00e\x00r\x00",
		"UTF-16 BE":        "\xfe\xff\x00Z\x00\xe4\x00h\x00n\x00e\x00 \x001\x004\x00\n\x00\xdc\x00b\x00e\x00r",
		"UTF-16, unmarked": "Z\x00\xe4\x00h\x00n\x00e\x00 \x001\x004\x00\n\x00\xdc\x00b\x00e\x00r\x00",
		"Latin-1":          "Z\xe4hne 14\r\n\xdcber",
	} {
		d, err := written(t, "txt", data)
		if err != nil || d.Kind != "text" || strings.Join(d.Lines, "|") != "Zähne 14|Über" || d.Cut {
			t.Errorf("%s: %q %v %v", name, d.Lines, d.Cut, err)
		}
	}
	d, err := written(t, "txt", "invoice\u202egnp.exe\x1b[31m\x00")
	if err != nil || d.Lines[0] != "invoice\uFFFDgnp.exe\uFFFD[31m\uFFFD" {
		t.Errorf("deceiving: %q %v", d.Lines, err)
	}
	for name, c := range map[string]struct {
		data string
		want error
	}{"nothing": {" \n\t\n", preview.ErrEmpty}, "bytes": {strings.Repeat("\x00\x01\x02\x80\x81\x8d", 300), preview.ErrBroken}} {
		if _, err := written(t, "txt", c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, data := range map[string]string{
		"a long line": strings.Repeat("x", 3000), "many lines": strings.Repeat("x\n", 4000), "a long file": strings.Repeat("words ", 200_000), "Zähne over the end": strings.Repeat("ä", 300_000),
	} {
		if d, err := written(t, "txt", data); err != nil || !d.Cut || strings.Contains(strings.Join(d.Lines, ""), "\uFFFD") || strings.Contains(strings.Join(d.Lines, ""), "Ã") {
			t.Errorf("%s: cut %v, %v", name, d.Cut, err)
		}
	}
}

// TestTable: the usual separators, quotes, and limits of rows, columns and cells.
func TestTable(t *testing.T) {
	for name, data := range map[string]string{
		"commas":     "Name,Tooth\n\"Ruth, O.\",14\n",
		"semicolons": "Name;Tooth\r\n\"Ruth, O.\";14\r\n",
		"tabs":       "Name\tTooth\nRuth, O.\t14\n",
		"Latin-1":    "N\xe4me;Tooth\n\"Ruth, O.\";14",
	} {
		d, err := written(t, "csv", data)
		if err != nil || d.Kind != "table" || len(d.Rows) != 2 || len(d.Rows[0]) != 2 || d.Rows[1][0] != "Ruth, O." || d.Rows[1][1] != "14" || d.Cut {
			t.Errorf("%s: %q %v", name, d.Rows, err)
		}
	}
	for name, data := range map[string]string{
		"rows": strings.Repeat("a,b\n", 600), "columns": strings.Repeat("a,", 60) + "\nb", "a cell": strings.Repeat("x", 400) + ",b\n", "a quote that never ends": "a,b\n\"" + strings.Repeat("x\n", 9000),
	} {
		d, err := written(t, "csv", data)
		if err != nil || !d.Cut || len(d.Rows) > 500 {
			t.Errorf("%s: %d rows, cut %v, %v", name, len(d.Rows), d.Cut, err)
		}
		for _, row := range d.Rows {
			if len(row) > 50 {
				t.Errorf("%s: %d columns", name, len(row))
			}
		}
	}
}

func written(t testing.TB, ext, data string) (d doc, err error) {
	t.Helper()
	var all []preview.Page
	err = preview.RunHere(ext, strings.NewReader(data), int64(len(data)), func(p preview.Page) error { all = append(all, p); return nil })
	if err != nil {
		return d, err
	}
	return describe(t, all), nil
}
