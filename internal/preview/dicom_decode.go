package preview

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"securepractice/internal/preview/dicomcodec"
)

// Transfer syntaxes of compressed pixels (PS3.6 table A-1).
const (
	syntaxEncapsulated = "1.2.840.10008.1.2.1.98"
	syntaxRLE          = "1.2.840.10008.1.2.5"
)

var syntaxNames = map[string]string{
	syntaxImplicit: "Implicit VR little endian", syntaxExplicit: "Explicit VR little endian", syntaxDeflated: "Deflated explicit VR little endian", syntaxBig: "Explicit VR big endian",
	syntaxEncapsulated: "Encapsulated uncompressed", syntaxRLE: "RLE lossless",
	"1.2.840.10008.1.2.4.50": "JPEG baseline", "1.2.840.10008.1.2.4.51": "JPEG extended, 12 bit", "1.2.840.10008.1.2.4.57": "JPEG lossless", "1.2.840.10008.1.2.4.70": "JPEG lossless, first order",
	"1.2.840.10008.1.2.4.80": "JPEG-LS lossless", "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
	"1.2.840.10008.1.2.4.90": "JPEG 2000 lossless", "1.2.840.10008.1.2.4.91": "JPEG 2000", "1.2.840.10008.1.2.4.92": "JPEG 2000 multi-component lossless", "1.2.840.10008.1.2.4.93": "JPEG 2000 multi-component",
	"1.2.840.10008.1.2.4.100": "MPEG-2 video", "1.2.840.10008.1.2.4.101": "MPEG-2 video", "1.2.840.10008.1.2.4.102": "MPEG-4 video", "1.2.840.10008.1.2.4.103": "MPEG-4 video",
	"1.2.840.10008.1.2.4.104": "MPEG-4 video", "1.2.840.10008.1.2.4.105": "MPEG-4 video", "1.2.840.10008.1.2.4.106": "MPEG-4 video", "1.2.840.10008.1.2.4.107": "HEVC video", "1.2.840.10008.1.2.4.108": "HEVC video",
	"1.2.840.10008.1.2.4.201": "High-throughput JPEG 2000 lossless", "1.2.840.10008.1.2.4.202": "High-throughput JPEG 2000 lossless", "1.2.840.10008.1.2.4.203": "High-throughput JPEG 2000",
}

// syntaxName names how the file's pixels are stored.
func (f *dicomFile) syntaxName() string {
	if n := syntaxNames[f.syntax]; n != "" {
		return n
	}
	return "unknown (" + f.syntax + ")"
}

// decode decodes a compressed frame. What is in it decides, for files say wrong things about that.
func (f *dicomFile) decode(data []byte, l dicomLayout) (*dicomSamples, error) {
	switch {
	case f.syntax == syntaxRLE:
		raw, err := dicomcodec.RLE(data, l.w, l.h, l.n, l.alloc/8, dicomMaxSamples)
		if err != nil {
			return nil, err
		}
		l.planar = false
		if l.photo == "YBR_FULL_422" {
			l.photo = "YBR_FULL"
		}
		return unpackNative(raw, 0, l, binary.LittleEndian), nil
	case f.syntax == syntaxEncapsulated:
		if len(data) < l.w*l.h*l.n*l.alloc/8 {
			return nil, errDICOMEnds
		}
		return unpackNative(data, 0, l, f.order), nil
	case bytes.HasPrefix(data, []byte{0xFF, 0xD8}):
		return decodeJPEG(data, l)
	case bytes.HasPrefix(data, []byte{0xFF, 0x4F, 0xFF, 0x51}), bytes.HasPrefix(data, []byte("\x00\x00\x00\x0CjP")):
		p, err := dicomcodec.JPEG2000(data, dicomMaxSamples)
		if err != nil {
			return nil, err
		}
		return fromPicture(p, l)
	}
	return nil, fmt.Errorf("pictures stored as %s cannot be shown here", f.syntaxName())
}

