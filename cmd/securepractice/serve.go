package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"securepractice/internal/app"
	"securepractice/internal/config"
)

// serveCmd is production.
type serveCmd struct {
	config.Config `embed:""`
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(ctx context.Context) error {
	if err := errors.Join(c.Complete(), c.CheckServe()); err != nil {
		return err
	}
	log := logger(os.Stderr, true)
	slog.SetDefault(log) // what the HTTP server itself has to say goes the same way
	a, err := app.New(ctx, c.Config, log, nil)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return a.Serve(ctx, l, func() { log.Info("serving", "address", l.Addr().String(), "version", version) })
}
