package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// readiness answers Ready with one error after the other.
type readiness []error

func (r *readiness) Ready(context.Context) (err error) {
	err, *r = (*r)[0], (*r)[1:]
	return err
}

// TestScannerWatch: the operator's log says every minute that files wait, and why, and once that the scanner works.
func TestScannerWatch(t *testing.T) {
	var log strings.Builder
	down := errors.New("reach clamd: nobody there")
	w := watch{scanner: &readiness{nil, nil, down, down, nil, nil}, say: slog.New(slog.NewTextHandler(&log, nil))}
	for range 6 {
		if err := w.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := log.String(); strings.Count(got, "level=ERROR") != 2 || strings.Count(got, `why="reach clamd: nobody there"`) != 2 ||
		strings.Count(got, "malware scanner works") != 2 || strings.Count(got, "files_waited=true") != 1 {
		t.Errorf("log:\n%s", got)
	}
}
