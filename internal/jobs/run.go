package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"securepractice/internal/db"
)

// cutOff is how long jobs get to notice that they are cut off.
const cutOff = 2 * time.Second

// Start begins to run jobs and what Every named, until Stop; the end of ctx does not stop it. A stopped client may be
// started again.
func (c *Client) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started != nil {
		return errors.New("jobs: started already")
	}
	e, err := c.engine()
	if err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	if err := c.reclaim(ctx); err != nil {
		return fmt.Errorf("reclaim jobs: %w", err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if len(c.kinds) > 0 {
		if err := e.Start(run); err != nil {
			cancel()
			return fmt.Errorf("start jobs: %w", err)
		}
	}
	for _, t := range c.ticks {
		c.ticking.Go(func() { t.loop(run, c.log) })
	}
	c.started, c.cancel = e, cancel
	return nil
}

// reclaim makes the jobs of a killed process due again on SQLite, where no other process can be running them. A job that
// was on its last try is left to River, which gives it up in time: perhaps it is what kills the process.
func (c *Client) reclaim(ctx context.Context) error {
	if c.db.Postgres() {
		return nil
	}
	return c.db.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE river_job SET state = 'available' WHERE state = 'running' AND attempt < max_attempts"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM river_leader") // or River would wait for the dead process to come back
		return err
	})
}

// Stop takes no new jobs and waits for those that run. When ctx ends before they do, they are cut off, will run again,
// and the error says so.
func (c *Client) Stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started == nil {
		return nil
	}
	e := c.started
	c.started = nil
	var err error
	if len(c.kinds) > 0 {
		if err = e.Stop(ctx); err != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutOff)
			defer cancel()
			err = fmt.Errorf("stop jobs: %w", errors.Join(err, e.StopAndCancel(last)))
		}
	}
	c.cancel()
	c.ticking.Wait()
	return err
}

// Wait returns when no job is due or running, for tests and the demo's seeding. Jobs that wait for a later time, a next
// try among them, are not waited for. The client must be started.
func (c *Client) Wait(ctx context.Context) error {
	for {
		c.mu.Lock()
		running := c.started != nil
		c.mu.Unlock()
		if !running {
			return errors.New("jobs: Wait without Start")
		}
		n, _, err := db.One(ctx, c.db, db.Scan1[int64], "SELECT COUNT(*) FROM river_job WHERE state IN ('available', 'running')")
		if err != nil {
			return fmt.Errorf("count jobs: %w", err)
		}
		if n == 0 {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
