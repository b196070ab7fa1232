package home

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

func (s *Service) showDashboard(w http.ResponseWriter, r *http.Request) error {
	by := web.Actor(r)
	products, err := s.products(r.Context(), by)
	if err != nil {
		return err
	}
	d := dashboard{first: by.First, products: products, manager: by.Manager, now: s.o.Clock.Now().In(zone(by.Zone))}
	days, warn, err := s.o.Account.PasswordWarning(r.Context(), by.ID)
	if err != nil {
		return err
	}
	if warn {
		d.warning = "Password expires " + account.InDays(days)
	}
	return web.Render(w, r, http.StatusOK, dashboardPage(d))
}

// greeting is by the person's own clock.
func greeting(t time.Time) string {
	switch h := t.Hour(); {
	case h < 5 || h >= 18:
		return "Good evening"
	case h < 12:
		return "Good morning"
	}
	return "Good afternoon"
}

func (s *Service) text(title, text string) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		return web.Render(w, r, http.StatusOK, textPage(ui.Head{Title: title}, text, web.Actor(r).SignedIn()))
	}
}

// showHealth says that the process lives.
func (s *Service) showHealth(w http.ResponseWriter, _ *http.Request) error {
	return plain(w, http.StatusOK, "ok\n")
}

// showReady says whether it can serve.
func (s *Service) showReady(w http.ResponseWriter, r *http.Request) error {
	if err := s.o.Ready(r.Context()); err != nil {
		s.o.Log.Warn("not ready", "err", err.Error())
		return plain(w, http.StatusServiceUnavailable, "not ready\n")
	}
	return plain(w, http.StatusOK, "ready\n")
}

func plain(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write([]byte(text))
	return err
}

// outboxItems is how far back the demo's outbox shows.
const outboxItems = 200

func (s *Service) showOutbox(w http.ResponseWriter, r *http.Request) error {
	items, err := s.o.Notify.Outbox(r.Context(), outboxItems)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, outboxPage(items))
}

func (s *Service) showOutboxJSON(w http.ResponseWriter, r *http.Request) error {
	items, err := s.o.Notify.Outbox(r.Context(), outboxItems)
	if err != nil {
		return err
	}
	return sendList(w, items, len(items))
}

func (s *Service) showAccounts(w http.ResponseWriter, _ *http.Request) error {
	all := s.o.Accounts()
	return sendList(w, all, len(all))
}

// sendList answers a JSON array, empty rather than null.
func sendList(w http.ResponseWriter, list any, n int) error {
	b := []byte("[]")
	if n > 0 {
		var err error
		if b, err = json.Marshal(list); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(b)
	return err
}
