package blob_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"securepractice/internal/blob"
	"securepractice/internal/blob/blobtest"
)

func open(t *testing.T, dir string) *blob.Disk {
	t.Helper()
	d, err := blob.OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestDisk(t *testing.T) {
	blobtest.Suite(t, func(t *testing.T) blob.Store { return open(t, t.TempDir()) })
}

func list(t *testing.T, d *blob.Disk) []string {
	t.Helper()
	var keys []string
	if err := d.List(t.Context(), func(o blob.Object) error { keys = append(keys, o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

func TestDiskLeftoversAreListedAndRemovable(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	if err := d.Put(t.Context(), "ab/f/0-x", []byte("whole")); err != nil {
		t.Fatal(err)
	}
	// What a kill between the write and the link leaves.
	left := "ab/f/1-y.abcdef.tmp"
	if err := os.WriteFile(filepath.Join(dir, left), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	// What is not the store's is neither told nor removed.
	if err := os.WriteFile(filepath.Join(dir, "README.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := list(t, d); !slices.Equal(got, []string{"ab/f/0-x", left}) {
		t.Fatalf("listed %v", got)
	}
	if _, err := d.Get(t.Context(), left); !errors.Is(err, blob.ErrKey) {
		t.Errorf("a leftover was opened as an object: %v", err)
	}
	if err := d.Del(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	if got := list(t, d); !slices.Equal(got, []string{"ab/f/0-x"}) {
		t.Errorf("left %v", got)
	}
	for _, bad := range []string{"../x.a.tmp", "ab/../../x.a.tmp", "x..tmp", ".tmp", "x.a/b.tmp", "README.txt"} {
		if err := d.Del(t.Context(), bad); !errors.Is(err, blob.ErrKey) {
			t.Errorf("del %q: %v", bad, err)
		}
	}
}

func TestDiskRemovesEmptyFolders(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	for _, key := range []string{"ab/f/0-x", "ab/g/0-x"} {
		if err := d.Put(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Del(t.Context(), "ab/f/0-x"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ab/f")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty folder stays: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ab/g/0-x")); err != nil {
		t.Errorf("the neighbour is gone: %v", err)
	}
}

func TestDiskDoesNotFollowLinksOut(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	d := open(t, dir)
	if r, err := d.Get(t.Context(), "out/secret"); err == nil {
		r.Close()
		t.Error("read through a link out of the folder")
	}
	if err := d.Put(t.Context(), "out/new", []byte("x")); err == nil {
		t.Error("wrote through a link out of the folder")
	}
	if got := list(t, d); len(got) != 0 {
		t.Errorf("listed %v", got)
	}
}

func TestDiskFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	d := open(t, dir)
	if err := d.Put(t.Context(), "ab/f/0-x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{".": 0o700, "ab": 0o700, "ab/f": 0o700, "ab/f/0-x": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v (%v)", name, info.Mode().Perm(), want, err)
		}
	}
}

func TestDiskReopened(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	if err := d.Put(t.Context(), "ab/f/0-x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if err := again.Put(t.Context(), "ab/f/0-x", []byte("y")); !errors.Is(err, blob.ErrExists) {
		t.Errorf("put after reopening: %v", err)
	}
	if err := again.Put(t.Context(), "ab/f/1-x", []byte("y")); err != nil {
		t.Errorf("put beside it: %v", err)
	}
}
