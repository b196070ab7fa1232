package attach

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
)

// Records of a ZIP (APPNOTE 4.3): their marks, and the lengths of their fixed parts behind the mark.
const (
	localMark, localLen     = 0x04034b50, 26
	centralMark, centralLen = 0x02014b50, 42
	end64Mark, end64Len     = 0x06064b50, 52
	locatorMark, locatorLen = 0x07064b50, 16
	endMark, endLen         = 0x06054b50, 18
	descriptorMark          = 0x08074b50
	is64                    = math.MaxUint32 // "the value is in the 64-bit record"
)

// Flags and methods of an entry (APPNOTE 4.4.4, 4.4.5).
const (
	encrypted      = 1
	withDescriptor = 1 << 3 // checksum and lengths follow the content
	strong         = 1 << 6
	masked         = 1 << 13 // the directory is encrypted

	stored, deflated = 0, 8
)

// entry is what a local header and the directory both say of a file in an archive.
type entry struct {
	name         string
	method       uint16
	crc          uint32
	packed, size int64
	at           int64 // where its local header begins
}

// zipReader reads the records of one archive as they follow each other. An archive that ends early is errArchive.
type zipReader struct {
	r         *bufio.Reader
	n         int64 // bytes read so far
	directory int64 // where the directory begins
	fixed     [end64Len]byte
}

// record reads the fixed part of a record.
func (z *zipReader) record(n int) ([]byte, error) {
	b := z.fixed[:n]
	return b, z.fill(b)
}

func (z *zipReader) fill(p []byte) error {
	n, err := io.ReadFull(z.r, p)
	z.n += int64(n)
	return early(err)
}

// early makes an end that comes too soon a broken archive.
func early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errArchive
	}
	return err
}

func (z *zipReader) mark() (uint32, error) {
	b, err := z.record(4)
	return binary.LittleEndian.Uint32(b), err
}

// local reads a local header behind its mark.
func (z *zipReader) local() (e entry, flags uint16, err error) {
	b, err := z.record(localLen)
	if err != nil {
		return e, 0, err
	}
	flags = binary.LittleEndian.Uint16(b[2:])
	e = entry{method: binary.LittleEndian.Uint16(b[4:]), crc: binary.LittleEndian.Uint32(b[10:])}
	sizes := []uint32{binary.LittleEndian.Uint32(b[18:]), binary.LittleEndian.Uint32(b[14:])}
	name, extra := int(binary.LittleEndian.Uint16(b[22:])), int(binary.LittleEndian.Uint16(b[24:]))
	values, err := z.rest(&e, name, extra, 0, sizes)
	if err != nil {
		return e, 0, err
	}
	e.size, e.packed = values[0], values[1]
	return e, flags, allowed(flags, e.method)
}

// central reads an entry of the directory behind its mark.
func (z *zipReader) central() (entry, error) {
	b, err := z.record(centralLen)
	if err != nil {
		return entry{}, err
	}
	e := entry{method: binary.LittleEndian.Uint16(b[6:]), crc: binary.LittleEndian.Uint32(b[12:])}
	flags := binary.LittleEndian.Uint16(b[4:])
	sizes := []uint32{binary.LittleEndian.Uint32(b[20:]), binary.LittleEndian.Uint32(b[16:]), binary.LittleEndian.Uint32(b[38:])}
	name, extra, comment := int(binary.LittleEndian.Uint16(b[24:])), int(binary.LittleEndian.Uint16(b[26:])), int(binary.LittleEndian.Uint16(b[28:]))
	values, err := z.rest(&e, name, extra, comment, sizes)
	if err != nil {
		return e, err
	}
	e.size, e.packed, e.at = values[0], values[1], values[2]
	return e, allowed(flags, e.method)
}

// allowed refuses what cannot be looked into.
func allowed(flags, method uint16) error {
	switch {
	case flags&(encrypted|strong|masked) != 0:
		return errEncrypted
	case method != stored && method != deflated:
		return errArchive
	}
	return nil
}

// rest reads a record's variable part, and finds those of its sizes that stand in the 64-bit field.
func (z *zipReader) rest(e *entry, name, extra, comment int, sizes []uint32) ([]int64, error) {
	b := make([]byte, name+extra+comment)
	if err := z.fill(b); err != nil {
		return nil, err
	}
	e.name = string(b[:name])
	wide := field64(b[name : name+extra])
	values := make([]int64, len(sizes))
	for i, s := range sizes {
		if s != is64 {
			values[i] = int64(s)
			continue
		}
		if len(wide) < 8 {
			return nil, errArchive
		}
		v := binary.LittleEndian.Uint64(wide)
		if wide = wide[8:]; v > math.MaxInt64 {
			return nil, errArchive
		}
		values[i] = int64(v)
	}
	return values, nil
}

// field64 finds the extra field of 64-bit values (tag 1).
func field64(extra []byte) []byte {
	for len(extra) >= 4 {
		tag, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			return nil
		}
		if tag == 1 {
			return extra[:n]
		}
		extra = extra[n:]
	}
	return nil
}

