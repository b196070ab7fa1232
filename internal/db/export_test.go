package db

import "time"

// Patient keeps SQLite's batches open for as long as acts wait, for tests that arrange a batch.
func (d *DB) Patient() { d.lite.group.span = time.Hour }

// Waiting is how many acts queue for SQLite's writing connection, for tests that arrange a batch.
func (d *DB) Waiting() int {
	d.lite.group.mu.Lock()
	defer d.lite.group.mu.Unlock()
	return len(d.lite.group.queue)
}
