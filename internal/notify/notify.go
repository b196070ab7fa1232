package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/jobs"
)

// Kind is how a notice travels.
type Kind string

// The kinds.
const (
	Email Kind = "email"
	Text  Kind = "text"
	Call  Kind = "call"
)

// ErrDrop is returned by a template's Render when the notice is no longer wanted: the flow has ended, a newer code was
// sent. The notice is then marked as dropped and not sent.
var ErrDrop = errors.New("notify: no longer wanted")

// Params are the ids and names a template needs. They are sealed in the row and wiped 30 days after it was done.
type Params map[string]string

// Content is what a template wrote. Links and Code stand in Body too; the outbox shows them apart.
type Content struct {
	Subject, Body string
	Links         []string
	Code          string
	Intro         string // of a call: what is said before a key is pressed
}

// Template writes one sort of notice.
type Template struct {
	Name   string
	Render func(ctx context.Context, r db.Reader, p Params) (Content, error)
	Sent   func(ctx context.Context, tx *db.Tx, p Params) error // optional: in the act that records it as sent
}

// Message asks for a notice.
type Message struct {
	Kind         Kind
	To           string // e-mail address, or phone number in E.164
	Template     string
	Params       Params
	UserID       string // whom it concerns, for Support's delivery history
	InvitationID string
	PracticeID   string
}

// Mail is an e-mail as it leaves.
type Mail struct {
	MessageID, From, FromName, To, Subject, Body string
	Links                                        []string
	Code                                         string
	At                                           time.Time
}

// Out is a text or a call as it leaves; ID is the notice's, the same in every try.
type Out struct{ ID, To, Body, Code string }

// Handed is what a carrier says of a text or call it took.
type Handed struct {
	ProviderID string // its name for it, which what it tells us later repeats
	Fetched    bool   // what is said will be fetched: the notice is not over yet
}

// Mailer takes e-mails out of the house. An error means it may be tried again; wrap jobs.ErrDiscard when it must not.
type Mailer interface {
	Email(ctx context.Context, m Mail) error
}

// Phone takes texts and calls out of the house, with errors like Mailer's.
type Phone interface {
	Text(ctx context.Context, o Out) (Handed, error)
	Call(ctx context.Context, o Out) (Handed, error)
}

// Carrier takes every kind of notice.
type Carrier interface {
	Mailer
	Phone
}

// Carriers are a Carrier of two.
type Carriers struct {
	Mailer
	Phone
}

// Options of New.
type Options struct {
	DB           *db.DB
	Keys         *crypt.Keys
	Jobs         *jobs.Client
	Clock        *clock.Clock
	Carrier      Carrier
	From         string // the notify address
	Product      string
	BaseURL      *url.URL
	SupportPhone string
	Log          *slog.Logger
	Backoff      func(try int) time.Duration // the wait after a failed try; nil grows from 5 seconds to an hour
}

// Service sends notices.
type Service struct {
	o         Options
	templates map[string]Template
}

// New makes the service and registers its job.
func New(o Options) *Service {
	s := &Service{o: o, templates: map[string]Template{}}
	jobs.Handle(o.Jobs, jobs.Work{Tries: mostTries, Timeout: time.Minute, Backoff: o.Backoff}, s.deliver)
	o.Jobs.Every("notify wipe", time.Hour, s.Wipe)
	return s
}

// Register makes a template known. Rooms do it while the program is built, before any job runs.
func (s *Service) Register(t Template) { s.templates[t.Name] = t }

// URL is a page of the portal as an absolute address, from the configured base alone.
func (s *Service) URL(path string) string { return strings.TrimRight(s.o.BaseURL.String(), "/") + path }

// Host is the portal's host name, for texts that phones bind to it.
func (s *Service) Host() string { return s.o.BaseURL.Hostname() }

// Product is the portal's name in notices.
func (s *Service) Product() string { return s.o.Product }

// Send stores the notice and its job with the act.
func (s *Service) Send(ctx context.Context, tx *db.Tx, m Message) error {
	if _, ok := s.templates[m.Template]; !ok {
		return fmt.Errorf("notify: no template %q", m.Template)
	}
	id := db.NewID()
	params, err := json.Marshal(m.Params)
	if err != nil {
		return fmt.Errorf("notice parameters: %w", err)
	}
	sealedTo, err1 := s.o.Keys.System().Seal("notify_message", "to_sealed", id, []byte(m.To))
	sealedParams, err2 := s.o.Keys.System().Seal("notify_message", "params_sealed", id, params)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("seal the notice: %w", err)
	}
	row := message{
		id: id, kind: m.Kind, to: sealedTo, toMAC: s.o.Keys.MAC("notify to", m.To), template: m.Template, params: sealedParams,
		messageID: s.messageID(id), userID: m.UserID, invitationID: m.InvitationID, practiceID: m.PracticeID, queuedAt: clock.Micros(s.o.Clock.Now()),
	}
	if err := insertMessage(ctx, tx, row); err != nil {
		return fmt.Errorf("store the notice: %w", err)
	}
	return s.o.Jobs.Enqueue(ctx, tx, sendArgs{ID: id})
}

// messageID is the notice's name for mail servers (RFC 5322, 3.6.4), the same in every try.
func (s *Service) messageID(id string) string {
	_, domain, ok := strings.Cut(s.o.From, "@")
	if !ok {
		domain = "localhost"
	}
	return id + "@" + domain
}
