package crypt

import (
	"context"
	"fmt"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

var testRoot = Root{'r'}

func openTest(t *testing.T, d *db.DB) *Keys {
	t.Helper()
	k, err := Open(t.Context(), d, testRoot)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// grow gives a keyset one more key and makes it primary, as a rotation on another node does.
func grow(t *testing.T, r *ring) *ring {
	t.Helper()
	m := keyset.NewManagerFromHandle(r.handle)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	h, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	grown, err := newRing(h)
	if err != nil {
		t.Fatal(err)
	}
	return grown
}

func update(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Exec(ctx, query, args...)
		if err == nil && n != 1 {
			err = fmt.Errorf("%d rows", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A key added by another node is met first in something it wrapped; this node then reads its keys again.
func TestKeysAddedElsewhereAreFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		here := openTest(t, d)
		oldFile, oldKEK, err := here.WrapFile("f1", []byte("dek"))
		if err != nil {
			t.Fatal(err)
		}
		grown := grow(t, here.kek.Load())
		sealed, err := grown.sealBy(here.root, place("crypt_root", "kek_keyset_sealed"))
		if err != nil {
			t.Fatal(err)
		}
		update(t, d, "UPDATE crypt_root SET kek_keyset_sealed = $1, version = version + 1 WHERE id = 1", sealed)
		elsewhere := openTest(t, d)
		newFile, newKEK, err := elsewhere.WrapFile("f2", []byte("dek"))
		if err != nil || newKEK == oldKEK {
			t.Fatalf("the new key is not in use: %v", err)
		}
		if _, err := here.UnwrapFile("f2", newFile); err != nil {
			t.Errorf("file wrapped elsewhere: %v", err)
		}
		if _, err := here.UnwrapFile("f1", oldFile); err != nil {
			t.Errorf("file wrapped before: %v", err)
		}
		third := openTest(t, d)
		third.kek.Store(grow(t, third.kek.Load())) // a key nobody stored
		lost, _, err := third.WrapFile("f3", []byte("dek"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := here.UnwrapFile("f3", lost); err == nil {
			t.Error("opened with a key that is stored nowhere")
		}
	})
}

func TestOwnersWrappedElsewhereAreFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		here := openTest(t, d)
		sealed, err := grow(t, here.kek.Load()).sealBy(here.root, place("crypt_root", "kek_keyset_sealed"))
		if err != nil {
			t.Fatal(err)
		}
		update(t, d, "UPDATE crypt_root SET kek_keyset_sealed = $1, version = version + 1 WHERE id = 1", sealed)
		elsewhere := openTest(t, d)
		err = d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return elsewhere.NewOwner(ctx, tx, "o") })
		if err != nil {
			t.Fatal(err)
		}
		mine, err := here.Owner(t.Context(), d, "o")
		if err != nil {
			t.Fatalf("an owner wrapped by a newer key: %v", err)
		}
		// The owner's own keyset grows elsewhere too.
		theirs, err := elsewhere.Owner(t.Context(), d, "o")
		if err != nil {
			t.Fatal(err)
		}
		theirs.ring.Store(grow(t, theirs.ring.Load()))
		own, err := theirs.ring.Load().sealBy(elsewhere.kek.Load().aead, ownerPlace("o"))
		if err != nil {
			t.Fatal(err)
		}
		update(t, d, "UPDATE crypt_owner SET keyset_sealed = $1, version = version + 1 WHERE owner_id = 'o'", own)
		value, err := theirs.Seal("t", "c", "r", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := mine.Open("t", "c", "r", value); err != nil || string(got) != "x" {
			t.Errorf("sealed by a key added elsewhere: %q, %v", got, err)
		}
	})
}

func TestOwnerCacheIsBounded(t *testing.T) {
	c := newOwnerCache(2)
	a, b, x := &Owner{id: "a"}, &Owner{id: "b"}, &Owner{id: "x"}
	c.put(a)
	c.put(b)
	if _, ok := c.get("a"); !ok { // a is now the more recently used
		t.Fatal("a is not cached")
	}
	c.put(x)
	if _, ok := c.get("b"); ok {
		t.Error("the least recently used stayed")
	}
	newer := &Owner{id: "a"}
	c.put(newer)
	if got, ok := c.get("a"); !ok || got != newer || c.order.Len() != 2 || len(c.byID) != 2 {
		t.Errorf("cache holds %d and %d", c.order.Len(), len(c.byID))
	}
}
