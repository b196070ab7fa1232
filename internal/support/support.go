package support

import (
	"securepractice/internal/account"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/invite"
	"securepractice/internal/limit"
	"securepractice/internal/practice"
	"securepractice/internal/verify"
)

// Options of New.
type Options struct {
	DB       *db.DB
	Keys     *crypt.Keys
	Clock    *clock.Clock
	Limit    *limit.Limiter
	Audit    *audit.Service
	Practice *practice.Service
	Account  *account.Service
	Invite   *invite.Service
	Verify   *verify.Service
}

// Service is the console.
type Service struct{ o Options }

// New makes the service.
func New(o Options) *Service { return &Service{o: o} }
