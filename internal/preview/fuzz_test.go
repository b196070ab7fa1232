package preview_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"io"
	"os"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"securepractice/internal/preview"
)

// fuzz renders whatever comes: no panic (render turns one into an error, so a test of its own would not see it: the harness
// asks for honest pages instead), nothing endless, and only pages that the portal would take.
func fuzz(t *testing.T, ext string, data []byte) {
	t.Helper()
	var answer bytes.Buffer
	err := preview.RunHere(ext, bytes.NewReader(data), int64(len(data)), func(p preview.Page) error { return preview.WritePage(&answer, p) })
	if err := preview.WriteEnd(&answer, err); err != nil {
		t.Fatal(err)
	}
	if got := preview.ReadPages(&answer, preview.DefaultLimits, func(preview.Page) error { return nil }); errors.Is(got, preview.ErrStopped) {
		t.Fatalf("%s: what it made is not taken: %v", ext, got)
	}
}

// most of what a fuzzer gives is small; what decodes to much is refused by its header in a test of its own.
const fuzzMost = 1 << 16

func FuzzPicture(f *testing.F) {
	img := banner(20, 12)
	for _, seed := range [][]byte{
		jpegWith(f, img, exif(binary.LittleEndian, 6)), pngWith(f, img, "eXIf", exif(binary.BigEndian, 3)), webp,
		encoded(f, func(w io.Writer) error { return gif.Encode(w, img, nil) }), encoded(f, func(w io.Writer) error { return bmp.Encode(w, img) }),
		encoded(f, func(w io.Writer) error { return tiff.Encode(w, img, &tiff.Options{Compression: tiff.Deflate}) }),
		encoded(f, func(w io.Writer) error { return jpeg.Encode(w, img, nil) }), lying(30_000, 30_000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, _, err := image.DecodeConfig(bytes.NewReader(data))
		if len(data) < fuzzMost && (err != nil || c.Width*c.Height < 250_000) {
			fuzz(t, "png", data)
		}
	})
}

func FuzzHEIC(f *testing.F) {
	data, err := os.ReadFile("testdata/grey.heic")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:500])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < fuzzMost {
			fuzz(t, "heic", data)
		}
	})
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"a\nb", "\xff\xfea\x00", "\xfe\xff\x00a", "\xff\xfe\x00\x00a\x00\x00\x00", "Z\xe4hne", "\xef\xbb\xbfx", "a\x00b\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, "txt", data) })
}

func FuzzTable(f *testing.F) {
	for _, s := range []string{"a,b\n1,2", "a;b\n\"1;\";2", "\"", "a\tb", "a|b\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, "csv", data) })
}

// FuzzAnswer is the parent's side: whatever a worker writes, nothing beyond the limits is taken.
func FuzzAnswer(f *testing.F) {
	var b bytes.Buffer
	page := preview.Page{Kind: "page", Type: "image/png", W: 5, H: 5, Data: small(f, 5, 5)}
	if err := errors.Join(preview.WritePage(&b, page), preview.WriteEnd(&b, nil)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:30])
	l := preview.Limits{Pages: 4, Page: 1 << 12, Bytes: 1 << 13, Pixels: 10_000}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, total := 0, 0
		err := preview.ReadPages(bytes.NewReader(data), l, func(p preview.Page) error {
			n, total = n+1, total+len(p.Data)
			if int64(p.W)*int64(p.H) > l.Pixels || len(p.Data) > int(l.Page) {
				t.Errorf("a page of %d by %d, %d bytes", p.W, p.H, len(p.Data))
			}
			return nil
		})
		if n > l.Pages || total > int(l.Bytes) {
			t.Errorf("%d pages, %d bytes, %v", n, total, err)
		}
	})
}
