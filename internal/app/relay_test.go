package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"securepractice/internal/crypt"
	"securepractice/internal/db/dbtest"
)

// TestNodesWakeEachOther starts two nodes on one database: who is woken on one looks on the other.
func TestNodesWakeEachOther(t *testing.T) {
	cfg := DemoConfig(t.TempDir(), dbtest.PostgresURL(t))
	cfg.BaseURL = "http://127.0.0.1:8080"
	if _, err := crypt.CreateRoot(cfg.RootKey); err != nil {
		t.Fatal(err)
	}
	var nodes []*App
	for range 2 {
		a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		nodes = append(nodes, a)
	}
	wake, cancel := nodes[1].hub.Subscribe("somebody")
	defer cancel()
	woken := 0 // the first may be for a relay that begins
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		nodes[0].hub.Wake("somebody")
		select {
		case <-wake:
			if woken++; woken == 2 {
				return
			}
		case <-time.After(100 * time.Millisecond): // the relays may not have begun yet
		}
	}
	t.Fatalf("woken %d times", woken)
}
