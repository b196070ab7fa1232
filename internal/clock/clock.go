// Package clock is where time comes from, so that tests choose it and, later, nodes follow their database.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time. Make one with System or Fixed.
type Clock struct {
	mu    sync.Mutex
	fixed bool
	at    time.Time
}

// System follows the machine's clock.
func System() *Clock { return &Clock{} }

// Fixed stands still at t until Advance moves it. For tests and the demo's past.
func Fixed(t time.Time) *Clock { return &Clock{fixed: true, at: t} }

// Now is the present moment in UTC, cut to microseconds as the database keeps it.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fixed {
		return c.at.UTC().Truncate(time.Microsecond)
	}
	return time.Now().UTC().Truncate(time.Microsecond)
}

// Advance moves a fixed clock forward by d. It does nothing to the system's clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Set puts a fixed clock at t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
}

// Micros is how the database keeps a time: microseconds since 1970 in UTC.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// Time turns the database's microseconds back into a time in UTC.
func Time(us int64) time.Time { return time.UnixMicro(us).UTC() }
