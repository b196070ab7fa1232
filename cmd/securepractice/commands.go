package main

import (
	"context"
	"errors"
	"fmt"

	"securepractice/internal/account"
	"securepractice/internal/app"
	"securepractice/internal/config"
	"securepractice/internal/db"
)

// migrateCmd brings the tables up to date, as their owner.
type migrateCmd struct {
	config.Config `embed:""`
}

// Run migrates and, on PostgreSQL, grants the program's role what it needs.
func (c *migrateCmd) Run(ctx context.Context) error {
	if err := c.ReadSecrets(); err != nil {
		return err
	}
	url := c.MigrateDatabase
	if url == "" {
		url = c.DatabaseURL()
	}
	d, err := db.Open(ctx, url, db.Options{})
	if err != nil {
		return err
	}
	err = db.Migrate(ctx, d)
	if err == nil && d.Postgres() {
		if c.MigrateRole == "" {
			err = errors.New("migrate_role: set the role that the program runs as, so that it can be granted what it needs")
		} else {
			err = db.Grant(ctx, d, c.MigrateRole)
		}
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	fmt.Println("The database is up to date.")
	return nil
}

// staffAddCmd adds a member of Support.
type staffAddCmd struct {
	config.Config `embed:""`

	Email string `required:"" help:"E-mail address; it is the user name."`
	First string `required:"" help:"First name."`
	Last  string `required:"" help:"Last name."`
	Cell  string `required:"" help:"Cell phone that takes the code."`
}

// Run stores the account and the notice with its link; the running portal sends it.
func (c *staffAddCmd) Run(ctx context.Context) error {
	if err := c.ReadSecrets(); err != nil {
		return err
	}
	c.Beside = true
	a, err := app.New(ctx, c.Config, logger(true), nil)
	if err != nil {
		return err
	}
	err = a.Account.AddStaff(ctx, account.NewStaff{Email: c.Email, First: c.First, Last: c.Last, Cell: c.Cell})
	if err := errors.Join(err, a.Close()); err != nil {
		return err
	}
	fmt.Println("Added. The running portal sends the link to set a password; it works for 7 days.")
	return nil
}

// auditCmd verifies the trail.
type auditCmd struct {
	config.Config `embed:""`
}

// Run prints what it found and fails when something is wrong.
func (c *auditCmd) Run(ctx context.Context) error {
	if err := c.ReadSecrets(); err != nil {
		return err
	}
	c.Beside = true
	a, err := app.New(ctx, c.Config, logger(true), nil)
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

// versionCmd prints the version.
type versionCmd struct{}

// Run prints it.
func (versionCmd) Run() error {
	fmt.Println(version)
	return nil
}
