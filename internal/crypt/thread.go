package crypt

import (
	"crypto/rand"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const threadKeyLen = 32

// Thread is one thread's own key. It seals the thread's content and is never stored but wrapped for an owner.
type Thread struct {
	key  []byte
	aead tink.AEAD
}

// NewThread makes a thread with a random 256-bit key.
func NewThread() (*Thread, error) {
	key := make([]byte, threadKeyLen)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a thread key: %w", err)
	}
	return threadFrom(key)
}

func threadFrom(key []byte) (*Thread, error) {
	if len(key) != threadKeyLen {
		return nil, ErrSealed
	}
	a, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, fmt.Errorf("use a thread key: %w", err)
	}
	return &Thread{key: key, aead: a}, nil
}

// Seal encrypts plain for one place of this thread. The nonce is random: a thread may hold some 2^32 sealed values.
func (t *Thread) Seal(table, column, row string, plain []byte) ([]byte, error) {
	sealed, err := t.aead.Encrypt(plain, place("field", table, column, row))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal made for the same place; ErrSealed otherwise.
func (t *Thread) Open(table, column, row string, sealed []byte) ([]byte, error) {
	plain, err := t.aead.Decrypt(sealed, place("field", table, column, row))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
