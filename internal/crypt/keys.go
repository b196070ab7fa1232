package crypt

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// The two reasons not to start. Both texts are for the operator.
var (
	ErrWrongRoot   = errors.New("this root key does not open this database's keys: set the root key file to the one this database was made with; nothing was changed")
	ErrRootMissing = errors.New("this database holds data but its key row (crypt_root) is gone: restore the database from a backup that has it; no new keys are made beside existing data")
)

// Sealer encrypts a value for one column of one row and opens it there and nowhere else. Owner, Thread and the
// program's own keys are Sealers.
type Sealer interface {
	Seal(table, column, row string, plain []byte) ([]byte, error)
	Open(table, column, row string, sealed []byte) ([]byte, error)
}

const (
	systemOwner   = "system" // the owner id of what belongs to the program itself
	seedLen       = 32
	reloadTimeout = 5 * time.Second
	cachedOwners  = 4096 // about 4 MB; an owner is read again by one indexed row
)

// Keys is the program's keyring. It is safe for concurrent use.
type Keys struct {
	db     *db.DB
	clock  *clock.Clock
	root   tink.AEAD
	kek    atomic.Pointer[ring]
	seed   [seedLen]byte
	signer ed25519.PrivateKey
	system *Owner
	owners *ownerCache
}

// Open opens the database's keys with the root key. On an empty database it makes them, once, however many processes
// start together. It returns ErrWrongRoot or ErrRootMissing without having written anything.
func Open(ctx context.Context, d *db.DB, root Root) (*Keys, error) {
	rootKey, err := hkdf.Key(sha256.New, root[:], nil, "securepractice root v1", len(root))
	if err != nil {
		return nil, fmt.Errorf("derive from the root key: %w", err)
	}
	a, err := subtle.NewAESGCM(rootKey)
	if err != nil {
		return nil, fmt.Errorf("use the root key: %w", err)
	}
	k := &Keys{db: d, clock: clock.System(), root: a, owners: newOwnerCache(cachedOwners)}
	row, err := k.rootRow(ctx)
	if err != nil {
		return nil, err
	}
	if err := k.adopt(row); err != nil {
		return nil, err
	}
	k.signer = ed25519.NewKeyFromSeed(k.derive("sign", ""))
	if k.system, err = k.readOwner(ctx, d, systemOwner); err != nil {
		return nil, fmt.Errorf("open the program's own keys: %w", err)
	}
	return k, nil
}

// rootRow finds the row that holds the sealed keys, and on an empty database makes it.
func (k *Keys) rootRow(ctx context.Context) (rootRow, error) {
	row, found, err := findRoot(ctx, k.db)
	if err != nil || found {
		return row, err
	}
	first, err := k.makeFirst()
	if err != nil {
		return rootRow{}, err
	}
	err = k.db.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		st, err := readStanding(ctx, tx)
		if err != nil {
			return err
		}
		if !st.root && st.data {
			return ErrRootMissing
		}
		if err := k.insertFirst(ctx, tx, first); err != nil {
			return err
		}
		row, found, err = findRoot(ctx, tx)
		if err == nil && !found {
			err = errors.New("crypt: the key row vanished while it was made")
		}
		return err
	})
	return row, err
}

// first is what an empty database gets: the sealed root row and the program's own owner keyset.
type first struct {
	root   rootRow
	system ownerRow
}

func (k *Keys) makeFirst() (first, error) {
	kek, err := makeRing()
	if err != nil {
		return first{}, err
	}
	var f first
	if f.root.kek, err = kek.sealBy(k.root, place("crypt_root", "kek_keyset_sealed")); err != nil {
		return first{}, err
	}
	var seed [seedLen]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return first{}, fmt.Errorf("make a seed: %w", err)
	}
	if f.root.seed, err = k.root.Encrypt(seed[:], place("crypt_root", "mac_seed_sealed")); err != nil {
		return first{}, fmt.Errorf("seal the seed: %w", err)
	}
	f.system, err = makeOwner(kek, systemOwner)
	return f, err
}

// insertFirst stores the first keys unless another process was faster; then the other's keys count.
func (k *Keys) insertFirst(ctx context.Context, tx *db.Tx, f first) error {
	n, err := insertRoot(ctx, tx, f.root)
	if err != nil || n == 0 {
		return err
	}
	n, err = insertOwner(ctx, tx, f.system, clock.Micros(k.clock.Now()))
	if err == nil && n == 0 {
		err = ErrRootMissing // an owner row without the root row that wrapped it
	}
	return err
}

// adopt opens a root row and makes it the one in use.
func (k *Keys) adopt(row rootRow) error {
	kek, err := openRing(row.kek, k.root, place("crypt_root", "kek_keyset_sealed"))
	if errors.Is(err, ErrSealed) {
		return ErrWrongRoot
	}
	if err != nil {
		return err
	}
	if k.kek.Load() == nil { // the seed never changes; only the start writes it, before anybody reads
		seed, err := k.root.Decrypt(row.seed, place("crypt_root", "mac_seed_sealed"))
		if err != nil || len(seed) != seedLen {
			return ErrWrongRoot
		}
		copy(k.seed[:], seed)
	}
	k.kek.Store(kek)
	return nil
}

// reload reads the key-encryption keyset again, after another node may have added a key.
func (k *Keys) reload(ctx context.Context, r db.Reader) error {
	row, found, err := findRoot(ctx, r)
	if err != nil {
		return fmt.Errorf("read the keys again: %w", err)
	}
	if !found {
		return ErrRootMissing
	}
	return k.adopt(row)
}

// System seals what belongs to the program and to no practice or person: codes, notices' parameters, registration data.
func (k *Keys) System() Sealer { return k.system }

// WrapFile seals a file's own key under the key-encryption keyset. kekID is the key that did it; a rotation finds by
// it what is still to be wrapped anew.
func (k *Keys) WrapFile(fileID string, dek []byte) (wrapped []byte, kekID int64, err error) {
	kek := k.kek.Load()
	wrapped, err = kek.aead.Encrypt(dek, place("attach_file", "wrapped_dek", fileID))
	if err != nil {
		return nil, 0, fmt.Errorf("wrap a file key: %w", err)
	}
	return wrapped, int64(kek.primary), nil
}

// UnwrapFile opens what WrapFile made for the same file, also under a key that another node added since.
func (k *Keys) UnwrapFile(fileID string, wrapped []byte) ([]byte, error) {
	if !k.kek.Load().knows(wrapped) {
		ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
		defer cancel()
		if err := k.reload(ctx, k.db); err != nil {
			return nil, err
		}
	}
	dek, err := k.kek.Load().aead.Decrypt(wrapped, place("attach_file", "wrapped_dek", fileID))
	if err != nil {
		return nil, ErrSealed
	}
	return dek, nil
}
