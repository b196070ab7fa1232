package crypt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrSealed says that sealed bytes do not open: they were changed, cut, moved from another place, or sealed by a key
// that is not here.
var ErrSealed = errors.New("crypt: sealed data does not open")

// tinkPrefix is how every ciphertext of a Tink keyset begins: this byte, then the key's id in four bytes.
const (
	tinkPrefix    = 1
	tinkPrefixLen = 5
)

// ring is one keyset ready for use. It never changes; a newer keyset is a new ring.
type ring struct {
	handle  *keyset.Handle
	aead    tink.AEAD
	ids     map[uint32]bool
	primary uint32
}

func newRing(h *keyset.Handle) (*ring, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("use a keyset: %w", err)
	}
	info := h.KeysetInfo()
	r := &ring{handle: h, aead: a, ids: map[uint32]bool{}, primary: info.GetPrimaryKeyId()}
	for _, k := range info.GetKeyInfo() {
		r.ids[k.GetKeyId()] = true
	}
	return r, nil
}

// makeRing makes a keyset with one new random AES-256-GCM key.
func makeRing() (*ring, error) {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a keyset: %w", err)
	}
	return newRing(h)
}

func openRing(sealed []byte, by tink.AEAD, ad []byte) (*ring, error) {
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(sealed)), by, ad)
	if err != nil {
		return nil, ErrSealed
	}
	return newRing(h)
}

func (r *ring) sealBy(by tink.AEAD, ad []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := r.handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), by, ad); err != nil {
		return nil, fmt.Errorf("seal a keyset: %w", err)
	}
	return b.Bytes(), nil
}

// knows says whether the key that sealed these bytes is in the ring.
func (r *ring) knows(sealed []byte) bool {
	if len(sealed) < tinkPrefixLen || sealed[0] != tinkPrefix {
		return false
	}
	return r.ids[binary.BigEndian.Uint32(sealed[1:tinkPrefixLen])]
}

// place makes associated data: what sort of thing is sealed, and where it belongs. Each part is preceded by its
// length, so that no two places are written alike.
func place(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p))) //nolint:gosec // G115: ids and names, never near 4 GiB
		b = append(b, p...)
	}
	return b
}
