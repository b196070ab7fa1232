package crypt

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// ErrNoOwner says that there are no keys for an owner id: it never had any, or they were destroyed.
var ErrNoOwner = errors.New("crypt: no keys for this owner")

// Owner holds the keys of one practice or patient. It is safe for concurrent use.
type Owner struct {
	id   string
	keys *Keys
	ring atomic.Pointer[ring]
}

// NewOwner makes the keyset of a practice or patient in the caller's transaction. An owner gets keys once.
func (k *Keys) NewOwner(ctx context.Context, tx *db.Tx, ownerID string) error {
	if ownerID == "" {
		return errors.New("crypt: an owner needs an id")
	}
	row, err := makeOwner(k.kek.Load(), ownerID)
	if err != nil {
		return err
	}
	n, err := insertOwner(ctx, tx, row, clock.Micros(k.clock.Now()))
	if err == nil && n == 0 {
		err = errors.New("this owner has keys already")
	}
	if err != nil {
		return fmt.Errorf("make an owner's keys: %w", err)
	}
	return nil
}

func makeOwner(kek *ring, ownerID string) (ownerRow, error) {
	own, err := makeRing()
	if err != nil {
		return ownerRow{}, err
	}
	sealed, err := own.sealBy(kek.aead, ownerPlace(ownerID))
	return ownerRow{id: ownerID, sealed: sealed, kekID: int64(kek.primary)}, err
}

func ownerPlace(id string) []byte { return place("crypt_owner", "keyset_sealed", id) }

// Owner finds an owner's keys; ErrNoOwner when there are none. Read through the transaction that made them, or
// through the database; the result is remembered only once it is committed.
func (k *Keys) Owner(ctx context.Context, r db.Reader, ownerID string) (*Owner, error) {
	if o, ok := k.owners.get(ownerID); ok {
		return o, nil
	}
	o, err := k.readOwner(ctx, r, ownerID)
	if err != nil {
		return nil, err
	}
	// Keys made in a transaction that is rolled back, and then made again by its repetition, are other keys: what the
	// first ones sealed would be lost. So nothing read inside a transaction is remembered before its commit.
	if tx, inside := r.(*db.Tx); inside {
		tx.AfterCommit(func() { k.owners.put(o) })
	} else {
		k.owners.put(o)
	}
	return o, nil
}

func (k *Keys) readOwner(ctx context.Context, r db.Reader, ownerID string) (*Owner, error) {
	g, err := k.readRing(ctx, r, ownerID)
	if err != nil {
		return nil, err
	}
	o := &Owner{id: ownerID, keys: k}
	o.ring.Store(g)
	return o, nil
}

func (k *Keys) readRing(ctx context.Context, r db.Reader, ownerID string) (*ring, error) {
	row, found, err := findOwner(ctx, r, ownerID)
	if err != nil {
		return nil, fmt.Errorf("find an owner's keys: %w", err)
	}
	if !found {
		return nil, ErrNoOwner
	}
	if !k.kek.Load().ids[uint32(row.kekID)] { //nolint:gosec // G115: written from a uint32
		if err := k.reload(ctx, r); err != nil {
			return nil, err
		}
	}
	g, err := openRing(row.sealed, k.kek.Load().aead, ownerPlace(ownerID))
	if err != nil {
		return nil, fmt.Errorf("open an owner's keys: %w", err)
	}
	return g, nil
}

// ID is the practice's or patient's id.
func (o *Owner) ID() string { return o.id }

// Seal encrypts plain for one place.
func (o *Owner) Seal(table, column, row string, plain []byte) ([]byte, error) {
	return o.seal(place("field", table, column, row), plain)
}

// Open decrypts what Seal made for the same place; ErrSealed otherwise.
func (o *Owner) Open(table, column, row string, sealed []byte) ([]byte, error) {
	return o.open(place("field", table, column, row), sealed)
}

func (o *Owner) seal(ad, plain []byte) ([]byte, error) {
	sealed, err := o.ring.Load().aead.Encrypt(plain, ad)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

func (o *Owner) open(ad, sealed []byte) ([]byte, error) {
	g := o.ring.Load()
	if !g.knows(sealed) {
		ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
		defer cancel()
		newer, err := o.keys.readRing(ctx, o.keys.db, o.id)
		if errors.Is(err, ErrNoOwner) { // made in a transaction that is still open: there cannot be newer keys
			return nil, ErrSealed
		}
		if err != nil {
			return nil, err
		}
		if !newer.knows(sealed) {
			return nil, ErrSealed
		}
		o.ring.Store(newer)
		g = newer
	}
	plain, err := g.aead.Decrypt(sealed, ad)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// WrapThread seals a thread's key for this owner. Only this owner opens it again, and only for this thread.
func (o *Owner) WrapThread(threadID string, t *Thread) ([]byte, error) {
	return o.seal(threadPlace(threadID, o.id), t.key)
}

// UnwrapThread opens what WrapThread made for the same thread and owner.
func (o *Owner) UnwrapThread(threadID string, wrapped []byte) (*Thread, error) {
	key, err := o.open(threadPlace(threadID, o.id), wrapped)
	if err != nil {
		return nil, err
	}
	return threadFrom(key)
}

func threadPlace(threadID, ownerID string) []byte {
	return place("mail_thread_key", "wrapped_key", threadID, ownerID)
}
