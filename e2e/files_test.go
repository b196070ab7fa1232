package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// sampleFiles writes a DICOM image, an STL scan, a PDF and a photo, each small and valid, and returns their paths.
func sampleFiles(t testing.TB) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for name, data := range map[string][]byte{
		"bitewing left.dcm": dicom(), "upper arch.stl": stl(2000), "referral form.pdf": pdf(), "photo.jpg": photo(t),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// dicom is one 64 by 64 image of 16 bits, explicit little endian.
func dicom() []byte {
	const side = 64
	element := func(b *bytes.Buffer, group, el uint16, vr string, value []byte) {
		if len(value)%2 == 1 {
			value = append(value, ' ')
		}
		_ = binary.Write(b, binary.LittleEndian, []uint16{group, el})
		b.WriteString(vr)
		if vr == "OB" || vr == "OW" {
			_ = binary.Write(b, binary.LittleEndian, uint16(0))
			_ = binary.Write(b, binary.LittleEndian, uint32(len(value)))
		} else {
			_ = binary.Write(b, binary.LittleEndian, uint16(len(value)))
		}
		b.Write(value)
	}
	u16 := func(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
	var meta, b bytes.Buffer
	element(&meta, 2, 1, "OB", []byte{0, 1})
	element(&meta, 2, 2, "UI", []byte("1.2.840.10008.5.1.4.1.1.7\x00"))
	element(&meta, 2, 3, "UI", []byte("1.2.826.0.1.3680043.8.498.1\x00"))
	element(&meta, 2, 0x10, "UI", []byte("1.2.840.10008.1.2.1\x00"))
	b.Write(make([]byte, 128))
	b.WriteString("DICM")
	element(&b, 2, 0, "UL", binary.LittleEndian.AppendUint32(nil, uint32(meta.Len())))
	b.Write(meta.Bytes())
	element(&b, 8, 0x60, "CS", []byte("IO"))
	element(&b, 0x28, 2, "US", u16(1))
	element(&b, 0x28, 4, "CS", []byte("MONOCHROME2"))
	element(&b, 0x28, 0x10, "US", u16(side))
	element(&b, 0x28, 0x11, "US", u16(side))
	element(&b, 0x28, 0x100, "US", u16(16))
	element(&b, 0x28, 0x101, "US", u16(16))
	element(&b, 0x28, 0x102, "US", u16(15))
	element(&b, 0x28, 0x103, "US", u16(0))
	pixels := make([]byte, 0, side*side*2)
	for y := range side {
		for x := range side {
			pixels = binary.LittleEndian.AppendUint16(pixels, uint16(x*y))
		}
	}
	element(&b, 0x7fe0, 0x10, "OW", pixels)
	return b.Bytes()
}

// stl is a binary scan of n triangles.
func stl(n int) []byte {
	var b bytes.Buffer
	b.Write(make([]byte, 80))
	_ = binary.Write(&b, binary.LittleEndian, uint32(n))
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		var f [12]float32
		for i := range f {
			f[i] = r.Float32()
		}
		_ = binary.Write(&b, binary.LittleEndian, f)
		_ = binary.Write(&b, binary.LittleEndian, uint16(0))
	}
	return b.Bytes()
}

// pdf is one empty page.
func pdf() []byte {
	var b bytes.Buffer
	var at []int
	b.WriteString("%PDF-1.4\n")
	for i, o := range []string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>"} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	b.WriteString("xref\n0 4\n0000000000 65535 f \n")
	for _, a := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", a)
	}
	fmt.Fprintf(&b, "trailer << /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", start)
	return b.Bytes()
}

func photo(t testing.TB) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for y := range 200 {
		for x := range 320 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), 90, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sum is the SHA-256 of a file.
func sum(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
