package attach

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// judge reads a claimed file and says what it is: first by its content, then by the scanner. It moves f to scanning on
// the way. Only a whole file that was read to its end without an error can be clean.
func (s *Service) judge(ctx context.Context, f *file) (verdict, error) {
	r, err := s.openFile(ctx, *f)
	if err != nil {
		return verdict{}, err
	}
	v, err := s.judgeBytes(ctx, f, r)
	return v, errors.Join(err, r.Close())
}

func (s *Service) judgeBytes(ctx context.Context, f *file, r *reader) (verdict, error) {
	j, err := content(r, f.size, f.ext)
	if err != nil {
		return verdict{}, fmt.Errorf("check the content: %w", err)
	}
	if j.reason != "" {
		return verdict{state: Rejected, found: j.found, reason: j.reason}, nil
	}
	if err := s.startScan(ctx, f, j.found); err != nil {
		return verdict{}, err
	}
	v, err := s.scan(ctx, *f, r, j.found)
	v.macros = j.macros
	return v, err
}

// openFile opens a file by the wrap of its key beside its row.
func (s *Service) openFile(ctx context.Context, f file) (*reader, error) {
	dek, err := s.keys.UnwrapFile(dekPlace(f.id, f.size), f.dek)
	if err != nil {
		return nil, fmt.Errorf("open the key of file %s: %w", f.id, err)
	}
	keys, err := listKeys(ctx, s.d, f.id)
	if err != nil {
		return nil, fmt.Errorf("list the parts of file %s: %w", f.id, err)
	}
	return s.open(ctx, body{fileID: f.id, ownerID: f.ownerID, partSize: f.partSize, size: f.size, keys: keys}, dek)
}

// errLost says that another worker has the file by now.
var errLost = errors.New("attach: the file was given to another worker")

func (s *Service) startScan(ctx context.Context, f *file, found string) error {
	mine := false
	err := s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		mine, err = updateState(ctx, tx, *f, verdict{state: Scanning, found: found})
		return err
	})
	if err != nil {
		return fmt.Errorf("begin to scan: %w", err)
	}
	if !mine {
		return errLost
	}
	f.state = Scanning
	f.version++
	return nil
}

// scan gives the file to the scanner. Its "clean" counts only when it was given every byte, and these are the bytes
// that were received.
func (s *Service) scan(ctx context.Context, f file, r *reader, found string) (verdict, error) {
	want, err := s.keys.System().Open("attach_file", "sha256_sealed", f.id, f.sumSealed)
	if err != nil {
		return verdict{}, fmt.Errorf("open the checksum of file %s: %w", f.id, err)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return verdict{}, err
	}
	seen := &counted{r: r, sum: sha256.New()}
	at := clock.Micros(s.clock.Now())
	v, err := s.scanner.Scan(ctx, seen)
	switch {
	case r.err != nil: // whatever the scanner made of it
		return verdict{}, r.err
	case err != nil:
		return verdict{}, fmt.Errorf("scan: %w", err)
	case v.Partial:
		return verdict{state: Rejected, found: found, reason: reasonArchive, signature: v.Signature, threat: word(v.Threat), at: at}, nil
	case !v.Clean:
		return verdict{state: Infected, found: found, reason: reasonVirus, signature: v.Signature, threat: word(v.Threat), at: at}, nil
	case seen.n != f.size:
		return verdict{}, fmt.Errorf("scan: %s judged %d of %d bytes", s.scanner.Name(), seen.n, f.size)
	case !bytes.Equal(seen.sum.Sum(nil), want):
		return verdict{}, fmt.Errorf("compare file %s with what was received: %w", f.id, ErrDamaged)
	}
	return verdict{state: Clean, found: found, signature: v.Signature, at: at}, nil
}

// counted notes what passes through it.
type counted struct {
	r   io.Reader
	n   int64
	sum hash.Hash
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.sum.Write(p[:n])
	return n, err
}
