package attach

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// What an archive may hold. A scanner that unpacks is thereby bounded before it sees the file.
const (
	maxEntries = 10_000
	maxUnpack  = 2 << 30  // bytes of all entries together
	maxRatio   = 100      // unpacked to packed, of the archive as a whole
	ratioFrom  = 16 << 20 // what unpacks to less than this is no bomb, whatever its ratio
)

// errArchive says that a ZIP is not whole or unpacks to more than is allowed.
var errArchive = errors.New("attach: archive refused")

// archive is what a ZIP's directory says of it.
type archive struct {
	entries   int64
	unpacked  uint64
	encrypted bool
	office    bool // holds an Office file's list of contents
	folder    bool // holds the folder that was asked for
}

// Records of a ZIP (APPNOTE 4.3): their marks and the lengths of their fixed parts.
const (
	endMark, endLen         = 0x06054b50, 22
	end64Mark, end64Len     = 0x06064b50, 56
	locatorMark, locatorLen = 0x07064b50, 20
	entryMark, entryLen     = 0x02014b50, 46
	maxComment              = math.MaxUint16
	is64                    = math.MaxUint32 // "the value is in the 64-bit record"
)

// walkArchive reads a ZIP's directory once, with a buffer and no list of what is in it, however large it says it is.
func walkArchive(r io.ReadSeeker, size int64, folder string) (archive, error) {
	at, length, err := findDirectory(r, size)
	if err != nil {
		return archive{}, err
	}
	if _, err := r.Seek(at, io.SeekStart); err != nil {
		return archive{}, fmt.Errorf("read an archive: %w", err)
	}
	w := walk{r: bufio.NewReader(io.LimitReader(r, length)), folder: []byte(folder)}
	for left := length; left > 0; {
		n, err := w.entry()
		if err != nil {
			return archive{}, err
		}
		if left -= n; left < 0 {
			return archive{}, errArchive
		}
	}
	if w.a.unpacked > ratioFrom && w.a.unpacked/maxRatio > uint64(size) { //nolint:gosec // G115: a size is not negative
		return archive{}, errArchive
	}
	return w.a, nil
}

// findDirectory finds where the directory lies and how long it is, from the record at the end of the file.
func findDirectory(r io.ReadSeeker, size int64) (at, length int64, err error) {
	tail := make([]byte, min(size, endLen+maxComment+locatorLen))
	if err := readAt(r, tail, size-int64(len(tail))); err != nil {
		return 0, 0, err
	}
	i := lastEnd(tail)
	if i < 0 {
		return 0, 0, errArchive
	}
	end := tail[i:]
	dirLen, dirAt := uint64(binary.LittleEndian.Uint32(end[12:])), uint64(binary.LittleEndian.Uint32(end[16:]))
	endAt := size - int64(len(tail)) + int64(i)
	if dirLen == is64 || dirAt == is64 || binary.LittleEndian.Uint16(end[10:]) == math.MaxUint16 {
		if i < locatorLen || binary.LittleEndian.Uint32(tail[i-locatorLen:]) != locatorMark {
			return 0, 0, errArchive
		}
		if dirLen, dirAt, endAt, err = readEnd64(r, tail[i-locatorLen:], size); err != nil {
			return 0, 0, err
		}
	}
	// The directory ends where its end record begins. Bytes put before an archive move both, and nothing of ours is so.
	if dirAt > uint64(endAt) || dirLen != uint64(endAt)-dirAt { //nolint:gosec // G115: a place in the file is not negative
		return 0, 0, errArchive
	}
	return int64(dirAt), int64(dirLen), nil //nolint:gosec // G115: both are less than the file's size
}

// lastEnd finds the end record whose comment reaches exactly to the end of the file.
func lastEnd(tail []byte) int {
	for i := len(tail) - endLen; i >= 0; i-- {
		if binary.LittleEndian.Uint32(tail[i:]) == endMark && int(binary.LittleEndian.Uint16(tail[i+20:])) == len(tail)-i-endLen {
			return i
		}
	}
	return -1
}

