package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"time"
)

// Wire carries words between the nodes of a portal: package db on PostgreSQL.
type Wire interface {
	// Tell sends a word to everybody who listens at this moment.
	Tell(ctx context.Context, channel, word string) error
	// Listen hands on what is told until ctx ends or the wire breaks. begun says that it hears from now on.
	Listen(ctx context.Context, channel string, begun func(), heard func(word string)) error
}

// What a relay says and how often. A word is the node's name and the ids of people, nothing else.
const (
	relayChannel = "securepractice_wake"
	relayPause   = 50 * time.Millisecond // between two words of a node
	relayMost    = 150                   // ids in a word: they are at most 50 bytes long, and a word under 8,000
	relayBroken  = 5 * time.Second       // at most, before a broken wire is tried again
)

// Relay tells the other nodes whom to wake, and wakes whom they name, until ctx ends. A lost word costs little: when the wire
// is there again every open page looks, and a page asks from time to time by itself.
func (h *Hub) Relay(ctx context.Context, wire Wire, log *slog.Logger) {
	self := rand.Text()
	h.mu.Lock()
	h.others, h.pending = map[string]struct{}{}, make(chan struct{}, 1)
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.tellOthers(ctx, wire, self, log)
	}()
	h.listen(ctx, wire, self, log)
	<-done
}

// tellOthers sends what has gathered, at most one word in relayPause.
func (h *Hub) tellOthers(ctx context.Context, wire Wire, self string, log *slog.Logger) {
	pause := relayPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.pending:
		}
		ids := h.takeOthers()
		err := wire.Tell(ctx, relayChannel, self+" "+strings.Join(ids, " "))
		switch {
		case err == nil:
			pause = relayPause
		case ctx.Err() != nil:
			return
		default:
			pause = min(2*pause, relayBroken)
			log.Warn("other nodes do not hear of new mail; their pages ask by themselves", "cause", "tell", "again_in", pause.String())
			h.wakeOthers(ids)
		}
		if !rest(ctx, pause) {
			return
		}
	}
}

// takeOthers takes at most relayMost of those whom other nodes have to wake.
func (h *Hub) takeOthers() (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.others {
		if len(ids) == relayMost {
			h.more()
			break
		}
		ids = append(ids, id)
		delete(h.others, id)
	}
	return ids
}

// listen wakes whom other nodes name.
func (h *Hub) listen(ctx context.Context, wire Wire, self string, log *slog.Logger) {
	pause := relayPause
	for ctx.Err() == nil {
		err := wire.Listen(ctx, relayChannel,
			func() { pause = relayPause; h.wakeAll() },
			func(word string) {
				if ids := strings.Fields(word); len(ids) > 0 && ids[0] != self {
					h.wakeHere(ids[1:])
				}
			})
		if ctx.Err() != nil {
			return
		}
		pause = min(2*pause, relayBroken)
		log.Warn("this node does not hear of new mail on others; pages ask by themselves", "cause", "listen", "again_in", pause.String(), "error", err)
		rest(ctx, pause)
	}
}

func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
