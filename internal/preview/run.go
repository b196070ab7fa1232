package preview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Runner starts workers.
type Runner struct {
	limits Limits
	log    *slog.Logger
	mu     sync.Mutex
	plain  bool // name spaces were refused here once; they are not asked for again
}

// NewRunner makes a Runner. Zero limits are the defaults.
func NewRunner(l Limits, log *slog.Logger) *Runner {
	if l == (Limits{}) {
		l = DefaultLimits
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Runner{limits: l, log: log}
}

// Render has a worker render a file and gives its pages to take, in order. Errors of this package say that this file cannot
// be shown; others (a failing source or taker, no process to be had) that it was not tried to the end.
//
// The file is copied into memory first: so large must the free memory of the machine be, and no plain byte of it is ever on
// a disk or in the reach of another process.
func (r *Runner) Render(ctx context.Context, ext string, src io.Reader, size int64, take func(Page) error) error {
	k, ok := renderers[ext]
	switch {
	case !ok:
		return ErrKind
	case size > k.most:
		return ErrTooLarge
	}
	in, err := input(src, size)
	if err != nil {
		return fmt.Errorf("preview: hand over a file: %w", err)
	}
	defer in.Close() //nolint:errcheck // it is memory
	_, err = r.run(ctx, ext, in, take)
	return err
}

// Found is what Check found out about this machine.
type Found struct {
	Walls
	PDF bool // the tools for documents are installed
}

// Check starts a worker with nothing to do. An error says that nothing can be shown here.
func (r *Runner) Check(ctx context.Context) (Found, error) {
	in, err := input(strings.NewReader(""), 0)
	if err != nil {
		return Found{}, fmt.Errorf("preview: %w", err)
	}
	defer in.Close() //nolint:errcheck // it is memory
	said, err := r.run(ctx, "", in, func(Page) error { return nil })
	f := Found{PDF: strings.Contains(said, "p")}
	f.Files, f.Calls = strings.Contains(said, "f"), strings.Contains(said, "c")
	r.mu.Lock()
	f.Network = !r.plain
	r.mu.Unlock()
	return f, err
}

// LogCheck says in the log what does not hold and what cannot be shown; false when nothing can.
func (r *Runner) LogCheck(ctx context.Context) bool {
	f, err := r.Check(ctx)
	switch {
	case err != nil:
		r.log.WarnContext(ctx, "no previews: the worker that draws them does not start", "error", err.Error())
		return false
	case !f.PDF:
		r.log.WarnContext(ctx, "no previews of PDF: install poppler-utils")
	}
	if f.Walls != (Walls{true, true, true}) {
		r.log.WarnContext(ctx, "the worker of previews has fewer walls than this program can build",
			"files", f.Files, "calls", f.Calls, "network", f.Network)
	}
	return true
}

// run starts a worker, takes its answer and ends it, whatever it does.
func (r *Runner) run(outer context.Context, ext string, in *os.File, take func(Page) error) (said string, err error) {
	ctx, cancel := context.WithTimeout(outer, time.Duration(r.limits.Time)*time.Second)
	defer cancel()
	// The kernel ends a worker with the thread that started it, so that none outlives this program.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := time.Now()
	cmd, out, err := r.start(ctx, ext, in)
	if err != nil {
		return "", fmt.Errorf("preview: start a worker: %w", err)
	}
	said, err = readHello(out)
	if err == nil {
		err = readPages(out, r.limits, take)
	}
	cancel() // it has said all that it may; what it and its tools still do is of no use
	_ = cmd.Wait()
	r.log.DebugContext(outer, "preview drawn", "kind", ext, "took", time.Since(begin), "memory", peak(cmd.ProcessState))
	if mine, ok := asTake(err); ok {
		return said, mine
	}
	if err != nil && outer.Err() != nil {
		return said, outer.Err()
	}
	return said, err
}

// start starts a worker with the name spaces that the kernel grants.
func (r *Runner) start(ctx context.Context, ext string, in *os.File) (*exec.Cmd, io.ReadCloser, error) {
	r.mu.Lock()
	plain := r.plain
	r.mu.Unlock()
	cmd, out, err := r.startOnce(ctx, ext, in, plain)
	if err == nil || plain {
		return cmd, out, err
	}
	first := err
	if cmd, out, err = r.startOnce(ctx, ext, in, true); err == nil {
		r.mu.Lock()
		r.plain = true
		r.mu.Unlock()
		r.log.WarnContext(ctx, "the worker of previews gets no name spaces of its own", "error", first.Error())
	}
	return cmd, out, err
}

func (r *Runner) startOnce(ctx context.Context, ext string, in *os.File, plain bool) (*exec.Cmd, io.ReadCloser, error) {
	if !Able() {
		return nil, nil, errors.New("this program is no worker")
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", Command, strconv.Itoa(r.limits.Time), strconv.FormatInt(r.limits.Memory, 10), ext) //nolint:gosec // this very program
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.Stdin = in
	cmd.WaitDelay = 2 * time.Second
	apart(cmd, plain)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, out, cmd.Start()
}
