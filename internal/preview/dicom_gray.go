package preview

import (
	"image"
	"math"
)

// dicomGray is a frame of numbers: what a pixel stands for is v × slope + intercept.
type dicomGray struct {
	w, h             int
	v                []uint16
	slope, intercept float64
	lo, hi           uint16 // smallest and largest of v, without padding
}

// gray gives the numbers of frame i their meaning: the sign, the file's table or line of values, 16 bits for wider ones.
func (f *dicomFile) gray(s *dicomSamples, l dicomLayout, i int) *dicomGray {
	g := &dicomGray{w: l.w, h: l.h, v: s.v, slope: f.slope(i), intercept: f.intercept(i)}
	padding := short(f.dicomSet[tagPadding], 0, f.order, -1)
	switch {
	case s.wide != nil:
		g.squeeze(s.wide)
		padding = -1
	case s.signed:
		padding = g.signed(s.bits, padding)
	}
	for _, tag := range []uint32{tagModalityLUT, tagVOILUT} {
		if tag == tagVOILUT && len(f.windows(i)) > 0 {
			break // a window is the simpler choice of the two that the file offers
		}
		if t := f.table(tag); t != nil {
			g.look(t, s.signed)
			padding = -1
		}
	}
	g.limits(padding)
	return g
}

// signed moves two's complement of so many bits up, so that the smallest number is 0.
func (g *dicomGray) signed(bits, padding int) int {
	up := func(v uint16) uint16 {
		n := int(v)
		if n >= 1<<(bits-1) {
			n -= 1 << bits
		}
		return uint16(n + 32768) //nolint:gosec // bits are at most 16
	}
	for k, v := range g.v {
		g.v[k] = up(v & uint16(1<<bits-1))
	}
	g.intercept -= 32768 * g.slope
	if padding >= 0 {
		return int(up(uint16(padding) & uint16(1<<bits-1))) //nolint:gosec // read as 16 bits
	}
	return padding
}

// squeeze brings wide numbers into 16 bits, over their own range.
func (g *dicomGray) squeeze(wide []float64) {
	lo, hi := wide[0], wide[0]
	for _, v := range wide {
		lo, hi = min(lo, v), max(hi, v)
	}
	g.v = make([]uint16, len(wide))
	step := (hi - lo) / 65535
	if step > 0 {
		for k, v := range wide {
			g.v[k] = uint16(math.Round((v - lo) / step))
		}
	} else {
		step = 1
	}
	g.intercept += lo * g.slope
	g.slope *= step
}

// limits finds the range of the numbers.
func (g *dicomGray) limits(padding int) {
	g.lo, g.hi = 65535, 0
	for _, v := range g.v {
		if int(v) != padding {
			g.lo, g.hi = min(g.lo, v), max(g.hi, v)
		}
	}
	if g.lo > g.hi {
		g.lo, g.hi = 0, 65535
	}
}

// value is what number v stands for.
func (g *dicomGray) value(v uint16) float64 { return float64(v)*g.slope + g.intercept }

// lookup is a table of values of the file (PS3.3 C.11.1, C.11.2).
type lookup struct {
	first int
	v     []uint16
}

// table reads the first table of a sequence, nil when there is none that can be used.
func (f *dicomFile) table(tag uint32) *lookup {
	item := f.first(tag)
	size, data := item[tagLUTSize], item[tagLUTData]
	n := short(size, 0, f.order, -1)
	if n == 0 {
		n = 65536
	}
	if n < 1 || len(data.val) < 2*n {
		return nil
	}
	t := &lookup{first: short(size, 1, f.order, 0), v: make([]uint16, n)}
	for k := range t.v {
		t.v[k] = f.order.Uint16(data.val[2*k:])
	}
	return t
}

// look replaces the numbers by those of a table.
func (g *dicomGray) look(t *lookup, signed bool) {
	first := t.first
	if signed && first >= 32768 {
		first -= 65536
	}
	for k, v := range g.v {
		at := int(math.Round(g.value(v))) - first
		g.v[k] = t.v[min(max(at, 0), len(t.v)-1)]
	}
	g.slope, g.intercept = 1, 0
}

