package preview

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // its header is looked at
	_ "image/png"  // its header is looked at
	"io"
)

// A worker writes frames: a header of fixed length and the page's bytes. The last has the kind end, and a word as its bytes:
// empty when all went well, else the reason. An answer that stops before it is no answer.
const (
	headerLen = 1 + 1 + 4*4
	kindEnd   = 0xff
	kindHello = 0xfe // the first: which walls hold and which tools are here
)

var (
	kinds = []string{"thumb", "page", "raw", "info"}
	types = []string{"image/png", "image/jpeg", "application/json"}
)

func indexOf(list []string, s string) (byte, bool) {
	for i, v := range list {
		if v == s {
			return byte(i), true
		}
	}
	return 0, false
}

// writePage sends one page.
func writePage(w io.Writer, p Page) error {
	kind, ok := indexOf(kinds, p.Kind)
	typ, ok2 := indexOf(types, p.Type)
	if !ok || !ok2 || p.N < 0 || p.W < 0 || p.H < 0 {
		return fmt.Errorf("preview: a page of kind %q and type %q", p.Kind, p.Type)
	}
	return writeFrame(w, kind, typ, [3]int{p.N, p.W, p.H}, p.Data)
}

func writeFrame(w io.Writer, kind, typ byte, numbers [3]int, data []byte) error {
	head := make([]byte, 0, headerLen)
	head = append(head, kind, typ)
	for _, n := range append(numbers[:], len(data)) {
		head = binary.BigEndian.AppendUint32(head, uint32(n)) //nolint:gosec // the reader limits each
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// writeEnd sends the last frame.
func writeEnd(w io.Writer, err error) error {
	word := ""
	if err != nil {
		word = Reason(err)
	}
	return writeFrame(w, kindEnd, 0, [3]int{}, []byte(word))
}

// Limits are what a worker may use, and what is taken from it.
type Limits struct {
	Time   int   // seconds, also of the processor
	Memory int64 // bytes of heap of each process of the worker
	Pages  int   // pages of all kinds
	Page   int64 // bytes of one
	Bytes  int64 // bytes of all
	Pixels int64 // of one
}

// DefaultLimits are enough for a series of 500 frames and a document of 100 pages.
var DefaultLimits = Limits{Time: 60, Memory: 1 << 30, Pages: 1200, Page: 24 << 20, Bytes: 256 << 20, Pixels: 40_000_000}

// maxInfo in bytes is the longest description that is taken.
const maxInfo = 1 << 20

// errAnswer says that a worker sent what no honest worker sends.
var errAnswer = fmt.Errorf("an answer outside its limits: %w", ErrStopped)

// readPages takes a worker's answer to its end, within limits. take gets each page once.
func readPages(r io.Reader, l Limits, take func(Page) error) error {
	var total int64
	for n := 0; ; n++ {
		head := make([]byte, headerLen)
		if _, err := io.ReadFull(r, head); err != nil {
			return fmt.Errorf("the answer ends early: %w", ErrStopped)
		}
		size := int64(binary.BigEndian.Uint32(head[14:]))
		if head[0] == kindEnd {
			return readEnd(r, size)
		}
		total += size
		if n >= l.Pages || size > l.Page || total > l.Bytes {
			return errAnswer
		}
		p, err := readPage(r, head, size, l)
		if err != nil {
			return err
		}
		if err := take(p); err != nil {
			return takeError{err}
		}
	}
}

// takeError is a failure of whoever takes the pages, not of the worker.
type takeError struct{ error }

func (e takeError) Unwrap() error { return e.error }

// readHello takes the first frame.
func readHello(r io.Reader) (string, error) {
	head := make([]byte, headerLen+64)
	if _, err := io.ReadFull(r, head[:headerLen]); err != nil {
		return "", fmt.Errorf("the worker says nothing: %w", ErrStopped)
	}
	n := binary.BigEndian.Uint32(head[14:])
	if head[0] != kindHello || n > 64 {
		return "", errAnswer
	}
	if _, err := io.ReadFull(r, head[headerLen:headerLen+n]); err != nil {
		return "", fmt.Errorf("the answer ends early: %w", ErrStopped)
	}
	return string(head[headerLen : headerLen+n]), nil
}

func readEnd(r io.Reader, size int64) error {
	if size > 64 {
		return errAnswer
	}
	word := make([]byte, size)
	if _, err := io.ReadFull(r, word); err != nil {
		return fmt.Errorf("the answer ends early: %w", ErrStopped)
	}
	if size == 0 {
		return nil
	}
	return reasonError(string(word))
}

func readPage(r io.Reader, head []byte, size int64, l Limits) (Page, error) {
	kind, typ := int(head[0]), int(head[1])
	if kind >= len(kinds) || typ >= len(types) {
		return Page{}, errAnswer
	}
	p := Page{
		Kind: kinds[kind], Type: types[typ], N: int(binary.BigEndian.Uint32(head[2:])),
		W: int(binary.BigEndian.Uint32(head[6:])), H: int(binary.BigEndian.Uint32(head[10:])), Data: make([]byte, size),
	}
	if _, err := io.ReadFull(r, p.Data); err != nil {
		return p, fmt.Errorf("the answer ends early: %w", ErrStopped)
	}
	if p.N >= l.Pages || !honest(p, l) {
		return p, errAnswer
	}
	return p, nil
}

var (
	pngMark  = []byte("\x89PNG\r\n\x1a\n")
	jpegMark = []byte("\xff\xd8\xff")
)

// honest says whether a page is what it says: its type by its first bytes, its size by its own header.
func honest(p Page, l Limits) bool {
	switch p.Type {
	case "application/json":
		return len(p.Data) <= maxInfo && json.Valid(p.Data)
	case "image/png":
		if !bytes.HasPrefix(p.Data, pngMark) {
			return false
		}
	case "image/jpeg":
		if !bytes.HasPrefix(p.Data, jpegMark) {
			return false
		}
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(p.Data))
	return err == nil && "image/"+format == p.Type && c.Width == p.W && c.Height == p.H && p.W > 0 && p.H > 0 &&
		int64(p.W)*int64(p.H) <= l.Pixels
}

// asTake gives the error of whoever took the pages, if it was theirs.
func asTake(err error) (taken error, ok bool) {
	var t takeError
	ok = errors.As(err, &t)
	return t.error, ok
}
