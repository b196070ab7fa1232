package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Demo is the built-in stand-in for a scanner: it finds the EICAR test file anywhere in a stream, and nothing else.
type Demo struct{}

// Name says on pages that this is not a real scanner.
func (Demo) Name() string { return "demo scanner" }

const (
	demoThreat = "EICAR-Test-File"
	demoChunk  = 64 << 10
)

// Version never changes.
func (Demo) Version(context.Context) (string, error) { return ByDemo, nil }

// testFile is the EICAR test string. It is written backwards, so that neither this source nor the program is taken for it.
func testFile() []byte {
	b := []byte(`*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\4[PA@%P!O5X`)
	slices.Reverse(b)
	return b
}

// Scan reads the whole stream, keeping the end of each chunk so that a test file lying across two is found.
func (Demo) Scan(ctx context.Context, r io.Reader) (Verdict, error) {
	want := testFile()
	buf := make([]byte, len(want)-1+demoChunk)
	kept := 0
	for {
		if err := ctx.Err(); err != nil {
			return Verdict{}, fmt.Errorf("scan: %w", err)
		}
		n, err := r.Read(buf[kept:])
		seen := buf[:kept+n]
		if bytes.Contains(seen, want) {
			return Verdict{Threat: demoThreat, Signature: ByDemo}, nil
		}
		if errors.Is(err, io.EOF) {
			return Verdict{Clean: true, Signature: ByDemo}, nil
		}
		if err != nil {
			return Verdict{}, fmt.Errorf("read what is to be scanned: %w", err)
		}
		kept = copy(buf, seen[max(0, len(seen)-len(want)+1):])
	}
}
