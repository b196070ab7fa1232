package blob

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
)

// Store keeps objects. Every implementation passes blobtest.Suite.
type Store interface {
	// Put stores data under a new key and returns when it is durable; ErrExists when the key is taken, whose object
	// then stays as it is. What a failed Put may have left is no object to its caller: another try takes another key.
	Put(ctx context.Context, key string, data []byte) error
	// Get opens an object from its beginning; ErrNotFound when there is none.
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	// Del removes an object or a leftover named by List. What is gone already is no error.
	Del(ctx context.Context, key string) error
	// List tells each about every object and leftover, in no order, until each returns an error.
	List(ctx context.Context, each func(Object) error) error
}

// Object is what List tells: At is when it was stored.
type Object struct {
	Key  string
	Size int64
	At   time.Time
}

// What a caller can react to.
var (
	ErrNotFound = errors.New("blob: no such object")
	ErrExists   = errors.New("blob: the key is taken")
	ErrKey      = errors.New("blob: not a key")
)

const (
	maxKey     = 200
	tempSuffix = ".tmp"
)

// validKey accepts segments of lower-case letters, digits, '-' and '_', joined by single slashes. Dots are not among
// them: "..", hidden files and leftovers are no keys.
func validKey(key string) bool {
	if key == "" || len(key) > maxKey {
		return false
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || strings.Trim(segment, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// IsKey says whether a store would take key, for stores of other packages.
func IsKey(key string) bool { return validKey(key) }

// validLeftover accepts the name of an unfinished write: a key, a dot, a random word, ".tmp".
func validLeftover(name string) bool {
	rest, ok := strings.CutSuffix(name, tempSuffix)
	key, word, found := strings.Cut(rest, ".")
	return ok && found && validKey(key) && validKey(word) && !strings.Contains(word, "/")
}
