package attach

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/preview"
)

// The states of a file's preview.
const (
	PreviewNone   = "none"   // there is nothing to make
	PreviewWanted = "wanted" // it is to be made
	PreviewMaking = "making"
	PreviewReady  = "ready"
	PreviewFailed = "failed" // it cannot be shown; the reason says why
)

const (
	previewTries = 2               // of a file whose worker crashes or uses up its time
	previewLease = 5 * time.Minute // more than a worker may take, and storing what it drew
	previewRound = 4 * time.Minute // after which one turn of making takes no further file
)

// Renderer draws files in a place where they can do no harm: *preview.Runner.
type Renderer interface {
	Render(ctx context.Context, ext string, src io.Reader, size int64, take func(preview.Page) error) error
	Check(ctx context.Context) (preview.Found, error)
}

// Seen is what can be seen of a file without fetching it.
type Seen struct {
	State         string
	Reason        string // a word that says why it failed
	Thumb         bool
	Pages, Frames int // pictures; and how many of them come with their numbers
	Info          bool
	Proof         string // for the addresses of its pictures; set by the room that shows them
}

// Ready says that there is something to see.
func (s Seen) Ready() bool { return s.State == PreviewReady }

// judged does in the act of a verdict what previews need: a clean file gets one, any other loses what it had.
func (s *Service) judged(ctx context.Context, tx *db.Tx, f file, state string) error {
	now := clock.Micros(s.clock.Now())
	if state != Clean {
		return trashPreviews(ctx, tx, []string{f.id}, now)
	}
	want := PreviewNone
	if preview.Can(f.ext) {
		want = PreviewWanted
	}
	return insertPreview(ctx, tx, f.id, want, now)
}

// MakePreviews makes what is wanted until nothing is, or its turn is over. Every node runs it each second, and two files at
// a time; a file is made by one.
func (s *Service) MakePreviews(ctx context.Context) error {
	if s.Renderer == nil {
		return nil
	}
	due, err := isPreviewDue(ctx, s.d, clock.Micros(s.clock.Now()))
	if err != nil || !due {
		return err
	}
	end := time.Now().Add(previewRound)
	g, ctx := errgroup.WithContext(ctx)
	for range s.set.Previews {
		g.Go(func() error {
			for time.Now().Before(end) && ctx.Err() == nil {
				if more, err := s.makePreview(ctx); err != nil || !more {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// RevivePreviews wants those again that a tool was missing for, if it is here now. It runs once, when the program starts.
func (s *Service) RevivePreviews(ctx context.Context) error {
	if s.Renderer == nil {
		return nil
	}
	if found, err := s.Renderer.Check(ctx); err != nil || !found.PDF {
		return nil //nolint:nilerr // the log has said it already
	}
	return s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return revivePreviews(ctx, tx, preview.Reason(preview.ErrMissing), clock.Micros(s.clock.Now()))
	})
}

// makePreview makes one; false when there is none to be made.
func (s *Service) makePreview(ctx context.Context) (bool, error) {
	now := s.clock.Now()
	var m making
	found := false
	err := s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		m, found, err = claimPreview(ctx, tx, clock.Micros(now), clock.Micros(now.Add(previewLease)))
		return err
	})
	if err != nil || !found {
		return false, err
	}
	var pages []storedPage
	err = preview.ErrStopped // it ended this program so often that it is not tried again
	if m.tries <= previewTries {
		pages, err = s.draw(ctx, m.file)
	}
	if err := s.settle(ctx, m, pages, err); err != nil {
		return false, fmt.Errorf("make the preview of file %s: %w", m.file.id, err)
	}
	return true, nil
}

// settle records how the making of a preview ended.
func (s *Service) settle(ctx context.Context, m making, pages []storedPage, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	state, reason, later := PreviewReady, "", time.Duration(0)
	tries := m.tries
	switch {
	case err == nil && len(pages) == 0:
		state, reason = PreviewFailed, preview.Reason(preview.ErrEmpty)
	case err == nil:
	case errors.Is(err, preview.ErrStopped) && tries < previewTries:
		later = 30 * time.Second
	case cannot(err):
		state, reason = PreviewFailed, preview.Reason(err)
	case errors.Is(err, ErrDamaged), errors.Is(err, crypt.ErrSealed):
		state, reason = PreviewFailed, preview.Reason(preview.ErrBroken)
	default: // the store, the database or this process: not the file's fault
		later, tries = checkBackoff(3), tries-1
	}
	txErr := s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if later > 0 {
			return returnPreview(ctx, tx, m, tries, clock.Micros(s.clock.Now().Add(later)))
		}
		_, err := finishPreview(ctx, tx, m, state, reason, pages)
		return err
	})
	if later > 0 && !errors.Is(err, preview.ErrStopped) && !errors.Is(err, context.Canceled) {
		return errors.Join(err, txErr)
	}
	return txErr
}