// readEnd64 reads the 64-bit end record that a locator names.
func readEnd64(r io.ReadSeeker, locator []byte, size int64) (length, at uint64, endAt int64, err error) {
	where := binary.LittleEndian.Uint64(locator[8:])
	if where > uint64(size) || uint64(size)-where < end64Len { //nolint:gosec // G115: a size is not negative
		return 0, 0, 0, errArchive
	}
	var end [end64Len]byte
	endAt = int64(where) //nolint:gosec // G115: compared with the size above
	if err := readAt(r, end[:], endAt); err != nil {
		return 0, 0, 0, err
	}
	if binary.LittleEndian.Uint32(end[:]) != end64Mark {
		return 0, 0, 0, errArchive
	}
	return binary.LittleEndian.Uint64(end[40:]), binary.LittleEndian.Uint64(end[48:]), endAt, nil
}

func readAt(r io.ReadSeeker, p []byte, at int64) error {
	if _, err := r.Seek(at, io.SeekStart); err != nil {
		return fmt.Errorf("read an archive: %w", err)
	}
	if _, err := io.ReadFull(r, p); err != nil {
		return fmt.Errorf("read an archive: %w", err)
	}
	return nil
}

// walk goes through the entries of a directory.
type walk struct {
	r      *bufio.Reader
	folder []byte
	a      archive
	buf    []byte
}

// entry reads one entry and returns its length in the directory.
func (w *walk) entry() (int64, error) {
	var fixed [entryLen]byte
	if err := w.read(fixed[:]); err != nil {
		return 0, err
	}
	if binary.LittleEndian.Uint32(fixed[:]) != entryMark {
		return 0, errArchive
	}
	nameLen := int(binary.LittleEndian.Uint16(fixed[28:]))
	extraLen := int(binary.LittleEndian.Uint16(fixed[30:]))
	rest := nameLen + extraLen + int(binary.LittleEndian.Uint16(fixed[32:]))
	if cap(w.buf) < rest {
		w.buf = make([]byte, rest)
	}
	w.buf = w.buf[:rest]
	if err := w.read(w.buf); err != nil {
		return 0, err
	}
	if w.a.entries++; w.a.entries > maxEntries {
		return 0, errArchive
	}
	w.note(binary.LittleEndian.Uint16(fixed[8:]), w.buf[:nameLen])
	unpacked, ok := unpackedSize(binary.LittleEndian.Uint32(fixed[24:]), w.buf[nameLen:nameLen+extraLen])
	if !ok || unpacked > maxUnpack || w.a.unpacked+unpacked > maxUnpack {
		return 0, errArchive
	}
	w.a.unpacked += unpacked
	return int64(entryLen + rest), nil
}

// note keeps what an entry's flags and name tell about the archive.
func (w *walk) note(flags uint16, name []byte) {
	const encrypted, strong = 1, 1 << 6
	w.a.encrypted = w.a.encrypted || flags&(encrypted|strong) != 0
	w.a.office = w.a.office || string(name) == "[Content_Types].xml"
	w.a.folder = w.a.folder || bytes.HasPrefix(name, w.folder)
}

// unpackedSize is an entry's size, which for large ones stands first in the 64-bit extra field (tag 1).
func unpackedSize(size uint32, extra []byte) (uint64, bool) {
	if size != is64 {
		return uint64(size), true
	}
	for len(extra) >= 4 {
		tag, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			return 0, false
		}
		if tag == 1 && n >= 8 {
			return binary.LittleEndian.Uint64(extra), true
		}
		extra = extra[n:]
	}
	return 0, false
}

// read fills p. A directory that ends early is no archive; any other failure is the store's.
func (w *walk) read(p []byte) error {
	_, err := io.ReadFull(w.r, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errArchive
	}
	if err != nil {
		return fmt.Errorf("read an archive: %w", err)
	}
	return nil
}
