package preview

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	_ "image/gif" // decoders by their first bytes
	"image/jpeg"
	"image/png"
	"io"

	_ "golang.org/x/image/bmp" // decoders by their first bytes
	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/tiff"
	_ "golang.org/x/image/webp" // decoders by their first bytes
)

// Limits of pictures, looked at before a pixel is read.
const (
	maxSide    = 30_000      // pixels
	maxPixels  = 120_000_000 // more than any camera in a practice has
	maxDecoded = 640 << 20   // bytes that the decoder needs
	pageSide   = 3000        // pixels of the longer side of a page
	thumbSide  = 240
	jpegGood   = 88
	pngMost    = 3 << 20 // bytes above which a picture is sent with small losses
)

// Picture renders JPEG, PNG, GIF (its first picture), BMP, TIFF (its first page) and WebP.
func Picture(src io.ReadSeeker, size int64, emit func(Page) error) error {
	c, format, err := image.DecodeConfig(bufio.NewReader(src))
	if err != nil {
		return ErrBroken
	}
	if err := fits(c); err != nil {
		return err
	}
	start, err := head(src, min(size, metaLen))
	if err != nil {
		return err
	}
	turn := orientation(start, format)
	img, err := decodePicture(src, format)
	if err != nil || img.Bounds().Dx() != c.Width || img.Bounds().Dy() != c.Height {
		return ErrBroken
	}
	return emitPicture(img, turn, emit)
}

func decodePicture(src io.ReadSeeker, format string) (image.Image, error) {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if format == "tiff" { // it reads by place; the registered decoder would first copy the file
		return tiff.Decode(src)
	}
	img, _, err := image.Decode(bufio.NewReaderSize(src, 64<<10))
	return img, err
}

// fits refuses what would take more memory than a worker has, whatever the file's own size.
func fits(c image.Config) error {
	if c.Width <= 0 || c.Height <= 0 {
		return ErrBroken
	}
	w, h := int64(c.Width), int64(c.Height)
	if w > maxSide || h > maxSide || w*h > maxPixels || w*h*bytesPerPixel(c.ColorModel) > maxDecoded {
		return ErrTooLarge
	}
	return nil
}

// bytesPerPixel is what decoding takes, at most: a JPEG that comes in several passes is kept as numbers of four bytes.
func bytesPerPixel(m color.Model) int64 {
	switch m {
	case color.GrayModel, color.AlphaModel:
		return 5
	case color.Gray16Model, color.Alpha16Model:
		return 3
	case color.YCbCrModel, color.NYCbCrAModel:
		return 8 // 4:2:0, as cameras write it
	case color.RGBA64Model, color.NRGBA64Model:
		return 9
	case color.CMYKModel:
		return 20
	}
	if _, ok := m.(color.Palette); ok {
		return 2
	}
	return 5
}

// about is the description of a picture.
type about struct {
	Kind string `json:"kind"`
	W    int    `json:"width"`
	H    int    `json:"height"`
}

// emitPicture gives out a decoded picture as thumb, page and description, turned as the camera was held.
func emitPicture(img image.Image, turn int, emit func(Page) error) error {
	full := img.Bounds()
	page := turned(fitted(img, pageSide), turn)
	a := about{Kind: "picture", W: full.Dx(), H: full.Dy()}
	if turn > 4 {
		a.W, a.H = a.H, a.W
	}
	if err := emitThumb(page, emit); err != nil {
		return err
	}
	if err := emitDrawn("page", 0, page, emit); err != nil {
		return err
	}
	return emitInfo(a, emit)
}

func emitThumb(page image.Image, emit func(Page) error) error {
	return emitDrawn("thumb", 0, fitted(page, thumbSide), emit)
}

func emitInfo(v any, emit func(Page) error) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return emit(Page{Kind: "info", Type: "application/json", Data: b})
}

// emitDrawn encodes a picture: without losses where that is small, as drawings, scans and writing are, else as a photo.
func emitDrawn(kind string, n int, img image.Image, emit func(Page) error) error {
	p := Page{Kind: kind, N: n, W: img.Bounds().Dx(), H: img.Bounds().Dy()}
	var b bytes.Buffer
	if drawing(img) {
		e := png.Encoder{CompressionLevel: png.BestSpeed}
		if err := e.Encode(&b, img); err != nil {
			return err
		}
		if b.Len() <= pngMost {
			p.Type, p.Data = "image/png", b.Bytes()
			return emit(p)
		}
		b.Reset()
	}
	if err := jpeg.Encode(&b, onWhite(img), &jpeg.Options{Quality: jpegGood}); err != nil {
		return err
	}
	p.Type, p.Data = "image/jpeg", b.Bytes()
	return emit(p)
}

