package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// Outbox stands in for mail server and phone network in the demo and in tests: it keeps what would have left, in
// clear, for the page that shows it. It never runs in production unless it is allowed by name.
type Outbox struct {
	DB    *db.DB
	Clock *clock.Clock
}

// OutboxItem is a notice as its receiver would see it.
type OutboxItem struct {
	ID      string    `json:"id"`
	Kind    Kind      `json:"kind"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Links   []string  `json:"links"`
	Code    string    `json:"code"`
	At      time.Time `json:"at"`
}

// Email keeps an e-mail.
func (o Outbox) Email(ctx context.Context, m Mail) error {
	return o.keep(ctx, OutboxItem{ID: m.MessageID, Kind: Email, To: m.To, Subject: m.Subject, Text: m.Body, Links: m.Links, Code: m.Code})
}

// Text keeps a text message.
func (o Outbox) Text(ctx context.Context, m Out) (Handed, error) {
	return Handed{}, o.keep(ctx, OutboxItem{ID: db.NewID(), Kind: Text, To: m.To, Text: m.Body, Code: m.Code})
}

// Call keeps what a call would say.
func (o Outbox) Call(ctx context.Context, m Out) (Handed, error) {
	return Handed{}, o.keep(ctx, OutboxItem{ID: db.NewID(), Kind: Call, To: m.To, Text: m.Body, Code: m.Code})
}

func (o Outbox) keep(ctx context.Context, i OutboxItem) error {
	links := i.Links
	if links == nil {
		links = []string{}
	}
	b, err := json.Marshal(links)
	if err != nil {
		return fmt.Errorf("outbox links: %w", err)
	}
	return o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return insertOutbox(ctx, tx, i, string(b), clock.Micros(o.Clock.Now()))
	})
}

// Outbox lists the newest n items, newest first.
func (s *Service) Outbox(ctx context.Context, n int) ([]OutboxItem, error) {
	rows, err := listOutbox(ctx, s.o.DB, n)
	if err != nil {
		return nil, fmt.Errorf("list the outbox: %w", err)
	}
	items := make([]OutboxItem, len(rows))
	for i, r := range rows {
		items[i] = r.OutboxItem
		items[i].At = clock.Time(r.at)
		if err := json.Unmarshal([]byte(r.links), &items[i].Links); err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
	}
	return items, nil
}
