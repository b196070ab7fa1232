package dicomcodec

// The decoding of single samples: T.87 annex A.

// runOrder are the orders of run lengths (A.2.1).
var runOrder = [32]int{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// regular decodes a sample in the context q (A.4 to A.6).
func (d *lsDecoder) regular(q, ra, rb, rc int) (int, error) {
	sign := 1
	if q < 0 {
		q, sign = -q, -1
	}
	px := predict(ra, rb, rc) + sign*d.c[q]
	px = min(max(px, 0), d.maxval)
	k := order(d.n[q], d.a[q])
	m, err := d.golomb(k, d.limit)
	if err != nil {
		return 0, err
	}
	e := m >> 1
	if m&1 != 0 {
		e = -(m + 1) >> 1
	}
	if d.near == 0 && k == 0 && 2*d.b[q] <= -d.n[q] {
		e = -e - 1 // the other mapping: odd is positive
	}
	d.learn(q, e)
	return d.rebuild(px, sign*e), nil
}

func predict(ra, rb, rc int) int {
	switch {
	case rc >= max(ra, rb):
		return min(ra, rb)
	case rc <= min(ra, rb):
		return max(ra, rb)
	}
	return ra + rb - rc
}

// order is the Golomb parameter of a context; its bound only matters for a broken stream.
func order(n, a int) int {
	k := 0
	for n<<k < a && k < 24 {
		k++
	}
	return k
}

// golomb decodes a number of the code with the parameter k and at most limit bits.
func (d *lsDecoder) golomb(k, limit int) (int, error) {
	most := limit - d.qbpp - 1
	q := d.in.zeros(most)
	if q < 0 || d.in.over > 512 {
		return 0, errShort
	}
	if q < most {
		return q<<k | d.in.bits(k), nil
	}
	return d.in.bits(d.qbpp) + 1, nil
}

// learn brings the context up to date (A.6).
func (d *lsDecoder) learn(q, e int) {
	d.b[q] += e * d.step
	d.a[q] += max(e, -e)
	if d.n[q] == d.reset {
		d.a[q] >>= 1
		d.b[q] >>= 1
		d.n[q] >>= 1
	}
	d.n[q]++
	switch {
	case d.b[q] <= -d.n[q]:
		d.b[q] = max(d.b[q]+d.n[q], 1-d.n[q])
		d.c[q] = max(d.c[q]-1, -128)
	case d.b[q] > 0:
		d.b[q] = min(d.b[q]-d.n[q], 0)
		d.c[q] = min(d.c[q]+1, 127)
	}
}

// rebuild adds the error to the prediction, around the ends of the range.
func (d *lsDecoder) rebuild(px, e int) int {
	v := px + e*d.step
	switch {
	case v < -d.near:
		v += d.span * d.step
	case v > d.maxval+d.near:
		v -= d.span * d.step
	}
	return min(max(v, 0), d.maxval)
}

// runLength decodes how many samples, of left, repeat the one before (A.7.1); broken: another sample ends the run.
func (d *lsDecoder) runLength(run *int, left int) (n int, broken bool, err error) {
	for n < left {
		if d.in.over > 512 {
			return 0, false, errShort
		}
		if d.in.bits(1) == 0 {
			n += d.in.bits(runOrder[*run])
			if n >= left {
				return 0, false, errShort
			}
			return n, true, nil
		}
		whole := 1 << runOrder[*run]
		if whole <= left-n {
			*run = min(*run+1, 31)
		}
		n += min(whole, left-n)
	}
	return n, false, nil
}

// interrupt decodes the sample that ends a run (A.7.2); same: the samples before and above are as good as equal.
func (d *lsDecoder) interrupt(ra, rb int, same bool, run int) (int, error) {
	kind, px, sign := 0, rb, 1
	if same {
		kind, px = 1, ra
	} else if ra > rb {
		sign = -1
	}
	q := 365 + kind
	a := d.a[q]
	if same {
		a += d.n[q] >> 1
	}
	k := order(d.n[q], a)
	m, err := d.golomb(k, d.limit-runOrder[run]-1)
	if err != nil {
		return 0, err
	}
	odd := (m + kind) & 1
	e := (m + kind + odd) / 2
	if (k != 0 || 2*d.nn[kind] >= d.n[q]) == (odd == 1) {
		e = -e
	}
	if e < 0 {
		d.nn[kind]++
	}
	d.a[q] += (m + 1 - kind) >> 1
	if d.n[q] == d.reset {
		d.a[q] >>= 1
		d.n[q] >>= 1
		d.nn[kind] >>= 1
	}
	d.n[q]++
	return d.rebuild(px, sign*e), nil
}
