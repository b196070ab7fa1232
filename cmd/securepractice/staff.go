package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"securepractice/internal/account"
	"securepractice/internal/app"
	"securepractice/internal/config"
)

// staffAddCmd adds a member of Support.
type staffAddCmd struct {
	config.Config `embed:""`

	Email string `required:"" env:"-" help:"E-mail address; it is the user name."`
	First string `required:"" env:"-" help:"First name."`
	Last  string `required:"" env:"-" help:"Last name."`
	Cell  string `required:"" env:"-" help:"Cell phone that takes the code."`
}

// Run stores the account and the notice with its link; the running portal sends it.
func (c *staffAddCmd) Run(ctx context.Context) error {
	if err := c.Complete(); err != nil {
		return err
	}
	c.Beside = true
	a, err := app.New(ctx, c.Config, logger(os.Stderr, true), nil)
	if err != nil {
		return err
	}
	err = a.Account.AddStaff(ctx, account.NewStaff{Email: c.Email, First: c.First, Last: c.Last, Cell: c.Cell})
	if err := errors.Join(err, a.Close()); err != nil {
		return err
	}
	fmt.Printf("Added. The running portal sends the link to set a password; it works for %.0f hours.\n", c.Limits.PasswordLink.Hours())
	return nil
}