// DicomWindow is a range of values that is spread over black to white (PS3.3 C.11.2.1.2): its middle and its width.
type DicomWindow struct {
	Name   string  `json:"name"`
	Center float64 `json:"center"`
	Width  float64 `json:"width"`
}

// shade gives number v of a frame its grey.
func (w DicomWindow) shade(value float64) byte {
	c, wide := w.Center-0.5, w.Width-1
	if w.Width < 1 { // of fractions: the function LINEAR_EXACT
		c, wide = w.Center, w.Width
	}
	switch {
	case value <= c-wide/2:
		return 0
	case value > c+wide/2:
		return 255
	}
	return byte(math.Round(((value-c)/wide + 0.5) * 255))
}

// picture shows the frame through a window.
func (g *dicomGray) picture(w DicomWindow, invert bool) *image.Gray {
	var shades [65536]byte
	for v := range shades {
		shades[v] = w.shade(g.value(uint16(v)))
		if invert {
			shades[v] = 255 - shades[v]
		}
	}
	img := image.NewGray(image.Rect(0, 0, g.w, g.h))
	for k, v := range g.v {
		img.Pix[k] = shades[v]
	}
	return img
}

// packed puts each number into the red (high byte) and green (low byte) of a pixel. sum adds the numbers up, for the
// browser to see that it gets them as they are: some change pictures that a page reads.
func (g *dicomGray) packed() (img *image.NRGBA, sum uint32) {
	img = image.NewNRGBA(image.Rect(0, 0, g.w, g.h))
	for k, v := range g.v {
		p := img.Pix[4*k:]
		p[0], p[1], p[3] = byte(v>>8), byte(v), 255 //nolint:gosec // the low byte
		sum += uint32(v)
	}
	return img, sum
}

// smaller makes a frame k times smaller by taking means.
func (g *dicomGray) smaller(k int) {
	if k <= 1 {
		return
	}
	w, h := g.w/k, g.h/k
	out := make([]uint16, w*h)
	for y := range h {
		for x := range w {
			sum := 0
			for dy := range k {
				for dx := range k {
					sum += int(g.v[(y*k+dy)*g.w+x*k+dx])
				}
			}
			out[y*w+x] = uint16(sum / (k * k)) //nolint:gosec // a mean of 16-bit numbers
		}
	}
	g.w, g.h, g.v = w, h, out
}

// group gives the item of a functional group for frame i: its own, or the shared one.
func (f *dicomFile) group(tag uint32, i int) dicomSet {
	if items := f.dicomSet[tagPerFrame].items; i < len(items) {
		if g := items[i].first(tag); g != nil {
			return g
		}
	}
	return f.first(tagShared).first(tag)
}

func (f *dicomFile) slope(i int) float64 {
	v := f.group(tagFrameValues, i).number(tagSlope, f.number(tagSlope, 1))
	if v == 1 && f.slopeOfDose() != 0 {
		return f.slopeOfDose()
	}
	if v == 0 {
		return 1
	}
	return v
}

func (f *dicomFile) slopeOfDose() float64 { return f.number(tagDoseScale, 0) }

func (f *dicomFile) intercept(i int) float64 {
	return f.group(tagFrameValues, i).number(tagIntercept, f.number(tagIntercept, 0))
}

// windows lists the windows that the file gives for frame i.
func (f *dicomFile) windows(i int) (list []DicomWindow) {
	set := f.group(tagFrameVOI, i)
	if len(set.numbers(tagCenter)) == 0 {
		set = f.dicomSet
	}
	centers, widths := set.numbers(tagCenter), set.numbers(tagWidth)
	for k := range min(len(centers), len(widths), 12) {
		if widths[k] >= 1 || f.slope(i) < 1 && widths[k] > 0 {
			list = append(list, DicomWindow{Name: f.windowName(k), Center: centers[k], Width: widths[k]})
		}
	}
	return list
}
