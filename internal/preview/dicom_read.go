package preview

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The reading of DICOM files (PS3.5, PS3.10). Only what the pictures and their description need is kept; pixel data stays
// in the file until its frame is wanted, for a volume is larger than the memory of the worker.

// Limits of what is read besides pixels.
const (
	dicomMaxValue     = 1 << 20   // bytes of one value: the largest table of colours fits
	dicomMaxKept      = 32 << 20  // bytes of all values
	dicomMaxElements  = 1_000_000 // in all sequences
	dicomMaxDepth     = 24        // of sequences
	dicomMaxFragments = 1 << 20
	dicomMaxInflated  = 256 << 20
)

// Transfer syntaxes that say how the elements are written.
const (
	syntaxImplicit = "1.2.840.10008.1.2"
	syntaxExplicit = "1.2.840.10008.1.2.1"
	syntaxDeflated = "1.2.840.10008.1.2.1.99"
	syntaxBig      = "1.2.840.10008.1.2.2"
)

var (
	errNotDICOM  = errors.New("not a DICOM file")
	errDICOMEnds = errors.New("the file ends early")
	errDICOMSize = errors.New("the file has more parts than the limit")
)

// dicomSpan is a place in the file.
type dicomSpan struct{ off, n int64 }

// dicomElem is one element. Pixel data has a place instead of a value.
type dicomElem struct {
	vr    string // "" where the file does not say
	val   []byte
	items []dicomSet
	at    dicomSpan
	frags []dicomSpan // of encapsulated pixel data; the first is the table of offsets
}

// dicomSet is a data set: elements by tag.
type dicomSet map[uint32]dicomElem

// dicomFile is a file that has been read.
type dicomFile struct {
	dicomSet
	meta   dicomSet
	syntax string
	order  binary.ByteOrder
	short  bool // it ends before it should
	src    io.ReadSeeker
	size   int64
}

type dicomReader struct {
	src      io.ReadSeeker
	buf      *bufio.Reader
	pos, end int64
	order    binary.ByteOrder
	explicit bool
	elements int
	kept     int
}

// readDICOM reads a file. What it can read of a file that is cut short it gives, and marks it so.
func readDICOM(src io.ReadSeeker, size int64) (*dicomFile, error) {
	r := &dicomReader{src: src, end: size, order: binary.LittleEndian, explicit: true}
	if err := r.seek(0); err != nil {
		return nil, err
	}
	if head, err := r.buf.Peek(132); err == nil && string(head[128:]) == "DICM" {
		if err := r.skip(132); err != nil {
			return nil, err
		}
	}
	f := &dicomFile{src: src, size: size}
	if err := r.readMeta(f); err != nil {
		return nil, err
	}
	if f.syntax == syntaxDeflated {
		plain, err := io.ReadAll(io.LimitReader(flate.NewReader(r.buf), dicomMaxInflated+1))
		if len(plain) == 0 || len(plain) > dicomMaxInflated {
			return nil, fmt.Errorf("inflate: %w", errors.Join(err, errDICOMSize))
		}
		f.src, f.size = bytes.NewReader(plain), int64(len(plain))
		r.src, r.end = f.src, f.size
		if err := r.seek(0); err != nil {
			return nil, err
		}
	}
	f.order = r.order
	set, err := r.set(r.end, 0)
	f.dicomSet = set
	if len(set) == 0 {
		return nil, errors.Join(errNotDICOM, err)
	}
	if errors.Is(err, errDICOMSize) {
		return nil, err
	}
	f.short = err != nil
	return f, nil
}

// readMeta reads group 2, where there is one, and settles how the rest is written.
func (r *dicomReader) readMeta(f *dicomFile) error {
	head, err := r.buf.Peek(6)
	if err != nil {
		return errNotDICOM
	}
	f.meta = dicomSet{}
	r.explicit = letters(head[4:6])
	for head[0] == 2 && head[1] == 0 {
		tag, e, err := r.element(0)
		if err != nil {
			return err
		}
		f.meta[tag] = e
		if head, err = r.buf.Peek(6); err != nil {
			return errNotDICOM
		}
	}
	f.syntax = f.meta.text(tagSyntax)
	r.explicit = letters(head[4:6])
	switch f.syntax {
	case syntaxBig:
		r.order = binary.BigEndian
	case "": // no header: group 8 comes first, in one order or the other
		f.syntax = syntaxImplicit
		if head[0] == 0 && head[1] == 8 {
			r.order, f.syntax = binary.BigEndian, syntaxBig
		} else if r.explicit {
			f.syntax = syntaxExplicit
		}
	case syntaxDeflated:
		r.explicit = true
	}
	if g := r.order.Uint16(head); f.syntax != syntaxDeflated && (g > 0x7FE0 || len(f.meta) == 0 && g != 8) {
		return errNotDICOM
	}
	return nil
}

func letters(b []byte) bool { return b[0] >= 'A' && b[0] <= 'Z' && b[1] >= 'A' && b[1] <= 'Z' }

// seek begins to read at another place.
func (r *dicomReader) seek(to int64) error {
	if _, err := r.src.Seek(to, io.SeekStart); err != nil {
		return err
	}
	r.pos = to
	if r.buf == nil {
		r.buf = bufio.NewReaderSize(r.src, 32<<10)
	} else {
		r.buf.Reset(r.src)
	}
	return nil
}

func (r *dicomReader) skip(n int64) error {
	if n < 0 || n > r.end-r.pos {
		return errDICOMEnds
	}
	if n > int64(r.buf.Buffered()) && n > 64<<10 {
		return r.seek(r.pos + n)
	}
	m, err := r.buf.Discard(int(n))
	r.pos += int64(m)
	return err
}

