package account

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"

	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

const (
	recoveryCodes = 10 // a set
	recoveryChars = 16 // of a code, 80 bits
)

// recoveryAlphabet leaves out what looks alike on paper: i, l, o, u.
var recoveryAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func newRecoveryCode() (string, error) {
	b := make([]byte, recoveryChars*5/8)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make a recovery code: %w", err)
	}
	c := recoveryAlphabet.EncodeToString(b)
	return c[:4] + "-" + c[4:8] + "-" + c[8:12] + "-" + c[12:], nil
}

// tidyRecovery reads a code as people copy it from paper.
func tidyRecovery(code string) string {
	return strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "o", "0", "i", "1", "l", "1").Replace(strings.ToLower(code))
}

func (s *Service) recoveryMAC(userID, code string) []byte {
	return s.o.Keys.MAC("recovery code", userID, tidyRecovery(code))
}

// MakeCodes makes ten new recovery codes of the actor; those there were no longer work. The answer is the only time
// they can be read.
func (s *Service) MakeCodes(ctx context.Context, by actor.Actor) (codes []string, err error) {
	for range recoveryCodes {
		c, err := newRecoveryCode()
		if err != nil {
			return nil, err
		}
		codes = append(codes, c)
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, err := s.holdConfirmed(ctx, tx, by)
		if err != nil {
			return err
		}
		if err := deleteCodes(ctx, tx, u.ID); err != nil {
			return fmt.Errorf("end the old recovery codes: %w", err)
		}
		now := clock.Micros(s.o.Clock.Now())
		for _, c := range codes {
			made, err := insertFactor(ctx, tx, factorRow{userID: u.ID, id: db.NewID(), kind: factorRecovery, code: s.recoveryMAC(u.ID, c), createdAt: now})
			if err != nil {
				return fmt.Errorf("keep a recovery code: %w", err)
			}
			if !made {
				return fmt.Errorf("keep a recovery code: made twice")
			}
		}
		return s.factorChanged(ctx, tx, by, u, factorRecovery, true)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// proveByCode passes a flow's code step by a recovery code, which is used up, and tells its owner.
func (s *Service) proveByCode(ctx context.Context, by actor.Actor, u User, f verify.Flow, typed string) error {
	if tidyRecovery(typed) == "" {
		return fault.Field("recovery_code", "Enter a recovery code")
	}
	return s.o.Verify.Prove(ctx, by, f, verify.Proof{Method: byRecovery, Field: "recovery_code", Check: func(ctx context.Context, tx *db.Tx) (bool, error) {
		if err := s.countGuess(ctx, tx, u); err != nil {
			return false, err
		}
		used, err := useCode(ctx, tx, u.ID, s.recoveryMAC(u.ID, typed), clock.Micros(s.o.Clock.Now()))
		if err != nil || !used {
			return false, err
		}
		m, err := s.Means(ctx, tx, u.ID)
		if err != nil {
			return false, err
		}
		return true, s.noticeOf(ctx, tx, u, "account.recovery_used", notify.Params{"user": u.ID, "left": strconv.FormatInt(m.Codes, 10)})
	}})
}
