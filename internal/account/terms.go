package account

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"securepractice/internal/clock"
	"securepractice/internal/db"
)

// KeepTerms keeps the text of the Terms of Use in force, so that it can be shown later what a person accepted. Run it
// when the program starts; a text that is kept already stays as it is, with the time it came.
func (s *Service) KeepTerms(ctx context.Context) error {
	if s.set.TermsVersion == "" {
		return nil
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		err := insertTermsText(ctx, tx, s.set.TermsVersion, s.termsDigest(), s.set.TermsText, clock.Micros(s.o.Clock.Now()))
		if err != nil {
			return fmt.Errorf("keep the terms: %w", err)
		}
		return nil
	})
}

// termsDigest names the text in force, also in the trail of who accepted it, which takes no words.
func (s *Service) termsDigest() string {
	digest := sha256.Sum256([]byte(s.set.TermsText))
	return hex.EncodeToString(digest[:])
}

func (s *Service) termsDetail() map[string]string { return map[string]string{"text": s.termsDigest()} }
