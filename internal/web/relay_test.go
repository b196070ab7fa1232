package web_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/web"
)

var quiet = slog.New(slog.DiscardHandler)

// node runs a hub's relay until the test ends or stop is called.
func node(t *testing.T, wire web.Wire) (h *web.Hub, stop func()) {
	t.Helper()
	h = web.NewHub()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Relay(ctx, wire, quiet)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return h, stop
}

func woken(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: not woken", what)
	}
}

// TestRelay: who is woken on one node is woken on the other; a listener whose connection was cut hears again, and wakes
// everybody for what it missed.
func TestRelay(t *testing.T) {
	d := dbtest.Postgres(t)
	one, _ := node(t, d)
	two, stop := node(t, d)
	ann, _ := two.Subscribe("ann")
	bob, _ := two.Subscribe("bob")
	woken(t, ann, "ann, as the relay begins")
	woken(t, bob, "bob, as the relay begins")

	one.Wake("ann", "nobody")
	woken(t, ann, "ann")
	select {
	case <-bob:
		t.Error("bob was woken for ann")
	default:
	}

	var all []string
	for i := range 1000 { // several words
		all = append(all, fmt.Sprint("person-", i))
	}
	last, _ := two.Subscribe("last")
	one.Wake(append(all, "last")...)
	woken(t, last, "one of many")

	cut(t, d)
	woken(t, ann, "ann, as the relay hears again")
	woken(t, bob, "bob, as the relay hears again")
	one.Wake("bob")
	woken(t, bob, "bob, after the cut")
	stop()
	one.Wake("bob")
	time.Sleep(200 * time.Millisecond)
	select {
	case <-bob:
		t.Error("a node that has stopped still hears")
	default:
	}
}

// cut ends the connections of all listeners.
func cut(t *testing.T, d *db.DB) {
	t.Helper()
	n, err := db.All(t.Context(), d, db.Scan1[bool], "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
	if err != nil || len(n) != 2 {
		t.Fatalf("cut %d connections, %v", len(n), err)
	}
}

// wire remembers what was told and when, and fails as long as it is broken.
type wire struct {
	mu     sync.Mutex
	words  []string
	broken bool
}

func (w *wire) Tell(_ context.Context, _, word string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return errors.New("broken")
	}
	w.words = append(w.words, word)
	return nil
}

func (*wire) Listen(ctx context.Context, _ string, begun func(), _ func(string)) error {
	begun()
	<-ctx.Done()
	return ctx.Err()
}

// TestRelayGathers: at most one word in 50 ms and short enough, whatever happens; while the wire is broken nobody is forgotten.
func TestRelayGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{broken: true}
		h, stop := node(t, w)
		synctest.Wait()
		id := strings.Repeat("x", 44)
		for i := range 1000 {
			h.Wake(fmt.Sprint(id, "-", i))
			time.Sleep(time.Millisecond)
		}
		w.mu.Lock()
		w.broken = false
		w.mu.Unlock()
		time.Sleep(10 * time.Second)
		for i := range 1000 { // one a millisecond, for a second
			h.Wake(fmt.Sprint(id, "-", 1000+i))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		stop()
		heard := map[string]bool{}
		for _, word := range w.words {
			if len(word) > db.MostTold {
				t.Errorf("a word of %d bytes", len(word))
			}
			for _, id := range strings.Fields(word)[1:] {
				heard[id] = true
			}
		}
		if len(heard) != 2000 {
			t.Errorf("%d of 2,000 were named", len(heard))
		}
		if len(w.words) > 7+21 {
			t.Errorf("%d words", len(w.words))
		}
	})
}
