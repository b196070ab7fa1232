package dicomcodec

import (
	"encoding/binary"
	"fmt"
)

// RLE decodes a frame of w × h pixels with n samples of size bytes each, as PS3.5 annex G packs them: one segment for
// each byte of a pixel, the high byte of a sample first. The frame comes back as if it were not compressed: little
// endian, the samples of a pixel side by side.
func RLE(data []byte, w, h, n, size, most int) ([]byte, error) {
	if len(data) < 64 {
		return nil, errShort
	}
	if w < 1 || h < 1 || n < 1 || n > 4 || size < 1 || size > 4 || w > 65535 || h > 65535 || w*h > most/n {
		return nil, fmt.Errorf("an RLE frame of %d × %d pixels with %d samples of %d bytes", w, h, n, size)
	}
	count := int(binary.LittleEndian.Uint32(data))
	if count != n*size || count > 15 {
		return nil, fmt.Errorf("%d RLE segments where %d belong", count, n*size)
	}
	out, plane := make([]byte, w*h*count), make([]byte, w*h)
	for i := range count {
		from, to := segment(data, i, count)
		if from < 64 || from > to || to > len(data) {
			return nil, errShort
		}
		if err := unpackBits(plane, data[from:to]); err != nil {
			return nil, err
		}
		at := i/size*size + size - 1 - i%size
		for k, b := range plane {
			out[k*count+at] = b
		}
	}
	return out, nil
}

// segment says where segment i of count lies.
func segment(data []byte, i, count int) (from, to int) {
	from = int(binary.LittleEndian.Uint32(data[4+4*i:]))
	to = len(data)
	if i+1 < count {
		to = int(binary.LittleEndian.Uint32(data[8+4*i:]))
	}
	return from, to
}

// unpackBits fills dst; bytes that are left over (padding) are passed over.
func unpackBits(dst, src []byte) error {
	at := 0
	for i := 0; at < len(dst); {
		if i >= len(src) {
			return errShort
		}
		c := int(int8(src[i])) //nolint:gosec // a signed byte is meant
		i++
		switch {
		case c >= 0:
			c = min(c+1, len(src)-i)
			at += copy(dst[at:], src[i:i+c])
			i += c
		case c > -128:
			if i >= len(src) {
				return errShort
			}
			end := min(at+1-c, len(dst))
			for ; at < end; at++ {
				dst[at] = src[i]
			}
			i++
		}
	}
	return nil
}
