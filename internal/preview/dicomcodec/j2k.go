package dicomcodec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// JPEG2000 decodes ITU-T T.800: a codestream, or a JP2 file around one. Everything of part 1 but regions of interest,
// changes of the progression, packed packet headers, and components of different sizes.
func JPEG2000(data []byte, most int) (*Picture, error) {
	data, err := codestream(data)
	if err != nil {
		return nil, err
	}
	d := &j2k{most: most}
	if err := d.read(data); err != nil {
		return nil, err
	}
	return d.decode()
}

// Limits that keep the work in proportion: a header can ask for far more parts than there are pixels.
const (
	j2kMaxTiles   = 65535
	j2kMaxPackets = 1 << 20
	j2kMaxBlocks  = 1 << 20
)

// Markers.
const (
	mSOC, mSIZ, mCOD, mCOC, mQCD, mQCC, mRGN, mPOC = 0xFF4F, 0xFF51, 0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F
	mPPM, mPPT, mSOT, mSOD, mEOC                   = 0xFF60, 0xFF61, 0xFF90, 0xFF93, 0xFFD9
)

// codestream finds the codestream in a JP2 file.
func codestream(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte{0xFF, 0x4F, 0xFF, 0x51}) {
		return data, nil
	}
	for at := 0; at+8 <= len(data); {
		n, head := int(binary.BigEndian.Uint32(data[at:])), 8
		kind := string(data[at+4 : at+8])
		switch {
		case n == 1 && at+16 <= len(data):
			n, head = int(binary.BigEndian.Uint64(data[at+8:])&(1<<40-1)), 16
		case n == 0:
			n = len(data) - at
		}
		if kind == "jp2c" && at+head < len(data) {
			return data[at+head:], nil
		}
		if n < head || n > len(data)-at {
			break
		}
		at += n
	}
	return nil, errors.New("no JPEG 2000 picture")
}

// j2k is a codestream with what its headers say.
type j2k struct {
	most             int
	x0, y0, x1, y1   int // of the picture on the reference grid
	tw, th, tx0, ty0 int // tiles
	comps            []j2kComp
	cod              coding
	coc              map[int]coding
	qcd              quant
	qcc              map[int]quant
	tiles            map[int]*tileData
	p                *Picture
	blocks           int
}

type j2kComp struct {
	bits   int
	signed bool
}

// coding is what COD and COC say.
type coding struct {
	sop, eph      bool
	order, layers int
	mct           bool
	levels        int
	cbw, cbh      int // log2
	style         byte
	exact         bool // the 5/3 wavelet
	pp            []byte
}

// quant is what QCD and QCC say.
type quant struct {
	style, guard int
	steps        []uint16 // exponent << 11 | mantissa
}

// tileData are the coded bytes of one tile, with its own settings.
type tileData struct {
	cod  coding
	coc  map[int]coding
	qcd  quant
	qcc  map[int]quant
	data []byte
}

// read takes the stream apart.
func (d *j2k) read(data []byte) error {
	d.coc, d.qcc, d.tiles = map[int]coding{}, map[int]quant{}, map[int]*tileData{}
	for at := 2; at+4 <= len(data); {
		m := int(binary.BigEndian.Uint16(data[at:]))
		if m == mEOC {
			break
		}
		n := int(binary.BigEndian.Uint16(data[at+2:]))
		if n < 2 || at+2+n > len(data) {
			break
		}
		body := data[at+4 : at+2+n]
		var err error
		if m == mSOT {
			at, err = d.tilePart(data, at, body)
		} else {
			at += 2 + n
			err = d.header(m, body, nil)
		}
		if err != nil {
			return err
		}
	}
	if d.p == nil || len(d.tiles) == 0 {
		return errShort
	}
	return nil
}

