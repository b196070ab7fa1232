// Command common packs lists of commonly used passwords, one a line, into the file that package account embeds:
//
//	go run ./internal/account/common list.txt … > internal/account/common/passwords.bin
//
// Each password is put into lower case and kept as the first bytes of its SHA-256, sorted. It is only ever asked
// whether a password is among them, so the words themselves stay outside.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// kept is how many bytes of a hash are kept: with n passwords a stranger's one is refused by mistake once in 2^40/n.
const kept = 5

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(files []string, out io.Writer) error {
	var all [][]byte
	for _, name := range files {
		text, err := os.ReadFile(name) //nolint:gosec // the files named on the command line are what this is for
		if err != nil {
			return fmt.Errorf("read a list: %w", err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			if word := strings.ToLower(strings.TrimSpace(lines.Text())); word != "" {
				sum := sha256.Sum256([]byte(word))
				all = append(all, sum[:kept])
			}
		}
	}
	slices.SortFunc(all, bytes.Compare)
	_, err := out.Write(bytes.Join(slices.CompactFunc(all, bytes.Equal), nil))
	return err
}
