package verify

import (
	"errors"
	"time"

	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
)

// Settings are the limits of the room; New fills what is zero with the defaults beside.
type Settings struct {
	CodeLife        time.Duration // 10 minutes
	Tries           int64         // wrong codes a flow stands; 5
	CodesPerFlow    int64         // in 15 minutes; 3
	CodesPerPhone   int64         // a number and day; 10
	CodesPerIP      int64         // an address and day; 50
	CodesPerCountry int64         // a country and day; 5,000
	CodesPerDay     int64         // the whole installation; 5,000
	FlowsPerLink    int64         // with a code sent, a link and day; 3
	FlowLife        time.Duration // 24 hours
	Countries       []string      // where codes may be sent (ISO 3166-1 alpha-2), the usual one first; US, CA
}

func (s Settings) withDefaults() Settings {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	if s.CodeLife == 0 {
		s.CodeLife = 10 * time.Minute
	}
	if s.FlowLife == 0 {
		s.FlowLife = 24 * time.Hour
	}
	if len(s.Countries) == 0 {
		s.Countries = []string{"US", "CA"}
	}
	def(&s.Tries, 5)
	def(&s.CodesPerFlow, 3)
	def(&s.CodesPerPhone, 10)
	def(&s.CodesPerIP, 50)
	def(&s.CodesPerCountry, 5000)
	def(&s.CodesPerDay, 5000)
	def(&s.FlowsPerLink, 3)
	return s
}

// Options of New.
type Options struct {
	DB       *db.DB
	Keys     *crypt.Keys
	Clock    *clock.Clock
	Notify   *notify.Service
	Limit    *limit.Limiter
	Audit    *audit.Service
	Settings Settings
}

// Service keeps links and flows.
type Service struct {
	o   Options
	set Settings
}

// New makes the service and registers the notice that carries a code.
func New(o Options) *Service {
	s := &Service{o: o, set: o.Settings.withDefaults()}
	o.Notify.Register(notify.Template{Name: codeTemplate, Render: s.renderCode, Sent: s.codeSent})
	return s
}

// ErrNoLink says that a subject has no living link of a kind.
var ErrNoLink = errors.New("verify: no such link")

func (s *Service) now() int64 { return clock.Micros(s.o.Clock.Now()) }
