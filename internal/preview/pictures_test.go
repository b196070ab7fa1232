package preview_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"securepractice/internal/preview"
)

// small is a PNG of some size.
func small(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	img.SetGray(0, 0, color.Gray{Y: 200})
	return encoded(t, func(w io.Writer) error { return png.Encode(w, img) })
}

func encoded(t testing.TB, fn func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := fn(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// banner is a picture that shows how it is turned: red, green, blue and white in its quarters.
func banner(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, quarters[2*(2*y/h)+2*x/w])
		}
	}
	return img
}

var quarters = []color.RGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255}}

const (
	place = "47.6062N-122.3321W"
	owner = "Planted Camera Owner"
)

// exif is a TIFF structure with an orientation, a camera's owner and a place.
func exif(order binary.AppendByteOrder, turn int) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 3)
	entry := func(tag, typ uint16, n, v uint32) {
		b = order.AppendUint16(order.AppendUint16(b, tag), typ)
		b = order.AppendUint32(b, n)
		if typ == 3 {
			b = append(order.AppendUint16(b, uint16(v)), 0, 0)
		} else {
			b = order.AppendUint32(b, v)
		}
	}
	entry(271, 2, uint32(len(owner)), 8+2+3*12+4)
	entry(274, 3, 1, uint32(turn))
	entry(34853, 2, uint32(len(place)), 8+2+3*12+4+uint32(len(owner)))
	return append(append(order.AppendUint32(b, 0), owner...), place...)
}

// jpegWith puts segments behind a JPEG's beginning.
func jpegWith(t testing.TB, img image.Image, meta []byte) []byte {
	t.Helper()
	b := encoded(t, func(w io.Writer) error { return jpeg.Encode(w, img, &jpeg.Options{Quality: 95}) })
	body := append([]byte("Exif\x00\x00"), meta...)
	seg := append(binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2)), body...)
	comment := append(binary.BigEndian.AppendUint16([]byte{0xff, 0xfe}, uint16(len(owner)+2)), owner...)
	return bytes.Join([][]byte{b[:2], comment, seg, b[2:]}, nil)
}

