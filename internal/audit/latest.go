package audit

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/db"
)

// Past is one line of the trail as the person whose act it was may read it.
type Past struct {
	At        time.Time
	IP, Agent string // network address and browser
}

// Latest are a person's own newest acts of one word, newest first.
func (s *Service) Latest(ctx context.Context, r db.Reader, actorID, action string, most int) ([]Past, error) {
	all, err := listLatest(ctx, r, actorID, action, most)
	if err != nil {
		return nil, fmt.Errorf("read a person's acts: %w", err)
	}
	return all, nil
}
