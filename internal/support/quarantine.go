package support

import (
	"context"
	"fmt"

	"securepractice/internal/audit"
)

// HeldFile is a file in which malware was found. Its name and content are shown to nobody here.
type HeldFile struct {
	ID, Threat, UserID, User, PracticeID, Practice string
	Size, FoundAt                                  int64 // bytes; µs
	Kept                                           bool  // it is still stored, sealed; else only this is known of it
}

// Quarantine are the files in which malware was found, the newest first. Whoever is shown is recorded as looked at,
// before it is shown.
func (s *Service) Quarantine(ctx context.Context, l Looker) ([]HeldFile, error) {
	files, err := listHeld(ctx, s.o.DB, mostHeld)
	if err != nil {
		return nil, fmt.Errorf("list infected files: %w", err)
	}
	var looks []audit.Event
	seen := map[string]bool{}
	for _, f := range files {
		if !seen[f.UserID] {
			looks = append(looks, looked("user", f.UserID, f.PracticeID, "quarantine"))
		}
		seen[f.UserID] = true
	}
	return files, s.record(ctx, l, looks)
}
