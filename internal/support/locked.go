package support

import (
	"context"
	"fmt"

	"securepractice/internal/audit"
)

// Locked are the accounts that wrong passwords have locked, the newest accounts first. Whoever is shown is recorded as
// looked at, before it is shown.
func (s *Service) Locked(ctx context.Context, l Looker) (f Found, err error) {
	if f.People, err = listLocked(ctx, s.o.DB, mostFound+1); err != nil {
		return f, fmt.Errorf("list locked accounts: %w", err)
	}
	f.cut()
	var looks []audit.Event
	for _, u := range f.People {
		looks = append(looks, looked("user", u.ID, u.PracticeID, "locked"))
	}
	return f, s.record(ctx, l, looks)
}
