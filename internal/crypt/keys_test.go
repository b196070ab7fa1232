package crypt_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"securepractice/internal/crypt"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

func owner(t *testing.T, d *db.DB, k *crypt.Keys, id string) *crypt.Owner {
	t.Helper()
	newOwner(t, d, k, id)
	o, err := k.Owner(t.Context(), d, id)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func newOwner(t *testing.T, d *db.DB, k *crypt.Keys, id string) {
	t.Helper()
	err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return k.NewOwner(ctx, tx, id) })
	if err != nil {
		t.Fatal(err)
	}
}

func seal(t *testing.T, s crypt.Sealer, table, column, row, plain string) []byte {
	t.Helper()
	b, err := s.Seal(table, column, row, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	if len(plain) > 4 && strings.Contains(string(b), plain) {
		t.Fatal("sealed bytes hold the plain text")
	}
	return b
}

func thread(t *testing.T) *crypt.Thread {
	t.Helper()
	th, err := crypt.NewThread()
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func TestSealedValuesOpenInTheirPlaceAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := crypttest.Keys(t, d)
		sealers := map[string]crypt.Sealer{"system": k.System(), "owner": owner(t, d, k, "o1"), "thread": thread(t)}
		other := map[string]crypt.Sealer{"another owner": owner(t, d, k, "o2"), "another thread": thread(t)}
		for name, s := range sealers {
			sealed := seal(t, s, "mail_message", "body_sealed", "row1", "crown on 14")
			if got, err := s.Open("mail_message", "body_sealed", "row1", sealed); err != nil || string(got) != "crown on 14" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			for _, place := range [][3]string{
				{"mail_message", "body_sealed", "row2"}, {"mail_message", "subject_sealed", "row1"},
				{"mail_draft", "body_sealed", "row1"}, {"mail_message", "body_sealedr", "ow1"}, {"", "", ""},
			} {
				if _, err := s.Open(place[0], place[1], place[2], sealed); !errors.Is(err, crypt.ErrSealed) {
					t.Errorf("%s: opened in %v: %v", name, place, err)
				}
			}
			for otherName, o := range other {
				if _, err := o.Open("mail_message", "body_sealed", "row1", sealed); !errors.Is(err, crypt.ErrSealed) {
					t.Errorf("%s's value was opened by %s: %v", name, otherName, err)
				}
			}
			for i := range sealed {
				changed := append([]byte(nil), sealed...)
				changed[i] ^= 1
				if _, err := s.Open("mail_message", "body_sealed", "row1", changed); !errors.Is(err, crypt.ErrSealed) {
					t.Fatalf("%s: byte %d changed: %v", name, i, err)
				}
			}
			for _, short := range [][]byte{nil, {}, sealed[:4], sealed[:5], sealed[:len(sealed)-1]} {
				if _, err := s.Open("mail_message", "body_sealed", "row1", short); !errors.Is(err, crypt.ErrSealed) {
					t.Errorf("%s: %d bytes: %v", name, len(short), err)
				}
			}
			if empty, err := s.Open("t", "c", "r", seal(t, s, "t", "c", "r", "")); err != nil || len(empty) != 0 {
				t.Errorf("%s: empty value: %q, %v", name, empty, err)
			}
		}
	})
}

