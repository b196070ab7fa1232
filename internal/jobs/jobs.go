package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"securepractice/internal/db"
)

// ErrDiscard marks a failure that trying again cannot mend: wrap it and the job ends.
var ErrDiscard = errors.New("jobs: not to be tried again")

// Args names a kind of job ("mail_notify") and carries its ids and numbers as JSON.
type Args interface{ Kind() string }

// Work says how a kind of job is run. Zero values: 10 tries, 30 seconds each, waits growing from 5 seconds to an hour.
type Work struct {
	Tries   int
	Timeout time.Duration
	Backoff func(try int) time.Duration
}

// Client enqueues and runs jobs. Handle and Every come before Start.
type Client struct {
	d        *db.DB
	log      *slog.Logger
	workers  *river.Workers
	tries    map[string]int
	periodic []periodic
	lite     *river.Client[*sql.Tx] // one of the two
	pg       *river.Client[pgx.Tx]
	insert   sync.Once
	insErr   error
	stop     context.CancelFunc
	running  sync.WaitGroup
}

type periodic struct {
	name  string
	every time.Duration
	fn    func(ctx context.Context) error
}

// New makes a client on the database. Nothing runs before Start.
func New(d *db.DB, log *slog.Logger) *Client {
	return &Client{d: d, log: log, workers: river.NewWorkers(), tries: map[string]int{}}
}

// Handle says what runs a kind of job. fn is called again after a failure or a crash, so repeating it must be harmless.
func Handle[T Args](c *Client, w Work, fn func(ctx context.Context, args T) error) {
	if w.Tries == 0 {
		w.Tries = 10
	}
	if w.Timeout == 0 {
		w.Timeout = 30 * time.Second
	}
	if w.Backoff == nil {
		w.Backoff = growing
	}
	var zero T
	c.tries[zero.Kind()] = w.Tries
	river.AddWorker(c.workers, &worker[T]{work: w, fn: fn, log: c.log})
}

// growing is 5 s, 20 s, 45 s, … up to an hour.
func growing(try int) time.Duration {
	return min(time.Duration(try*try)*5*time.Second, time.Hour)
}

// worker adapts a function to River.
type worker[T Args] struct {
	river.WorkerDefaults[T]
	work Work
	fn   func(ctx context.Context, args T) error
	log  *slog.Logger
}

func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.work.Timeout }

func (w *worker[T]) NextRetry(job *river.Job[T]) time.Time {
	return time.Now().Add(w.work.Backoff(job.Attempt))
}

func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if err != nil && ctx.Err() == nil {
			w.log.Warn("job failed", "kind", job.Kind, "job", job.ID, "try", job.Attempt, "err", err.Error())
		}
		if errors.Is(err, ErrDiscard) {
			err = river.JobCancel(err)
		}
	}()
	return w.fn(ctx, job.Args)
}

// Every runs fn every so often in this process, and once soon after Start. Other nodes do the same, so fn decides by
// the database (a lease, a compare-and-set) what is left to do.
func (c *Client) Every(name string, every time.Duration, fn func(ctx context.Context) error) {
	c.periodic = append(c.periodic, periodic{name, every, fn})
}

// Enqueue stores a job with the act: it runs after the commit, and only then.
func (c *Client) Enqueue(ctx context.Context, tx *db.Tx, args Args) error {
	return c.EnqueueAt(ctx, tx, args, time.Time{})
}

// EnqueueAt is Enqueue for a job that is not due before at.
func (c *Client) EnqueueAt(ctx context.Context, tx *db.Tx, args Args, at time.Time) error {
	if err := c.connect(); err != nil {
		return err
	}
	opts := &river.InsertOpts{MaxAttempts: c.tries[args.Kind()], ScheduledAt: at}
	var err error
	if c.pg != nil {
		err = tx.PgxConn(func(conn *pgx.Conn) error {
			_, err := c.pg.InsertTx(ctx, rawTx{c: conn}, args, opts)
			return err
		})
	} else {
		_, err = c.lite.InsertTx(ctx, tx.SQL(), args, opts)
	}
	if err != nil {
		return tx.Fail(fmt.Errorf("enqueue %s: %w", args.Kind(), err))
	}
	return nil
}

// connect makes River's client on first use, when all kinds are known.
func (c *Client) connect() error {
	c.insert.Do(func() {
		cfg := &river.Config{
			Workers:           c.workers,
			Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 16}},
			FetchCooldown:     20 * time.Millisecond,
			FetchPollInterval: time.Second,
			Logger:            slog.New(slog.NewTextHandler(io.Discard, nil)), // its messages can carry arguments; worker logs what matters
			ErrorHandler:      quiet{},
			// A node that died holds its jobs at most this long; no job here runs for more than minutes.
			RescueStuckJobsAfter: 15 * time.Minute,
			JobTimeout:           -1, // each kind has its own
		}
		if c.d.Postgres() {
			c.pg, c.insErr = river.NewClient(riverpgxv5.New(c.d.Pool()), cfg)
		} else {
			// One process has the data folder, so a job found running at the start is a crashed one.
			cfg.MaxAttempts = river.MaxAttemptsDefault
			c.lite, c.insErr = river.NewClient(riversqlite.New(c.d.Writer()), cfg)
		}
	})
	return c.insErr
}

// quiet keeps River from handling errors in its own words; worker has logged them.
type quiet struct{}

func (quiet) HandleError(context.Context, *rivertype.JobRow, error) *river.ErrorHandlerResult {
	return nil
}

func (quiet) HandlePanic(context.Context, *rivertype.JobRow, any, string) *river.ErrorHandlerResult {
	return nil
}

// Start begins to run jobs and periodic work until Stop.
func (c *Client) Start(ctx context.Context) error {
	if err := c.connect(); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	if err := c.rescue(ctx); err != nil {
		return err
	}
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = cancel
	for _, p := range c.periodic {
		c.running.Go(func() { c.tick(base, p) })
	}
	var err error
	if c.pg != nil {
		err = c.pg.Start(base)
	} else {
		err = c.lite.Start(base)
	}
	if err != nil {
		cancel()
		return fmt.Errorf("start jobs: %w", err)
	}
	return nil
}

// rescue makes the jobs of a process that was killed due again at once on SQLite, where no other process can be
// running them. On PostgreSQL River does so after RescueStuckJobsAfter.
func (c *Client) rescue(ctx context.Context) error {
	if c.d.Postgres() {
		return nil
	}
	return c.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE river_job SET state = 'available' WHERE state = 'running'")
		return err
	})
}

func (c *Client) tick(ctx context.Context, p periodic) {
	t := time.NewTicker(p.every)
	defer t.Stop()
	for {
		if err := p.run(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("periodic work failed", "kind", p.name, "err", err.Error())
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p periodic) run(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return p.fn(ctx)
}

// Stop takes no new jobs and waits for those that run, until ctx ends; then they are cut off and will run again.
func (c *Client) Stop(ctx context.Context) error {
	if c.stop == nil {
		return nil
	}
	defer c.running.Wait()
	defer c.stop()
	var err error
	if c.pg != nil {
		err = c.pg.Stop(ctx)
	} else {
		err = c.lite.Stop(ctx)
	}
	if err != nil {
		return fmt.Errorf("stop jobs: %w", err)
	}
	return nil
}

// Wait returns when no job is due or running. For tests and the demo's seeding.
func (c *Client) Wait(ctx context.Context) error {
	for {
		n, _, err := db.One(ctx, c.d, db.Scan1[int64], "SELECT COUNT(*) FROM river_job WHERE state IN ('available', 'running')")
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
