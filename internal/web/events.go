package web

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// SendEvent writes one server-sent event. Data of several lines is sent as several.
func SendEvent(w http.ResponseWriter, name, data string) error {
	var b strings.Builder
	if name != "" {
		b.WriteString("event: " + oneLine(name) + "\n")
	}
	for l := range strings.SplitSeq(data, "\n") {
		b.WriteString("data: " + strings.TrimSuffix(l, "\r") + "\n")
	}
	b.WriteByte('\n')
	return push(w, b.String())
}

func oneLine(s string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(s) }

func push(w http.ResponseWriter, s string) error {
	if _, err := w.Write([]byte(s)); err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	return nil
}

// Times of an event stream: how often a silent one says it is alive, and when the browser must come again, so that
// the session is looked at again.
const (
	pulse      = 25 * time.Second
	streamLife = 5 * time.Minute
)

// Follow sends the event each time wake says so, until the browser leaves, the stream is old or the server stops.
// The browser reconnects by itself and then asks what it missed.
func Follow(w http.ResponseWriter, r *http.Request, wake <-chan struct{}, name string) error {
	if r.Method == http.MethodHead {
		return nil
	}
	if err := push(w, "retry: 3000\n\n"); err != nil {
		return nil // the browser left; that is how streams end
	}
	var drained <-chan struct{}
	if st := stateOf(r); st != nil {
		drained = st.rt.drained
	}
	beat := time.NewTicker(pulse)
	defer beat.Stop()
	end := time.NewTimer(streamLife)
	defer end.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return nil
		case <-drained:
			return nil
		case <-end.C:
			return nil
		case <-beat.C:
			err = push(w, ": alive\n\n")
		case <-wake:
			err = SendEvent(w, name, "{}")
		}
		if err != nil {
			return nil // the browser left
		}
	}
}

// Hub wakes the open pages of people: in this process, and by Relay on other nodes. An event says "look", never what.
type Hub struct {
	mu      sync.Mutex
	subs    map[string]map[chan struct{}]struct{}
	others  map[string]struct{} // whom other nodes have to wake; nil without other nodes
	pending chan struct{}       // says that there are some
}

// NewHub makes an empty hub.
func NewHub() *Hub { return &Hub{subs: map[string]map[chan struct{}]struct{}{}} }

// Wake tells every open stream of these people to look. It never blocks: a stream that was told and has not looked
// yet needs no second word.
func (h *Hub) Wake(userIDs ...string) {
	h.wakeHere(userIDs)
	h.wakeOthers(userIDs)
}

func (h *Hub) wakeHere(userIDs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range userIDs {
		wake(h.subs[id])
	}
}

// wakeAll wakes every open stream of this process.
func (h *Hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, all := range h.subs {
		wake(all)
	}
}

func wake(all map[chan struct{}]struct{}) {
	for c := range all {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// wakeOthers notes whom other nodes have to wake.
func (h *Hub) wakeOthers(userIDs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.others == nil || len(userIDs) == 0 {
		return
	}
	for _, id := range userIDs {
		h.others[id] = struct{}{}
	}
	h.more()
}

func (h *Hub) more() {
	select {
	case h.pending <- struct{}{}:
	default:
	}
}

// maxStreams is how many streams one person may hold open.
const maxStreams = 20

// Subscribe opens a stream of a person's wakes. Call cancel when it ends. With too many open streams the channel
// is nil and never wakes: that page asks from time to time instead.
func (h *Hub) Subscribe(userID string) (wake <-chan struct{}, cancel func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.subs[userID]) >= maxStreams {
		return nil, func() {}
	}
	c := make(chan struct{}, 1)
	if h.subs[userID] == nil {
		h.subs[userID] = map[chan struct{}]struct{}{}
	}
	h.subs[userID][c] = struct{}{}
	return c, func() { h.drop(userID, c) }
}

func (h *Hub) drop(userID string, c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs[userID], c)
	if len(h.subs[userID]) == 0 {
		delete(h.subs, userID)
	}
}
