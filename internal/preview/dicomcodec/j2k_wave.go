package dicomcodec

// The inverse wavelet transforms (annex F).

// inverseExact gives the component's values with the 5/3 wavelet.
func (c *tileComp) inverseExact() []int32 {
	return synthesise(c, func(v int32, _ float32) int32 { return v / 2 }, lift53)
}

// inverse gives the component's values with the 9/7 wavelet.
func (c *tileComp) inverse() []float32 {
	return synthesise(c, func(v int32, step float32) float32 { return float32(v) * step / 2 }, lift97)
}

// synthesise decodes the blocks of all bands and puts the resolutions together, from the smallest.
func synthesise[T int32 | float32](c *tileComp, value func(v int32, step float32) T, lift func(line []T, odd int)) []T {
	var d blockDecoder
	low := make([]T, max(0, c.res[0].w()*c.res[0].h()))
	fill(&d, c, &c.res[0].bands[0], low, c.res[0].w(), 0, 0, 1, value)
	for n := 1; n < len(c.res); n++ {
		r, l := &c.res[n], &c.res[n-1]
		w, h := r.w(), r.h()
		if r.empty() {
			low = nil
			continue
		}
		out := make([]T, w*h)
		for y := range l.h() { // the lower resolution stands at even places of the grid
			line := out[(2*(l.y0+y)-r.y0)*w:]
			for x := range l.w() {
				line[2*(l.x0+x)-r.x0] = low[y*l.w()+x]
			}
		}
		for k := range r.bands {
			b := &r.bands[k]
			fill(&d, c, b, out, w, 2*b.x0+b.kind&1-r.x0, 2*b.y0+b.kind>>1-r.y0, 2, value)
		}
		for y := range h {
			lift(out[y*w:(y+1)*w], r.x0&1)
		}
		columns(out, w, h, r.y0&1, lift)
		low = out
	}
	return low
}

// fill decodes the blocks of a band into out, every step places, from (x0, y0) on.
func fill[T int32 | float32](d *blockDecoder, c *tileComp, b *band, out []T, w, x0, y0, step int, value func(v int32, step float32) T) {
	for _, one := range b.blocks {
		if len(one.parts) == 0 || one.empty() {
			continue
		}
		d.decode(one, b.kind, b.planes, c.cod.style)
		for y := range one.h() {
			at := (y0+step*(one.y0-b.y0+y))*w + x0 + step*(one.x0-b.x0)
			for x := range one.w() {
				k := (y+1)*d.stride + x + 1
				if d.mark[k]&isSig != 0 {
					v := d.v[k]
					if d.mark[k]&isNeg != 0 {
						v = -v
					}
					out[at] = value(v, b.step)
				}
				at += step
			}
		}
		one.parts = nil
	}
}

// columns lifts columns, eight at a time for the memory's sake.
func columns[T int32 | float32](out []T, w, h, odd int, lift func(line []T, odd int)) {
	const group = 8
	lines := make([]T, group*h)
	for x := 0; x < w; x += group {
		n := min(group, w-x)
		for y := range h {
			for i := range n {
				lines[i*h+y] = out[y*w+x+i]
			}
		}
		for i := range n {
			lift(lines[i*h:(i+1)*h], odd)
		}
		for y := range h {
			for i := range n {
				out[y*w+x+i] = lines[i*h+y]
			}
		}
	}
}

// mirror gives place i of a line of n, which goes on as in a mirror at both ends.
func mirror(i, n int) int {
	if i < 0 {
		i = -i
	}
	if i >= n {
		i = 2*(n-1) - i
	}
	return i
}

// lift53 undoes the 5/3 wavelet; odd is 1 when the line begins at an odd place of the grid.
func lift53(line []int32, odd int) {
	n := len(line)
	if n == 1 {
		if odd == 1 {
			line[0] /= 2
		}
		return
	}
	for i := odd; i < n; i += 2 {
		line[i] -= (line[mirror(i-1, n)] + line[mirror(i+1, n)] + 2) >> 2
	}
	for i := 1 - odd; i < n; i += 2 {
		line[i] += (line[mirror(i-1, n)] + line[mirror(i+1, n)]) >> 1
	}
}

// lift97 undoes the 9/7 wavelet.
func lift97(line []float32, odd int) {
	const alpha, beta, gamma, delta, k = -1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971, 1.230174104914001
	n := len(line)
	if n == 1 {
		if odd == 1 {
			line[0] /= 2
		}
		return
	}
	for i := odd; i < n; i += 2 {
		line[i] *= k
	}
	for i := 1 - odd; i < n; i += 2 {
		line[i] *= 1 / k
	}
	turn := func(first int, by float32) {
		for i := first; i < n; i += 2 {
			line[i] -= by * (line[mirror(i-1, n)] + line[mirror(i+1, n)])
		}
	}
	turn(odd, delta)
	turn(1-odd, gamma)
	turn(odd, beta)
	turn(1-odd, alpha)
}
