package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Limits of the HTTP server. Uploads and streams set their own deadlines as they go.
const (
	headerTime = 10 * time.Second
	readTime   = 60 * time.Second
	writeTime  = 60 * time.Second
	idleTime   = 120 * time.Second
	headerMax  = 32 << 10
	drainTime  = 30 * time.Second
)

// Start keeps the terms in force and runs jobs and periodic work until Stop.
func (a *App) Start(ctx context.Context) error {
	if err := a.Account.KeepTerms(ctx); err != nil {
		return err
	}
	if err := a.checkPreviews(ctx); err != nil {
		return err
	}
	if err := a.Jobs.Start(ctx); err != nil {
		return err
	}
	if a.DB.Postgres() {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.hub.Relay(own, a.DB, a.Log)
		}()
		a.endRelay = func() { stop(); <-done }
	}
	return nil
}

// Stop lets running jobs finish, as long as ctx lasts, seals what is left of the audit trail and closes the database.
func (a *App) Stop(ctx context.Context) error {
	err := a.Jobs.Stop(ctx)
	a.endRelay()
	_, seal := a.Audit.Seal(ctx)
	return errors.Join(err, seal, a.Close())
}

// Serve answers on the listener until ctx ends, then drains: no new requests, running ones and jobs finish within 30
// seconds. ready is called when it can serve.
func (a *App) Serve(ctx context.Context, l net.Listener, ready func()) error {
	if err := a.Start(ctx); err != nil {
		return errors.Join(err, l.Close(), a.Close())
	}
	srv := &http.Server{Handler: a.Handler(), ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime, MaxHeaderBytes: headerMax}
	srv.RegisterOnShutdown(a.Router.Drain)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	ready()
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if down := srv.Shutdown(drain); down != nil {
		err = errors.Join(err, srv.Close())
	}
	return errors.Join(err, a.Stop(drain))
}