func (r *dicomReader) read(n int64) ([]byte, error) {
	if n < 0 || n > r.end-r.pos {
		return nil, errDICOMEnds
	}
	b := make([]byte, n)
	m, err := io.ReadFull(r.buf, b)
	r.pos += int64(m)
	return b, err
}

const (
	undefined    = 0xFFFFFFFF
	tagItem      = 0xFFFEE000
	tagItemEnd   = 0xFFFEE00D
	tagSeqEnd    = 0xFFFEE0DD
	tagPixels    = 0x7FE00010
	tagFloats    = 0x7FE00008
	tagDoubles   = 0x7FE00009
	tagSyntax    = 0x00020010
	groupOfItems = 0xFFFE
)

// longLength are the representations with a length of four bytes.
var longLength = map[string]bool{"OB": true, "OW": true, "OF": true, "OL": true, "OD": true, "OV": true, "SQ": true, "UC": true, "UR": true, "UT": true, "UN": true, "SV": true, "UV": true}

// set reads elements up to end, or up to the end mark of an item when end is negative. With an error comes what was read
// before it.
func (r *dicomReader) set(end int64, depth int) (dicomSet, error) {
	s := dicomSet{}
	if depth > dicomMaxDepth {
		return s, errDICOMSize
	}
	for end < 0 || r.pos < end {
		if end == r.end && r.end-r.pos < 8 {
			break // padding behind the last element
		}
		tag, e, err := r.element(depth)
		if tag == tagItemEnd && err == nil {
			break
		}
		if tag != 0 {
			s[tag] = e
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// header reads an element's tag, representation and length.
func (r *dicomReader) header() (tag uint32, vr string, n uint32, err error) {
	if r.elements++; r.elements > dicomMaxElements {
		return 0, "", 0, errDICOMSize
	}
	b, err := r.read(8)
	if err != nil {
		return 0, "", 0, err
	}
	tag = uint32(r.order.Uint16(b))<<16 | uint32(r.order.Uint16(b[2:]))
	if tag>>16 == groupOfItems || !r.explicit || !letters(b[4:]) {
		return tag, "", r.order.Uint32(b[4:]), nil
	}
	vr = string(b[4:6])
	if !longLength[vr] {
		return tag, vr, uint32(r.order.Uint16(b[6:])), nil
	}
	if b, err = r.read(4); err != nil {
		return 0, "", 0, err
	}
	return tag, vr, r.order.Uint32(b), nil
}

// element reads one element with what it holds.
func (r *dicomReader) element(depth int) (uint32, dicomElem, error) {
	tag, vr, n, err := r.header()
	e := dicomElem{vr: vr}
	switch {
	case err != nil:
		return 0, e, err
	case tag == tagItemEnd || tag == tagSeqEnd:
		return tag, e, nil
	case tag == tagPixels && n == undefined:
		err = r.fragments(&e)
	case tag == tagPixels || tag == tagFloats || tag == tagDoubles:
		e.at = dicomSpan{r.pos, min(int64(n), r.end-r.pos)}
		err = r.skip(int64(n))
	case n == undefined:
		e.items, err = r.items(-1, depth, vr == "UN")
	case wantedSequences[tag] && (vr == "SQ" || vr == "" || vr == "UN"):
		e.items, err = r.items(r.pos+int64(n), depth, vr == "UN")
	case n > dicomMaxValue || r.kept > dicomMaxKept || vr == "SQ":
		err = r.skip(int64(n))
	default:
		r.kept += int(n)
		e.val, err = r.read(int64(n))
	}
	return tag, e, err
}

// items reads the items of a sequence up to end, or up to its end mark. A sequence whose representation was unknown to
// the writer is always implicit and little endian.
func (r *dicomReader) items(end int64, depth int, unknown bool) (list []dicomSet, err error) {
	if unknown {
		defer func(o binary.ByteOrder, x bool) { r.order, r.explicit = o, x }(r.order, r.explicit)
		r.order, r.explicit = binary.LittleEndian, false
	}
	if end > r.end {
		return nil, errDICOMEnds
	}
	for end < 0 || r.pos < end {
		tag, _, n, err := r.header()
		switch {
		case err != nil:
			return list, err
		case tag == tagSeqEnd:
			return list, nil
		case tag != tagItem:
			return list, fmt.Errorf("element %08x where an item belongs", tag)
		}
		to := int64(-1)
		if n != undefined {
			if to = r.pos + int64(n); to > r.end {
				return list, errDICOMEnds
			}
		}
		s, err := r.set(to, depth+1)
		list = append(list, s)
		if err != nil {
			return list, err
		}
	}
	return list, nil
}

// fragments notes the places of encapsulated pixel data.
func (r *dicomReader) fragments(e *dicomElem) error {
	for {
		tag, _, n, err := r.header()
		switch {
		case err != nil:
			return err
		case tag == tagSeqEnd:
			return nil
		case tag != tagItem || n == undefined:
			return fmt.Errorf("element %08x where a fragment belongs", tag)
		case len(e.frags) >= dicomMaxFragments:
			return errDICOMSize
		}
		e.frags = append(e.frags, dicomSpan{r.pos, min(int64(n), r.end-r.pos)})
		if err := r.skip(int64(n)); err != nil {
			return err
		}
	}
}

// bytes reads a place of the file.
func (f *dicomFile) bytes(at dicomSpan) ([]byte, error) {
	if at.off < 0 || at.n < 0 || at.off+at.n > f.size {
		return nil, errDICOMEnds
	}
	if _, err := f.src.Seek(at.off, io.SeekStart); err != nil {
		return nil, err
	}
	b := make([]byte, at.n)
	_, err := io.ReadFull(f.src, b)
	return b, err
}
