package dicomcodec

import (
	"errors"
	"fmt"
)

// JPEG decodes ITU-T T.81 where Go's own decoder does not: lossless (SOF3, 2 to 16 bits, every predictor) and sequential
// DCT with 8 or 12 bits (SOF0, SOF1). Components are left as they are coded.
func JPEG(data []byte, most int) (*Picture, error) {
	d := jpegDecoder{data: data, most: most}
	return d.decode()
}

// JPEGFrame says what the frame header of a JPEG stream holds: the process (0xC0 to 0xCF) and the bits of a sample.
func JPEGFrame(data []byte) (process byte, bits int) {
	for at := 2; at+5 <= len(data); {
		if data[at] != 0xFF || data[at+1] == 0xFF {
			at++
			continue
		}
		m := data[at+1]
		if isFrame(m) {
			return m, int(data[at+4])
		}
		if m == 0xDA {
			break
		}
		if m == 0x01 || m >= 0xD0 && m <= 0xD9 {
			at += 2
			continue
		}
		at += 2 + int(data[at+2])<<8 + int(data[at+3])
	}
	return 0, 0
}

func isFrame(m byte) bool { return m >= 0xC0 && m <= 0xCF && m != 0xC4 && m != 0xC8 && m != 0xCC }

type jpegDecoder struct {
	data     []byte
	most     int
	p        *Picture
	lossless bool
	comps    []jpegComp
	hmax     int
	vmax     int
	restart  int
	quant    [4]*[64]uint16
	tables   [2][4]*huffman // DC or lossless, AC
	in       jpegBits
	done     int // components decoded
}

type jpegComp struct {
	id, h, v, tq int
	dc, ac       *huffman
	w, hh        int      // samples of the plane, whole blocks
	plane        []uint16 // of DCT pictures
	pred         int
}

