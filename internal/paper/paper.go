// Package paper writes PDF files of text: no links, no scripts, nothing from outside.
//
// Characters that its font does not have are shown as a replacement sign, so that nothing vanishes without a trace.
// Right-to-left text stands in the order in which it is read, without joined letters.
package paper

import (
	_ "embed" // the fonts
	"fmt"
	"io"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

var (
	//go:embed DejaVuSans.ttf
	plainFont []byte
	//go:embed DejaVuSans-Bold.ttf
	boldFont []byte
)

// Measures of a page in millimetres, and of letters in points.
const (
	margin    = 20.0
	footSpace = 22.0 // below the text, for the foot line
	keepWith  = 24.0 // a heading does not stand alone at the end of a page
)

// style is how a block is set.
type style struct {
	font         string
	size, height float64 // letters in points, a line in millimetres
	before       float64 // space above, in millimetres
	keep         bool    // stays with what follows
	rule         bool    // a line above
}

var (
	titleStyle = style{font: "B", size: 16, height: 7.5}
	headStyle  = style{font: "B", size: 10.5, height: 5.4, before: 5, keep: true, rule: true}
	lineStyle  = style{size: 10, height: 5}
	bodyStyle  = style{size: 10, height: 5, before: 1.5}
	smallStyle = style{size: 8, height: 4, before: 1}
)

type block struct {
	style style
	text  string
}

// Doc is a document in the making. It holds its text in memory until it is written.
type Doc struct {
	title, foot string
	at          time.Time
	blocks      []block
}

// New begins a document. foot stands at the end of every page, before its number; at is when the document was made:
// the same text and time give the same bytes.
func New(title, foot string, at time.Time) *Doc {
	d := &Doc{title: title, foot: foot, at: at}
	d.add(titleStyle, title)
	return d
}

// Head begins a part.
func (d *Doc) Head(text string) { d.add(headStyle, text) }

// Line adds a short line.
func (d *Doc) Line(text string) { d.add(lineStyle, text) }

// Body adds a text of any length. Its line ends stay.
func (d *Doc) Body(text string) { d.add(bodyStyle, text) }

// Small adds a line in small letters.
func (d *Doc) Small(text string) { d.add(smallStyle, text) }

func (d *Doc) add(s style, text string) { d.blocks = append(d.blocks, block{s, text}) }

// Write writes the document. It is laid out twice, because every page says how many there are.
func (d *Doc) Write(w io.Writer) error {
	first, err := d.draw(0)
	if err != nil {
		return err
	}
	p, err := d.draw(first.pdf.PageCount())
	if err != nil {
		return err
	}
	if err := p.pdf.Output(w); err != nil {
		return fmt.Errorf("write a document: %w", err)
	}
	return nil
}

// press lays out one document.
type press struct {
	pdf     *fpdf.Fpdf
	widths  map[glyph]float64 // of single characters at one point, in millimetres
	missing bool              // something was replaced
}

type glyph struct {
	font string
	r    rune
}

const family = "text"

// missingNote explains the replacement sign, where there is one.
const missingNote = "A \uFFFD stands for a character that this document cannot show. The portal shows the text as it was written."

func (d *Doc) draw(pages int) (*press, error) {
	pdf := fpdf.New("P", "mm", "Letter", "")
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(d.at.UTC())
	pdf.SetModificationDate(d.at.UTC())
	pdf.SetMargins(margin, margin, margin)
	pdf.SetAutoPageBreak(false, footSpace)
	pdf.AddUTF8FontFromBytes(family, "", plainFont)
	pdf.AddUTF8FontFromBytes(family, "B", boldFont)
	p := &press{pdf: pdf, widths: map[glyph]float64{}}
	pdf.SetTitle(p.show("", d.title), true)
	pdf.SetFooterFunc(func() { p.footer(d.foot, pages) })
	pdf.AddPage()
	for _, b := range d.blocks {
		p.block(b)
	}
	if p.missing {
		p.block(block{smallStyle, missingNote})
	}
	if err := pdf.Error(); err != nil {
		return nil, fmt.Errorf("lay out a document: %w", err)
	}
	return p, nil
}

// footer closes a page.
func (p *press) footer(foot string, pages int) {
	_, height := p.pdf.GetPageSize()
	lines := p.wrap(style{size: 8}, p.show("", foot))
	p.pdf.SetFont(family, "", 8) // after the wrap, which measures with another size
	lines = append(lines[:min(len(lines), 2)], fmt.Sprintf("Page %d of %d", p.pdf.PageNo(), pages))
	for i, l := range lines {
		p.pdf.SetXY(margin, height-footSpace+6+4*float64(i))
		p.pdf.CellFormat(p.room(), 4, visual(l), "", 0, "L", false, 0, "")
	}
}

// room is the width of the text in millimetres.
func (p *press) room() float64 {
	width, _ := p.pdf.GetPageSize()
	return width - 2*margin
}

// left is how much of the page is free, in millimetres.
func (p *press) left() float64 {
	_, height := p.pdf.GetPageSize()
	return height - footSpace - p.pdf.GetY()
}

func (p *press) block(b block) {
	need := b.style.before + b.style.height
	if b.style.keep {
		need += keepWith
	}
	if p.left() < need {
		p.pdf.AddPage()
	} else {
		p.pdf.Ln(b.style.before)
	}
	if b.style.rule {
		p.pdf.SetDrawColor(150, 150, 150)
		p.pdf.Line(margin, p.pdf.GetY()-1, margin+p.room(), p.pdf.GetY()-1)
	}
	for _, line := range p.wrap(b.style, p.show(b.style.font, b.text)) {
		if p.left() < b.style.height {
			p.pdf.AddPage()
		}
		p.pdf.SetFont(family, b.style.font, b.style.size)
		p.pdf.CellFormat(p.room(), b.style.height, visual(line), "", 1, align(line), false, 0, "")
	}
}