func TestThreadKeysOpenForTheirOwnerAndThread(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := crypttest.Keys(t, d)
		o1, o2 := owner(t, d, k, "o1"), owner(t, d, k, "o2")
		th := thread(t)
		sealed := seal(t, th, "mail_message", "body_sealed", "m", "hello")
		for _, o := range []*crypt.Owner{o1, o2} {
			wrapped, err := o.WrapThread("t1", th)
			if err != nil {
				t.Fatal(err)
			}
			again, err := o.UnwrapThread("t1", wrapped)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := again.Open("mail_message", "body_sealed", "m", sealed); err != nil || string(got) != "hello" {
				t.Errorf("unwrapped key: %q, %v", got, err)
			}
			if _, err := o.UnwrapThread("t2", wrapped); !errors.Is(err, crypt.ErrSealed) {
				t.Errorf("wrap moved to another thread: %v", err)
			}
		}
		wrapped, _ := o1.WrapThread("t1", th)
		if _, err := o2.UnwrapThread("t1", wrapped); !errors.Is(err, crypt.ErrSealed) {
			t.Errorf("wrap moved to another owner: %v", err)
		}
		// A value of the same owner that is no thread key cannot be passed off as one.
		if _, err := o1.UnwrapThread("t1", seal(t, o1, "mail_thread_key", "wrapped_key", "t1", strings.Repeat("k", 32))); !errors.Is(err, crypt.ErrSealed) {
			t.Errorf("a sealed field was unwrapped as a key: %v", err)
		}
	})
}

func TestFileKeys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := crypttest.Keys(t, d)
		dek := []byte(strings.Repeat("d", 32))
		wrapped, kekID, err := k.WrapFile("f1", dek)
		if err != nil || kekID == 0 {
			t.Fatalf("kek %d, %v", kekID, err)
		}
		if got, err := k.UnwrapFile("f1", wrapped); err != nil || string(got) != string(dek) {
			t.Errorf("unwrap: %v", err)
		}
		for name, try := range map[string][]byte{"other file": wrapped, "cut": wrapped[:len(wrapped)-1], "nothing": nil} {
			id := "f1"
			if name == "other file" {
				id = "f2"
			}
			if _, err := k.UnwrapFile(id, try); !errors.Is(err, crypt.ErrSealed) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestOpenAgainFindsTheSameKeys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := crypttest.Keys(t, d)
		sealed := seal(t, owner(t, d, k, "o"), "t", "c", "r", "x")
		systemSealed := seal(t, k.System(), "t", "c", "r", "x")
		again := crypttest.Keys(t, d)
		o, err := again.Owner(t.Context(), d, "o")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Open("t", "c", "r", sealed); err != nil {
			t.Error(err)
		}
		if _, err := again.System().Open("t", "c", "r", systemSealed); err != nil {
			t.Error(err)
		}
		if again.Token("k", "id", 1) != k.Token("k", "id", 1) || !again.VerifySignature("p", []byte("x"), k.Sign("p", []byte("x"))) {
			t.Error("tokens or signatures changed")
		}
	})
}

func TestStartedTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const n = 4
		tokens, errs := make([]string, n), make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				k, err := crypt.Open(t.Context(), d, crypttest.Root)
				if errs[i] = err; err == nil {
					tokens[i] = k.Token("k", "id", 1)
				}
			})
		}
		wg.Wait()
		for i := range n {
			if errs[i] != nil || tokens[i] != tokens[0] {
				t.Errorf("process %d: %v, same keys: %v", i, errs[i], tokens[i] == tokens[0])
			}
		}
	})
}

