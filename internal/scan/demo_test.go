package scan_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"securepractice/internal/scan"
)

// eicar joins the test string at run time, so that scanners leave this file alone.
var eicar = strings.Join([]string{`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR`, `STANDARD`, `ANTIVIRUS`, `TEST`, `FILE!$H+H*`}, "-")

func TestDemoFindsTheTestFileAnywhere(t *testing.T) {
	const chunk = 64 << 10
	for _, at := range []int{0, 1, chunk - 100, chunk - 67, chunk - 34, chunk - 1, chunk, chunk + 66, 3*chunk - 30} {
		data := bytes.Repeat([]byte("x"), at)
		data = append(data, eicar...)
		data = append(data, bytes.Repeat([]byte("y"), 1000)...)
		readers := map[string]io.Reader{
			"whole": bytes.NewReader(data), "by byte": iotest.OneByteReader(bytes.NewReader(data)),
			"halves": iotest.HalfReader(bytes.NewReader(data)), "error with data": iotest.DataErrReader(bytes.NewReader(data)),
		}
		for name, r := range readers {
			v, err := scan.Demo{}.Scan(t.Context(), r)
			if err != nil || v.Clean || v.Threat == "" || v.Signature == "" {
				t.Errorf("at %d, %s: %+v, %v", at, name, v, err)
			}
		}
	}
}

func TestDemoClean(t *testing.T) {
	for _, data := range []string{"", "hello", eicar[:67], eicar[1:], strings.Repeat("X5O!", 50_000)} {
		v, err := scan.Demo{}.Scan(t.Context(), strings.NewReader(data))
		if err != nil || !v.Clean || v.Threat != "" || v.Signature == "" {
			t.Errorf("%d bytes: %+v, %v", len(data), v, err)
		}
	}
}

func TestDemoErrorIsNeverClean(t *testing.T) {
	broken := errors.New("bad tag")
	r := io.MultiReader(strings.NewReader("all well so far"), iotest.ErrReader(broken))
	if v, err := (scan.Demo{}).Scan(t.Context(), r); v.Clean || !errors.Is(err, broken) {
		t.Errorf("broken reader: %+v, %v", v, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := (scan.Demo{}).Scan(ctx, strings.NewReader("x")); v.Clean || !errors.Is(err, context.Canceled) {
		t.Errorf("caller gone: %+v, %v", v, err)
	}
}
