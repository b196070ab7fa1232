package attach

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"path"
	"strings"
)

// What an archive may hold, with the archives in it. A scanner that unpacks is thereby bounded before it sees the file.
const (
	maxEntries = 10_000
	maxUnpack  = 2 << 30  // bytes of all entries together
	maxRatio   = 100      // unpacked to packed, of the archive as a whole
	ratioFrom  = 16 << 20 // what unpacks to less than this is no bomb, whatever its ratio
	maxDepth   = 3        // archives in archives, the outermost counted
)

// Why reading an archive ends early. Any other error is the store's.
var (
	errArchive   = errors.New("attach: archive refused")   // not whole, or too much, or what it says of itself is not so
	errEncrypted = errors.New("attach: archive encrypted") // nobody can look into it
	errProgram   = errors.New("attach: program in an archive")
)

// archive reads a ZIP and the ZIPs in it once, from the first byte to the last, and keeps no list and no entry. It unpacks
// everything: what a directory says of sizes is compared with what came out, never believed.
type archive struct {
	size     int64 // bytes of the outermost
	folder   string
	entries  int
	unpacked int64
	office   bool // the outermost holds an Office file's list of contents
	inFolder bool // the outermost holds the folder that was asked for
	macros   bool // an Office file in it has macros
	seed     maphash.Seed
	levels   [maxDepth]level
}

// level is what reading one archive needs; those at one depth are read one after the other.
type level struct {
	in      *bufio.Reader // what an entry unpacks to
	inflate io.ReadCloser
	find    finder
}

// walkArchive reads a whole ZIP. folder is the one an Office file of the wanted type has.
func walkArchive(r io.ReadSeeker, size int64, folder string) (*archive, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read an archive: %w", err)
	}
	a := &archive{size: size, folder: folder, seed: maphash.MakeSeed()}
	store := &storeReader{r: r}
	err := a.zip(bufio.NewReaderSize(store, headLen), 0)
	if store.err != nil {
		return nil, fmt.Errorf("read an archive: %w", store.err)
	}
	return a, err
}

// storeReader remembers the failure of what lies below everything, so that it is never taken for a broken archive.
type storeReader struct {
	r   io.Reader
	err error
}

