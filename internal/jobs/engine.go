package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"securepractice/internal/db"
)

// engine is a River client on one of the two databases.
type engine interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	// insert stores a job in the act's transaction.
	insert(tx *db.Tx, args river.JobArgs, opts *river.InsertOpts) error
}

func newEngine(d *db.DB, c *river.Config) (engine, error) {
	if d.Postgres() {
		return newPostgres(d, c)
	}
	return newSQLite(d, c)
}

const (
	// maxWorkers and fetchCooldown together bound how many jobs start in a second: 50 every 20 ms.
	maxWorkers    = 50
	fetchCooldown = 20 * time.Millisecond
	// fetchPoll finds the jobs whose wake-up was lost.
	fetchPoll = time.Second
	// stuckAfter is when a job is taken for that of a dead node. A kind that may run for longer keeps its node for as long as
	// one try of it may take: River asks each kind.
	stuckAfter = 90 * time.Second

	keepCompleted = time.Hour
	keepFailed    = 30 * 24 * time.Hour
)

func (c *Client) config() *river.Config {
	return &river.Config{
		Workers:                     c.workers,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: maxWorkers}},
		FetchCooldown:               fetchCooldown,
		FetchPollInterval:           fetchPoll,
		JobTimeout:                  -1, // each kind has its own
		RescueStuckJobsAfter:        stuckAfter,
		CompletedJobRetentionPeriod: keepCompleted,
		CancelledJobRetentionPeriod: keepFailed,
		DiscardedJobRetentionPeriod: keepFailed,
		ReindexerIndexNames:         []string{}, // the program does not own its tables
		Logger:                      slog.New(plain{c.log.Handler()}),
	}
}

// plain lets through what River reports of its own troubles, without the texts of errors, which may quote arguments. What
// River says of failed jobs is below its level; the worker has logged those.
type plain struct{ slog.Handler }

// allowed are the attributes that hold names and numbers of our own choice.
var allowed = map[string]bool{"job_id": true, "job_kind": true, "queue": true, "attempt": true}

func (p plain) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && p.Handler.Enabled(ctx, l)
}

func (p plain) Handle(ctx context.Context, r slog.Record) error {
	bare := slog.NewRecord(r.Time, r.Level, "jobs: "+r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if allowed[a.Key] {
			bare.AddAttrs(a)
		}
		return true
	})
	return p.Handler.Handle(ctx, bare)
}

func (p plain) WithAttrs([]slog.Attr) slog.Handler { return p }

func (p plain) WithGroup(string) slog.Handler { return p }
