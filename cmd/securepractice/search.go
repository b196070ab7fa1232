package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"securepractice/internal/app"
	"securepractice/internal/config"
	"securepractice/internal/mail"
)

// searchCmd builds the index of search anew.
type searchCmd struct {
	config.Config `embed:""`

	User string `env:"-" help:"E-mail address of the person whose index is rebuilt; without it everybody's is."`
}

// Run removes the index and prints how it goes; the running portal writes it anew.
func (c *searchCmd) Run(ctx context.Context) error {
	if err := c.Complete(); err != nil {
		return err
	}
	c.Beside = true
	a, err := app.New(ctx, c.Config, logger(os.Stderr, true), nil)
	if err != nil {
		return err
	}
	n := 0
	err = a.Mail.RebuildSearch(ctx, c.User, func(r mail.Rebuilding) {
		n = r.Mailbox
		fmt.Printf("mailbox %d of %d: %d of %d messages taken out of the index\n", r.Mailbox, r.Mailboxes, r.Done, r.Messages)
	})
	if err := errors.Join(err, a.Close()); err != nil {
		return err
	}
	fmt.Printf("%d mailboxes. The running portal indexes them again; until then their newest messages are found.\n", n)
	return nil
}