// header reads a marker segment of the main header, or of a tile's.
func (d *j2k) header(m int, b []byte, t *tileData) (err error) {
	cod, coc, qcd, qcc := &d.cod, d.coc, &d.qcd, d.qcc
	if t != nil {
		cod, coc, qcd, qcc = &t.cod, t.coc, &t.qcd, t.qcc
	}
	wide := 1
	if len(d.comps) > 256 {
		wide = 2
	}
	switch m {
	case mSIZ:
		return d.size(b)
	case mCOD:
		if len(b) < 10 {
			return errShort
		}
		c := coding{sop: b[0]&2 != 0, eph: b[0]&4 != 0, order: int(b[1]), layers: int(binary.BigEndian.Uint16(b[2:])), mct: b[4] == 1}
		*cod, err = c.with(b[5:], b[0]&1 != 0)
	case mCOC:
		if len(b) < wide+6 {
			return errShort
		}
		coc[int(b[0])], err = cod.with(b[wide+1:], b[wide]&1 != 0)
	case mQCD:
		*qcd, err = newQuant(b)
	case mQCC:
		if len(b) < wide+1 {
			return errShort
		}
		qcc[int(b[0])], err = newQuant(b[wide:])
	case mRGN:
		return unsupported("JPEG 2000 with regions of interest")
	case mPOC:
		return unsupported("JPEG 2000 with changes of the progression")
	case mPPM, mPPT:
		return unsupported("JPEG 2000 with packed packet headers")
	}
	return err
}

func (d *j2k) size(b []byte) (err error) {
	if len(b) < 36 || d.p != nil {
		return errShort
	}
	v := func(i int) int { return int(binary.BigEndian.Uint32(b[2+4*i:])) }
	d.x1, d.y1, d.x0, d.y0, d.tw, d.th, d.tx0, d.ty0 = v(0), v(1), v(2), v(3), v(4), v(5), v(6), v(7)
	n := int(binary.BigEndian.Uint16(b[34:]))
	if n < 1 || n > 4 || len(b) < 36+3*n {
		return fmt.Errorf("a JPEG 2000 picture of %d components", n)
	}
	bits := 0
	for i := range n {
		c := j2kComp{bits: int(b[36+3*i]&0x7F) + 1, signed: b[36+3*i]&0x80 != 0}
		if b[37+3*i] != 1 || b[38+3*i] != 1 {
			return unsupported("JPEG 2000 with components of different sizes")
		}
		bits = max(bits, c.bits)
		d.comps = append(d.comps, c)
	}
	if d.x0 >= d.x1 || d.y0 >= d.y1 || d.tw < 1 || d.th < 1 || d.tx0 > d.x0 || d.ty0 > d.y0 || d.tx0+d.tw <= d.x0 || d.ty0+d.th <= d.y0 {
		return errors.New("a JPEG 2000 picture with a wrong grid")
	}
	if d.p, err = newPicture(d.x1-d.x0, d.y1-d.y0, n, bits, d.most); err != nil {
		return err
	}
	d.p.Signed = d.comps[0].signed
	if across, down := d.tilesOver(); across*down > j2kMaxTiles {
		return errors.New("a JPEG 2000 picture of too many tiles")
	}
	return nil
}

func (d *j2k) tilesOver() (across, down int) {
	return ceilDiv(d.x1-d.tx0, d.tw), ceilDiv(d.y1-d.ty0, d.th)
}

// with reads what COD and COC have in common.
func (c coding) with(b []byte, precincts bool) (coding, error) {
	if len(b) < 5 {
		return c, errShort
	}
	c.levels, c.cbw, c.cbh, c.style, c.exact = int(b[0]), int(b[1]&15)+2, int(b[2]&15)+2, b[3], b[4] == 1
	switch {
	case c.levels > 32 || c.cbw > 10 || c.cbh > 10 || c.cbw+c.cbh > 12 || c.layers < 1 || c.order > 4 || b[4] > 1:
		return c, errors.New("JPEG 2000 with settings that do not exist")
	case c.style&0x40 != 0:
		return c, unsupported("high-throughput JPEG 2000")
	}
	c.pp = bytes.Repeat([]byte{0xFF}, c.levels+1)
	if precincts {
		if len(b) < 6+c.levels {
			return c, errShort
		}
		copy(c.pp, b[5:])
	}
	return c, nil
}