func (s *storeReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// zip reads one archive: its entries as they lie, then the directory, then its end, and nothing between or behind. Entries
// and directory must name the same files at the same places, in whatever order, so that no program finds others in it.
func (a *archive) zip(r *bufio.Reader, depth int) error {
	if depth == maxDepth {
		return errArchive
	}
	z := &zipReader{r: r}
	var seen, said sum
	for {
		at := z.n
		mark, err := z.mark()
		switch {
		case err != nil:
			return err
		case mark == localMark && said.n == 0:
			e, err := a.entry(z, at, depth)
			if err != nil {
				return err
			}
			seen.add(a.seed, e)
		case mark == centralMark:
			if said.n == 0 {
				z.directory = at
			}
			e, err := z.central()
			if err != nil {
				return err
			}
			said.add(a.seed, e)
		case seen != said:
			return errArchive
		default:
			return z.end(mark, at, said.n)
		}
	}
}

// sum adds up entries, so that two sets of them can be compared in any order; the seed keeps it from being planned for.
type sum struct {
	n   int
	all uint64
}

func (s *sum) add(seed maphash.Seed, e entry) {
	s.n++
	s.all += maphash.Comparable(seed, e)
}

// entry reads one entry: it unpacks it to nowhere and looks at it on the way.
func (a *archive) entry(z *zipReader, at int64, depth int) (entry, error) {
	e, flags, err := z.local()
	if err != nil {
		return e, err
	}
	if a.entries++; a.entries > maxEntries {
		return e, errArchive
	}
	e.at = at
	if depth == 0 {
		a.office = a.office || e.name == "[Content_Types].xml"
		a.inFolder = a.inFolder || strings.HasPrefix(e.name, a.folder)
	}
	l := &a.levels[depth]
	p := &packed{z: z, left: e.packed, open: flags&withDescriptor != 0}
	var body io.Reader = p
	switch {
	case e.method == deflated && l.inflate == nil:
		l.inflate = flate.NewReader(p)
		body = l.inflate
	case e.method == deflated:
		_ = l.inflate.(flate.Resetter).Reset(p, nil) //nolint:forcetypeassert // as its documentation says: it is one, and resetting cannot fail
		body = l.inflate
	case p.open:
		body = &storedOpen{p: p}
	}
	u := &unpacked{r: body, a: a}
	if err := a.look(e.name, u, depth); err != nil {
		return e, err
	}
	if p.open {
		return e, z.descriptor(&e, u.crc, p.n, u.n)
	}
	if p.left != 0 || u.n != e.size || u.crc != e.crc {
		return e, errArchive
	}
	return e, nil
}

// blocked are the names of what Windows, macOS or a browser would run, whatever their content.
var blocked = wordSet(`app application bat chm cmd com cpl dll dmg exe gadget hta inf iso jar js jse jsp lnk msc msi msix
	msp mst pif pkg ps1 ps2 psm1 reg scf scr sct sh shb sys url vb vbe vbs vhd vhdx ws wsc wsf wsh xll`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// opaque are archives that may be encrypted to their last byte and that are not opened here.
var opaque = [][]byte{[]byte("7z\xbc\xaf\x27\x1c"), []byte("Rar!\x1a\x07")}

// look reads what an entry unpacks to, to its end.
func (a *archive) look(name string, u *unpacked, depth int) error {
	if blocked[extension(strings.TrimRight(name, ". "))] {
		return errProgram
	}
	l := &a.levels[depth]
	if l.in == nil {
		l.in = bufio.NewReaderSize(u, headLen)
	}
	l.in.Reset(u)
	head, err := l.in.Peek(16)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case isProgram(head):
		return errProgram
	case bytes.HasPrefix(head, opaque[0]), bytes.HasPrefix(head, opaque[1]):
		return errArchive
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return a.zip(l.in, depth+1)
	}
	l.find = finder{want: macroMark}
	into := io.Discard
	if isOLE(head) {
		into = &l.find
	}
	if _, err := io.Copy(into, onlyReader{l.in}); err != nil {
		return err
	}
	a.macros = a.macros || l.find.found || strings.EqualFold(path.Base(name), "vbaProject.bin")
	return nil
}

// onlyReader hides WriteTo, which would hand over the reader's source instead of what it holds.
type onlyReader struct{ io.Reader }

// unpacked counts what comes out of an entry, and stops it when the archive gives more than it may.
type unpacked struct {
	r   io.Reader
	a   *archive
	n   int64
	crc uint32
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.n += int64(n)
	u.a.unpacked += int64(n)
	u.crc = crc32.Update(u.crc, crc32.IEEETable, p[:n])
	if u.a.unpacked > maxUnpack || u.a.unpacked > ratioFrom && u.a.unpacked/maxRatio > u.a.size {
		return n, errArchive
	}
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, errors.Join(errArchive, err)
	}
	return n, err
}

// macroMark is the name of the stream that every Visual Basic project has, as OLE directories write it ([MS-OVBA] 2.2.1).
var macroMark = utf16("_VBA_PROJECT")

func utf16(s string) []byte {
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = binary.LittleEndian.AppendUint16(b, uint16(s[i]))
	}
	return b
}

// finder notes whether some bytes occur in what is written to it.
type finder struct {
	want  []byte
	found bool
	tail  []byte
}

func (f *finder) Write(p []byte) (int, error) {
	keep := len(f.want) - 1
	edge := append(f.tail, p[:min(keep, len(p))]...) //nolint:gocritic // appendAssign: the tail is made anew below
	f.found = f.found || bytes.Contains(edge, f.want) || bytes.Contains(p, f.want)
	if len(p) >= keep {
		f.tail = append(f.tail[:0], p[len(p)-keep:]...)
	} else {
		f.tail = append(f.tail[:0], edge[max(0, len(edge)-keep):]...)
	}
	return len(p), nil
}
