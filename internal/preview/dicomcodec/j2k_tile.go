package dicomcodec

import (
	"errors"
	"math"
	"slices"
)

type rect struct{ x0, y0, x1, y1 int }

func (r rect) w() int      { return r.x1 - r.x0 }
func (r rect) h() int      { return r.y1 - r.y0 }
func (r rect) empty() bool { return r.x1 <= r.x0 || r.y1 <= r.y0 }

// tileComp is one component of a tile: its resolutions from the smallest.
type tileComp struct {
	rect
	cod  coding
	bits int
	res  []resolution
}

type resolution struct {
	rect
	ppx, ppy int
	across   int // precincts
	precs    []precinct
	bands    []band
}

// band is a subband: kind 0 LL, 1 HL, 2 LH, 3 HH.
type band struct {
	rect
	kind   int
	planes int     // bit planes (E-2)
	step   float32 // of the quantisation; the wavelet 5/3 has none
	blocks []*block
}

// precinct holds the code-blocks of each band that packets bring together.
type precinct struct {
	parts []part
	y, x  int // on the reference grid, for the order of packets
}

type part struct {
	across  int
	blocks  []*block
	in, msb *tagTree
}

// block is a code-block with the coded bytes that have been collected for it.
type block struct {
	rect
	seen   bool
	zero   int // bit planes without ones
	lblock int
	passes int
	parts  []codeword
}

// codeword is a stretch of coded bytes that some passes stand in.
type codeword struct {
	passes int
	data   []byte
	closed bool // the next pass begins another
}

// tile decodes one tile.
func (d *j2k) tile(t *tileData, r rect) error {
	var comps []*tileComp
	for i := range d.comps {
		c, err := d.component(t, i, r)
		if err != nil {
			return err
		}
		comps = append(comps, c)
	}
	order, err := packets(comps, t.cod)
	if err != nil {
		return err
	}
	readPackets(t, comps, order)
	planes := make([][]float32, len(comps))
	whole := make([][]int32, len(comps))
	for i, c := range comps {
		if c.cod.exact {
			whole[i] = c.inverseExact()
		} else {
			planes[i] = c.inverse()
		}
	}
	if t.cod.mct && len(comps) >= 3 {
		mix(whole, planes)
	}
	d.place(r, whole, planes)
	return nil
}

// component lays out a component's resolutions, bands, precincts and blocks (B.5 to B.7).
func (d *j2k) component(t *tileData, i int, r rect) (*tileComp, error) {
	c := &tileComp{rect: r, cod: t.cod, bits: d.comps[i].bits}
	if own, ok := t.coc[i]; ok {
		own.layers, own.order, own.mct, own.sop, own.eph = t.cod.layers, t.cod.order, t.cod.mct, t.cod.sop, t.cod.eph
		c.cod = own
	}
	q := t.qcd
	if own, ok := t.qcc[i]; ok {
		q = own
	}
	for n := range c.cod.levels + 1 {
		down := c.cod.levels - n
		res := resolution{
			rect: rect{ceilShift(r.x0, down), ceilShift(r.y0, down), ceilShift(r.x1, down), ceilShift(r.y1, down)},
			ppx:  int(c.cod.pp[n] & 15), ppy: int(c.cod.pp[n] >> 4),
		}
		if n > 0 && (res.ppx == 0 || res.ppy == 0) {
			return nil, errors.New("JPEG 2000 with precincts of no size")
		}
		kinds := []int{1, 2, 3}
		if n == 0 {
			kinds = []int{0}
		}
		for _, kind := range kinds {
			res.bands = append(res.bands, c.band(n, kind, q))
		}
		if err := d.precincts(&res, c.cod, n); err != nil {
			return nil, err
		}
		c.res = append(c.res, res)
	}
	for n := range c.res {
		c.res[n].positions(c, n)
	}
	return c, nil
}

func (c *tileComp) band(n, kind int, q quant) band {
	level := c.cod.levels - n + 1
	number := 0
	if n == 0 {
		level = c.cod.levels
	} else {
		number = 3*(n-1) + kind
	}
	at := func(v, odd int) int {
		if level == 0 {
			return v
		}
		return ceilShift(v-odd<<(level-1), level)
	}
	xo, yo := kind&1, kind>>1
	b := band{rect: rect{at(c.x0, xo), at(c.y0, yo), at(c.x1, xo), at(c.y1, yo)}, kind: kind}
	exp, mant := q.step(number)
	b.planes = q.guard + exp - 1
	b.step = float32(math.Ldexp(1+float64(mant)/2048, c.bits+xo+yo-exp))
	return b
}

// precincts makes the precincts of a resolution with their blocks.
func (d *j2k) precincts(res *resolution, cod coding, n int) error {
	if res.empty() {
		return nil
	}
	px0, py0 := res.x0>>res.ppx, res.y0>>res.ppy
	res.across = ceilShift(res.x1, res.ppx) - px0
	down := ceilShift(res.y1, res.ppy) - py0
	if d.blocks += res.across * down; res.across > j2kMaxBlocks || down > j2kMaxBlocks || d.blocks > j2kMaxBlocks {
		return errors.New("a JPEG 2000 picture of too many parts")
	}
	half := min(n, 1) // bands of upper resolutions have half the resolution's size
	cw, ch := min(cod.cbw, res.ppx-half), min(cod.cbh, res.ppy-half)
	for p := range res.across * down {
		x, y := (px0+p%res.across)<<(res.ppx-half), (py0+p/res.across)<<(res.ppy-half)
		var prec precinct
		for k := range res.bands {
			b := &res.bands[k]
			r := rect{max(x, b.x0), max(y, b.y0), min(x+1<<(res.ppx-half), b.x1), min(y+1<<(res.ppy-half), b.y1)}
			one, err := d.part(b, r, cw, ch)
			if err != nil {
				return err
			}
			prec.parts = append(prec.parts, one)
		}
		res.precs = append(res.precs, prec)
	}
	return nil
}

