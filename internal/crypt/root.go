package crypt

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// Root is the key that opens the database's keys. It lives in a file outside the data folder and outside backups.
type Root [32]byte

// Format keeps the key out of every fmt verb.
func (Root) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "[root key]") // a formatter has nobody to tell
}

// LogValue keeps the key out of logs.
func (Root) LogValue() slog.Value { return slog.StringValue("[root key]") }

// maxRootFile is more than 64 hex digits with any line end; a longer file is not a root key.
const maxRootFile = 128

// LoadRoot reads the root key file: 64 hex digits, readable by its owner alone. Each error is a sentence for the
// operator that says what to do.
func LoadRoot(path string) (Root, error) {
	f, err := os.Open(path) //nolint:gosec // G304: the operator's own setting names this file
	if errors.Is(err, fs.ErrNotExist) {
		return Root{}, fmt.Errorf("there is no root key file at %s: put the file back that this installation was started with, or correct the setting that names it", path)
	}
	if err != nil {
		return Root{}, fmt.Errorf("open the root key file: %w", err)
	}
	text, err := readRoot(f, path)
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("read the root key file: %w", closeErr)
	}
	if err != nil {
		return Root{}, err
	}
	return parseRoot(text, path)
}

func readRoot(f *os.File, path string) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the root key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the root key file %s is not a file: name the file itself", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("the root key file %s can be used by others (mode %04o): run chmod 600 %s", path, perm, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRootFile))
	if err != nil {
		return nil, fmt.Errorf("read the root key file: %w", err)
	}
	return bytes.TrimSpace(text), nil
}

func parseRoot(text []byte, path string) (Root, error) {
	var r Root
	if len(text) != hex.EncodedLen(len(r)) {
		return Root{}, fmt.Errorf("the root key file %s must hold 64 hex digits, and holds %d characters: put the right file there", path, len(text))
	}
	if _, err := hex.Decode(r[:], text); err != nil {
		// The decoder's own message would quote a character of the key.
		return Root{}, fmt.Errorf("the root key file %s must hold 64 hex digits, and holds something else: put the right file there", path)
	}
	return r, nil
}

// CreateRoot makes a new random root key file with mode 0600, safely stored before it returns. It refuses a path where
// anything exists.
func CreateRoot(path string) (Root, error) {
	var r Root
	if _, err := rand.Read(r[:]); err != nil {
		return Root{}, fmt.Errorf("make a root key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G304: the operator's own setting names this file
	if errors.Is(err, fs.ErrExist) {
		return Root{}, fmt.Errorf("%s exists already, and a root key is never replaced: choose another path", path)
	}
	if err != nil {
		return Root{}, fmt.Errorf("make the root key file: %w", err)
	}
	_, err = f.WriteString(hex.EncodeToString(r[:]) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return Root{}, fmt.Errorf("write the root key file: %w", errors.Join(err, os.Remove(path)))
	}
	return r, nil
}

// syncDir makes a new name in a folder survive a power loss.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // G304: the folder of the operator's own setting
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