// keyRows is everything this room stores, to see that a refused start changed nothing.
func keyRows(t *testing.T, d *db.DB) string {
	t.Helper()
	rows, err := db.All(t.Context(), d, db.Scan1[string], `
		SELECT 'owner ' || owner_id FROM crypt_owner
		UNION ALL SELECT 'root ' || CAST(version AS TEXT) FROM crypt_root
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(rows, "\n")
}

func exec(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRefusesToStart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		crypttest.Keys(t, d)
		before := keyRows(t, d)
		_, err := crypt.Open(t.Context(), d, crypt.Root{1})
		if !errors.Is(err, crypt.ErrWrongRoot) || !strings.Contains(err.Error(), "set the root key file") {
			t.Errorf("wrong root: %v", err)
		}
		if after := keyRows(t, d); after != before {
			t.Errorf("the refused start changed the keys:\n%s\nwas\n%s", after, before)
		}
		exec(t, d, "DELETE FROM crypt_root")
		before = keyRows(t, d)
		if _, err = crypt.Open(t.Context(), d, crypttest.Root); !errors.Is(err, crypt.ErrRootMissing) {
			t.Errorf("root row missing beside an owner: %v", err)
		}
		if after := keyRows(t, d); after != before {
			t.Errorf("the refused start changed the keys:\n%s\nwas\n%s", after, before)
		}
		exec(t, d, "DELETE FROM crypt_owner")
		exec(t, d, `
			INSERT INTO account_user (id, email, email_canon, role, owner_id, is_manager, tier, first_name, last_name, name_canon,
				phone, cell, zone, ada_number, specialties, two_step, state, wrong_tries, created_at, version)
			VALUES ('u', 'a@b.test', 'a@b.test', 'patient', 'u', FALSE, 'free', '', '', '', '', '', '', '', '', FALSE, 'active', 0, 0, 1)`)
		if _, err = crypt.Open(t.Context(), d, crypttest.Root); !errors.Is(err, crypt.ErrRootMissing) {
			t.Errorf("root row missing beside an account: %v", err)
		}
		if rows := keyRows(t, d); rows != "" {
			t.Errorf("made keys beside data: %s", rows)
		}
	})
}

func TestOwners(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := crypttest.Keys(t, d)
		if _, err := k.Owner(t.Context(), d, "nobody"); !errors.Is(err, crypt.ErrNoOwner) {
			t.Errorf("unknown owner: %v", err)
		}
		newOwner(t, d, k, "o")
		for _, id := range []string{"o", "system", ""} {
			err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return k.NewOwner(ctx, tx, id) })
			if err == nil {
				t.Errorf("keys for %q were made twice or for nobody", id)
			}
		}
		exec(t, d, "UPDATE crypt_owner SET destroyed_at = 1 WHERE owner_id = 'o'")
		if _, err := k.Owner(t.Context(), d, "o"); !errors.Is(err, crypt.ErrNoOwner) {
			t.Errorf("destroyed owner: %v", err)
		}
		// A keyset moved to another owner's row does not open.
		newOwner(t, d, k, "p")
		newOwner(t, d, k, "q")
		exec(t, d, "UPDATE crypt_owner SET keyset_sealed = (SELECT keyset_sealed FROM crypt_owner WHERE owner_id = 'p') WHERE owner_id = 'q'")
		if _, err := k.Owner(t.Context(), d, "q"); !errors.Is(err, crypt.ErrSealed) {
			t.Errorf("swapped keyset: %v", err)
		}
	})
}

// Keys that were rolled back must not be used when the same owner is made again: what they sealed would be lost.
func TestRolledBackOwnerIsForgotten(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := crypttest.Keys(t, d)
		undo := errors.New("undo")
		var lost []byte
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if err := k.NewOwner(ctx, tx, "o"); err != nil {
				return err
			}
			o, err := k.Owner(ctx, tx, "o")
			if err != nil {
				return err
			}
			lost = seal(t, o, "t", "c", "r", "x")
			if _, err := o.Open("t", "c", "r", lost); err != nil {
				t.Errorf("inside its transaction: %v", err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		o := owner(t, d, k, "o")
		if _, err := o.Open("t", "c", "r", lost); !errors.Is(err, crypt.ErrSealed) {
			t.Errorf("the rolled-back keys are still in use: %v", err)
		}
		if _, err := crypttest.Keys(t, d).Owner(t.Context(), d, "o"); err != nil {
			t.Error(err)
		}
	})
}

func TestOwnersTogether(t *testing.T) {
	d := dbtest.SQLite(t)
	k := crypttest.Keys(t, d)
	ids := []string{"a", "b", "c"}
	for _, id := range ids {
		newOwner(t, d, k, id)
	}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			o, err := k.Owner(t.Context(), d, ids[i%len(ids)])
			if err != nil || o.ID() != ids[i%len(ids)] {
				t.Errorf("owner: %v", err)
			}
		})
	}
	wg.Wait()
}