// pngWith puts a chunk behind the header of a PNG.
func pngWith(t testing.TB, img image.Image, name string, data []byte) []byte {
	t.Helper()
	b := encoded(t, func(w io.Writer) error { return png.Encode(w, img) })
	body := append([]byte(name), data...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	chunk = binary.BigEndian.AppendUint32(append(chunk, body...), crc32.ChecksumIEEE(body))
	return bytes.Join([][]byte{b[:33], chunk, b[33:]}, nil)
}

// find is the first page of a kind.
func find(t testing.TB, all []preview.Page, kind string) preview.Page {
	t.Helper()
	for _, p := range all {
		if p.Kind == kind {
			return p
		}
	}
	t.Fatalf("no %s among %d pages", kind, len(all))
	return preview.Page{}
}

func decode(t testing.TB, p preview.Page) image.Image {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(p.Data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// corners names the colours of a picture's quarters, from the upper left on.
func corners(img image.Image) (s string) {
	r := img.Bounds()
	for _, at := range []image.Point{{1, 1}, {3, 1}, {1, 3}, {3, 3}} {
		c := color.RGBAModel.Convert(img.At(r.Min.X+r.Dx()*at.X/4, r.Min.Y+r.Dy()*at.Y/4)).(color.RGBA)
		for i, q := range quarters {
			if near(c.R, q.R) && near(c.G, q.G) && near(c.B, q.B) {
				s += string("rgbw"[i])
			}
		}
	}
	return s
}

func near(a, b uint8) bool { return max(a, b)-min(a, b) < 60 }

// TestOrientation: all eight of EXIF, of both byte orders, and the containers that carry it.
func TestOrientation(t *testing.T) {
	r := runner(t, nil)
	img := banner(40, 24)
	for turn, want := range []string{"rgbw", "rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb", "rgbw"} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			all, err := pages(t, r, "jpg", jpegWith(t, img, exif(order, turn)))
			if err != nil {
				t.Fatal(err)
			}
			page := find(t, all, "page")
			if got := corners(decode(t, page)); got != want {
				t.Errorf("orientation %d: %s, want %s", turn, got, want)
			}
			if stands := turn >= 5 && turn <= 8; stands != (page.H > page.W) {
				t.Errorf("orientation %d: %d by %d", turn, page.W, page.H)
			}
		}
	}
	all, err := pages(t, r, "png", pngWith(t, img, "eXIf", exif(binary.BigEndian, 6)))
	if err != nil || corners(decode(t, find(t, all, "page"))) != "brwg" {
		t.Errorf("PNG: %v", err)
	}
}

// TestMetadataIsGone: no byte of what a camera wrote beside the picture is in what is made of it.
func TestMetadataIsGone(t *testing.T) {
	r := runner(t, nil)
	img := banner(40, 24)
	for name, data := range map[string][]byte{
		"a.jpg":  jpegWith(t, img, exif(binary.LittleEndian, 6)),
		"b.png":  pngWith(t, img, "eXIf", exif(binary.LittleEndian, 1)),
		"c.png":  pngWith(t, img, "tEXt", []byte("Author\x00"+owner+place)),
		"d.gif":  append(encoded(t, func(w io.Writer) error { return gif.Encode(w, img, nil) }), owner+place...),
		"e.tiff": append(encoded(t, func(w io.Writer) error { return tiff.Encode(w, img, nil) }), owner+place...),
	} {
		if !bytes.Contains(data, []byte(owner)) || !bytes.Contains(data, []byte(place)) {
			t.Fatalf("%s: nothing to remove", name)
		}
		all, err := pages(t, r, strings.TrimPrefix(filepath.Ext(name), "."), data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range all {
			for _, word := range []string{owner, place, "Exif", "eXIf", "tEXt"} {
				if bytes.Contains(p.Data, []byte(word)) {
					t.Errorf("%s: %s holds %q", name, p.Kind, word)
				}
			}
		}
	}
}

// TestPictures: each type, its page as large as it was, and a small picture and a description beside it.
func TestPictures(t *testing.T) {
	r := runner(t, nil)
	img := banner(40, 24)
	for ext, data := range map[string][]byte{
		"jpg":  encoded(t, func(w io.Writer) error { return jpeg.Encode(w, img, nil) }),
		"png":  encoded(t, func(w io.Writer) error { return png.Encode(w, img) }),
		"gif":  encoded(t, func(w io.Writer) error { return gif.Encode(w, img, nil) }),
		"bmp":  encoded(t, func(w io.Writer) error { return bmp.Encode(w, img) }),
		"tif":  encoded(t, func(w io.Writer) error { return tiff.Encode(w, img, &tiff.Options{Compression: tiff.Deflate}) }),
		"webp": webp,
	} {
		all, err := pages(t, r, ext, data)
		if err != nil {
			t.Errorf("%s: %v", ext, err)
			continue
		}
		page := find(t, all, "page")
		if ext != "webp" && (page.W != 40 || page.H != 24 || corners(decode(t, page)) != "rgbw") {
			t.Errorf("%s: %d by %d, %s", ext, page.W, page.H, corners(decode(t, page)))
		}
		if thumb := find(t, all, "thumb"); max(thumb.W, thumb.H) > 240 {
			t.Errorf("%s: the small picture is %d by %d", ext, thumb.W, thumb.H)
		}
		var about struct{ Width, Height int }
		if err := json.Unmarshal(find(t, all, "info").Data, &about); err != nil || ext != "webp" && about.Width != 40 {
			t.Errorf("%s: %+v %v", ext, about, err)
		}
	}
	all, err := pages(t, r, "png", small(t, 5000, 700))
	if err != nil {
		t.Fatal(err)
	}
	if page := find(t, all, "page"); page.W != 3000 || page.H != 420 {
		t.Errorf("a large picture becomes %d by %d", page.W, page.H)
	}
}

// webp is one red pixel, lossless.
var webp = unhex("524946461a000000574542505650384c0d0000002f00000010071011118888fe0700")

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// lying is a PNG header that says any size, with a few bytes behind it.
func lying(w, h uint32) []byte {
	body := []byte("IHDR")
	body = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(body, w), h)
	body = append(body, 8, 6, 0, 0, 0)
	b := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	return append(binary.BigEndian.AppendUint32(append(b, body...), crc32.ChecksumIEEE(body)), "\x00\x00\x00\x00IDAT"...)
}

// TestHostilePictures: each is refused by name, quickly, and within the memory of a small worker.
func TestHostilePictures(t *testing.T) {
	r := runner(t, func(l *preview.Limits) { l.Memory = 1 << 30 })
	good := encoded(t, func(w io.Writer) error { return jpeg.Encode(w, banner(64, 64), nil) })
	huge := bytes.Clone(good)
	at := bytes.Index(huge, []byte{0xff, 0xc0})
	copy(huge[at+5:], []byte{0x75, 0x30, 0x75, 0x30}) // 30,000 by 30,000
	tif := encoded(t, func(w io.Writer) error { return tiff.Encode(w, banner(9, 9), nil) })
	for _, c := range []struct {
		name string
		ext  string
		data []byte
		want error
	}{
		{"30,000 by 30,000", "png", lying(30_000, 30_000), preview.ErrTooLarge},
		{"30,000 by 30,000 JPEG", "jpg", huge, preview.ErrTooLarge},
		{"two thousand million wide", "png", lying(1<<31-1, 1), preview.ErrTooLarge},
		{"no size", "png", lying(0, 5), preview.ErrBroken},
		{"cut JPEG", "jpg", good[:len(good)/2], preview.ErrBroken},
		{"cut header", "jpg", good[:20], preview.ErrBroken},
		{"lying lengths", "png", append(lying(50, 50), "\xff\xff\xff\xffIDATxx"...), preview.ErrBroken},
		{"SVG as PNG", "png", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), preview.ErrBroken},
		{"HTML as JPEG", "jpg", []byte("<html><script>alert(1)</script>"), preview.ErrBroken},
		{"a TIFF that points nowhere", "tif", append([]byte("II*\x00\xff\xff\xff\x7f"), tif[8:]...), preview.ErrBroken},
		{"HEIC without anything", "heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), preview.ErrBroken},
		{"nothing", "png", nil, preview.ErrEmpty},
	} {
		all, err := pages(t, r, c.ext, c.data)
		if !errors.Is(err, c.want) || len(all) > 0 {
			t.Errorf("%s: %d pages, err = %v, want %v", c.name, len(all), err, c.want)
		}
	}
	if err := r.Render(t.Context(), "png", strings.NewReader(""), 1<<40, nil); !errors.Is(err, preview.ErrTooLarge) {
		t.Errorf("a terabyte: %v", err)
	}
}

// TestPolyglots: a picture with a program behind it gives a picture without it.
func TestPolyglots(t *testing.T) {
	data := append(encoded(t, func(w io.Writer) error { return gif.Encode(w, banner(9, 9), nil) }), "<?php system($_GET['x']); ?><script>alert(1)</script>"...)
	all, err := pages(t, runner(t, nil), "gif", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if bytes.Contains(p.Data, []byte("<?php")) || bytes.Contains(p.Data, []byte("<script")) {
			t.Errorf("%s holds the program", p.Kind)
		}
	}
}

// TestHEIC: the module is the one that was looked at, and reads the photos of phones.
func TestHEIC(t *testing.T) {
	if got := fmt.Sprintf("%x", sha256.Sum256(preview.HeifModule())); got != "3634a6447ea3915633667f39e01ff540a60f4e2f837a8391d044d76dfd8a0435" {
		t.Errorf("the module is %s", got)
	}
	r := runner(t, func(l *preview.Limits) { l.Time = 180 }) // making machine code is slow under the race detector
	for name, size := range map[string]image.Point{"photo.heic": {512, 512}, "grey.heic": {512, 512}} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pages(t, r, "heic", data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if page := find(t, all, "page"); page.W != size.X || page.H != size.Y {
			t.Errorf("%s: %d by %d", name, page.W, page.H)
		}
		for _, cut := range []int{1000, len(data) / 2} {
			if _, err := pages(t, r, "heic", data[:cut]); err == nil {
				t.Errorf("%s cut at %d is shown", name, cut)
			}
		}
	}
}