func newQuant(b []byte) (q quant, err error) {
	if len(b) < 2 {
		return q, errShort
	}
	q.style, q.guard = int(b[0]&31), int(b[0]>>5)
	switch q.style {
	case 0:
		for _, v := range b[1:] {
			q.steps = append(q.steps, uint16(v>>3)<<11)
		}
	case 1, 2:
		for i := 1; i+1 < len(b); i += 2 {
			q.steps = append(q.steps, binary.BigEndian.Uint16(b[i:]))
		}
	}
	if len(q.steps) == 0 {
		return q, errors.New("JPEG 2000 with a quantisation that does not exist")
	}
	return q, nil
}

// step gives exponent and mantissa of band number b (0 the lowest, then three of each level).
func (q quant) step(b int) (exp, mant int) {
	i := b
	if q.style == 1 {
		i = 0
	}
	if i >= len(q.steps) {
		i = len(q.steps) - 1
	}
	exp, mant = int(q.steps[i]>>11), int(q.steps[i]&0x7FF)
	if q.style == 1 && b > 0 {
		exp = max(0, exp-(b-1)/3)
	}
	return exp, mant
}

// tilePart takes over the bytes of a tile-part that begins at data[at:] and says where the next segment is.
func (d *j2k) tilePart(data []byte, at int, b []byte) (int, error) {
	if len(b) < 8 || d.p == nil || d.cod.layers == 0 || len(d.qcd.steps) == 0 {
		return 0, errShort
	}
	index, size := int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint32(b[2:]))
	end := at + size
	if size == 0 || end > len(data) {
		end = len(data) // the last part, or one that is cut
	}
	across, down := d.tilesOver()
	if index >= across*down {
		return 0, errors.New("a JPEG 2000 tile that does not exist")
	}
	t := d.tiles[index]
	if t == nil {
		t = &tileData{cod: d.cod, coc: map[int]coding{}, qcd: d.qcd, qcc: map[int]quant{}}
		for i, c := range d.coc {
			t.coc[i] = c
		}
		for i, q := range d.qcc {
			t.qcc[i] = q
		}
		d.tiles[index] = t
	}
	for at += 12; at+2 <= end; {
		m := int(binary.BigEndian.Uint16(data[at:]))
		if m == mSOD {
			t.data = append(t.data, data[at+2:end]...)
			return end, nil
		}
		if at+4 > end {
			break
		}
		n := int(binary.BigEndian.Uint16(data[at+2:]))
		if n < 2 || at+2+n > end {
			break
		}
		if err := d.header(m, data[at+4:at+2+n], t); err != nil {
			return 0, err
		}
		at += 2 + n
	}
	return end, nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// ceilShift is a / 2ⁿ, rounded up; a may be negative.
func ceilShift(a, n int) int { return (a + 1<<n - 1) >> n }

// decode decodes all tiles into the picture.
func (d *j2k) decode() (*Picture, error) {
	across, _ := d.tilesOver()
	d.p.RGB = true
	for i := range d.comps { // what no tile covers is the middle of the range
		if !d.comps[i].signed {
			for k := i; k < len(d.p.V); k += d.p.N {
				d.p.V[k] = 1 << (d.comps[i].bits - 1)
			}
		}
	}
	for index, t := range d.tiles {
		tx, ty := d.tx0+index%across*d.tw, d.ty0+index/across*d.th
		r := rect{max(tx, d.x0), max(ty, d.y0), min(tx+d.tw, d.x1), min(ty+d.th, d.y1)}
		if err := d.tile(t, r); err != nil {
			return nil, err
		}
		d.p.RGB = d.p.RGB && t.cod.mct
		t.data = nil
	}
	return d.p, nil
}
