package attach

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"securepractice/internal/crypt"
	"securepractice/internal/fault"
)

// pageTypes are the only types that a preview is served as.
var pageTypes = map[string]bool{"image/png": true, "image/jpeg": true, "application/json": true}

// ServePage hands out one page of a clean file's preview: kind "thumb", "page", "raw" or "info", and its number. Permission,
// trail and sealer are the caller's, as in Serve. What is not ready does not exist.
func (s *Service) ServePage(w http.ResponseWriter, r *http.Request, linkID, kind string, n int, k crypt.Sealer) error {
	p, data, err := s.page(r.Context(), linkID, kind, n, k)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", p.typ)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Content-Disposition", "inline")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	_, _ = w.Write(data) // a browser that went away is nobody's error
	return nil
}

// Info gives the description of a clean file that its preview has, as JSON.
func (s *Service) Info(ctx context.Context, linkID string, k crypt.Sealer) ([]byte, error) {
	_, data, err := s.page(ctx, linkID, "info", 0, k)
	return data, err
}

func (s *Service) page(ctx context.Context, linkID, kind string, n int, k crypt.Sealer) (storedPage, []byte, error) {
	l, found, err := findClean(ctx, s.d, linkID)
	if err != nil {
		return storedPage{}, nil, fmt.Errorf("find an attachment: %w", err)
	}
	if !found || !l.seen.Ready() {
		return storedPage{}, nil, fault.ErrNotFound()
	}
	p, found, err := findPage(ctx, s.d, l.body.fileID, kind, int64(n))
	if err != nil {
		return p, nil, fmt.Errorf("find a page of a preview: %w", err)
	}
	if !found || !pageTypes[p.typ] {
		return p, nil, fault.ErrNotFound()
	}
	dek, err := l.key(k)
	if err != nil {
		return p, nil, err
	}
	data, err := s.openPage(ctx, l.body, dek, p)
	return p, data, err
}
