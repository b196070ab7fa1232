package limit

import (
	"context"
	"fmt"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
)

// Limiter counts. Its fields are set once.
type Limiter struct {
	Keys  *crypt.Keys
	Clock *clock.Clock
}

// Rule allows Max acts in each Window. Windows begin at multiples of their length, so two of them back to back can
// hold up to twice Max: the rules here bound cost and guesses, and do not need to be sharper.
type Rule struct {
	Name   string
	Max    int64
	Window time.Duration
}

// keep is how long counters outlive their window before Sweep removes them: the longest window is a day.
const keep = 48 * time.Hour

// Allow counts one act of key under rule and says whether it is still allowed. The count is part of the caller's
// transaction: what is rolled back is not counted.
func (l *Limiter) Allow(ctx context.Context, tx *db.Tx, rule Rule, key string) (bool, error) {
	window := l.Clock.Now().Truncate(rule.Window)
	mac := l.Keys.MAC("limit", rule.Name, key)
	n, _, err := db.One(ctx, tx, db.Scan1[int64], `
		INSERT INTO limit_hit (key_mac, window_at, n)
		VALUES ($1, $2, 1)
		ON CONFLICT (key_mac, window_at) DO UPDATE SET n = limit_hit.n + 1
		RETURNING n`, mac, clock.Micros(window))
	if err != nil {
		return false, fmt.Errorf("count %s: %w", rule.Name, err)
	}
	return n <= rule.Max, nil
}

// Sweep removes counters of windows long past.
func (l *Limiter) Sweep(ctx context.Context, d *db.DB) error {
	before := clock.Micros(l.Clock.Now().Add(-keep))
	return d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM limit_hit WHERE window_at < $1", before); err != nil {
			return fmt.Errorf("sweep counters: %w", err)
		}
		return nil
	})
}