// part makes the blocks of a band within r.
func (d *j2k) part(b *band, r rect, cw, ch int) (part, error) {
	if r.empty() {
		return part{}, nil
	}
	bx0, by0 := r.x0>>cw, r.y0>>ch
	across, down := ceilShift(r.x1, cw)-bx0, ceilShift(r.y1, ch)-by0
	if d.blocks += across * down; d.blocks > j2kMaxBlocks {
		return part{}, errors.New("a JPEG 2000 picture of too many parts")
	}
	p := part{across: across, in: newTagTree(across, down), msb: newTagTree(across, down)}
	for k := range across * down {
		x, y := (bx0+k%across)<<cw, (by0+k/across)<<ch
		one := &block{rect: rect{max(x, r.x0), max(y, r.y0), min(x+1<<cw, r.x1), min(y+1<<ch, r.y1)}, lblock: 3}
		p.blocks = append(p.blocks, one)
		b.blocks = append(b.blocks, one)
	}
	return p, nil
}

// positions says where on the reference grid the precincts begin (B.12.1.3).
func (res *resolution) positions(c *tileComp, n int) {
	down := c.cod.levels - n
	for p := range res.precs {
		x, y := (res.x0>>res.ppx+p%res.across)<<res.ppx, (res.y0>>res.ppy+p/res.across)<<res.ppy
		res.precs[p].x, res.precs[p].y = c.x0, c.y0
		if x >= res.x0 {
			res.precs[p].x = x << down
		}
		if y >= res.y0 {
			res.precs[p].y = y << down
		}
	}
}

// packet names a packet: layer, resolution, component, precinct.
type packet struct{ l, r, c, p, x, y int }

// packets lists all packets in the order of the progression (B.12.1).
func packets(comps []*tileComp, cod coding) ([]packet, error) {
	count := 0
	for _, c := range comps {
		for _, r := range c.res {
			count += len(r.precs) * cod.layers
		}
	}
	if count > j2kMaxPackets {
		return nil, errors.New("a JPEG 2000 picture of too many packets")
	}
	all := make([]packet, 0, count)
	for c, comp := range comps {
		for r, res := range comp.res {
			for p, prec := range res.precs {
				for l := range cod.layers {
					all = append(all, packet{l, r, c, p, prec.x, prec.y})
				}
			}
		}
	}
	key := func(k packet) [6]int {
		switch cod.order {
		case 0:
			return [6]int{k.l, k.r, k.c, k.p}
		case 1:
			return [6]int{k.r, k.l, k.c, k.p}
		case 2:
			return [6]int{k.r, k.y, k.x, k.c, k.p, k.l}
		case 3:
			return [6]int{k.y, k.x, k.c, k.r, k.p, k.l}
		}
		return [6]int{k.c, k.y, k.x, k.r, k.p, k.l}
	}
	slices.SortFunc(all, func(a, b packet) int {
		ka, kb := key(a), key(b)
		return slices.Compare(ka[:], kb[:])
	})
	return all, nil
}

// mix undoes the transform of the colours (annex G).
func mix(whole [][]int32, planes [][]float32) {
	if whole[0] != nil && whole[1] != nil && whole[2] != nil {
		for k, y := range whole[0] {
			u, v := whole[1][k], whole[2][k]
			g := y - (u+v)>>2
			whole[0][k], whole[1][k], whole[2][k] = v+g, g, u+g
		}
	}
	if planes[0] != nil && planes[1] != nil && planes[2] != nil {
		for k, y := range planes[0] {
			cb, cr := planes[1][k], planes[2][k]
			planes[0][k], planes[1][k], planes[2][k] = y+1.402*cr, y-0.344136*cb-0.714136*cr, y+1.772*cb
		}
	}
}

// place shifts the values to their range and writes them into the picture.
func (d *j2k) place(r rect, whole [][]int32, planes [][]float32) {
	for i, c := range d.comps {
		shift, lo, hi := 0, -(1 << (c.bits - 1)), 1<<(c.bits-1)-1
		if !c.signed {
			shift, lo, hi = 1<<(c.bits-1), 0, 1<<c.bits-1
		}
		for y := range r.h() {
			at := ((r.y0-d.y0+y)*d.p.W+r.x0-d.x0)*d.p.N + i
			for x := range r.w() {
				k := y*r.w() + x
				var v int
				if whole[i] != nil {
					v = int(whole[i][k])
				} else {
					v = int(math.Round(float64(planes[i][k])))
				}
				d.p.V[at] = uint16(min(max(v+shift, lo), hi)) //nolint:gosec // two's complement is meant
				at += d.p.N
			}
		}
	}
}
