package dicomcodec

import (
	"errors"
	"math"
)

// zigzag gives the place in a block of the coefficients in the order of their coding.
var zigzag = [64]int{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// cosines[x][u] is C(u)/2 · cos((2x+1)uπ/16).
var cosines = func() (t [8][8]float32) {
	for x := range 8 {
		for u := range 8 {
			c := 0.5
			if u == 0 {
				c = 0.5 / math.Sqrt2
			}
			t[x][u] = float32(c * math.Cos(float64(2*x+1)*float64(u)*math.Pi/16))
		}
	}
	return t
}()

// dctScan decodes the blocks of the components in list (F.2).
func (d *jpegDecoder) dctScan(list []int) error {
	across, down := (d.p.W+8*d.hmax-1)/(8*d.hmax), (d.p.H+8*d.vmax-1)/(8*d.vmax)
	for _, k := range list {
		c := &d.comps[k]
		c.w, c.hh, c.pred = across*8*c.h, down*8*c.v, 0
		if c.w*c.hh > 2*d.most+65536*64 {
			return errors.New("more pixels than the limit")
		}
		c.plane = make([]uint16, c.w*c.hh)
	}
	if len(list) == 1 { // a scan of one component has its blocks line by line
		c := &d.comps[list[0]]
		across = ((d.p.W*c.h+d.hmax-1)/d.hmax + 7) / 8
		down = ((d.p.H*c.v+d.vmax-1)/d.vmax + 7) / 8
		return d.units(list, across, down, true)
	}
	return d.units(list, across, down, false)
}

func (d *jpegDecoder) units(list []int, across, down int, single bool) error {
	left := d.restart
	for u := range across * down {
		if d.restart > 0 && left == 0 {
			if !d.in.restart() {
				return errShort
			}
			for _, k := range list {
				d.comps[k].pred = 0
			}
			left = d.restart
		}
		left--
		for _, k := range list {
			c := &d.comps[k]
			h, v := c.h, c.v
			if single {
				h, v = 1, 1
			}
			for b := range h * v {
				if err := d.block(c, (u%across)*h+b%h, (u/across)*v+b/h); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// block decodes one block into the plane of its component.
func (d *jpegDecoder) block(c *jpegComp, bx, by int) error {
	var co [64]float32
	q := d.quant[c.tq]
	s, err := d.in.symbol(c.dc)
	if err != nil {
		return err
	}
	if s > 15 {
		return errors.New("a JPEG difference of too many bits")
	}
	c.pred += d.in.extend(s)
	co[0] = float32(c.pred) * float32(q[0])
	for k := 1; k < 64; k++ {
		rs, err := d.in.symbol(c.ac)
		if err != nil {
			return err
		}
		run, size := rs>>4, rs&15
		if size == 0 {
			if run != 15 {
				break
			}
			k += 15
			continue
		}
		k += run
		if k > 63 {
			return errors.New("a JPEG block with too many coefficients")
		}
		co[zigzag[k]] = float32(d.in.extend(size)) * float32(q[k])
	}
	d.inverse(&co, c.plane[by*8*c.w+bx*8:], c.w)
	return nil
}

// inverse undoes the cosine transform of a block and writes its samples.
func (d *jpegDecoder) inverse(co *[64]float32, out []uint16, stride int) {
	var half [64]float32
	for y := range 8 {
		for x := range 8 {
			var sum float32
			for u := range 8 {
				sum += cosines[x][u] * co[8*y+u]
			}
			half[8*y+x] = sum
		}
	}
	middle, most := float32(int(1)<<(d.p.Bits-1)), float32(int(1)<<d.p.Bits-1)
	for x := range 8 {
		for y := range 8 {
			sum := middle + 0.5
			for v := range 8 {
				sum += cosines[y][v] * half[8*v+x]
			}
			out[y*stride+x] = uint16(min(max(sum, 0), most))
		}
	}
}

// assemble brings the planes of a DCT picture together, subsampled ones at full size.
func (d *jpegDecoder) assemble() {
	if d.lossless {
		return
	}
	p := d.p
	for k, c := range d.comps {
		for y := range p.H {
			line := c.plane[y*c.v/d.vmax*c.w:]
			for x := range p.W {
				p.V[(y*p.W+x)*p.N+k] = line[x*c.h/d.hmax]
			}
		}
	}
}
