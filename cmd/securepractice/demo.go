package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"securepractice/internal/app"
	"securepractice/internal/config"
	"securepractice/internal/db"
)

// demoCmd runs on this machine alone, with stand-ins for mail server, phone network and scanner. It takes no settings
// from the environment or the file: those of a real portal would fill that one's database with people whose passwords
// everybody knows.
type demoCmd struct {
	Port     int    `env:"-" help:"Port on 127.0.0.1; 0: any free one." default:"8080"`
	Data     string `env:"-" help:"Folder for everything the demo keeps." default:"./var" type:"path"`
	Database string `env:"-" help:"postgres://…, migrated by this address too; empty: SQLite in the folder."`

	MFAAtLogin string        `env:"-" name:"mfa-at-login" help:"When users are asked for a second step at sign-in: off, new_device or always." default:"off" enum:"off,new_device,always"`
	UndoSend   time.Duration `env:"-" help:"How long a message that was sent from a page can be taken back before it leaves; 0 = not at all." default:"10s"`
}

// Run seeds an empty database and serves.
func (c *demoCmd) Run(ctx context.Context) error {
	cfg := c.config()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	cfg.BaseURL = "http://" + l.Addr().String()
	if err := prepare(ctx, cfg); err != nil {
		return errors.Join(err, l.Close())
	}
	a, err := app.NewDemo(ctx, cfg, logger(os.Stderr, false))
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return a.Serve(ctx, l, func() { app.PrintDemo(os.Stdout, cfg.BaseURL) })
}

func (c *demoCmd) config() config.Config {
	cfg := app.DemoConfig(c.Data, c.Database)
	cfg.Limits.MFAAtLogin, cfg.Limits.UndoSend = c.MFAAtLogin, c.UndoSend
	return cfg
}

// prepare makes what a first start needs: the folder, the root key, the tables.
func prepare(ctx context.Context, cfg config.Config) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	d, err := db.Open(ctx, cfg.DatabaseURL(), db.Options{})
	if err != nil {
		return err
	}
	err = firstKey(ctx, d, cfg.RootKey)
	if err == nil {
		err = db.Migrate(ctx, d)
	}
	return errors.Join(err, d.Close())
}
