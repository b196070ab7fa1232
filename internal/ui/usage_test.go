package ui_test

import (
	"testing"

	"securepractice/internal/ui"
)

func TestStored(t *testing.T) {
	for want, n := range map[string][2]int64{
		"No files": {0, 0}, "1 file, 3 KB": {1, 3000}, "999 files, 4.2 GB": {999, 4_200_000_000},
		"1,000 files, 1 KB": {1000, 1}, "1,234,567 files, 300 MB": {1_234_567, 300_000_000}, "20,007 files, 1 KB": {20_007, 5},
	} {
		if got := ui.Stored(n[0], n[1]); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}
