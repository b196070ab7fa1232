// Package blobtest holds what every blob store must do.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/blob"
)

// Suite runs the behaviour every Store promises, each case against a new empty store.
func Suite(t *testing.T, open func(t *testing.T) blob.Store) {
	cases := []struct {
		name string
		run  func(t *testing.T, s blob.Store)
	}{
		{"gives back what was put", roundTrip},
		{"never replaces an object", immutable},
		{"of many puts to one key one wins", race},
		{"says what is not there", missing},
		{"refuses what is no key", badKeys},
		{"lists every object", list},
		{"stops listing when told", listStops},
		{"removes", del},
		{"puts beside deletes in one folder", putBesideDel},
		{"does nothing for a caller who has gone", cancelled},
		{"keeps what a reader holds", readerHolds},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func put(t *testing.T, s blob.Store, key string, data []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, data); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func get(t *testing.T, s blob.Store, key string) []byte {
	t.Helper()
	r, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	return b
}

func keys(t *testing.T, s blob.Store) []string {
	t.Helper()
	var all []string
	err := s.List(t.Context(), func(o blob.Object) error {
		all = append(all, o.Key)
		return nil
	})
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	slices.Sort(all)
	return all
}

func roundTrip(t *testing.T, s blob.Store) {
	for i, size := range []int{0, 1, 4096, 4<<20 + 40} {
		key := fmt.Sprintf("ab/0190-x_%d/0-r", i)
		data := bytes.Repeat([]byte{byte(i + 1)}, size)
		put(t, s, key, data)
		if !bytes.Equal(get(t, s, key), data) {
			t.Errorf("%d bytes came back changed", size)
		}
	}
}

func immutable(t *testing.T, s blob.Store) {
	put(t, s, "a/b", []byte("first"))
	if err := s.Put(t.Context(), "a/b", []byte("second")); !errors.Is(err, blob.ErrExists) {
		t.Errorf("second put: %v, want ErrExists", err)
	}
	if got := string(get(t, s, "a/b")); got != "first" {
		t.Errorf("object is now %q", got)
	}
	if all := keys(t, s); len(all) != 1 {
		t.Errorf("refused put left %v", all)
	}
}

func race(t *testing.T, s blob.Store) {
	const n = 8
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = s.Put(t.Context(), "a/race", []byte{byte(i)}) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case !errors.Is(err, blob.ErrExists):
			t.Errorf("put %d: %v, want ErrExists", i, err)
		}
	}
	if winner < 0 || get(t, s, "a/race")[0] != byte(winner) {
		t.Errorf("winner %d is not what is stored", winner)
	}
}

func missing(t *testing.T, s blob.Store) {
	if _, err := s.Get(t.Context(), "a/none"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("get: %v, want ErrNotFound", err)
	}
	if err := s.Del(t.Context(), "a/none"); err != nil {
		t.Errorf("del of what is gone: %v", err)
	}
	if all := keys(t, s); len(all) != 0 {
		t.Errorf("empty store lists %v", all)
	}
}

func badKeys(t *testing.T, s blob.Store) {
	bad := []string{
		"", "/", ".", "..", "../x", "a/../b", "a/..", "/a", "a/", "a//b", "a/./b", ".hidden", "a/.b", "A/b", "a b",
		"a\x00b", "a\\b", "a.tmp", "é", "a\n", strings.Repeat("k", 201),
	}
	for _, key := range bad {
		if err := s.Put(t.Context(), key, []byte("x")); !errors.Is(err, blob.ErrKey) {
			t.Errorf("put %q: %v, want ErrKey", key, err)
		}
		if _, err := s.Get(t.Context(), key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("get %q: %v, want ErrKey", key, err)
		}
		if err := s.Del(t.Context(), key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("del %q: %v, want ErrKey", key, err)
		}
	}
	if all := keys(t, s); len(all) != 0 {
		t.Errorf("refused keys left %v", all)
	}
}

func list(t *testing.T, s blob.Store) {
	before := time.Now().Add(-time.Minute)
	put(t, s, "ab/f1/0-x", make([]byte, 10))
	put(t, s, "ab/f1/1-y", make([]byte, 20))
	put(t, s, "cd/f2/0-z", make([]byte, 30))
	sizes := map[string]int64{}
	err := s.List(t.Context(), func(o blob.Object) error {
		sizes[o.Key] = o.Size
		if o.At.Before(before) || o.At.After(time.Now().Add(time.Minute)) {
			t.Errorf("%s was stored at %v", o.Key, o.At)
		}
		return nil
	})
	if err != nil || len(sizes) != 3 || sizes["ab/f1/0-x"] != 10 || sizes["ab/f1/1-y"] != 20 || sizes["cd/f2/0-z"] != 30 {
		t.Errorf("list: %v, %v", sizes, err)
	}
}

func listStops(t *testing.T, s blob.Store) {
	put(t, s, "a/1", nil)
	put(t, s, "a/2", nil)
	stop := errors.New("enough")
	seen := 0
	err := s.List(t.Context(), func(blob.Object) error { seen++; return stop })
	if !errors.Is(err, stop) || seen != 1 {
		t.Errorf("saw %d, err %v", seen, err)
	}
}

func del(t *testing.T, s blob.Store) {
	put(t, s, "a/f/1", []byte("x"))
	put(t, s, "a/f/2", []byte("y"))
	if err := s.Del(t.Context(), "a/f/1"); err != nil {
		t.Fatalf("del: %v", err)
	}
	if all := keys(t, s); !slices.Equal(all, []string{"a/f/2"}) {
		t.Errorf("left: %v", all)
	}
	put(t, s, "a/f/1", []byte("again")) // a key is free again once its object is gone
	if got := string(get(t, s, "a/f/1")); got != "again" {
		t.Errorf("got %q", got)
	}
}

func putBesideDel(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("ab/same/%d-%d", g, i)
				if err := s.Put(t.Context(), key, []byte("x")); err != nil {
					t.Errorf("put: %v", err)
				}
				if err := s.Del(t.Context(), key); err != nil {
					t.Errorf("del: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if all := keys(t, s); len(all) != 0 {
		t.Errorf("left: %v", all)
	}
}

func cancelled(t *testing.T, s blob.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "a/c", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v, want context.Canceled", err)
	}
	if all := keys(t, s); len(all) != 0 {
		t.Errorf("left: %v", all)
	}
}

func readerHolds(t *testing.T, s blob.Store) {
	put(t, s, "a/held", []byte("still here"))
	r, err := s.Get(t.Context(), "a/held")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := s.Del(t.Context(), "a/held"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "still here" {
		t.Errorf("reader got %q, %v", b, err)
	}
}
