package attach

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// Sums are the SHA-256 of clean files in hexadecimal digits, by file id. What is not clean has none.
func (s *Service) Sums(ctx context.Context, r db.Reader, fileIDs []string) (map[string]string, error) {
	all := make(map[string]string, len(fileIDs))
	if len(fileIDs) == 0 {
		return all, nil
	}
	list, err := listSums(ctx, r, fileIDs)
	if err != nil {
		return nil, fmt.Errorf("read sums of files: %w", err)
	}
	for _, f := range list {
		sum, err := s.keys.System().Open("attach_file", "sha256_sealed", f.id, f.sumSealed)
		if err != nil {
			return nil, fmt.Errorf("open the sum of file %s: %w", f.id, err)
		}
		all[f.id] = hex.EncodeToString(sum)
	}
	return all, nil
}

// Extract writes a whole clean file and proves that it is what was received: a piece at a time, and its sum at the end.
// After an error what was written is not the file. Permission, trail and sealer are the caller's, as in Serve.
func (s *Service) Extract(ctx context.Context, w io.Writer, linkID string, k crypt.Sealer) error {
	l, found, err := findClean(ctx, s.d, linkID)
	if err != nil {
		return fmt.Errorf("find an attachment: %w", err)
	}
	if !found {
		return fault.ErrNotFound()
	}
	dek, err := l.key(k)
	if err != nil {
		return err
	}
	sums, err := s.Sums(ctx, s.d, []string{l.body.fileID})
	if err != nil {
		return err
	}
	if l.body.keys, err = listKeys(ctx, s.d, l.body.fileID); err != nil {
		return fmt.Errorf("list the parts of file %s: %w", l.body.fileID, err)
	}
	file, err := s.open(ctx, l.body, dek)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // open for reading only: nothing is lost by it
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, sum), file); err != nil {
		return fmt.Errorf("extract file %s: %w", l.body.fileID, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != sums[l.body.fileID] {
		return fmt.Errorf("extract file %s: %w", l.body.fileID, ErrDamaged)
	}
	return nil
}
