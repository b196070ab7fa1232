package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"securepractice/internal/db"
)

// ErrDiscard marks a failure that trying again cannot mend: a job whose error wraps it is not tried again.
var ErrDiscard = errors.New("jobs: not to be tried again")

// Args is what a job carries: a struct of ids and numbers with JSON tags. Kind names the job, room_verb: "mail_notify".
// It must not depend on the fields.
type Args interface{ Kind() string }

// Work says how jobs of a kind are run.
type Work struct {
	Tries   int                         // in all; 0 is 10
	Timeout time.Duration               // of one try; 0 is 30 seconds
	Backoff func(try int) time.Duration // the wait after try 1, 2, …; nil grows from 5 seconds to an hour
}

func (w Work) withDefaults() Work {
	if w.Tries == 0 {
		w.Tries = 10
	}
	if w.Timeout == 0 {
		w.Timeout = 30 * time.Second
	}
	if w.Backoff == nil {
		w.Backoff = growing
	}
	return w
}

// growing is 5 s, 15 s, 45 s, 2 min, 7 min, 20 min, and then an hour.
func growing(try int) time.Duration {
	wait := 5 * time.Second
	for range try - 1 {
		if wait *= 3; wait > time.Hour {
			return time.Hour
		}
	}
	return wait
}

// Client enqueues jobs, and runs them once started. Handle and Every come first, Enqueue and Start after them.
type Client struct {
	db      *db.DB
	log     *slog.Logger
	workers *river.Workers
	kinds   map[string]Work
	ticks   []tick

	engine func() (engine, error) // made on first use, when all kinds are known
	made   bool

	mu      sync.Mutex
	started engine // nil when not running
	cancel  context.CancelFunc
	ticking sync.WaitGroup
}

// New makes a client on a migrated database. Nothing runs before Start.
func New(d *db.DB, log *slog.Logger) *Client {
	c := &Client{db: d, log: log, workers: river.NewWorkers(), kinds: map[string]Work{}}
	c.engine = sync.OnceValues(func() (engine, error) {
		c.made = true
		return newEngine(d, c.config())
	})
	return c
}

// Handle says what runs jobs with arguments T. fn gets a context with the try's timeout; it may be called again for the
// same job after a failure, a crash, or a lost answer. An error means "try again later", unless it wraps ErrDiscard. A
// panic counts as an error. Handle panics for a kind that has a handler already, and after the first Enqueue or Start.
func Handle[T Args](c *Client, w Work, fn func(ctx context.Context, args T) error) {
	if c.made {
		panic("jobs: Handle after Enqueue or Start")
	}
	w = w.withDefaults()
	var zero T
	river.AddWorker(c.workers, &worker[T]{work: w, fn: fn, log: c.log})
	c.kinds[zero.Kind()] = w
}

// Every has fn run in this process when it starts and then each time that every has passed, never twice at once. Other
// nodes do the same, so fn finds out in the database (a lease, a compare-and-set) what is left to do. An error or a panic
// is logged, and the next turn comes in its time. A run is cut off after ten minutes.
func (c *Client) Every(name string, every time.Duration, fn func(ctx context.Context) error) {
	c.ticks = append(c.ticks, tick{name, every, fn})
}

// Enqueue stores a job with the act: it runs soon after the commit, or never if the act is undone. It fails for a kind
// without a handler. Like every error inside an act, one of Enqueue ends the act.
func (c *Client) Enqueue(ctx context.Context, tx *db.Tx, args Args) error {
	return c.EnqueueAt(ctx, tx, args, time.Time{})
}

// EnqueueAt is Enqueue for a job that is not due before at. It runs up to five seconds later than that; at once if at
// has passed.
func (c *Client) EnqueueAt(_ context.Context, tx *db.Tx, args Args, at time.Time) error {
	if !at.After(time.Now()) {
		at = time.Time{} // River would put it with the later ones first
	}
	e, err := c.engine()
	if err == nil {
		err = e.insert(tx, args, &river.InsertOpts{MaxAttempts: c.kinds[args.Kind()].Tries, ScheduledAt: at})
	}
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", args.Kind(), err)
	}
	return nil
}
