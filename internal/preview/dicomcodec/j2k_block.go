package dicomcodec

// The coefficients of a code-block (annex D).

// Marks of a coefficient.
const (
	isSig = 1 << iota
	isNeg
	isSeen    // in the first pass of this bit plane
	isRefined // once at least
)

// Contexts (table D.1 to D.4).
const (
	cxSign    = 9
	cxRefine  = 14
	cxRun     = 17
	cxUniform = 18
)

// zeroContext is the context of the significance of a coefficient, by the kind of band and the neighbours that are
// significant: two bits for those at the sides, two for those above and below, three for the corners.
var zeroContext = func() (t [4][128]byte) {
	for kind := range 4 {
		for k := range 128 {
			h, v, d := k&3, k>>2&3, k>>4
			if kind == 1 {
				h, v = v, h
			}
			if kind == 3 {
				t[kind][k] = diagonal(h+v, d)
			} else {
				t[kind][k] = straight(h, v, d)
			}
		}
	}
	return t
}()

func straight(h, v, d int) byte {
	switch {
	case h >= 2:
		return 8
	case h == 1 && v >= 1:
		return 7
	case h == 1 && d >= 1:
		return 6
	case h == 1:
		return 5
	case v >= 2:
		return 4
	case v == 1:
		return 3
	}
	return byte(min(d, 2)) //nolint:gosec // a small number
}

func diagonal(hv, d int) byte {
	switch {
	case d >= 3:
		return 8
	case d == 2:
		return byte(6 + min(hv, 1)) //nolint:gosec // a small number
	case d == 1:
		return byte(3 + min(hv, 2)) //nolint:gosec // a small number
	}
	return byte(min(hv, 2)) //nolint:gosec // a small number
}

// blockDecoder decodes code-blocks; its memory is used again for each.
type blockDecoder struct {
	w, h, stride int
	v            []int32 // magnitudes with one bit behind the point
	mark         []byte
	near         []byte // neighbours, as zeroContext wants them
	cx           [19]mqContext
	mq           mq
	raw          rawBits
	bypass       bool
	zero         *[128]byte
	causal       bool
}

// decode decodes a block; the values are those of v, twice as large.
func (d *blockDecoder) decode(b *block, kind, planes int, style byte) {
	d.w, d.h = b.w(), b.h()
	d.stride = d.w + 2
	size := d.stride * (d.h + 2)
	d.v, d.mark, d.near = cleared(d.v, size), cleared(d.mark, size), cleared(d.near, size)
	d.zero, d.causal = &zeroContext[kind], style&8 != 0
	d.contexts()
	plane := planes - b.zero // one more than the number of the highest
	pass := 0
	for _, word := range b.parts {
		d.bypass = style&1 != 0 && pass >= 10 && (pass-10)%3 < 2
		if d.bypass {
			d.raw = rawBits{data: word.data}
		} else {
			d.mq.start(word.data)
		}
		for range word.passes {
			at := plane - (pass+2)/3
			if at < 1 || at > 30 {
				return
			}
			switch pass % 3 {
			case 0:
				d.cleanUp(at, style&32 != 0)
			case 1:
				d.significance(at)
			case 2:
				d.refine(at)
			}
			if style&2 != 0 {
				d.contexts()
			}
			pass++
		}
	}
}

