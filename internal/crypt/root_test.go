package crypt_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"securepractice/internal/crypt"
)

func TestRootFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	made, err := crypt.CreateRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	loaded, err := crypt.LoadRoot(path)
	if err != nil || loaded != made || made == (crypt.Root{}) {
		t.Errorf("loaded another root than was made: %v", err)
	}
	before, _ := os.ReadFile(path)
	if _, err := crypt.CreateRoot(path); err == nil || !strings.Contains(err.Error(), "never replaced") {
		t.Errorf("made over an existing root: %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the refused creation changed the file")
	}
}

func TestLoadRootRefuses(t *testing.T) {
	digits := strings.Repeat("0a", 32)
	cases := []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"missing", "", 0, "there is no root key file"},
		{"empty", "", 0o600, "holds 0 characters"},
		{"short", digits[2:], 0o600, "holds 62 characters"},
		{"long", digits + "00", 0o600, "holds 66 characters"},
		{"very long", strings.Repeat(digits, 100), 0o600, "must hold 64"},
		{"not hex", "secret" + digits[6:], 0o600, "holds something else"},
		{"for the world", digits, 0o604, "chmod 600"},
		{"for the group", digits, 0o640, "chmod 600"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "root.key")
			if c.mode != 0 {
				if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, c.mode); err != nil {
					t.Fatal(err)
				}
			}
			_, err := crypt.LoadRoot(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("err = %v, want %q and the path", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the sentence quotes the file: %v", err)
			}
		})
	}
	if _, err := crypt.LoadRoot(t.TempDir()); err == nil {
		t.Error("a folder was loaded as a root key")
	}
}

func TestLoadRootTakesAnyLineEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	if err := os.WriteFile(path, []byte(strings.Repeat("AB", 32)+"\r\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := crypt.LoadRoot(path); err != nil {
		t.Error(err)
	}
}

func TestRootIsNotPrinted(t *testing.T) {
	root := crypt.Root{'p', 'l', 'a', 'n', 't', 'e', 'd'}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "root", root)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "root", root)
	shown := logged.String() + fmt.Sprintf("%v %+v %#v %s %x %d", root, root, root, root, root, root)
	for _, leak := range []string{"planted", hex.EncodeToString([]byte("planted")), "112 108"} {
		if strings.Contains(shown, leak) {
			t.Errorf("shown: %s", shown)
		}
	}
}
