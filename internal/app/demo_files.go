package app

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math"
)

// demoFile is a small real file that the demo makes by itself.
type demoFile struct {
	name string
	make func() []byte
}

func (f demoFile) open() io.Reader { return bytes.NewReader(f.make()) }

// demoPDF is one page with a line of text (ISO 32000-1).
func demoPDF() []byte {
	text := "BT /F1 18 Tf 72 700 Td (Referral form) Tj ET"
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(text), text), "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table)
	return b.Bytes()
}

// arch is the brightness of a picture that looks a little like a panoramic X-ray.
func arch(x, y float64) float64 {
	ring := math.Abs(math.Hypot(x, y*1.5) - 0.75)
	teeth := 0.6 + 0.4*math.Cos(22*math.Atan2(y, x))
	return math.Max(0, 1-5*ring) * teeth
}

// demoPhoto is a small JPEG.
func demoPhoto() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 640, 420))
	for y := range 420 {
		for x := range 640 {
			v := uint8(60 + 180*arch(float64(x-320)/320, float64(y-210)/320))
			img.Set(x, y, color.RGBA{v, v - v/8, v - v/6, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		return nil // an image in memory is always encoded; an empty file would be refused at once
	}
	return b.Bytes()
}

// dicomElement appends one data element in explicit VR little endian (DICOM PS3.5, 7.1.2).
func dicomElement(b []byte, group, element uint16, vr string, value []byte) []byte {
	if len(value)%2 == 1 {
		value = append(value, 0)
	}
	b = binary.LittleEndian.AppendUint16(b, group)
	b = binary.LittleEndian.AppendUint16(b, element)
	b = append(b, vr...)
	if vr == "OB" || vr == "OW" {
		b = binary.LittleEndian.AppendUint16(b, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(value))) //nolint:gosec // G115: a few hundred kilobytes
	} else {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value))) //nolint:gosec // G115: a few bytes
	}
	return append(b, value...)
}

// demoDICOM is one intra-oral image of 256 by 256 pixels.
func demoDICOM() []byte {
	const side = 256
	var meta []byte
	meta = dicomElement(meta, 2, 1, "OB", []byte{0, 1})
	meta = dicomElement(meta, 2, 2, "UI", []byte("1.2.840.10008.5.1.4.1.1.7"))
	meta = dicomElement(meta, 2, 3, "UI", []byte("1.2.826.0.1.3680043.8.498.20261123.1"))
	meta = dicomElement(meta, 2, 0x10, "UI", []byte("1.2.840.10008.1.2.1"))
	b := append(make([]byte, 128), "DICM"...)
	b = dicomElement(b, 2, 0, "UL", binary.LittleEndian.AppendUint32(nil, uint32(len(meta)))) //nolint:gosec // G115: a few hundred bytes
	b = append(b, meta...)
	u16 := func(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
	b = dicomElement(b, 8, 0x60, "CS", []byte("IO"))
	b = dicomElement(b, 0x28, 2, "US", u16(1))
	b = dicomElement(b, 0x28, 4, "CS", []byte("MONOCHROME2"))
	b = dicomElement(b, 0x28, 0x10, "US", u16(side))
	b = dicomElement(b, 0x28, 0x11, "US", u16(side))
	b = dicomElement(b, 0x28, 0x100, "US", u16(16))
	b = dicomElement(b, 0x28, 0x101, "US", u16(12))
	b = dicomElement(b, 0x28, 0x102, "US", u16(11))
	b = dicomElement(b, 0x28, 0x103, "US", u16(0))
	pixels := make([]byte, 0, side*side*2)
	for y := range side {
		for x := range side {
			v := 4095 * arch(float64(x)/128-1, float64(y)/128-1)
			pixels = binary.LittleEndian.AppendUint16(pixels, uint16(v))
		}
	}
	return dicomElement(b, 0x7fe0, 0x10, "OW", pixels)
}

// demoSTL is a half ring of small blocks as a binary STL: 80 bytes, a count, 50 bytes a triangle.
func demoSTL() []byte {
	const n = 64
	b := make([]byte, 80, 80+4+n*2*50)
	b = binary.LittleEndian.AppendUint32(b, n*2)
	point := func(b []byte, a, r, z float64) []byte {
		for _, v := range []float64{r * math.Cos(a), r * math.Sin(a), z} {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}
		return b
	}
	for i := range n {
		a, c := math.Pi*float64(i)/n, math.Pi*float64(i+1)/n
		for _, t := range [][3][3]float64{{{a, 25, 0}, {c, 25, 0}, {a, 25, 8}}, {{c, 25, 0}, {c, 25, 8}, {a, 25, 8}}} {
			b = append(b, make([]byte, 12)...) // the normal: readers compute it
			for _, p := range t {
				b = point(b, p[0], p[1], p[2])
			}
			b = append(b, 0, 0)
		}
	}
	return b
}