// cannot says whether an error is one of those that say why a file cannot be shown.
func cannot(err error) bool {
	return preview.Reason(err) != preview.ErrBroken.Error() || errors.Is(err, preview.ErrBroken)
}

// draw has a file drawn and stores what comes, sealed page by page. Pages of a making that fails belong to nobody and are
// collected.
func (s *Service) draw(ctx context.Context, f file) ([]storedPage, error) {
	dek, err := s.keys.UnwrapFile(dekPlace(f.id, f.size), f.dek)
	if err != nil {
		return nil, fmt.Errorf("open the key of file %s: %w", f.id, err)
	}
	b := body{fileID: f.id, ownerID: f.ownerID, partSize: f.partSize, size: f.size}
	if b.keys, err = listKeys(ctx, s.d, f.id); err != nil {
		return nil, fmt.Errorf("list the parts of file %s: %w", f.id, err)
	}
	src, err := s.open(ctx, b, dek)
	if err != nil {
		return nil, err
	}
	defer src.Close() //nolint:errcheck // open for reading only: nothing is lost by it
	var pages []storedPage
	err = s.Renderer.Render(ctx, f.ext, src, f.size, func(p preview.Page) error {
		page, err := s.keep(ctx, b, dek, len(pages), p)
		pages = append(pages, page)
		return err
	})
	if src.err != nil {
		return nil, src.err
	}
	return pages, err
}

// previewPlace is the associated data of a page of a preview. The file's own key seals it: each stream gets a key of its own
// from it and from this place, which is that of no part of the file. So a preview is gone when its file's key is, and a page
// opens as this page of this file only.
func (b body) previewPlace(p storedPage) []byte {
	return fmt.Appendf(nil, "att-preview/v1|%s|%s|%d|%s|%d|%s|%d|%d|%d", b.ownerID, b.fileID, b.size, p.kind, p.n, p.typ, p.w, p.h, p.size)
}

// keep seals a page and stores it.
func (s *Service) keep(ctx context.Context, b body, dek []byte, i int, p preview.Page) (storedPage, error) {
	page := pageOf(p)
	c, err := newCipher(dek)
	if err != nil {
		return page, err
	}
	var buf bytes.Buffer
	if _, err := sealPart(c, &buf, b.previewPlace(page), bytes.NewReader(p.Data), io.Discard); err != nil {
		return page, err
	}
	page.key = fmt.Sprintf("%s/%s/v%d-%s", b.fileID[len(b.fileID)-2:], b.fileID, i, strings.ToLower(rand.Text()))
	if err := s.blobs.Put(ctx, page.key, buf.Bytes()); err != nil {
		return page, fmt.Errorf("store a page of a preview: %w", err)
	}
	return page, nil
}

// openPage reads and opens a stored page.
func (s *Service) openPage(ctx context.Context, b body, dek []byte, p storedPage) ([]byte, error) {
	c, err := newCipher(dek)
	if err != nil {
		return nil, err
	}
	object, err := s.blobs.Get(ctx, p.key)
	if err != nil {
		return nil, fmt.Errorf("read a page of the preview of file %s: %w", b.fileID, err)
	}
	defer object.Close() //nolint:errcheck // open for reading only: nothing is lost by it
	src := &source{ReadCloser: object}
	plain, err := c.NewDecryptingReader(src, b.previewPlace(p))
	data := make([]byte, p.size+1)
	n := 0
	if err == nil {
		n, err = io.ReadFull(plain, data)
	}
	switch {
	case src.err != nil:
		return nil, fmt.Errorf("read a page of the preview of file %s: %w", b.fileID, src.err)
	case !errors.Is(err, io.ErrUnexpectedEOF) && (!errors.Is(err, io.EOF) || p.size != 0), int64(n) != p.size:
		return nil, fmt.Errorf("open a page of the preview of file %s: %w", b.fileID, ErrDamaged)
	}
	return data[:n], nil
}
