// Package crypttest gives tests a keyring.
package crypttest

import (
	"testing"

	"securepractice/internal/crypt"
	"securepractice/internal/db"
)

// Root is the root key of every test database.
var Root = crypt.Root{'t', 'e', 's', 't', 's', ' ', 'o', 'n', 'l', 'y'}

// Keys opens a test database's keys, making them when it is empty.
func Keys(t testing.TB, d *db.DB) *crypt.Keys {
	t.Helper()
	k, err := crypt.Open(t.Context(), d, Root)
	if err != nil {
		t.Fatalf("open test keys: %v", err)
	}
	return k
}
