// Package dicomcodec decodes the pixel codings of DICOM that Go's own library does not know: RLE (PS3.5 annex G), JPEG
// lossless and JPEG with 12 bits (ITU-T T.81), JPEG-LS (T.87) and JPEG 2000 (T.800). All of it is written for hostile
// input: a size is checked before memory is asked for it, and no coding makes work out of proportion to its pixels.
package dicomcodec

import (
	"errors"
	"fmt"
)

// Picture holds decoded samples, pixel by pixel, the components of a pixel side by side.
type Picture struct {
	W, H, N int      // pixels, pixels, components of each
	Bits    int      // how many low bits of a sample count
	Signed  bool     // the samples are two's complement in these bits
	RGB     bool     // the coding's own transform was undone: three components are red, green and blue
	V       []uint16 // W × H × N samples
}

// ErrUnsupported marks what the standard allows and this package leaves out.
var ErrUnsupported = errors.New("not supported")

var errShort = errors.New("the coded picture ends early")

func unsupported(what string) error { return fmt.Errorf("%s: %w", what, ErrUnsupported) }

// newPicture checks the size against most, the largest number of samples, before it asks for memory.
func newPicture(w, h, n, bits, most int) (*Picture, error) {
	if w < 1 || h < 1 || n < 1 || n > 4 || bits < 1 || bits > 16 {
		return nil, fmt.Errorf("a picture of %d × %d pixels, %d components, %d bits", w, h, n, bits)
	}
	if w > 65535 || h > 65535 || w*h > most/n {
		return nil, fmt.Errorf("%d × %d pixels are more than the limit", w, h)
	}
	return &Picture{W: w, H: h, N: n, Bits: bits, V: make([]uint16, w*h*n)}, nil
}