// drawing says whether a picture has holes or few colours: a photo has thousands in a few thousand pixels.
func drawing(img image.Image) bool {
	switch img := img.(type) {
	case *image.Gray:
		return true
	case interface{ Opaque() bool }:
		if !img.Opaque() {
			return true
		}
	}
	const few = 300
	r, seen := img.Bounds(), make(map[color.RGBA]bool, few)
	step := max(1, r.Dx()*r.Dy()/5000)
	for i := 0; i < r.Dx()*r.Dy(); i += step {
		seen[color.RGBAModel.Convert(img.At(r.Min.X+i%r.Dx(), r.Min.Y+i/r.Dx())).(color.RGBA)] = true
		if len(seen) > few {
			return false
		}
	}
	return true
}

func onWhite(img image.Image) image.Image {
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		return img
	}
	dst := image.NewRGBA(img.Bounds())
	draw.Draw(dst, dst.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(dst, dst.Bounds(), img, img.Bounds().Min, draw.Over)
	return dst
}

// fitted draws a picture anew, no larger than side. Greys stay greys: half the work, and lossless where it is small.
func fitted(img image.Image, side int) image.Image {
	from := img.Bounds()
	w, h := from.Dx(), from.Dy()
	if long := max(w, h); long > side {
		w, h = max(1, w*side/long), max(1, h*side/long)
	}
	to := image.Rect(0, 0, w, h)
	var dst draw.Image = image.NewRGBA(to)
	switch img.(type) {
	case *image.Gray, *image.Gray16:
		dst = image.NewGray(to)
	}
	if k := max(from.Dx(), from.Dy()) / max(w, h); k > 1 {
		img = shrunk(img, k)
		from = img.Bounds()
	}
	if w == from.Dx() && h == from.Dy() {
		draw.Draw(dst, to, img, from.Min, draw.Src)
		return dst
	}
	xdraw.ApproxBiLinear.Scale(dst, to, img, from, draw.Src, nil)
	return dst
}

// shrunk makes a picture k times smaller: each pixel is the mean of k by k. It needs no more memory than k rows besides the
// result, where the finer ways of package draw take many times the picture.
func shrunk(img image.Image, k int) *image.RGBA {
	from := img.Bounds()
	dst := image.NewRGBA(image.Rect(0, 0, max(1, from.Dx()/k), max(1, from.Dy()/k)))
	rows := image.NewRGBA(image.Rect(0, 0, from.Dx(), min(k, from.Dy())))
	wide, high := min(k, from.Dx()), rows.Rect.Dy()
	for y := range dst.Rect.Dy() {
		draw.Draw(rows, rows.Rect, img, image.Pt(from.Min.X, from.Min.Y+y*k), draw.Src)
		for x := range dst.Rect.Dx() {
			var sum [4]int
			for j := range high {
				line := rows.Pix[j*rows.Stride+4*x*k:][:4*wide]
				for i := 0; i < len(line); i += 4 {
					sum[0] += int(line[i])
					sum[1] += int(line[i+1])
					sum[2] += int(line[i+2])
					sum[3] += int(line[i+3])
				}
			}
			to := dst.Pix[y*dst.Stride+4*x:]
			for c := range sum {
				to[c] = uint8(sum[c] / (wide * high)) //nolint:gosec // the mean of bytes
			}
		}
	}
	return dst
}

// turned shows a picture as EXIF says that it is to be seen: 1 is as it is, 2 to 4 are mirrored or upside down, 5 to 8
// stand on their side.
func turned(img image.Image, turn int) image.Image {
	if turn < 2 || turn > 8 {
		return img
	}
	r := img.Bounds()
	w, h := r.Dx(), r.Dy()
	to := image.Rect(0, 0, w, h)
	if turn > 4 {
		to = image.Rect(0, 0, h, w)
	}
	var dst draw.Image = image.NewRGBA(to)
	if _, ok := img.(*image.Gray); ok {
		dst = image.NewGray(to)
	}
	for y := range to.Dy() {
		for x := range to.Dx() {
			sx, sy := source(turn, x, y, w, h)
			dst.Set(x, y, img.At(r.Min.X+sx, r.Min.Y+sy))
		}
	}
	return dst
}

// source is the pixel that comes to x, y.
func source(turn, x, y, w, h int) (sx, sy int) {
	switch turn {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	default:
		return w - 1 - y, x
	}
}
