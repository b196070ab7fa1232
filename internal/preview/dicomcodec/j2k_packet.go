package dicomcodec

import "math/bits"

// tagTree is a tag tree (B.10.2): the smallest value of each four at every level.
type tagTree struct {
	levels []tagLevel
}

type tagLevel struct {
	w     int
	nodes []tagNode
}

type tagNode struct {
	low   int
	known bool
}

func newTagTree(w, h int) *tagTree {
	t := &tagTree{}
	for {
		t.levels = append(t.levels, tagLevel{w, make([]tagNode, w*h)})
		if w*h <= 1 {
			return t
		}
		w, h = (w+1)/2, (h+1)/2
	}
}

// below reads on until it is known whether the value of leaf (x, y) is below most, and gives what is known of it.
func (t *tagTree) below(r *packetBits, x, y, most int) (value int, is bool) {
	low := 0
	var n *tagNode
	for k := len(t.levels) - 1; k >= 0; k-- {
		l := &t.levels[k]
		n = &l.nodes[(y>>k)*l.w+x>>k]
		n.low = max(n.low, low)
		for n.low < most && !n.known {
			if r.bit() == 1 {
				n.known = true
			} else {
				n.low++
			}
		}
		low = n.low
	}
	return n.low, n.known && n.low < most
}

// packetBits reads packet headers: after 0xFF a byte has seven bits.
type packetBits struct {
	data []byte
	at   int
	acc  byte
	have int
	ff   bool
	over bool
}

func (r *packetBits) bit() int {
	if r.have == 0 {
		if r.at >= len(r.data) {
			r.over = true
			return 1 // ones end every loop of a header
		}
		r.have = 8
		if r.ff {
			r.have = 7
		}
		r.acc = r.data[r.at]
		r.ff = r.acc == 0xFF
		r.at++
	}
	r.have--
	return int(r.acc >> r.have & 1)
}

func (r *packetBits) bits(n int) (v int) {
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// align ends a header: after a last byte 0xFF one more was stuffed.
func (r *packetBits) align() {
	if r.ff && r.at < len(r.data) {
		r.at++
	}
	r.have, r.ff = 0, false
}

// readPackets collects the coded bytes of all blocks. Where the bytes end, the rest stays as coarse as it is.
func readPackets(t *tileData, comps []*tileComp, order []packet) {
	data := t.data
	for _, k := range order {
		if len(data) == 0 {
			return
		}
		c := comps[k.c]
		n, ok := readPacket(data, &c.res[k.r].precs[k.p], k.l, c)
		if !ok {
			return
		}
		data = data[n:]
	}
}

// piece is what a packet brings for a block.
type piece struct {
	b      *block
	passes int
	n      int
	end    bool
}

func readPacket(data []byte, prec *precinct, layer int, c *tileComp) (int, bool) {
	r := &packetBits{data: data}
	if len(data) >= 6 && data[0] == 0xFF && data[1] == 0x91 {
		r.at = 6
	}
	var list []piece
	if r.bit() == 1 {
		for i := range prec.parts {
			p := &prec.parts[i]
			for k, b := range p.blocks {
				list = p.header(r, b, k, layer, c.cod.style, list)
				if r.over {
					return 0, false
				}
			}
		}
	}
	r.align()
	at := r.at
	if at+2 <= len(data) && data[at] == 0xFF && data[at+1] == 0x92 {
		at += 2
	}
	for _, one := range list {
		if one.n > len(data)-at {
			one.n, one.end = len(data)-at, true
		}
		one.b.take(one, data[at:at+one.n])
		at += one.n
	}
	return at, at <= len(data)
}

// header reads what a packet says of block number k.
func (p *part) header(r *packetBits, b *block, k, layer int, style byte, list []piece) []piece {
	x, y := k%p.across, k/p.across
	if b.seen {
		if r.bit() == 0 {
			return list
		}
	} else {
		if _, in := p.in.below(r, x, y, layer+1); !in {
			return list
		}
		b.seen = true
		for most := 1; ; most++ {
			v, known := p.msb.below(r, x, y, most)
			if known || r.over || most > 80 {
				b.zero = v
				break
			}
		}
	}
	passes := passCount(r)
	for r.bit() == 1 && !r.over && b.lblock < 32 {
		b.lblock++
	}
	for passes > 0 && !r.over {
		n := min(passes, b.room(style))
		size := r.bits(min(b.lblock+bits.Len(uint(n))-1, 31))
		b.passes += n
		passes -= n
		list = append(list, piece{b, n, size, closes(style, b.passes)})
	}
	return list
}

func passCount(r *packetBits) int {
	if r.bit() == 0 {
		return 1
	}
	if r.bit() == 0 {
		return 2
	}
	if v := r.bits(2); v < 3 {
		return 3 + v
	}
	if v := r.bits(5); v < 31 {
		return 6 + v
	}
	return 37 + r.bits(7)
}

// closes reports that the codeword ends behind so many passes (table D.9).
func closes(style byte, passes int) bool {
	switch {
	case style&4 != 0:
		return true
	case style&1 == 0 || passes < 10:
		return false
	}
	return (passes-10)%3 != 1
}

// room is how many passes the codeword still takes that the next pass stands in.
func (b *block) room(style byte) int {
	switch {
	case style&4 != 0:
		return 1
	case style&1 == 0:
		return 1 << 20
	case b.passes < 10:
		return 10 - b.passes
	case (b.passes-10)%3 == 0:
		return 2
	}
	return 1
}

// take adds bytes to the codeword that is open, or begins another.
func (b *block) take(p piece, data []byte) {
	if n := len(b.parts); n == 0 || b.parts[n-1].closed {
		b.parts = append(b.parts, codeword{})
	}
	w := &b.parts[len(b.parts)-1]
	w.passes += p.passes
	w.data = append(w.data, data...)
	w.closed = p.end
}
