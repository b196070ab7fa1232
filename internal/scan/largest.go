package scan

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
)

// headers is more than those of an archive of two files take.
const headers = 1 << 10

// largest is an archive of a size that holds zeros and behind them the EICAR test file. A scanner finds that only when
// its limits let it look at the whole. The caller closes it.
func largest(size int64) io.ReadCloser {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(writeLargest(w, max(size-headers, 0))) }() // ends when all is read, or with the reader
	return r
}

func writeLargest(w io.Writer, zeros int64) error {
	archive := zip.NewWriter(w)
	virus := testFile()
	if err := store(archive, "zeros.bin", zeros, func() io.Reader { return io.LimitReader(zero{}, zeros) }); err != nil {
		return err
	}
	if err := store(archive, "eicar.com", int64(len(virus)), func() io.Reader { return bytes.NewReader(virus) }); err != nil {
		return err
	}
	return archive.Close()
}

// store writes an uncompressed file whose header says its length and sum beforehand, as scanners like it best.
func store(archive *zip.Writer, name string, size int64, content func() io.Reader) error {
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, content()); err != nil {
		return fmt.Errorf("sum %s: %w", name, err)
	}
	w, err := archive.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: sum.Sum32(),
		CompressedSize64: uint64(size), UncompressedSize64: uint64(size)}) //nolint:gosec // never negative
	if err != nil {
		return fmt.Errorf("begin %s: %w", name, err)
	}
	if _, err := io.Copy(w, content()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// zero reads as zeros for ever.
type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
