package dicomcodec

import (
	"fmt"
	"math/bits"
)

// JPEGLS decodes ITU-T T.87, lossless and near-lossless, 2 to 16 bits, up to four components in any interleaving.
// Mapping tables and restart intervals are not supported.
func JPEGLS(data []byte, most int) (*Picture, error) {
	d := lsDecoder{data: data, most: most, reset: 64}
	return d.decode()
}

type lsDecoder struct {
	data []byte
	most int
	p    *Picture

	maxval, t1, t2, t3, reset int // presets; t1 = 0 until a stream gives its own
	near                      int
	span, qbpp, limit, step   int
	done                      int // components decoded

	a, b, c, n [367]int
	nn         [2]int
	in         lsBits
}

// lsBits reads bits: after a byte 0xFF only seven bits of the next count.
type lsBits struct {
	data []byte
	at   int
	acc  uint64
	have int
	ff   bool
	over int // bits made up behind the end
}

func (r *lsBits) fill() {
	for r.have <= 48 {
		if r.at >= len(r.data) || r.ff && r.data[r.at] >= 0x80 {
			r.acc <<= 8 // zeros behind the end; counted, for a broken stream must end
			r.have += 8
			r.over += 8
			continue
		}
		b := r.data[r.at]
		r.at++
		if r.ff {
			r.acc, r.have = r.acc<<7|uint64(b), r.have+7
		} else {
			r.acc, r.have = r.acc<<8|uint64(b), r.have+8
		}
		r.ff = b == 0xFF
	}
}

func (r *lsBits) bits(n int) int {
	if n == 0 {
		return 0
	}
	if r.have < n {
		r.fill()
	}
	r.have -= n
	return int(r.acc >> r.have & (1<<n - 1)) //nolint:gosec // a few bits
}

// zeros counts zero bits up to a one, which it takes; -1 when there are more than most.
func (r *lsBits) zeros(most int) int {
	for n := 0; n <= most; {
		if r.have == 0 {
			r.fill()
		}
		left := r.acc << (64 - r.have)
		z := bits.LeadingZeros64(left)
		if z < r.have {
			r.have -= z + 1
			if n+z > most {
				return -1
			}
			return n + z
		}
		n += r.have
		r.have = 0
		if r.over > 512 {
			return -1
		}
	}
	return -1
}

// end is where the marker behind the scan can be looked for.
func (r *lsBits) end() int {
	if r.ff {
		return r.at - 1
	}
	return r.at
}

