package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"securepractice/internal/app"
	"securepractice/internal/config"
)

// auditCmd verifies the trail.
type auditCmd struct {
	config.Config `embed:""`
}

// Run prints what it found and fails when something is wrong.
func (c *auditCmd) Run(ctx context.Context) error {
	if err := c.Complete(); err != nil {
		return err
	}
	c.Beside = true
	a, err := app.New(ctx, c.Config, logger(os.Stderr, true), nil)
	if err != nil {
		return err
	}
	r, err := a.Audit.Verify(ctx)
	if err := errors.Join(err, a.Close()); err != nil {
		return err
	}
	fmt.Printf("%d events, %d seals, %d waiting for the next seal\nhead %x\n", r.Events, r.Seals, r.Pending, r.Head)
	for _, p := range r.Problems {
		fmt.Println("PROBLEM: " + p)
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf("%d problems in the audit trail", len(r.Problems))
	}
	fmt.Println("The trail is whole.")
	return nil
}
