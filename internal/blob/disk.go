package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
)

// Disk is a Store in one folder. Every access goes through an os.Root, so that neither a key nor a symbolic link leads
// out of it. The folder must be on a file system with hard links (all usual ones).
type Disk struct {
	root *os.Root
	mu   sync.Mutex
	made map[string]bool // folders whose own entry is known to be durable
}

// maxMade bounds what Disk remembers; a forgotten folder costs one more fsync.
const maxMade = 10_000

// OpenDisk opens a store in a folder, making it (mode 0700) when it is missing.
func OpenDisk(dir string) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder for files: %w", err)
	}
	return &Disk{root: root, made: map[string]bool{}}, nil
}

// Close releases the folder. Objects being read stay readable.
func (d *Disk) Close() error { return d.root.Close() }

// Put writes data to a temporary name in the object's own folder, makes it durable, and links it to the key, which
// fails rather than replace another object.
func (d *Disk) Put(ctx context.Context, key string, data []byte) error {
	if !validKey(key) {
		return ErrKey
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	temp := key + "." + strings.ToLower(rand.Text()) + tempSuffix
	if err := d.writeTemp(temp, data); err != nil {
		return fmt.Errorf("store an object: %w", err)
	}
	err := d.root.Link(temp, key)
	if removeErr := d.root.Remove(temp); removeErr != nil && err == nil {
		err = removeErr // the object itself is whole, but without a durable end of its Put nobody counts on it
	}
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err == nil {
		err = d.sync(path.Dir(key))
	}
	if err != nil {
		return fmt.Errorf("store an object: %w", err)
	}
	return nil
}

// writeTemp makes a durable file with a name of its own.
func (d *Disk) writeTemp(name string, data []byte) error {
	f, err := d.create(name)
	for try := 0; errors.Is(err, fs.ErrNotExist) && try < 10; try++ { // another process removes folders too
		d.forget(path.Dir(name))
		f, err = d.create(name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, d.root.Remove(name))
	}
	return nil
}

// create makes a file and its folder, which removeEmpty cannot remove in between: from then on it is not empty.
func (d *Disk) create(name string) (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ensureDir(path.Dir(name)); err != nil {
		return nil, err
	}
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// ensureDir makes a folder and its parents, and makes their names durable: once in this process for each folder,
// because one that is merely there may have been made by a process that was killed before its fsync. The caller has d.mu.
func (d *Disk) ensureDir(dir string) error {
	if dir == "." || d.made[dir] {
		return nil
	}
	parent := path.Dir(dir)
	if err := d.ensureDir(parent); err != nil {
		return err
	}
	if err := d.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.sync(parent); err != nil {
		return err
	}
	if len(d.made) >= maxMade {
		clear(d.made)
	}
	d.made[dir] = true
	return nil
}

// forget makes a folder and its parents be looked at anew.
func (d *Disk) forget(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; dir != "."; dir = path.Dir(dir) {
		delete(d.made, dir)
	}
}

// sync makes the names in a folder durable.
func (d *Disk) sync(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Get opens an object.
func (d *Disk) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if !validKey(key) {
		return nil, ErrKey
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := d.root.Open(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open an object: %w", err)
	}
	return f, nil
}

// Del removes an object or a leftover, and its folder when that became empty.
func (d *Disk) Del(ctx context.Context, key string) error {
	if !validKey(key) && !validLeftover(key) {
		return ErrKey
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := d.root.Remove(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove an object: %w", err)
	}
	d.removeEmpty(path.Dir(key))
	return nil
}

// removeEmpty removes folders that hold nothing any more. One that cannot be removed is in use, which is no error.
func (d *Disk) removeEmpty(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; dir != "."; dir = path.Dir(dir) {
		if d.root.Remove(dir) != nil {
			return
		}
		delete(d.made, dir)
	}
}

// List walks the folder. Objects that come or go meanwhile may be told or not.
func (d *Disk) List(ctx context.Context, each func(Object) error) error {
	err := fs.WalkDir(d.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || (!validKey(name) && !validLeftover(name)) {
			return nil // not ours: whoever put it there takes it away
		}
		return each(Object{Key: name, Size: info.Size(), At: info.ModTime().UTC()})
	})
	if err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	return nil
}
