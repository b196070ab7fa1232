package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
)

// Outcome of an act. The empty one is OK.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Refused Outcome = "refused"
	Failed  Outcome = "failed"
)

// Event is what happened. Detail holds ids and numbers only; a value that could be words is an error.
type Event struct {
	Action      string
	Outcome     Outcome
	SubjectKind string // what was acted on: "user", "invitation", "message", "file", "practice"
	SubjectID   string
	PracticeID  string // whose trail shows it; empty = the actor's practice
	ThreadID    string
	OnBehalf    string // the practice Support acts for
	Detail      map[string]string
}

// Options of New.
type Options struct {
	DB    *db.DB
	Keys  *crypt.Keys
	Clock *clock.Clock
}

// Service writes, seals and verifies the trail.
type Service struct {
	d     *db.DB
	keys  *crypt.Keys
	clock *clock.Clock
	node  string // names this process in the sealer's lease
}

// New makes the service.
func New(o Options) *Service {
	return &Service{d: o.DB, keys: o.Keys, clock: o.Clock, node: db.NewID()}
}

// row is an event as it is stored.
type row struct {
	id, action, outcome, actorKind, detail string
	actorID, onBehalf, subjectKind         string
	subjectID, practiceID, threadID        string
	sessionID, ip, agent                   string
	at                                     int64
	mac                                    []byte
}

// fields are what the keyed hash covers, in a fixed order.
func (r row) fields() []string {
	return []string{r.id, strconv.FormatInt(r.at, 10), r.action, r.outcome, r.actorKind, r.actorID, r.onBehalf, r.subjectKind,
		r.subjectID, r.practiceID, r.threadID, r.sessionID, r.ip, r.agent, r.detail}
}

// maxAgent cuts what a browser says of itself.
const maxAgent = 200

// Record writes one event with the act. If it cannot be written, the act did not happen.
func (s *Service) Record(ctx context.Context, tx *db.Tx, by actor.Actor, e Event) error {
	return s.RecordAll(ctx, tx, by, []Event{e})
}

// RecordAll writes several events of one act, with one statement a table.
func (s *Service) RecordAll(ctx context.Context, tx *db.Tx, by actor.Actor, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	rows := make([]row, len(events))
	for i, e := range events {
		r, err := s.row(by, e)
		if err != nil {
			return err
		}
		rows[i] = r
	}
	if err := insertEvents(ctx, tx, rows); err != nil {
		return fmt.Errorf("record %s: %w", events[0].Action, err)
	}
	return nil
}

func (s *Service) row(by actor.Actor, e Event) (row, error) {
	detail, err := plain(e.Detail)
	if err != nil {
		return row{}, fmt.Errorf("audit %s: %w", e.Action, err)
	}
	r := row{
		id: db.NewID(), at: clock.Micros(s.clock.Now()), action: e.Action, outcome: string(e.Outcome),
		actorKind: string(by.Kind), actorID: by.ID, onBehalf: e.OnBehalf, subjectKind: e.SubjectKind,
		subjectID: e.SubjectID, practiceID: e.PracticeID, threadID: e.ThreadID, sessionID: by.SessionID,
		ip: by.IP, agent: cut(by.Agent, maxAgent), detail: detail,
	}
	if r.outcome == "" {
		r.outcome = string(OK)
	}
	if r.actorKind == "" {
		r.actorKind = string(actor.Visitor)
	}
	if r.practiceID == "" {
		r.practiceID = by.PracticeID
	}
	r.mac = s.keys.MAC("audit row", r.fields()...)
	return r, nil
}

// cut shortens text to n bytes, without half a character and without bytes that are no text.
func cut(text string, n int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}

// plain is the details as JSON, refused when a value could be words rather than an id or a number.
func plain(detail map[string]string) (string, error) {
	for key, v := range detail {
		if len(v) > 64 {
			return "", fmt.Errorf("detail %s is too long to be an id or a number", key)
		}
		for _, c := range v {
			if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("_.:-", c) {
				return "", fmt.Errorf("detail %s is neither an id nor a number", key)
			}
		}
	}
	if len(detail) == 0 {
		return "{}", nil
	}
	b, err := json.Marshal(detail) // sorts its keys, so the hash is stable
	return string(b), err
}