func (d *jpegDecoder) decode() (*Picture, error) {
	if len(d.data) < 4 || d.data[0] != 0xFF || d.data[1] != 0xD8 {
		return nil, errors.New("no JPEG picture")
	}
	for at := 2; at+4 <= len(d.data); {
		m := d.data[at+1]
		if d.data[at] != 0xFF || m < 0xC0 || m == 0xFF || m >= 0xD0 && m <= 0xD8 {
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
		if m == 0xDA {
			if at, err = d.scan(body, at); err == nil && d.done >= d.p.N {
				d.assemble()
				return d.p, nil
			}
		} else {
			err = d.segment(m, body)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errShort
}

func (d *jpegDecoder) segment(m byte, b []byte) error {
	switch {
	case m == 0xC4:
		return d.huffmanTables(b)
	case m == 0xDB:
		return d.quantTables(b)
	case m == 0xDD:
		if len(b) < 2 {
			return errShort
		}
		d.restart = int(b[0])<<8 | int(b[1])
	case m == 0xC0 || m == 0xC1 || m == 0xC3:
		d.lossless = m == 0xC3
		return d.frame(b)
	case isFrame(m):
		return unsupported(fmt.Sprintf("JPEG process %#x", m))
	}
	return nil
}

func (d *jpegDecoder) frame(b []byte) (err error) {
	if len(b) < 6 || d.p != nil || len(b) < 6+3*int(b[5]) {
		return errShort
	}
	prec, h, w, n := int(b[0]), int(b[1])<<8|int(b[2]), int(b[3])<<8|int(b[4]), int(b[5])
	if !d.lossless && prec != 8 && prec != 12 {
		return fmt.Errorf("a JPEG picture of %d bits", prec)
	}
	if d.p, err = newPicture(w, h, n, prec, d.most); err != nil {
		return err
	}
	for i := range n {
		c := jpegComp{id: int(b[6+3*i]), h: int(b[7+3*i] >> 4), v: int(b[7+3*i] & 15), tq: int(b[8+3*i] & 3)}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return errors.New("wrong sampling factors")
		}
		if n == 1 {
			c.h, c.v = 1, 1
		}
		if d.lossless && (c.h != 1 || c.v != 1) {
			return unsupported("JPEG lossless with subsampled components")
		}
		d.hmax, d.vmax = max(d.hmax, c.h), max(d.vmax, c.v)
		d.comps = append(d.comps, c)
	}
	return nil
}

func (d *jpegDecoder) quantTables(b []byte) error {
	for len(b) > 0 {
		size := 1 + int(b[0]>>4)
		id := b[0] & 3
		if size > 2 || len(b) < 1+64*size {
			return errShort
		}
		var q [64]uint16
		for i := range q {
			if size == 1 {
				q[i] = uint16(b[1+i])
			} else {
				q[i] = uint16(b[1+2*i])<<8 | uint16(b[2+2*i])
			}
		}
		d.quant[id] = &q
		b = b[1+64*size:]
	}
	return nil
}

func (d *jpegDecoder) huffmanTables(b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 || b[0]>>4 > 1 {
			return errShort
		}
		h, n, err := newHuffman(b[1:])
		if err != nil {
			return err
		}
		d.tables[b[0]>>4][b[0]&3] = h
		b = b[1+n:]
	}
	return nil
}

// scan decodes the components that the header b names from data[at:] and says where the scan ends.
func (d *jpegDecoder) scan(b []byte, at int) (int, error) {
	if d.p == nil || len(b) < 1 || len(b) < 4+2*int(b[0]) || b[0] < 1 || b[0] > 4 {
		return 0, errShort
	}
	var list []int
	for i := range int(b[0]) {
		k := d.component(int(b[1+2*i]))
		if k < 0 {
			return 0, errors.New("a JPEG scan of an unknown component")
		}
		c := &d.comps[k]
		c.dc, c.ac = d.tables[0][b[2+2*i]>>4&3], d.tables[1][b[2+2*i]&3]
		if c.dc == nil || !d.lossless && (c.ac == nil || d.quant[c.tq] == nil) {
			return 0, errors.New("a JPEG scan without its tables")
		}
		list = append(list, k)
	}
	tail := b[1+2*len(list):]
	d.in = jpegBits{data: d.data, at: at}
	d.done += len(list)
	var err error
	if d.lossless {
		err = d.losslessScan(list, int(tail[0]), int(tail[2]&15))
	} else {
		err = d.dctScan(list)
	}
	return d.in.at, err
}

func (d *jpegDecoder) component(id int) int {
	for i, c := range d.comps {
		if c.id == id {
			return i
		}
	}
	return -1
}

// losslessScan decodes samples with predictor number sel, shifted up by pt (H.2).
func (d *jpegDecoder) losslessScan(list []int, sel, pt int) error {
	if sel < 1 || sel > 7 || pt >= d.p.Bits {
		return fmt.Errorf("JPEG lossless with predictor %d", sel)
	}
	w, n, v := d.p.W, d.p.N, d.p.V
	first, left := 0, d.restart // the line that prediction began anew with
	for y := range d.p.H {
		for x := range w {
			if d.restart > 0 && left == 0 {
				if !d.in.restart() {
					return errShort
				}
				first, left = y, d.restart
			}
			left--
			for _, k := range list {
				diff, err := d.in.difference(d.comps[k].dc)
				if err != nil {
					return err
				}
				i := (y*w+x)*n + k
				v[i] = uint16(d.predicted(v, i, x, y-first, sel, pt)+diff) << pt //nolint:gosec // modulo 2¹⁶ is meant (H.1.2.1)
			}
		}
	}
	return nil
}

// predicted is the prediction for sample i at column x, y lines below the one that prediction began with.
func (d *jpegDecoder) predicted(v []uint16, i, x, y, sel, pt int) int {
	n, line := d.p.N, d.p.W*d.p.N
	switch {
	case x == 0 && y == 0:
		return 1 << (d.p.Bits - pt - 1)
	case y == 0:
		return int(v[i-n] >> pt)
	case x == 0:
		return int(v[i-line] >> pt)
	}
	ra, rb, rc := int(v[i-n]>>pt), int(v[i-line]>>pt), int(v[i-line-n]>>pt)
	switch sel {
	case 1:
		return ra
	case 2:
		return rb
	case 3:
		return rc
	case 4:
		return ra + rb - rc
	case 5:
		return ra + (rb-rc)>>1
	case 6:
		return rb + (ra-rc)>>1
	}
	return (ra + rb) >> 1
}
