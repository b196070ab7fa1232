package db

// Waiting is how many acts queue for SQLite's writing connection, for tests that arrange a batch.
func (d *DB) Waiting() int {
	d.lite.group.mu.Lock()
	defer d.lite.group.mu.Unlock()
	return len(d.lite.group.queue)
}