func cleared[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

func (d *blockDecoder) contexts() {
	d.cx = [19]mqContext{}
	d.cx[0].i, d.cx[cxRun].i, d.cx[cxUniform].i = 4, 3, 46
}

// grow makes coefficient k significant and tells its neighbours. Where stripes are causal those above the stripe are
// not told.
func (d *blockDecoder) grow(k, y, at int, negative bool) {
	d.v[k] = 3 << at >> 1
	d.mark[k] |= isSig
	if negative {
		d.mark[k] |= isNeg
	}
	s := d.stride
	d.near[k-1]++
	d.near[k+1]++
	d.near[k+s] += 4
	d.near[k+s-1] += 16
	d.near[k+s+1] += 16
	if d.causal && y&3 == 0 {
		return
	}
	d.near[k-s] += 4
	d.near[k-s-1] += 16
	d.near[k-s+1] += 16
}

// sign decodes the sign of coefficient k (D.3.2).
func (d *blockDecoder) sign(k, y int) bool {
	if d.bypass {
		return d.raw.bit() == 1
	}
	h := d.toward(k-1) + d.toward(k+1)
	v := d.toward(k - d.stride)
	if !d.causal || y&3 != 3 {
		v += d.toward(k + d.stride)
	}
	h, v = min(max(h, -1), 1), min(max(v, -1), 1)
	flip := 0
	if h < 0 || h == 0 && v < 0 {
		h, v, flip = -h, -v, 1
	}
	cx := cxSign + v
	if h == 1 {
		cx = cxSign + 3 + v
	}
	return d.mq.bit(&d.cx[cx])^flip == 1
}

func (d *blockDecoder) toward(k int) int {
	switch d.mark[k] & (isSig | isNeg) {
	case isSig:
		return 1
	case isSig | isNeg:
		return -1
	}
	return 0
}

// significance is the first pass of a bit plane (D.3.1).
func (d *blockDecoder) significance(at int) {
	for y0 := 0; y0 < d.h; y0 += 4 {
		for x := range d.w {
			for y := y0; y < min(y0+4, d.h); y++ {
				k := (y+1)*d.stride + x + 1
				if d.mark[k]&isSig != 0 || d.near[k] == 0 {
					continue
				}
				d.mark[k] |= isSeen
				if d.bypass {
					if d.raw.bit() == 1 {
						d.grow(k, y, at, d.sign(k, y))
					}
				} else if d.mq.bit(&d.cx[d.zero[d.near[k]]]) == 1 {
					d.grow(k, y, at, d.sign(k, y))
				}
			}
		}
	}
}

// refine is the second pass of a bit plane (D.3.3).
func (d *blockDecoder) refine(at int) {
	half := int32(1) << at >> 1
	for y0 := 0; y0 < d.h; y0 += 4 {
		for x := range d.w {
			for y := y0; y < min(y0+4, d.h); y++ {
				k := (y+1)*d.stride + x + 1
				if d.mark[k]&(isSig|isSeen) != isSig {
					continue
				}
				var bit int
				if d.bypass {
					bit = d.raw.bit()
				} else {
					cx := cxRefine
					switch {
					case d.mark[k]&isRefined != 0:
						cx += 2
					case d.near[k] != 0:
						cx++
					}
					bit = d.mq.bit(&d.cx[cx])
				}
				d.mark[k] |= isRefined
				if bit == 1 {
					d.v[k] += half
				} else {
					d.v[k] -= half
				}
			}
		}
	}
}

// cleanUp is the third pass of a bit plane (D.3.4).
func (d *blockDecoder) cleanUp(at int, marked bool) {
	for y0 := 0; y0 < d.h; y0 += 4 {
		for x := range d.w {
			d.column(x, y0, at)
		}
	}
	if marked {
		for range 4 {
			d.mq.bit(&d.cx[cxUniform])
		}
	}
}

// column decodes what is left of a column of four.
func (d *blockDecoder) column(x, y0, at int) {
	y, sure := y0, false
	if y0+4 <= d.h && d.idle(x, y0) {
		if d.mq.bit(&d.cx[cxRun]) == 0 {
			return
		}
		y += d.mq.bit(&d.cx[cxUniform])<<1 | d.mq.bit(&d.cx[cxUniform])
		sure = true
	}
	for ; y < min(y0+4, d.h); y++ {
		k := (y+1)*d.stride + x + 1
		if !sure && d.mark[k]&(isSig|isSeen) != 0 {
			d.mark[k] &^= isSeen
			continue
		}
		if sure || d.mq.bit(&d.cx[d.zero[d.near[k]]]) == 1 {
			d.grow(k, y, at, d.sign(k, y))
		}
		sure = false
		d.mark[k] &^= isSeen
	}
}

// idle reports that nothing of a column or near it is significant.
func (d *blockDecoder) idle(x, y0 int) bool {
	for y := y0; y < y0+4; y++ {
		k := (y+1)*d.stride + x + 1
		if d.mark[k]&(isSig|isSeen) != 0 || d.near[k] != 0 {
			return false
		}
	}
	return true
}
