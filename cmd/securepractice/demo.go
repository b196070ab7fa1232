package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"securepractice/internal/app"
	"securepractice/internal/config"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
)

// demoCmd runs on this machine alone, with stand-ins for mail server, phone network and scanner.
type demoCmd struct {
	Port     int    `help:"Port on 127.0.0.1; 0: any free one." default:"8080"`
	Data     string `help:"Folder for everything the demo keeps." default:"./var" type:"path"`
	Database string `help:"postgres://…, migrated by this address too; empty: SQLite in the folder."`
}

// Run seeds an empty database and serves.
func (c *demoCmd) Run(ctx context.Context) error {
	cfg := app.DemoConfig(c.Data, c.Database)
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	cfg.BaseURL = "http://" + l.Addr().String()
	if err := prepare(ctx, cfg); err != nil {
		return errors.Join(err, l.Close())
	}
	a, err := app.New(ctx, cfg, logger(false), nil)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if err := a.SeedDemo(ctx); err != nil {
		return errors.Join(fmt.Errorf("make the demo's data: %w", err), l.Close(), a.Close())
	}
	return a.Serve(ctx, l, func() { app.PrintDemo(os.Stdout, cfg.BaseURL) })
}

// prepare makes what a first start needs: the folder, the root key, the tables.
func prepare(ctx context.Context, cfg config.Config) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if _, err := os.Stat(cfg.RootKey); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(cfg.Data, "securepractice.db")); err == nil {
			return fmt.Errorf("%s is missing but there is data in %s: put the key back, or remove the folder to begin anew", cfg.RootKey, cfg.Data)
		}
		if _, err := crypt.CreateRoot(cfg.RootKey); err != nil {
			return err
		}
	}
	d, err := db.Open(ctx, cfg.DatabaseURL(), db.Options{})
	if err != nil {
		return err
	}
	return errors.Join(db.Migrate(ctx, d), d.Close())
}