func (d *lsDecoder) decode() (*Picture, error) {
	if len(d.data) < 4 || d.data[0] != 0xFF || d.data[1] != 0xD8 {
		return nil, fmt.Errorf("no JPEG-LS picture")
	}
	for at := 2; at+4 <= len(d.data); {
		if d.data[at] != 0xFF {
			at++
			continue
		}
		m := d.data[at+1]
		if m < 0xC0 || m == 0xFF {
			at++
			continue
		}
		if m == 0xD9 {
			break
		}
		n := int(d.data[at+2])<<8 | int(d.data[at+3])
		if n < 2 || at+2+n > len(d.data) {
			return nil, errShort
		}
		body := d.data[at+4 : at+2+n]
		at += 2 + n
		var err error
		switch m {
		case 0xF7:
			err = d.frame(body)
		case 0xF8:
			err = d.preset(body)
		case 0xDD:
			err = unsupported("JPEG-LS with restart intervals")
		case 0xDA:
			at, err = d.scan(body, at)
			if err == nil && d.done >= d.p.N {
				return d.p, nil
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errShort
}

func (d *lsDecoder) frame(b []byte) (err error) {
	if len(b) < 6 || d.p != nil || len(b) < 6+3*int(b[5]) {
		return errShort
	}
	prec, h, w, n := int(b[0]), int(b[1])<<8|int(b[2]), int(b[3])<<8|int(b[4]), int(b[5])
	if prec < 2 {
		return fmt.Errorf("a JPEG-LS picture of %d bits", prec)
	}
	for i := range n {
		if b[7+3*i] != 0x11 {
			return unsupported("JPEG-LS with subsampled components")
		}
	}
	d.p, err = newPicture(w, h, n, prec, d.most)
	return err
}

func (d *lsDecoder) preset(b []byte) error {
	if len(b) < 1 || b[0] != 1 || len(b) < 11 {
		return unsupported("JPEG-LS with mapping tables")
	}
	v := func(i int) int { return int(b[i])<<8 | int(b[i+1]) }
	d.maxval, d.t1, d.t2, d.t3, d.reset = v(1), v(3), v(5), v(7), v(9)
	if d.reset == 0 {
		d.reset = 64
	}
	return nil
}

// scan decodes the components that the header b names from data[at:] and says where the scan ends.
func (d *lsDecoder) scan(b []byte, at int) (int, error) {
	if d.p == nil || len(b) < 1 || len(b) < 4+2*int(b[0]) {
		return 0, errShort
	}
	ns := int(b[0])
	d.near = int(b[1+2*ns])
	ilv := b[2+2*ns]
	if ns < 1 || d.done+ns > d.p.N || ns > 1 && ilv == 0 || ilv > 2 {
		return 0, fmt.Errorf("a JPEG-LS scan of %d components, interleave %d", ns, ilv)
	}
	if err := d.start(); err != nil {
		return 0, err
	}
	d.in = lsBits{data: d.data, at: at}
	var err error
	if ilv == 2 && ns > 1 {
		err = d.bySample(ns)
	} else {
		err = d.byLine(ns)
	}
	d.done += ns
	return d.in.end(), err
}

// start sets the presets that the stream leaves open and clears the contexts (A.2, C.2.4.1.1).
func (d *lsDecoder) start() error {
	maxval := d.maxval
	if maxval == 0 {
		maxval = 1<<d.p.Bits - 1
	}
	if maxval >= 1<<d.p.Bits || 2*d.near > min(510, maxval) {
		return fmt.Errorf("JPEG-LS with a largest value of %d and near %d", maxval, d.near)
	}
	t1, t2, t3 := defaults(maxval, d.near)
	if d.t1 == 0 {
		d.t1 = t1
	}
	if d.t2 == 0 {
		d.t2 = t2
	}
	if d.t3 == 0 {
		d.t3 = t3
	}
	d.maxval = maxval
	d.step = 2*d.near + 1
	d.span = (maxval+2*d.near)/d.step + 1
	d.qbpp = bits.Len(uint(d.span - 1))
	bpp := max(2, bits.Len(uint(maxval)))
	d.limit = 2 * (bpp + max(8, bpp))
	for i := range d.a {
		d.a[i], d.b[i], d.c[i], d.n[i] = max(2, (d.span+32)>>6), 0, 0, 1
	}
	d.nn = [2]int{}
	return nil
}

func defaults(maxval, near int) (t1, t2, t3 int) {
	clamp := func(i, j int) int {
		if i > maxval || i < j {
			return j
		}
		return i
	}
	if maxval >= 128 {
		f := (min(maxval, 4095) + 128) >> 8
		t1 = clamp(f+2+3*near, near+1)
		t2 = clamp(f*4+3+5*near, t1)
		return t1, t2, clamp(f*17+4+7*near, t2)
	}
	f := 256 / (maxval + 1)
	t1 = clamp(max(2, 3/f+3*near), near+1)
	t2 = clamp(max(3, 7/f+5*near), t1)
	return t1, t2, clamp(max(4, 21/f+7*near), t2)
}

// lines holds the line that is decoded and the one above, with a sample more at both ends.
type lines struct {
	prev, cur []int
	run       int // index of the run's length
}

func (l *lines) next() {
	l.prev, l.cur = l.cur, l.prev
	w := len(l.prev) - 2
	l.prev[w+1] = l.prev[w]
	l.cur[0] = l.prev[1]
}

func newLines(n, w int) []lines {
	all := make([]lines, n)
	for i := range all {
		all[i] = lines{prev: make([]int, w+2), cur: make([]int, w+2)}
	}
	return all
}

func (d *lsDecoder) byLine(ns int) error {
	w := d.p.W
	all := newLines(ns, w)
	for y := range d.p.H {
		for i := range all {
			l := &all[i]
			l.next()
			if err := d.line(l, w); err != nil {
				return err
			}
			for x := range w {
				d.p.V[(y*w+x)*d.p.N+d.done+i] = uint16(l.cur[x+1]) //nolint:gosec // at most maxval
			}
		}
	}
	return nil
}

func (d *lsDecoder) line(l *lines, w int) error {
	for x := 1; x <= w; {
		ra, rb, rc, rd := l.cur[x-1], l.prev[x], l.prev[x-1], l.prev[x+1]
		if q := d.context(ra, rb, rc, rd); q != 0 {
			v, err := d.regular(q, ra, rb, rc)
			if err != nil {
				return err
			}
			l.cur[x] = v
			x++
			continue
		}
		n, broken, err := d.runLength(&l.run, w+1-x)
		if err != nil {
			return err
		}
		for i := range n {
			l.cur[x+i] = ra
		}
		x += n
		if !broken {
			continue
		}
		if l.cur[x], err = d.interrupt(ra, l.prev[x], near(ra, l.prev[x], d.near), l.run); err != nil {
			return err
		}
		l.run = max(0, l.run-1)
		x++
	}
	return nil
}

// bySample decodes components that stand side by side: a run goes on while all of them do.
func (d *lsDecoder) bySample(ns int) error {
	w, run := d.p.W, 0
	all := newLines(ns, w)
	for y := range d.p.H {
		for i := range all {
			all[i].next()
		}
		for x := 1; x <= w; {
			n, err := d.samples(all, &run, x, w)
			if err != nil {
				return err
			}
			x += n
		}
		for i := range all {
			for x := range w {
				d.p.V[(y*w+x)*d.p.N+d.done+i] = uint16(all[i].cur[x+1]) //nolint:gosec // at most maxval
			}
		}
	}
	return nil
}

// samples decodes one pixel, or a run of them with the one that ends it, and says how many.
func (d *lsDecoder) samples(all []lines, run *int, x, w int) (int, error) {
	var q [4]int
	flat := true
	for i, l := range all {
		q[i] = d.context(l.cur[x-1], l.prev[x], l.prev[x-1], l.prev[x+1])
		flat = flat && q[i] == 0
	}
	if !flat {
		for i, l := range all {
			v, err := d.regular(q[i], l.cur[x-1], l.prev[x], l.prev[x-1])
			if err != nil {
				return 0, err
			}
			l.cur[x] = v
		}
		return 1, nil
	}
	n, broken, err := d.runLength(run, w+1-x)
	if err != nil {
		return 0, err
	}
	for _, l := range all {
		for i := range n {
			l.cur[x+i] = l.cur[x-1]
		}
	}
	if !broken {
		return n, nil
	}
	for _, l := range all {
		if l.cur[x+n], err = d.interrupt(l.cur[x+n-1], l.prev[x+n], false, *run); err != nil {
			return 0, err
		}
	}
	*run = max(0, *run-1)
	return n + 1, nil
}

func near(a, b, n int) bool { return a-b <= n && b-a <= n }

// context gives the number of the context with its sign; 0 stands for a flat place, where a run begins.
func (d *lsDecoder) context(ra, rb, rc, rd int) int {
	return 81*d.quantize(rd-rb) + 9*d.quantize(rb-rc) + d.quantize(rc-ra)
}

func (d *lsDecoder) quantize(g int) int {
	switch {
	case g <= -d.t3:
		return -4
	case g <= -d.t2:
		return -3
	case g <= -d.t1:
		return -2
	case g < -d.near:
		return -1
	case g <= d.near:
		return 0
	case g < d.t1:
		return 1
	case g < d.t2:
		return 2
	case g < d.t3:
		return 3
	}
	return 4
}
