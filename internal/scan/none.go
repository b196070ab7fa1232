package scan

import (
	"context"
	"fmt"
	"io"
)

// None judges nothing: it is for a portal whose operator has said that it runs without a scanner. What it passes is marked
// Unscanned, and every page that shows such a file says so.
type None struct{}

// The marks of files that no real scanner has judged, as Verdict.Signature.
const (
	Unscanned = "none"
	ByDemo    = "demo-1"
)

// Name is what the operator called it.
func (None) Name() string { return "none" }

// Scan reads the stream, because what cannot be read is damaged.
func (None) Scan(ctx context.Context, r io.Reader) (Verdict, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return Verdict{}, fmt.Errorf("read what is not scanned: %w", err)
	}
	return Verdict{Clean: true, Signature: Unscanned}, ctx.Err()
}
