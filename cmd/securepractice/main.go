// Command securepractice is the portal: one program, with a command for each thing an operator does.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"securepractice/internal/config"
	"securepractice/internal/fault"
	"securepractice/internal/preview"
)

// version is set by the build.
var version = "unknown"

// commands are the command line.
type commands struct {
	Config string `help:"TOML file with settings." env:"SECUREPRACTICE_CONFIG"`

	Serve   serveCmd   `cmd:"" help:"Run the portal."`
	Demo    demoCmd    `cmd:"" help:"Run a demo with two practices on this machine."`
	Migrate migrateCmd `cmd:"" help:"Bring the database to this program's version."`
	Staff   struct {
		Add staffAddCmd `cmd:"" help:"Add a member of Support and send the link to set a password."`
	} `cmd:"" help:"The operator's staff."`
	Audit struct {
		Verify auditCmd `cmd:"" help:"Walk the sealed audit trail and name what was changed."`
	} `cmd:"" help:"The audit trail."`
	Search struct {
		Rebuild searchCmd `cmd:"" help:"Build the index of people's mail anew."`
	} `cmd:"" help:"Search over encrypted mail."`
	Doctor  doctorCmd  `cmd:"" help:"Look for what is inconsistent, and mend what can be mended without a loss."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func main() {
	if preview.IsWorker() { // started by the portal to read one file; before anything that is the portal's
		os.Exit(preview.Worker())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "securepractice: "+strings.ReplaceAll(explain(err), "\n", "\n  "))
		os.Exit(1)
	}
}

// run parses the command line and does what it says.
func run(ctx context.Context, args []string) error {
	var cli commands
	k, err := parse(ctx, &cli, args)
	if err != nil {
		return err
	}
	return k.Run()
}

// parse fills the commands' settings from flags, environment and file.
func parse(ctx context.Context, cli *commands, args []string) (*kong.Context, error) {
	file, err := config.ReadFile(configPath(args))
	if err != nil {
		return nil, err
	}
	parser, err := kong.New(cli, kong.Name("securepractice"), kong.Description("A closed portal for dental practices."), kong.DefaultEnvars("SECUREPRACTICE"),
		kong.Resolvers(file), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return nil, err
	}
	return parser.Parse(args)
}

// configPath finds --config before the rest is parsed: the file gives other flags their values.
func configPath(args []string) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			return v
		}
		if a == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return os.Getenv(config.Prefix + "CONFIG")
}

// explain writes an error for a person at a terminal.
func explain(err error) string {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return err.Error()
	}
	lines := []string{}
	if f.Text != "" {
		lines = append(lines, f.Text)
	}
	for _, e := range f.Fields {
		lines = append(lines, e.Field+": "+e.Text)
	}
	return strings.Join(lines, "\n")
}
