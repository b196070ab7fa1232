package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
)

// worker runs the jobs of one kind for River.
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

func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	err := safely(func() error { return w.fn(ctx, job.Args) })
	if err == nil {
		return nil
	}
	last := job.Attempt >= job.MaxAttempts || errors.Is(err, ErrDiscard)
	level := slog.LevelWarn
	if last {
		level = slog.LevelError
	}
	w.log.Log(ctx, level, "job failed", append([]any{"kind", job.Kind, "job", job.ID, "try", job.Attempt, "last", last}, cause(err)...)...)
	if errors.Is(err, ErrDiscard) {
		return river.JobCancel(err)
	}
	return err
}

// tick is work that runs on a clock.
type tick struct {
	name  string
	every time.Duration
	fn    func(ctx context.Context) error
}

const tickTimeout = 10 * time.Minute

func (t tick) loop(ctx context.Context, log *slog.Logger) {
	clock := time.NewTicker(t.every)
	defer clock.Stop()
	for ctx.Err() == nil {
		t.once(ctx, log)
		select {
		case <-clock.C:
		case <-ctx.Done():
		}
	}
}

func (t tick) once(ctx context.Context, log *slog.Logger) {
	run, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	err := safely(func() error { return t.fn(run) })
	if err != nil && ctx.Err() == nil { // at the end everything fails
		log.Warn("periodic work failed", append([]any{"kind", t.name}, cause(err)...)...)
	}
}

// panicked is a panic turned into an error. Its text names the type alone: the value may be anything.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %T", p.value) }

func safely(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return fn()
}

// cause tells of an error what can be told without its text. A stack holds names of functions and no content.
func cause(err error) []any {
	var p *panicked
	var state interface{ SQLState() string }
	switch {
	case errors.As(err, &p):
		return []any{"cause", p.Error(), "stack", string(p.stack)}
	case errors.As(err, &state):
		return []any{"cause", "sqlstate " + state.SQLState()}
	case errors.Is(err, context.DeadlineExceeded):
		return []any{"cause", "timeout"}
	case errors.Is(err, context.Canceled):
		return []any{"cause", "stopped"}
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return []any{"cause", fmt.Sprintf("%T", err)}
		}
		err = inner
	}
}
