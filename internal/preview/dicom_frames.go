package preview

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Limits of one frame.
const (
	dicomMaxSamples = 40_000_000 // decoded numbers of one frame
	dicomMaxCoded   = 128 << 20  // bytes of one coded frame
	dicomMaxFrames  = 100_000    // that a file may say it has
)

// dicomLayout says how a file's pixels are stored (PS3.3 C.7.6.3).
type dicomLayout struct {
	w, h, n             int // pixels, pixels, samples of a pixel
	alloc, stored, high int // bits
	signed, planar      bool
	photo               string
	frames              int
	float               bool // samples are floating point numbers
}

// dicomSamples is a decoded frame before its numbers get a meaning. Numbers wider than 16 bits stand in wide.
type dicomSamples struct {
	v      []uint16
	wide   []float64
	bits   int
	signed bool
	photo  string
}

var errNoPixels = errors.New("the file holds no picture")

// layout reads how the pixels are stored and checks it against the limits.
func (f *dicomFile) layout() (dicomLayout, error) {
	l := dicomLayout{
		w: f.num(tagColumns, 0), h: f.num(tagRows, 0), n: f.num(tagSamples, 1), alloc: f.num(tagAllocated, 0),
		signed: f.num(tagSigned, 0) == 1, planar: f.num(tagPlanar, 0) == 1, photo: f.text(tagPhotometric), frames: 1,
	}
	_, ints := f.dicomSet[tagPixels]
	l.float = !ints && (f.dicomSet[tagFloats].at.n > 0 || f.dicomSet[tagDoubles].at.n > 0)
	if !ints && !l.float || l.w == 0 || l.h == 0 {
		return l, errNoPixels
	}
	l.stored = f.num(tagStored, l.alloc)
	l.high = f.num(tagHighBit, l.stored-1)
	if list := f.numbers(tagFrames); len(list) > 0 && list[0] > 1 {
		l.frames = int(min(list[0], dicomMaxFrames))
	}
	switch {
	case l.alloc != 1 && l.alloc != 8 && l.alloc != 16 && l.alloc != 32 && l.alloc != 64:
		return l, fmt.Errorf("the pixels have %d bits, which cannot be shown", l.alloc)
	case l.n != 1 && l.n != 3:
		return l, fmt.Errorf("the pixels have %d samples, which cannot be shown", l.n)
	case l.w*l.h*l.n > dicomMaxSamples:
		return l, fmt.Errorf("the picture has %d × %d pixels, more than can be shown", l.w, l.h)
	case l.stored < 1 || l.stored > l.alloc || l.high >= l.alloc || l.high < l.stored-1:
		l.stored, l.high = l.alloc, l.alloc-1
	}
	if there := f.framesThere(l); there < l.frames {
		l.frames, f.short = max(1, there), true
	}
	return l, nil
}

// framesThere is how many frames the file has bytes for; of a frame that is cut the larger half must be there.
func (f *dicomFile) framesThere(l dicomLayout) int {
	if px := f.dicomSet[tagPixels]; px.frags != nil {
		return len(px.frags) - 1
	}
	size := l.frameBits()
	return int((f.native(l).n*8 + size/2) / size)
}

// frameBits is the size of a frame that is not compressed.
func (l dicomLayout) frameBits() int64 {
	bits := int64(l.w) * int64(l.h) * int64(l.n) * int64(l.alloc)
	if l.photo == "YBR_FULL_422" && l.n == 3 {
		return bits / 3 * 2
	}
	return bits
}

// native is where the pixels that are not compressed lie.
func (f *dicomFile) native(l dicomLayout) dicomSpan {
	if !l.float {
		return f.dicomSet[tagPixels].at
	}
	if at := f.dicomSet[tagFloats].at; at.n > 0 {
		return at
	}
	return f.dicomSet[tagDoubles].at
}

// samples reads and decodes frame i.
func (f *dicomFile) samples(l dicomLayout, i int) (*dicomSamples, error) {
	if px := f.dicomSet[tagPixels]; px.frags != nil {
		data, err := f.codedFrame(px, l, i)
		if err != nil {
			return nil, err
		}
		return f.decode(data, l)
	}
	data, at, err := f.nativeFrame(l, i)
	if err != nil {
		return nil, err
	}
	px := f.dicomSet[tagPixels]
	if l.alloc == 8 && px.vr == "OW" && f.order == binary.BigEndian {
		for k := 0; k+1 < len(data); k += 2 {
			data[k], data[k+1] = data[k+1], data[k]
		}
	}
	return unpackNative(data, at, l, f.order), nil
}

// nativeFrame reads the bytes of frame i; of a file that ends early the rest is zero. at is the first bit.
func (f *dicomFile) nativeFrame(l dicomLayout, i int) (data []byte, at int, err error) {
	px, bits := f.native(l), l.frameBits()
	from := bits * int64(i)
	size := (from%8 + bits + 7) / 8
	have := min(size, px.n-from/8)
	if have < size/2 || have <= 0 {
		return nil, 0, errDICOMEnds
	}
	data, err = f.bytes(dicomSpan{px.off + from/8, have})
	if err != nil {
		return nil, 0, err
	}
	if have < size {
		f.short = true
		data = append(data, make([]byte, size-have)...)
	}
	return data, int(from % 8), nil
}

