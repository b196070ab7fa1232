package preview

import (
	"errors"
	"image"
)

// colours makes a picture of a frame in colour.
func (f *dicomFile) colours(s *dicomSamples, l dicomLayout) (*image.NRGBA, error) {
	img := image.NewNRGBA(image.Rect(0, 0, l.w, l.h))
	if l.n == 1 {
		return img, f.paint(img, s)
	}
	part := s.eight()
	for k := range l.w * l.h {
		a, b, c := part(3*k), part(3*k+1), part(3*k+2)
		switch s.photo {
		case "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420", "YBR_PARTIAL_422":
			a, b, c = fromYBR(a, b, c)
		}
		p := img.Pix[4*k:]
		p[0], p[1], p[2], p[3] = byte(a), byte(b), byte(c), 255 //nolint:gosec // at most 255
	}
	return img, nil
}

// eight gives the numbers in 8 bits.
func (s *dicomSamples) eight() func(k int) int {
	if s.wide != nil {
		return func(k int) int { return int(uint32(s.wide[k]) >> 24) }
	}
	if s.bits >= 8 {
		return func(k int) int { return int(s.v[k]>>(s.bits-8)) & 255 }
	}
	most := 1<<s.bits - 1
	return func(k int) int { return int(s.v[k]) * 255 / most }
}

// fromYBR converts as PS3.3 C.7.6.3.1.2 says, in whole numbers.
func fromYBR(y, cb, cr int) (r, g, b int) {
	cb -= 128
	cr -= 128
	clip := func(v int) int { return min(max((v+32768)>>16, 0), 255) }
	return clip(65536*y + 91881*cr), clip(65536*y - 22554*cb - 46802*cr), clip(65536*y + 116130*cb)
}

// paint colours numbers by the file's palette.
func (f *dicomFile) paint(img *image.NRGBA, s *dicomSamples) error {
	var tables [3]*lookup
	for c := range uint32(3) {
		if tables[c] = f.palette(c); tables[c] == nil {
			return errors.New("the picture's palette cannot be read")
		}
	}
	for k, v := range s.v {
		p := img.Pix[4*k:]
		for c, t := range tables {
			p[c] = byte(t.v[min(max(int(v)-t.first, 0), len(t.v)-1)]) //nolint:gosec // palette gives 8 bits
		}
		p[3] = 255
	}
	return nil
}

// palette reads the table of red (0), green or blue as 8 bits, nil when it cannot be read.
func (f *dicomFile) palette(c uint32) *lookup {
	size := f.dicomSet[tagRedSize+c]
	n := short(size, 0, f.order, -1)
	if n == 0 {
		n = 65536
	}
	bits := short(size, 2, f.order, 16)
	data := f.dicomSet[tagRedTable+c]
	t := &lookup{first: short(size, 1, f.order, 0)}
	switch {
	case n < 1:
		return nil
	case data.val == nil:
		t.v = f.segments(f.dicomSet[tagRedSegments+c], n)
	case len(data.val) >= 2*n:
		for k := range n {
			t.v = append(t.v, f.order.Uint16(data.val[2*k:]))
		}
	case len(data.val) >= n: // eight bits, packed
		for k := range n {
			t.v = append(t.v, uint16(data.val[k]))
		}
		bits = 8
	}
	if len(t.v) == 0 {
		return nil
	}
	if bits > 8 && wide(t.v) {
		for k := range t.v {
			t.v[k] >>= 8
		}
	}
	return t
}

// wide reports that a table really uses more than 8 bits: some files say 16 and hold 8.
func wide(v []uint16) bool {
	for _, x := range v {
		if x > 255 {
			return true
		}
	}
	return false
}

// segments unfolds a palette of segments (PS3.3 C.7.9.2): runs of numbers, lines, and parts used again.
func (f *dicomFile) segments(e dicomElem, n int) []uint16 {
	var out []uint16
	words := len(e.val) / 2
	at := func(i int) int { return short(e, i, f.order, 0) }
	var run func(i, count, depth int) bool
	run = func(i, count, depth int) bool {
		for ; i+1 < words && count > 0 && len(out) < n; count-- {
			length := at(i + 1)
			switch at(i) {
			case 0:
				for k := range min(length, words-i-2) {
					out = append(out, uint16(at(i+2+k))) //nolint:gosec // read as 16 bits
				}
				i += 2 + length
			case 1:
				if len(out) == 0 || i+2 >= words {
					return false
				}
				from, to := int(out[len(out)-1]), at(i+2)
				for k := 1; k <= length; k++ {
					out = append(out, uint16(from+(to-from)*k/length)) //nolint:gosec // between two 16-bit numbers
				}
				i += 3
			case 2:
				if depth > 0 || i+3 >= words || !run((at(i+2)|at(i+3)<<16)/2, length, depth+1) {
					return false
				}
				i += 4
			default:
				return false
			}
		}
		return true
	}
	if !run(0, words, 0) {
		return nil
	}
	return out[:min(n, len(out))]
}

// smallerColour makes a picture k times smaller by taking means.
func smallerColour(img *image.NRGBA, k int) *image.NRGBA {
	if k <= 1 {
		return img
	}
	w, h := img.Rect.Dx()/k, img.Rect.Dy()/k
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var sum [4]int
			for dy := range k {
				line := img.Pix[(y*k+dy)*img.Stride+4*x*k:]
				for dx := range 4 * k {
					sum[dx%4] += int(line[dx])
				}
			}
			for c := range sum {
				out.Pix[4*(y*w+x)+c] = byte(sum[c] / (k * k)) //nolint:gosec // a mean of bytes
			}
		}
	}
	return out
}
