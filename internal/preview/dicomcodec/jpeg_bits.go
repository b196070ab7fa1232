package dicomcodec

import "errors"

// huffman is a code of T.81 C.2.
type huffman struct {
	fast   [256]uint16 // for codes of up to 8 bits: length << 8 | value
	most   [18]int     // largest code of each length, -1 for none
	delta  [18]int     // what to add to a code for its place in values
	values []byte
}

// newHuffman reads the table in b: 16 counts, then the values. n is how many bytes it took.
func newHuffman(b []byte) (*huffman, int, error) {
	total := 0
	for _, c := range b[:16] {
		total += int(c)
	}
	if total > 256 || len(b) < 16+total {
		return nil, 0, errShort
	}
	h := &huffman{values: b[16 : 16+total]}
	code, at := 0, 0
	for size := 1; size <= 16; size++ {
		h.delta[size] = at - code
		h.most[size] = -1
		for range b[size-1] {
			if code >= 1<<size {
				return nil, 0, errors.New("a JPEG code with too many words")
			}
			if size <= 8 {
				for i := range 1 << (8 - size) {
					h.fast[code<<(8-size)|i] = uint16(size)<<8 | uint16(h.values[at])
				}
			}
			h.most[size] = code
			code++
			at++
		}
		code <<= 1
	}
	return h, 16 + total, nil
}

// jpegBits reads the bits of a scan; behind its end come zeros, a bounded number of them.
type jpegBits struct {
	data []byte
	at   int
	acc  uint64
	have int
	over int
}

func (r *jpegBits) need(n int) {
	for r.have < n {
		var b byte
		switch {
		case r.at >= len(r.data), r.data[r.at] == 0xFF && r.at+1 >= len(r.data), r.data[r.at] == 0xFF && r.data[r.at+1] != 0:
			r.over++
		case r.data[r.at] == 0xFF:
			b = 0xFF
			r.at += 2
		default:
			b = r.data[r.at]
			r.at++
		}
		r.acc = r.acc<<8 | uint64(b)
		r.have += 8
	}
}

func (r *jpegBits) bits(n int) int {
	r.need(n)
	r.have -= n
	return int(r.acc >> r.have & (1<<n - 1)) //nolint:gosec // a few bits
}

func (r *jpegBits) symbol(h *huffman) (int, error) {
	if r.over > 64 {
		return 0, errShort
	}
	r.need(16)
	if f := h.fast[r.acc>>(r.have-8)&0xFF]; f != 0 {
		r.have -= int(f >> 8)
		return int(f & 0xFF), nil
	}
	for size := 1; size <= 16; size++ {
		code := int(r.acc >> (r.have - size) & (1<<size - 1)) //nolint:gosec // at most 16 bits
		if code <= h.most[size] && code+h.delta[size] >= 0 {
			r.have -= size
			return int(h.values[code+h.delta[size]]), nil
		}
	}
	return 0, errors.New("a JPEG code word that is in no table")
}

// extend reads s bits as a signed difference (F.2.2.1).
func (r *jpegBits) extend(s int) int {
	v := r.bits(s)
	if s > 0 && v < 1<<(s-1) {
		v += 1 - 1<<s
	}
	return v
}

// difference reads what lossless coding adds to a prediction (H.1.2.2).
func (r *jpegBits) difference(h *huffman) (int, error) {
	s, err := r.symbol(h)
	switch {
	case err != nil:
		return 0, err
	case s > 16:
		return 0, errors.New("a JPEG difference of too many bits")
	case s == 16:
		return 32768, nil
	}
	return r.extend(s), nil
}

// restart goes behind the next restart marker.
func (r *jpegBits) restart() bool {
	for ; r.at+1 < len(r.data); r.at++ {
		if r.data[r.at] != 0xFF || r.data[r.at+1] == 0 || r.data[r.at+1] == 0xFF {
			continue
		}
		if m := r.data[r.at+1]; m < 0xD0 || m > 0xD7 {
			return false
		}
		r.at += 2
		r.acc, r.have = 0, 0
		return true
	}
	return false
}