// unpackNative gives the numbers of a frame that is not compressed; at is the first bit of one-bit pixels.
func unpackNative(data []byte, at int, l dicomLayout, order binary.ByteOrder) *dicomSamples {
	s := &dicomSamples{bits: l.stored, signed: l.signed, photo: l.photo}
	count := l.w * l.h * l.n
	if l.alloc > 16 {
		s.wide = make([]float64, count)
		for k := range s.wide {
			s.wide[k] = wideNumber(data, k, l, order)
		}
		interleave(s.wide, l)
		return s
	}
	s.v = make([]uint16, count)
	switch {
	case l.alloc == 1:
		for k := range s.v {
			s.v[k] = uint16(data[(at+k)/8] >> ((at + k) % 8) & 1)
		}
		return s
	case l.alloc == 8 && l.n == 3 && l.photo == "YBR_FULL_422":
		full422(s.v, data)
		s.photo = "YBR_FULL"
		return s
	case l.alloc == 8:
		for k := range s.v {
			s.v[k] = uint16(data[k])
		}
	default:
		for k := range s.v {
			s.v[k] = order.Uint16(data[2*k:])
		}
	}
	shift, mask := l.high+1-l.stored, uint16(1<<l.stored-1)
	for k, v := range s.v {
		s.v[k] = v >> shift & mask
	}
	interleave(s.v, l)
	return s
}

func wideNumber(data []byte, k int, l dicomLayout, order binary.ByteOrder) float64 {
	var v float64
	switch {
	case l.alloc == 32 && l.float:
		v = float64(math.Float32frombits(order.Uint32(data[4*k:])))
	case l.alloc == 32 && l.signed:
		return float64(int32(order.Uint32(data[4*k:]))) //nolint:gosec // the file says that the bits are a signed number
	case l.alloc == 32:
		return float64(order.Uint32(data[4*k:]))
	case l.float:
		v = math.Float64frombits(order.Uint64(data[8*k:]))
	case l.signed:
		return float64(int64(order.Uint64(data[8*k:]))) //nolint:gosec // the file says that the bits are a signed number
	default:
		return float64(order.Uint64(data[8*k:]))
	}
	if math.IsNaN(v) || math.Abs(v) > 1e30 {
		return 0
	}
	return v
}

// interleave brings planes of red, green and blue together.
func interleave[T any](v []T, l dicomLayout) {
	if !l.planar || l.n == 1 {
		return
	}
	planes, size := append([]T(nil), v...), l.w*l.h
	for k := range size {
		for c := range l.n {
			v[k*l.n+c] = planes[c*size+k]
		}
	}
}

// full422 spreads pairs of pixels that share their colour: Y1 Y2 Cb Cr.
func full422(v []uint16, data []byte) {
	for k := 0; 6*k+5 < len(v); k++ {
		q := data[4*k:]
		for p := range 2 {
			v[6*k+3*p], v[6*k+3*p+1], v[6*k+3*p+2] = uint16(q[p]), uint16(q[2]), uint16(q[3])
		}
	}
}

// codedFrame puts the fragments of frame i together.
func (f *dicomFile) codedFrame(px dicomElem, l dicomLayout, i int) ([]byte, error) {
	if len(px.frags) < 2 {
		return nil, errDICOMEnds
	}
	spans, err := f.spans(px.frags, l.frames, i)
	if err != nil {
		return nil, err
	}
	var data []byte
	for _, at := range spans {
		if int64(len(data))+at.n > dicomMaxCoded {
			return nil, errDICOMSize
		}
		b, err := f.bytes(at)
		if err != nil {
			return nil, err
		}
		data = append(data, b...)
	}
	return data, nil
}

// spans finds the fragments of frame i: all of them, one for each frame, by the table of offsets, or by their beginnings.
func (f *dicomFile) spans(frags []dicomSpan, frames, i int) ([]dicomSpan, error) {
	table, frags := frags[0], frags[1:]
	switch {
	case frames == 1:
		return frags, nil
	case len(frags) == frames:
		return frags[i : i+1], nil
	case table.n >= 4*int64(frames):
		raw, err := f.bytes(dicomSpan{table.off, 4 * int64(frames)})
		if err != nil {
			return nil, err
		}
		from, to := frags[0].off-8+int64(f.order.Uint32(raw[4*i:])), int64(math.MaxInt64)
		if i+1 < frames {
			to = frags[0].off - 8 + int64(f.order.Uint32(raw[4*i+4:]))
		}
		return between(frags, from, to)
	}
	return f.byBeginning(frags, i)
}

func between(frags []dicomSpan, from, to int64) (list []dicomSpan, err error) {
	for _, s := range frags {
		if s.off-8 >= from && s.off-8 < to {
			list = append(list, s)
		}
	}
	if list == nil {
		return nil, errDICOMEnds
	}
	return list, nil
}

// byBeginning finds frame i by the marks that coded pictures begin with.
func (f *dicomFile) byBeginning(frags []dicomSpan, i int) (list []dicomSpan, err error) {
	frame := -1
	for _, s := range frags {
		head, err := f.bytes(dicomSpan{s.off, min(s.n, 4)})
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(string(head), "\xFF\xD8\xFF") || strings.HasPrefix(string(head), "\xFF\x4F\xFF\x51") {
			frame++
		}
		if frame == i {
			list = append(list, s)
		}
	}
	if list == nil {
		return nil, errDICOMEnds
	}
	return list, nil
}
