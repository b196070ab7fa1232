package scan_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"securepractice/internal/scan"
)

// TestNone: without a scanner everything passes, marked as what nobody looked at; what cannot be read does not.
func TestNone(t *testing.T) {
	v, err := scan.None{}.Scan(t.Context(), strings.NewReader(eicar))
	if err != nil || v != (scan.Verdict{Clean: true, Signature: scan.Unscanned}) {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := (scan.None{}).Scan(t.Context(), iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) || v.Clean {
		t.Errorf("unreadable: %+v, %v", v, err)
	}
}
