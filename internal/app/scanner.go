package app

import (
	"context"
	"time"

	"securepractice/internal/config"
	"securepractice/internal/scan"
)

// openScanner makes what looks for malware in files. One that does not answer keeps nothing from starting: messages without
// files go on, and files wait, unread by anybody.
func (a *App) openScanner() (scan.Scanner, error) {
	switch a.Config.Scanner {
	case config.ScannerClamd:
		c, err := scan.NewClamd(a.Config.Clamd, a.Config.Limits.MaxTotal)
		if err != nil {
			return nil, err
		}
		w := watch{scanner: c, say: a.Log}
		a.Jobs.Every("scanner watch", time.Minute, w.look)
		return c, nil
	case config.ScannerNone:
		a.Log.Warn("no malware scanner: files are handed out as they come, and pages say so")
		return scan.None{}, nil
	}
	return scan.Demo{}, nil
}

// watch tells the operator when files wait for the scanner.
type watch struct {
	scanner interface {
		Ready(ctx context.Context) error
	}
	say interface {
		Info(msg string, args ...any)
		Error(msg string, args ...any)
	}
	since time.Time // when it was first not ready; zero while it is
	said  bool      // that it is ready
}

// look runs every minute. What keeps the scanner from its work is its address and settings, nothing of a file.
func (w *watch) look(ctx context.Context) error {
	err := w.scanner.Ready(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		if w.since.IsZero() {
			w.since = time.Now()
		}
		w.said = false
		w.say.Error("malware scanner does not work; files wait for it", "why", err.Error(), "for", time.Since(w.since).Round(time.Second).String())
	case !w.said:
		w.say.Info("malware scanner works", "files_waited", !w.since.IsZero())
		w.since, w.said = time.Time{}, true
	}
	return nil
}
