package attach

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"
	"golang.org/x/exp/slog"

	"securepractice/internal/actor"
	"securepractice/internal/fault"
)

// Tus speaks the protocol of resumable uploads (tus 1.0: core, creation, termination) about this room's uploads. It has no
// routes of its own: the room that owns the holders routes requests to it after its own permission.
//
// Two requests for one upload, on one node or two, may both store a part: the row takes one of them, and the other is told
// to ask where to go on. So no lock is needed, which a request on a dead line would hold.
type Tus struct {
	s *Service
	h *handler.UnroutedHandler
}

// network is how long a connection may bring nothing.
const network = time.Minute

// NewTus makes a speaker for uploads below a path of the program's own that ends in "/"; it panics when it is none.
func (s *Service) NewTus(base string) *Tus {
	composer := handler.NewStoreComposer()
	composer.UseCore(store{s})
	composer.UseTerminater(store{s})
	h, err := handler.NewUnroutedHandler(handler.Config{
		StoreComposer: composer, BasePath: base, MaxSize: s.set.MaxTotal, NetworkTimeout: network, DisableDownload: true, DisableConcatenation: true,
		Cors: &handler.CorsConfig{Disable: true}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), // it would log names of files
	})
	if err != nil {
		panic(fmt.Errorf("attach: speak tus: %w", err))
	}
	return &Tus{s, h}
}

// Create begins an upload to a holder; its name is the metadata "filename". The answer's Location is where it is sent to.
func (t *Tus) Create(w http.ResponseWriter, r *http.Request, by actor.Actor, holder string) error {
	return t.call(w, r, &call{by: by, holder: holder}, t.h.PostFile)
}

// Serve answers HEAD (how much has arrived), PATCH (more of it) and DELETE (give it up) about a person's own upload.
func (t *Tus) Serve(w http.ResponseWriter, r *http.Request, by actor.Actor) error {
	do := map[string]http.HandlerFunc{http.MethodHead: t.h.HeadFile, http.MethodPatch: t.h.PatchFile, http.MethodDelete: t.h.DelFile}[r.Method]
	return t.call(w, r, &call{by: by}, do)
}

// call is what a request brings along to the store behind the protocol, and what went wrong there.
type call struct {
	by     actor.Actor
	holder string
	err    error
}

type callKey struct{}

func (t *Tus) call(w http.ResponseWriter, r *http.Request, c *call, do http.HandlerFunc) error {
	// What is not among tus 1.0 is not spoken, and a method is what it says it is.
	for _, name := range []string{"X-HTTP-Method-Override", "Upload-Concat", "Upload-Draft-Interop-Version"} {
		r.Header.Del(name)
	}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	at := *r.URL
	at.Path = path.Base(at.Path) // it takes the whole path for the upload's name
	r.URL = &at
	t.h.Middleware(do).ServeHTTP(w, r)
	return c.err
}

// answer turns an error of the room into one of the protocol. What nobody can act on is kept for the log, and its words
// stay here.
func (c *call) answer(err error) error {
	if err == nil {
		return nil
	}
	status, text := http.StatusUnprocessableEntity, fault.From(err).For(field)
	switch kind := fault.From(err).Kind; {
	case errors.Is(err, ErrMoved):
		return handler.ErrFileLocked
	case kind == fault.NotFound:
		return handler.ErrNotFound
	case kind == fault.Busy:
		status, text = http.StatusServiceUnavailable, fault.From(err).Text
	case kind == fault.Conflict:
		status, text = http.StatusConflict, fault.From(err).Text
	case text == "":
		if !errors.Is(err, context.Canceled) {
			c.err = err
		}
		status, text = http.StatusInternalServerError, "Something went wrong. Try again."
	}
	body, err := json.Marshal(map[string]string{"error": text})
	if err != nil {
		return handler.ErrNotFound // never: a string can be written
	}
	e := handler.NewError("ERR_REFUSED", text, status)
	e.HTTPResponse.Body = string(body)
	e.HTTPResponse.Header = handler.HTTPHeader{"Content-Type": "application/json"}
	return e
}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// store is the room as tusd sees it.
type store struct{ s *Service }

// NewUpload begins one.
func (t store) NewUpload(ctx context.Context, info handler.FileInfo) (handler.Upload, error) {
	c := callOf(ctx)
	if info.SizeIsDeferred || info.IsPartial || info.IsFinal {
		return nil, handler.ErrNotImplemented
	}
	id, err := t.s.BeginUpload(ctx, c.by, Begin{Holder: c.holder, Name: info.MetaData["filename"], Size: info.Size})
	if err != nil {
		return nil, c.answer(err)
	}
	return t.GetUpload(ctx, id)
}

// GetUpload takes one up again; somebody else's is not found.
func (t store) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	c := callOf(ctx)
	r, found, err := t.s.resume(ctx, c.by, id)
	if err != nil {
		return nil, c.answer(err)
	}
	if !found {
		return nil, handler.ErrNotFound
	}
	return piece{r}, nil
}

// AsTerminatableUpload lets one be given up.
func (t store) AsTerminatableUpload(u handler.Upload) handler.TerminatableUpload {
	p, _ := u.(piece) //nolint:revive // every upload of this store is one
	return p
}

// piece is an upload in a request.
type piece struct{ *resumed }

// WriteChunk keeps what a request brings.
func (p piece) WriteChunk(ctx context.Context, offset int64, src io.Reader) (int64, error) {
	if offset != p.size {
		return 0, handler.ErrMismatchOffset
	}
	n, err := p.take(ctx, src)
	return n, callOf(ctx).answer(err)
}

// GetInfo says how far it is. The name stays here.
func (p piece) GetInfo(context.Context) (handler.FileInfo, error) {
	return handler.FileInfo{ID: p.id, Size: p.row.total, Offset: p.size}, nil
}

// GetReader is not offered.
func (piece) GetReader(context.Context) (io.ReadCloser, error) {
	return nil, handler.ErrNotImplemented
}

// FinishUpload does nothing: a file is attached when its sender has said what it is to be (Service.FinishUpload).
func (piece) FinishUpload(context.Context) error { return nil }

// Terminate gives it up.
func (p piece) Terminate(ctx context.Context) error {
	return callOf(ctx).answer(p.s.CancelUpload(ctx, p.by, p.id))
}