// decodeJPEG decodes all that begins like JPEG.
func decodeJPEG(data []byte, l dicomLayout) (*dicomSamples, error) {
	process, bits := dicomcodec.JPEGFrame(data)
	var p *dicomcodec.Picture
	var err error
	switch {
	case process <= 0xC2 && bits == 8 && process != 0:
		return decodeBaseline(data, l)
	case bytes.Contains(data[:min(len(data), 1<<16)], []byte{0xFF, 0xF7}) && process == 0:
		p, err = dicomcodec.JPEGLS(data, dicomMaxSamples)
	default:
		p, err = dicomcodec.JPEG(data, dicomMaxSamples)
	}
	if err != nil {
		return nil, err
	}
	return fromPicture(p, l)
}

// fromPicture takes over what a decoder found, if it is the picture that the file speaks of.
func fromPicture(p *dicomcodec.Picture, l dicomLayout) (*dicomSamples, error) {
	if p.W != l.w || p.H != l.h || p.N != l.n {
		return nil, fmt.Errorf("the coded picture has %d × %d pixels, the file says %d × %d", p.W, p.H, l.w, l.h)
	}
	s := &dicomSamples{v: p.V, bits: p.Bits, signed: l.signed || p.Signed, photo: l.photo}
	if s.signed {
		s.bits = min(s.bits, l.stored)
	}
	if p.RGB {
		s.photo = "RGB"
	}
	return s, nil
}

// decodeBaseline decodes 8-bit JPEG with Go's own decoder.
func decodeBaseline(data []byte, l dicomLayout) (*dicomSamples, error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if c.Width != l.w || c.Height != l.h {
		return nil, fmt.Errorf("the coded picture has %d × %d pixels, the file says %d × %d", c.Width, c.Height, l.w, l.h)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	s := &dicomSamples{v: make([]uint16, l.w*l.h*l.n), bits: 8, photo: l.photo, signed: l.signed}
	switch img := img.(type) {
	case *image.Gray:
		if l.n != 1 {
			return nil, errors.New("a coded picture without colours, where the file says that it has some")
		}
		for y := range l.h {
			for x := range l.w {
				s.v[y*l.w+x] = uint16(img.Pix[y*img.Stride+x])
			}
		}
	case *image.YCbCr:
		if l.n != 3 {
			return nil, errors.New("a coded picture with colours, where the file says that it has none")
		}
		fromYCbCr(s, img, plainRGB(data, img, l))
	default:
		if l.n != 3 {
			return nil, errors.New("a coded picture with colours, where the file says that it has none")
		}
		s.photo = "RGB"
		fromColours(s, img)
	}
	return s, nil
}

// plainRGB reports that the three components are red, green and blue, although nothing in the stream says so: the file
// does, no colour was subsampled and no marker speaks against it.
func plainRGB(data []byte, img *image.YCbCr, l dicomLayout) bool {
	head := data[:min(len(data), 4096)]
	return l.photo == "RGB" && img.SubsampleRatio == image.YCbCrSubsampleRatio444 && !bytes.Contains(head, []byte("JFIF\x00")) && !bytes.Contains(head, []byte("Adobe\x00"))
}

func fromYCbCr(s *dicomSamples, img *image.YCbCr, plain bool) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := range h {
		for x := range w {
			yi, ci, k := img.YOffset(x, y), img.COffset(x, y), 3*(y*w+x)
			s.v[k], s.v[k+1], s.v[k+2] = uint16(img.Y[yi]), uint16(img.Cb[ci]), uint16(img.Cr[ci])
		}
	}
	s.photo = "YBR_FULL"
	if plain {
		s.photo = "RGB"
	}
}

func fromColours(s *dicomSamples, img image.Image) {
	b := img.Bounds()
	k := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			s.v[k], s.v[k+1], s.v[k+2] = uint16(r>>8), uint16(g>>8), uint16(bl>>8) //nolint:gosec // at most 255
			k += 3
		}
	}
}