// end reads what follows the directory: the 64-bit end and its locator where there are such, the end, its comment, and
// nothing more. All must say what was read.
func (z *zipReader) end(mark uint32, at int64, entries int) error {
	if entries == 0 {
		z.directory = at
	}
	dirLen := at - z.directory
	if mark == end64Mark {
		b, err := z.record(end64Len)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint64(b) != end64Len-8 || !says(b[28:], uint64(entries), dirLen, z.directory) { //nolint:gosec // G115: a count is not negative
			return errArchive
		}
		if mark, err = z.mark(); err != nil || mark != locatorMark {
			return errors.Join(errArchive, err)
		}
		if b, err = z.record(locatorLen); err != nil {
			return err
		}
		if binary.LittleEndian.Uint64(b[4:]) != uint64(at) { //nolint:gosec // G115: a place is not negative
			return errArchive
		}
		if mark, err = z.mark(); err != nil {
			return err
		}
	}
	if mark != endMark {
		return errArchive
	}
	b, err := z.record(endLen)
	if err != nil {
		return err
	}
	n, length, start := binary.LittleEndian.Uint16(b[6:]), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	if n != math.MaxUint16 && int(n) != entries || length != is64 && int64(length) != dirLen || start != is64 && int64(start) != z.directory {
		return errArchive
	}
	return z.last(int(binary.LittleEndian.Uint16(b[16:])))
}

// says compares the 64-bit end's count, length and place of the directory with what was read.
func says(b []byte, entries uint64, length, at int64) bool {
	return binary.LittleEndian.Uint64(b) == entries && binary.LittleEndian.Uint64(b[8:]) == uint64(length) && //nolint:gosec // G115: neither is negative
		binary.LittleEndian.Uint64(b[16:]) == uint64(at) //nolint:gosec // G115
}

// last reads the comment; behind it the archive ends.
func (z *zipReader) last(comment int) error {
	if err := z.fill(make([]byte, comment)); err != nil {
		return err
	}
	if _, err := z.r.Peek(1); !errors.Is(err, io.EOF) {
		return errors.Join(errArchive, err)
	}
	return nil
}

// packed is an entry's content as it lies in the archive. It gives bytes one by one, so that nothing behind it is read.
type packed struct {
	z    *zipReader
	left int64 // when its length is known
	open bool  // its length stands behind it
	n    int64
}

func (p *packed) Read(b []byte) (int, error) {
	if !p.open {
		if p.left == 0 {
			return 0, io.EOF
		}
		b = b[:min(int64(len(b)), p.left)]
	}
	n, err := p.z.r.Read(b)
	p.count(n)
	return n, early(err)
}

func (p *packed) ReadByte() (byte, error) {
	if !p.open && p.left == 0 {
		return 0, io.EOF
	}
	c, err := p.z.r.ReadByte()
	if err == nil {
		p.count(1)
	}
	return c, early(err)
}

func (p *packed) count(n int) {
	p.n += int64(n)
	p.z.n += int64(n)
	p.left -= int64(n)
}

// descriptor reads the lengths and the checksum that follow an entry. The mark before them may be missing, and lengths
// have four bytes or eight: the form is the one that says what was read (APPNOTE 4.3.9).
func (z *zipReader) descriptor(e *entry, crc uint32, packedLen, size int64) error {
	e.crc, e.packed, e.size = crc, packedLen, size
	forms := descriptors(crc, packedLen, size)
	for _, form := range forms {
		if got, err := z.r.Peek(len(form)); err == nil && bytes.Equal(got, form) {
			return z.fill(make([]byte, len(form)))
		}
	}
	return errArchive
}

// descriptors are the forms in which what follows an entry may be written, longest first.
func descriptors(crc uint32, packedLen, size int64) [][]byte {
	var forms [][]byte
	for _, wide := range []bool{true, false} {
		b := binary.LittleEndian.AppendUint32(nil, crc)
		for _, v := range []int64{packedLen, size} {
			if wide {
				b = binary.LittleEndian.AppendUint64(b, uint64(v)) //nolint:gosec // G115: a length is not negative
			} else {
				b = binary.LittleEndian.AppendUint32(b, uint32(v)) //nolint:gosec // G115: 4 bytes only hold so much; then the long form fits
			}
		}
		forms = append(forms, append(binary.LittleEndian.AppendUint32(nil, descriptorMark), b...), b)
	}
	return forms
}

// storedOpen is an entry that is not packed and whose length stands behind it: it ends where a descriptor with its mark
// says exactly what came before.
type storedOpen struct {
	p   *packed
	crc uint32
}

func (s *storedOpen) Read(b []byte) (int, error) {
	const longest = 24
	ahead, err := s.p.z.r.Peek(longest)
	if len(ahead) == 0 {
		return 0, early(err)
	}
	mark := binary.LittleEndian.AppendUint32(nil, descriptorMark)
	if bytes.HasPrefix(ahead, mark) {
		for _, form := range descriptors(s.crc, s.p.n, s.p.n) {
			if bytes.HasPrefix(ahead, form) && bytes.HasPrefix(form, mark) {
				return 0, io.EOF
			}
		}
	}
	// Up to the next place that may be the mark.
	ahead, _ = s.p.z.r.Peek(min(s.p.z.r.Buffered(), len(b))) // it is buffered
	n := len(ahead)
	if i := bytes.IndexByte(ahead[1:], mark[0]); i >= 0 {
		n = i + 1
	}
	n, err = s.p.Read(b[:n])
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b[:n])
	return n, err
}
