package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"securepractice/internal/config"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
)

// migrateCmd brings the tables up to date, as their owner.
type migrateCmd struct {
	config.Config `embed:""`
}

// Run migrates and, on PostgreSQL, grants the program's role what it needs.
func (c *migrateCmd) Run(ctx context.Context) error {
	if err := c.Complete(); err != nil {
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
	if err := errors.Join(c.migrate(ctx, d), d.Close()); err != nil {
		return err
	}
	fmt.Println("The database is up to date.")
	return nil
}

func (c *migrateCmd) migrate(ctx context.Context, d *db.DB) error {
	if err := c.checkRoles(ctx, d); err != nil {
		return err
	}
	if c.RootKey != "" {
		if err := firstKey(ctx, d, c.RootKey); err != nil {
			return err
		}
	}
	if err := db.Migrate(ctx, d); err != nil {
		return err
	}
	if !d.Postgres() {
		return nil
	}
	return db.Grant(ctx, d, c.MigrateRole)
}

// checkRoles refuses to migrate on PostgreSQL without the two roles. It looks who is connected, because a role that owns
// nothing gets no error for what it grants, only no effect.
func (c *migrateCmd) checkRoles(ctx context.Context, d *db.DB) error {
	if !d.Postgres() {
		return nil
	}
	if c.MigrateRole == "" {
		return errors.New("migrate_role: set the role that the program runs as, so that it can be granted what it needs")
	}
	me, _, err := db.One(ctx, d, db.Scan1[string], "SELECT current_user")
	if err == nil && me == c.MigrateRole {
		err = errors.New("migrate_database: give the address of the tables' owner, who is another than migrate_role")
	}
	return err
}

// firstKey sees to the root key before anything is changed. A database that has keys must open with the file there is; one
// that has none yet, migrated or not, gets a new file when there is none.
func firstKey(ctx context.Context, d *db.DB, path string) error {
	version, _, err := db.Versions(ctx, d)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return makeKey(ctx, d, version > 0, path)
	}
	root, err := crypt.LoadRoot(path)
	if err != nil || version == 0 {
		return err
	}
	_, err = crypt.Open(ctx, d, root)
	return err
}

// makeKey makes the root key file of a database that has no keys. If it turns out that it has some, the new file is
// removed again: a key that opens nothing must not lie where the right one belongs.
func makeKey(ctx context.Context, d *db.DB, migrated bool, path string) error {
	root, err := crypt.CreateRoot(path)
	if err == nil && migrated {
		_, err = crypt.Open(ctx, d, root)
		if errors.Is(err, crypt.ErrWrongRoot) || errors.Is(err, crypt.ErrRootMissing) {
			if err := os.Remove(path); err != nil {
				return err
			}
			_, err = crypt.LoadRoot(path) // says that it is missing, and what to do
		}
	}
	if err != nil {
		return err
	}
	fmt.Println("Made the root key " + path + ". Without it nothing can ever be read: keep a copy apart from all backups.")
	return nil
}
