package scan

import (
	"context"
	"io"
)

// Verdict is what a scanner says about a whole stream. The zero value is not clean.
type Verdict struct {
	Clean     bool
	Threat    string // the scanner's name for what it found; empty when clean
	Partial   bool   // the threat is only that the scanner could not look at all of it
	Signature string // the version of what judged, so that files can be judged again when it changes
}

// Scanner reads a stream to its end and judges it. With an error there is no verdict.
type Scanner interface {
	Scan(ctx context.Context, r io.Reader) (Verdict, error)
	Name() string // as people see it beside a file's state
}
