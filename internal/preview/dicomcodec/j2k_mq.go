package dicomcodec

// mqState is a line of table C.2: the probability, and what comes after a more and a less probable symbol.
type mqState struct {
	qe         uint32
	mps, lps   byte
	turnAround bool
}

var mqTable = [47]mqState{
	{0x5601, 1, 1, true}, {0x3401, 2, 6, false}, {0x1801, 3, 9, false}, {0x0AC1, 4, 12, false}, {0x0521, 5, 29, false}, {0x0221, 38, 33, false},
	{0x5601, 7, 6, true}, {0x5401, 8, 14, false}, {0x4801, 9, 14, false}, {0x3801, 10, 14, false}, {0x3001, 11, 17, false}, {0x2401, 12, 18, false},
	{0x1C01, 13, 20, false}, {0x1601, 29, 21, false}, {0x5601, 15, 14, true}, {0x5401, 16, 14, false}, {0x5101, 17, 15, false}, {0x4801, 18, 16, false},
	{0x3801, 19, 17, false}, {0x3401, 20, 18, false}, {0x3001, 21, 19, false}, {0x2801, 22, 19, false}, {0x2401, 23, 20, false}, {0x2201, 24, 21, false},
	{0x1C01, 25, 22, false}, {0x1801, 26, 23, false}, {0x1601, 27, 24, false}, {0x1401, 28, 25, false}, {0x1201, 29, 26, false}, {0x1101, 30, 27, false},
	{0x0AC1, 31, 28, false}, {0x09C1, 32, 29, false}, {0x08A1, 33, 30, false}, {0x0521, 34, 31, false}, {0x0441, 35, 32, false}, {0x02A1, 36, 33, false},
	{0x0221, 37, 34, false}, {0x0141, 38, 35, false}, {0x0111, 39, 36, false}, {0x0085, 40, 37, false}, {0x0049, 41, 38, false}, {0x0025, 42, 39, false},
	{0x0015, 43, 40, false}, {0x0009, 44, 41, false}, {0x0005, 45, 42, false}, {0x0001, 45, 43, false}, {0x5601, 46, 46, false},
}

// mq is the arithmetic decoder of annex C.
type mq struct {
	data []byte
	at   int
	c, a uint32
	ct   int
}

// mqContext is an index into the table, and the more probable symbol.
type mqContext struct{ i, mps byte }

func (m *mq) start(data []byte) {
	*m = mq{data: data, a: 0x8000}
	m.c = uint32(m.byteAt(0)) << 16
	m.in()
	m.c <<= 7
	m.ct -= 7
}

// byteAt gives 0xFF behind the end, as the standard has it.
func (m *mq) byteAt(i int) byte {
	if i < len(m.data) {
		return m.data[i]
	}
	return 0xFF
}

func (m *mq) in() {
	next := m.byteAt(m.at + 1)
	if m.byteAt(m.at) != 0xFF {
		m.at++
		m.c += uint32(next) << 8
		m.ct = 8
		return
	}
	if next > 0x8F {
		m.c += 0xFF00
		m.ct = 8
		return
	}
	m.at++
	m.c += uint32(next) << 9
	m.ct = 7
}

func (m *mq) bit(cx *mqContext) int {
	s := &mqTable[cx.i]
	m.a -= s.qe
	if m.c>>16 < s.qe {
		less := m.a >= s.qe
		m.a = s.qe
		return m.settle(cx, s, less)
	}
	m.c -= s.qe << 16
	if m.a&0x8000 != 0 {
		return int(cx.mps)
	}
	return m.settle(cx, s, m.a < s.qe)
}

// settle moves the context on after a symbol, the less probable one or the other, and shifts.
func (m *mq) settle(cx *mqContext, s *mqState, less bool) int {
	d := cx.mps
	if less {
		d = 1 - d
		if s.turnAround {
			cx.mps = 1 - cx.mps
		}
		cx.i = s.lps
	} else {
		cx.i = s.mps
	}
	for m.a&0x8000 == 0 {
		if m.ct == 0 {
			m.in()
		}
		m.a <<= 1
		m.c <<= 1
		m.ct--
	}
	return int(d)
}

// rawBits reads the passes that are not arithmetically coded (D.6).
type rawBits struct {
	data []byte
	at   int
	acc  byte
	have int
	ff   bool
}

func (r *rawBits) bit() int {
	if r.have == 0 {
		r.have = 8
		if r.ff {
			r.have = 7
		}
		r.acc = 0xFF
		if r.at < len(r.data) {
			r.acc = r.data[r.at]
			r.at++
		}
		r.ff = r.acc == 0xFF
	}
	r.have--
	return int(r.acc >> r.have & 1)
}
