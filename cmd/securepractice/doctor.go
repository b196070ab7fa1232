package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"securepractice/internal/app"
	"securepractice/internal/attach"
	"securepractice/internal/config"
	"securepractice/internal/db"
	"securepractice/internal/ui"
)

// doctorCmd looks for what is inconsistent.
type doctorCmd struct {
	config.Config `embed:""`

	Deep   bool `env:"-" help:"Read every part of every file and compare it with what was received. Takes as long as reading all of them."`
	Repair bool `env:"-" help:"Mend what can be mended without a loss: give stuck checks to a worker, put objects without a file aside, tell holders of damaged files."`
}

// Run says what it finds, one line each, and fails when something is left that a person has to look at.
func (c *doctorCmd) Run(ctx context.Context) error {
	return c.examine(ctx, os.Stdout, os.Stderr)
}

func (c *doctorCmd) examine(ctx context.Context, out, progress io.Writer) error {
	d := &findings{out: out}
	if err := c.Complete(); err != nil {
		d.problem(err.Error())
		return d.end()
	}
	if err := c.CheckServe(); err != nil {
		d.problem(err.Error())
	} else {
		d.well("The settings are complete.")
	}
	c.Beside = true
	a, err := app.New(ctx, c.Config, logger(os.Stderr, true), nil)
	if err != nil {
		d.problem(err.Error())
		return d.end()
	}
	err = c.look(ctx, a, d, progress)
	return errors.Join(err, a.Close(), d.end())
}

// look examines what the settings lead to.
func (c *doctorCmd) look(ctx context.Context, a *app.App, d *findings, progress io.Writer) error {
	version, _, err := db.Versions(ctx, a.DB)
	if err != nil {
		return err
	}
	d.well(fmt.Sprintf("The database answers and is at version %d. The root key opens its keys.", version))
	if text, err := a.CheckScanner(ctx); err != nil {
		d.problem(err.Error())
	} else {
		d.well(text)
	}
	if err := a.CheckFiles(ctx); err != nil {
		d.problem(err.Error())
		return nil // every file would seem lost
	}
	show := &ticker{to: progress}
	x, err := a.Attach.Examine(ctx, attach.Exam{Deep: c.Deep, Repair: c.Repair, Progress: show.tick})
	for _, f := range x.Found {
		if f.Mended != "" {
			d.mended(f.Text + " " + f.Mended)
		} else {
			d.problem(f.Text)
		}
	}
	if err != nil {
		return err
	}
	how := "Their rows and the lengths of their parts were compared; --deep reads them too."
	if c.Deep {
		how = "Every part was read."
	}
	d.well(fmt.Sprintf("%d files in %d objects, %s as stored. %s", x.Files, x.Objects, ui.Bytes(x.Bytes), how))
	return nil
}

// findings writes what was found and counts it.
type findings struct {
	out            io.Writer
	problems, done int
}

func (d *findings) line(mark, text string) {
	fmt.Fprintln(d.out, mark+strings.ReplaceAll(text, "\n", "\n"+mark))
}

func (d *findings) well(text string) { d.line("ok: ", text) }

func (d *findings) problem(text string) {
	d.problems += 1 + strings.Count(text, "\n")
	d.line("PROBLEM: ", text)
}

func (d *findings) mended(text string) {
	d.done++
	d.line("MENDED: ", text)
}

func (d *findings) end() error {
	switch {
	case d.problems > 0:
		return fmt.Errorf("%d problems, %d mended", d.problems, d.done)
	case d.done > 0:
		d.line("", fmt.Sprintf("%d problems were mended. Nothing else is wrong.", d.done))
	default:
		d.line("", "Nothing is wrong.")
	}
	return nil
}

// ticker says every few seconds how far a long run has come.
type ticker struct {
	to   io.Writer
	next time.Time
}

func (t *ticker) tick(what string, done, total int64) {
	now := time.Now()
	if t.next.IsZero() {
		t.next = now.Add(2 * time.Second) // a short run says nothing
	}
	if now.Before(t.next) {
		return
	}
	t.next = now.Add(5 * time.Second)
	of := ""
	if total > 0 {
		of = fmt.Sprintf(" of %d", total)
	}
	fmt.Fprintf(t.to, "%s: %d%s\n", what, done, of)
}
