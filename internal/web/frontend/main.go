// Command frontend builds the portal's style sheet and script from the files beside it, with esbuild as a Go
// library: no Node is needed. Style is lowered to Safari 15.4 (no nesting left), scripts are bundled into one module.
// Run by "go generate"; the results in ../static are committed, and a test says when they are not current.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := write("frontend", "static"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write puts the built files into the folder out.
func write(src, out string) error {
	built, err := Build(src)
	if err != nil {
		return err
	}
	for name, b := range built {
		if err := os.WriteFile(out+"/"+name, b, 0o644); err != nil { //nolint:gosec // part of the source tree, not a secret
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
