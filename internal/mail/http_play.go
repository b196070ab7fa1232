package mail

import (
	"context"
	"net/http"
	"sync"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/crypt"
	"securepractice/internal/web"
)

// playPause is how long the reading of a film by one person counts as one act: a player asks for many ranges.
const playPause = 10 * time.Minute

// plays remembers who began to play what, for the trail to have one line and not one for each range.
type plays struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// again reports that the act was recorded a short while ago.
func (p *plays) again(key string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, t := range p.since {
		if now.Sub(t) >= playPause {
			delete(p.since, k)
		}
	}
	_, ok := p.since[key]
	return ok
}

func (p *plays) begun(key string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since == nil {
		p.since = map[string]time.Time{}
	}
	p.since[key] = now
}

// play hands an attachment to the browser's player: permission and trail are those of a download.
func (s *Service) play(w http.ResponseWriter, r *http.Request) error {
	by, linkID := web.Actor(r), r.PathValue("id")
	key := by.ID + " " + linkID
	if s.plays.again(key, s.o.Clock.Now()) {
		k, err := s.mayPlay(r.Context(), by, linkID)
		if err != nil {
			return err
		}
		return s.o.Attach.Play(w, r, linkID, k)
	}
	k, err := s.fetch(r.Context(), by, linkID)
	if err != nil {
		return err
	}
	s.plays.begun(key, s.o.Clock.Now())
	return s.o.Attach.Play(w, r, linkID, k)
}

// mayPlay decides as fetch does, without a line in the trail of what is allowed.
func (s *Service) mayPlay(ctx context.Context, by actor.Actor, linkID string) (crypt.Sealer, error) {
	r, err := s.reach(ctx, by, linkID)
	return r.key, err
}
