package crypt

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
)

// derive makes the 32-byte key for one use of the seed: one block of HKDF-Expand (RFC 5869, section 2.3), for which the
// seed, being random and as long as the hash, needs no extraction.
func (k *Keys) derive(use, purpose string) []byte {
	h := hmac.New(sha256.New, k.seed[:])
	h.Write(place("securepractice v1", use, purpose))
	h.Write([]byte{1})
	return h.Sum(nil)
}

// MAC is a keyed hash of 32 bytes over the parts. Each purpose has its own key, and each part is preceded by its
// length: ("ab","c") and ("a","bc") differ.
func (k *Keys) MAC(purpose string, parts ...string) []byte {
	h := hmac.New(sha256.New, k.derive("mac", purpose))
	h.Write(place(parts...))
	return h.Sum(nil)
}

// Equal compares a MAC with that of the parts in constant time.
func (k *Keys) Equal(mac []byte, purpose string, parts ...string) bool {
	return hmac.Equal(mac, k.MAC(purpose, parts...))
}

// Sign makes an Ed25519 signature of 64 bytes over purpose and data.
func (k *Keys) Sign(purpose string, data []byte) []byte {
	return ed25519.Sign(k.signer, append(place("sign", purpose), data...))
}

// VerifySignature says whether Sign made sig for the same purpose and data.
func (k *Keys) VerifySignature(purpose string, data, sig []byte) bool {
	public, ok := k.signer.Public().(ed25519.PublicKey)
	return ok && ed25519.Verify(public, append(place("sign", purpose), data...), sig)
}

// maxTokenID bounds the ids that ParseToken hands on; ours have 36 characters.
const maxTokenID = 64

// Token makes a link's secret: the id and a MAC over kind, id and generation, in URL-safe characters. It is stored
// nowhere: whoever knows the three makes it again, and a higher generation makes another.
func (k *Keys) Token(kind, id string, generation int64) string {
	mac := k.MAC("token", kind, id, strconv.FormatInt(generation, 10))
	return base64.RawURLEncoding.EncodeToString(append([]byte(id), mac...))
}

// ParseToken reads the id out of a token. It proves nothing: the id only says which row to look up, whose kind and
// generation TokenIs then needs.
func (k *Keys) ParseToken(token string) (id string, ok bool) {
	if len(token) > base64.RawURLEncoding.EncodedLen(maxTokenID+sha256.Size) {
		return "", false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) <= sha256.Size {
		return "", false
	}
	b = b[:len(b)-sha256.Size]
	for _, c := range b {
		if c <= ' ' || c > '~' { // an id goes into SQL and comparisons: plain characters only
			return "", false
		}
	}
	return string(b), true
}

// TokenIs says in constant time whether Token makes exactly this token.
func (k *Keys) TokenIs(token, kind, id string, generation int64) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(k.Token(kind, id, generation))) == 1
}
