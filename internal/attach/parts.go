package attach

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"

	"securepractice/internal/blob"
)

const (
	partSize   = 4 << 20  // plain bytes of every part but the last
	segment    = 64 << 10 // sealed bytes of one segment of a part
	dekLen     = 32
	sealedPart = partSize + (partSize/(segment-16)+2)*16 + 40 // a full part sealed: a tag each segment, one header
)

// body names a stored file's bytes: all that a part's seal is bound to, and where the parts are.
type body struct {
	fileID, ownerID string
	partSize, size  int64
	keys            []string // of the parts, in order
}

// place is the associated data of one part. Moved to another file, owner or number it does not open.
func (b body) place(part int64) []byte {
	return fmt.Appendf(nil, "att/v1|%s|%s|%d|%d", b.ownerID, b.fileID, part, b.partSize)
}

// dekPlace names a file's key for the wrap beside its row. The size is part of it once it is known, so that a row that
// was made to say another size has no key.
func dekPlace(fileID string, size int64) string { return fmt.Sprintf("%s|%d", fileID, size) }

// linkPlace names a file's key for the wrap in a link.
func (b body) linkPlace(linkID string) string {
	return fmt.Sprintf("%s|%s|%s|%d|%d", linkID, b.fileID, b.ownerID, b.partSize, b.size)
}

// partKey makes the name of a new object. The folder is the end of the file's id, whose beginning is the time.
func partKey(fileID string, part int64) string {
	return fmt.Sprintf("%s/%s/%d-%s", fileID[len(fileID)-2:], fileID, part, strings.ToLower(rand.Text()))
}

// fileOfKey is the file id in an object's key; empty for a name of another form.
func fileOfKey(key string) string {
	parts := strings.Split(key, "/")
	if len(parts) != 3 {
		return ""
	}
	return parts[1]
}

func newCipher(dek []byte) (*subtle.AESGCMHKDF, error) {
	if len(dek) != dekLen {
		return nil, ErrDamaged
	}
	c, err := subtle.NewAESGCMHKDF(dek, "SHA256", dekLen, segment, 0)
	if err != nil {
		return nil, fmt.Errorf("use a file key: %w", err)
	}
	return c, nil
}

// reader reads a stored file from any place on. It opens one part at a time and gives out no byte that its seal did
// not prove; a part that is longer or shorter than the file's size demands is damaged.
type reader struct {
	ctx    context.Context // io.Reader leaves a reader no other way to be told that its caller has gone
	store  blob.Store
	cipher *subtle.AESGCMHKDF
	body   body
	pos    int64
	part   io.Reader // the open part, positioned at pos; nil when none is
	left   int64     // plain bytes of the open part from pos on
	object *source
	err    error // the first failure; it stays
}

// open makes a reader of a stored file. The number of parts must be what the size demands.
func (s *Service) open(ctx context.Context, b body, dek []byte) (*reader, error) {
	if b.size <= 0 || b.partSize <= 0 || int64(len(b.keys)) != (b.size+b.partSize-1)/b.partSize {
		return nil, fmt.Errorf("open file %s: %w", b.fileID, ErrDamaged)
	}
	c, err := newCipher(dek)
	if err != nil {
		return nil, fmt.Errorf("open file %s: %w", b.fileID, err)
	}
	return &reader{ctx: ctx, store: s.blobs, cipher: c, body: b}, nil
}

// Read reads on from the current place.
func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.pos >= r.body.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.read(p)
	if err != nil {
		r.err = fmt.Errorf("read file %s: %w", r.body.fileID, err)
		return 0, r.err
	}
	return n, nil
}

func (r *reader) read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.part == nil {
		if err := r.openPart(); err != nil {
			return 0, err
		}
	}
	n, err := r.part.Read(p[:min(int64(len(p)), r.left)])
	if n == 0 && err == nil {
		return 0, io.ErrNoProgress
	}
	r.pos += int64(n)
	r.left -= int64(n)
	if r.left > 0 {
		return n, r.why(err)
	}
	if err := r.ended(err); err != nil {
		return 0, err
	}
	return n, r.closePart()
}

// ended proves that the open part ends where it should.
func (r *reader) ended(err error) error {
	if err == nil {
		var one [1]byte
		var n int
		if n, err = r.part.Read(one[:]); n != 0 {
			return ErrDamaged
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return r.why(err)
}

// openPart opens the part that pos lies in and goes to pos in it.
func (r *reader) openPart() error {
	i := r.pos / r.body.partSize
	object, err := r.store.Get(r.ctx, r.body.keys[i])
	if err != nil {
		return fmt.Errorf("part %d: %w", i, err)
	}
	r.object = &source{ReadCloser: object}
	if r.part, err = r.cipher.NewDecryptingReader(r.object, r.body.place(i)); err != nil {
		return r.why(err)
	}
	start := i * r.body.partSize
	r.left = min(r.body.partSize, r.body.size-start)
	skip := r.pos - start
	if n, err := io.CopyN(io.Discard, r.part, skip); err != nil || n != skip {
		return r.why(err)
	}
	r.left -= skip
	return nil
}

func (r *reader) closePart() error {
	r.part = nil
	if r.object == nil {
		return nil
	}
	err := r.object.Close()
	r.object = nil
	return err
}

// Seek goes to another place without reading.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.body.size
	}
	if offset < 0 {
		return 0, errors.New("attach: seek before the beginning")
	}
	if offset != r.pos {
		if err := r.closePart(); err != nil {
			return 0, err
		}
		r.pos = offset
	}
	return offset, nil
}

// Close gives back what is open.
func (r *reader) Close() error { return r.closePart() }

// source is an open object that remembers its own failure: the cipher reports what it was told in words of its own, and
// a failing disk must not be taken for tampering.
type source struct {
	io.ReadCloser
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// why turns the cipher's error into the store's failure, if there was one, or else into ErrDamaged.
func (r *reader) why(err error) error {
	if err == nil {
		return nil
	}
	if r.object != nil && r.object.err != nil {
		return r.object.err
	}
	return ErrDamaged
}

// sealPart seals up to one part of plain into buf and returns how many plain bytes it took. tee sees them too.
func sealPart(c *subtle.AESGCMHKDF, buf *bytes.Buffer, place []byte, plain io.Reader, tee io.Writer) (int64, error) {
	buf.Reset()
	w, err := c.NewEncryptingWriter(buf, place)
	if err != nil {
		return 0, fmt.Errorf("seal a part: %w", err)
	}
	n, err := io.CopyBuffer(io.MultiWriter(w, tee), plain, make([]byte, segment))
	if err != nil {
		return n, err
	}
	if err := w.Close(); err != nil {
		return n, fmt.Errorf("seal a part: %w", err)
	}
	return n, nil
}
