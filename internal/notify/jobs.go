package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/jobs"
)

type sendArgs struct {
	ID string `json:"id"`
}

func (sendArgs) Kind() string { return "notify_send" }

// mostTries is after how many tries a notice has failed for good, about a day after the first.
const mostTries = 30

// keep is how long the address and the parameters of a finished notice stay, and after what time one that nobody
// tries any more counts as failed.
const keep = 30 * 24 * time.Hour

// deliver sends one notice: claim, call, record. A crash between call and record sends it again with the same
// Message-ID: for e-mail nobody can know whether the server took it.
func (s *Service) deliver(ctx context.Context, a sendArgs) error {
	m, found, err := s.claim(ctx, a.ID)
	if err != nil || !found {
		return err
	}
	t, p, handed, err := s.try(ctx, m)
	switch {
	case errors.Is(err, ErrDrop):
		return s.record(ctx, m, "dropped", nil)
	case err != nil && m.tries < mostTries && !errors.Is(err, jobs.ErrDiscard):
		return fmt.Errorf("send notice %s: %w", m.template, err)
	case err != nil:
		err = fmt.Errorf("notice %s failed for good: %w", m.template, errors.Join(err, jobs.ErrDiscard))
		return errors.Join(err, s.record(ctx, m, "failed", nil))
	}
	m.providerID = handed.ProviderID
	if handed.Fetched { // Spoken, or the end of the call, says that it is over
		return s.record(ctx, m, "sent", nil)
	}
	return s.record(ctx, m, "sent", func(ctx context.Context, tx *db.Tx) error {
		if t.Sent == nil {
			return nil
		}
		return t.Sent(ctx, tx, p)
	})
}

// try writes a notice and hands it to its carrier.
func (s *Service) try(ctx context.Context, m message) (Template, Params, Handed, error) {
	t, p, to, content, err := s.write(ctx, s.o.DB, m)
	if err != nil {
		return t, p, Handed{}, err
	}
	handed, err := s.carry(ctx, m, to, content)
	return t, p, handed, err
}

// write opens a notice and writes it by its template.
func (s *Service) write(ctx context.Context, r db.Reader, m message) (t Template, p Params, to string, c Content, err error) {
	t, known := s.templates[m.template]
	if !known { // written by a newer program; another node may know it
		return t, nil, "", c, errors.New("notify: no such template")
	}
	if p, to, err = s.unseal(m); err != nil {
		return t, nil, "", c, err
	}
	if c, err = t.Render(ctx, r, p); err != nil {
		return t, p, to, c, fmt.Errorf("write: %w", err)
	}
	return t, p, to, c, nil
}

func (s *Service) claim(ctx context.Context, id string) (m message, found bool, err error) {
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		m, found, err = claimMessage(ctx, tx, id)
		return err
	})
	return m, found, err
}

func (s *Service) unseal(m message) (Params, string, error) {
	to, err1 := s.o.Keys.System().Open("notify_message", "to_sealed", m.id, m.to)
	raw, err2 := s.o.Keys.System().Open("notify_message", "params_sealed", m.id, m.params)
	if err := errors.Join(err1, err2); err != nil {
		return nil, "", fmt.Errorf("open notice: %w", err)
	}
	var p Params
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, "", fmt.Errorf("read notice: %w", err)
	}
	return p, string(to), nil
}

func (s *Service) carry(ctx context.Context, m message, to string, c Content) (Handed, error) {
	out := Out{ID: m.id, To: to, Body: c.Body, Code: c.Code}
	switch m.kind {
	case Text:
		return s.o.Carrier.Text(ctx, out)
	case Call:
		return s.o.Carrier.Call(ctx, out)
	}
	return Handed{}, s.o.Carrier.Email(ctx, Mail{
		MessageID: m.messageID, From: s.o.From, FromName: s.o.Product, To: to, Subject: c.Subject, Body: c.Body + s.footer(),
		Links: c.Links, Code: c.Code, At: clock.Time(m.queuedAt),
	})
}

// footer says how to reach the portal without following a link.
func (s *Service) footer() string {
	f := "\n\n-- \n" + s.o.Product + "\nYou can always reach it by typing its address: " + s.URL("/")
	if s.o.SupportPhone != "" {
		f += "\nSupport: " + s.o.SupportPhone
	}
	return f + "\nThis message carries no patient information. Do not reply to it.\n"
}

func (s *Service) record(ctx context.Context, m message, state string, also func(ctx context.Context, tx *db.Tx) error) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := finishMessage(ctx, tx, m.id, state, m.providerID, clock.Micros(s.o.Clock.Now())); err != nil {
			return fmt.Errorf("record notice: %w", err)
		}
		if also == nil {
			return nil
		}
		return also(ctx, tx)
	})
}

// Wipe removes addresses and parameters of notices done 30 days ago, and what the outbox has kept that long; when, how
// and with what result stays. A notice still waiting after that time has lost its job and is given up. It runs hourly.
func (s *Service) Wipe(ctx context.Context) error {
	now := s.o.Clock.Now()
	before := clock.Micros(now.Add(-keep))
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := wipeMessages(ctx, tx, before); err != nil {
			return fmt.Errorf("wipe notices: %w", err)
		}
		if err := deleteOutbox(ctx, tx, before); err != nil {
			return fmt.Errorf("wipe the outbox: %w", err)
		}
		if err := giveUpMessages(ctx, tx, before, clock.Micros(now)); err != nil {
			return fmt.Errorf("give up notices: %w", err)
		}
		return nil
	})
}
