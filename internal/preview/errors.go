package preview

import "errors"

// Why a file cannot be shown. The text of each is also its word in the protocol and in the database.
var (
	ErrBroken    = errors.New("broken")    // it is not what its name says, or damaged
	ErrTooLarge  = errors.New("large")     // more pixels, bytes or pages than is safe to draw
	ErrEncrypted = errors.New("encrypted") // it needs a password
	ErrEmpty     = errors.New("empty")     // there is nothing in it to see
	ErrKind      = errors.New("kind")      // no renderer for this kind of file
	ErrMissing   = errors.New("missing")   // the tool for it is not installed here
	ErrStopped   = errors.New("stopped")   // the worker crashed, or used up its time or memory
)

var reasons = []error{ErrBroken, ErrTooLarge, ErrEncrypted, ErrEmpty, ErrKind, ErrMissing, ErrStopped}

// Reason is the word for an error of rendering; anything unknown is a broken file.
func Reason(err error) string {
	for _, e := range reasons {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return ErrBroken.Error()
}

// reasonError is the error of a word.
func reasonError(word string) error {
	for _, e := range reasons {
		if e.Error() == word {
			return e
		}
	}
	return ErrBroken
}
