package account

import (
	"context"
	"net/http"

	"securepractice/internal/db"
	"securepractice/internal/ui"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// resetStep is the first step of a person's reset: a choice of proofs for those who have factors, else the sent code,
// or straight the password where none is asked for.
func (s *Service) resetStep(ctx context.Context, u User) (string, error) {
	if !u.needsCode() {
		return "/password", nil
	}
	m, err := s.Means(ctx, s.o.DB, u.ID)
	if err != nil || !m.Any() {
		return "/method", err
	}
	return "/second", nil
}

// mountResetProofs lets a reset be proved by a person's factors as well as by a sent code. The link in the e-mail is
// asked for by each request, and its flow begins with the first POST.
func (s *Service) mountResetProofs(rt *web.Router) {
	const prefix = "/reset/{token}"
	s.mountProofs(rt, proofHost{role: web.Flow, prefix: prefix + "/second", codes: prefix + "/method", dead: dead,
		open: func(r *http.Request) (User, verify.Flow, error) {
			l, u, err := s.resetting(r.Context(), s.o.DB, r.PathValue("token"))
			if err != nil {
				return u, verify.Flow{}, err
			}
			f, _, err := s.o.Verify.Flow(r.Context(), s.o.DB, resetKind, u.ID, web.Browser(r), l.Generation)
			return u, f, err
		},
		begin: func(w http.ResponseWriter, r *http.Request, u User) (f verify.Flow, err error) {
			l, _, err := s.resetting(r.Context(), s.o.DB, r.PathValue("token"))
			if err != nil {
				return f, err
			}
			browser := web.EnsureBrowser(w, r)
			err = s.o.DB.InTx(r.Context(), func(ctx context.Context, tx *db.Tx) error {
				f, err = s.o.Verify.Begin(ctx, tx, verify.Start{Kind: resetKind, Subject: u.ID, Generation: l.Generation, Browser: browser})
				return err
			})
			return f, err
		},
		head: func(u User) ui.Head { return resetHead(u, 1) },
		done: func(_ http.ResponseWriter, r *http.Request) (string, error) {
			return "/reset/" + r.PathValue("token") + "/password", nil
		}})
}
