package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"securepractice/internal/fault"
)

// hasher computes argon2id (RFC 9106), a bounded number at once: each takes tens of megabytes, so that a rush of
// sign-ins would otherwise take all memory. Who waits too long is asked to try again.
type hasher struct {
	slots        chan struct{}
	wait         time.Duration
	memory, time uint32
	dummy        string // what an unknown address is compared with, for the same work
	turns        turns
}

// turns lets few sign-ins of one address be judged at once. Each counts its try before its password is looked at, so a
// handful of right ones at once would otherwise lock their own account.
type turns struct {
	mu    sync.Mutex
	lines map[string]*line
}

// line is who waits for one key: the places at its head, and how many hold or want one.
type line struct {
	head chan struct{}
	n    int
}

const (
	heads   = 2 // sign-ins of one address judged at once
	saltLen = 16
	keyLen  = 32
)

func newHasher(s Settings) *hasher {
	n := s.Hashers
	if n == 0 {
		n = 2 * runtime.NumCPU() // so that a processor has work while another hash waits for memory
	}
	h := &hasher{slots: make(chan struct{}, n), wait: s.HashWait, memory: s.ArgonMemory, time: s.ArgonTime, turns: turns{lines: map[string]*line{}}}
	h.dummy = h.encode(make([]byte, saltLen), make([]byte, keyLen))
	return h
}

// take gets a place in a bounded channel, or Busy.
func (h *hasher) take(ctx context.Context, place chan struct{}) error {
	wait := time.NewTimer(h.wait)
	defer wait.Stop()
	select {
	case place <- struct{}{}:
		return nil
	case <-wait.C:
		return fault.New(fault.Busy, "Many people are signing in at once. Try again in a minute.")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// turn waits until few other sign-ins of this key are being judged in this process; leave lets the next one in. It is
// the same for known and unknown addresses.
func (h *hasher) turn(ctx context.Context, key string) (leave func(), err error) {
	t := &h.turns
	t.mu.Lock()
	l := t.lines[key]
	if l == nil {
		l = &line{head: make(chan struct{}, heads)}
		t.lines[key] = l
	}
	l.n++
	t.mu.Unlock()
	gone := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if l.n--; l.n == 0 {
			delete(t.lines, key)
		}
	}
	if err := h.take(ctx, l.head); err != nil {
		gone()
		return nil, err
	}
	return func() { <-l.head; gone() }, nil
}

func (h *hasher) enter(ctx context.Context) error { return h.take(ctx, h.slots) }

func (h *hasher) leave() { <-h.slots }

// hash makes a new hash in PHC form, with its parameters inside.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLen)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	return h.encode(salt, argon2.IDKey([]byte(password), salt, h.time, h.memory, 1, keyLen)), nil
}

func (h *hasher) encode(salt, key []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, h.memory, h.time, b.EncodeToString(salt), b.EncodeToString(key))
}

// matches compares a password with a hash; with no hash it does the same work and says no.
func (h *hasher) matches(ctx context.Context, password, phc string) (bool, error) {
	known := phc != ""
	if !known {
		phc = h.dummy
	}
	memory, passes, salt, key, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(password), salt, passes, memory, 1, keyLen)
	return subtle.ConstantTimeCompare(got, key) == 1 && known, nil
}

// outdated says whether a hash was made with other parameters than today's.
func (h *hasher) outdated(phc string) bool {
	memory, passes, _, _, err := parsePHC(phc)
	return err != nil || memory != h.memory || passes != h.time
}

var errPHC = errors.New("account: a stored password hash cannot be read")

func parsePHC(phc string) (memory, passes uint32, salt, key []byte, err error) {
	part := strings.Split(phc, "$")
	if len(part) != 6 || part[1] != "argon2id" {
		return 0, 0, nil, nil, errPHC
	}
	var version, threads int
	if n, err := fmt.Sscanf(part[2], "v=%d", &version); err != nil || n != 1 || version != argon2.Version {
		return 0, 0, nil, nil, errPHC
	}
	if n, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil || n != 3 || threads != 1 {
		return 0, 0, nil, nil, errPHC
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(part[4])
	key, err2 := base64.RawStdEncoding.DecodeString(part[5])
	if err1 != nil || err2 != nil || len(key) != keyLen {
		return 0, 0, nil, nil, errPHC
	}
	return memory, passes, salt, key, nil
}
