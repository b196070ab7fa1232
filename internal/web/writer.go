package web

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// writer remembers whether an answer has begun, and with which status.
type writer struct {
	http.ResponseWriter
	rt     *Router
	status int
}

// WriteHeader notes the first final status.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write notes that the answer has begun.
func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b) //nolint:gosec // pages are escaped by templ; this only counts
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recover turns a panic into the page of an unexpected error. An aborted answer stays aborted.
func (st *state) recover(r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares this very value too
		panic(v)
	}
	st.rt.o.Log.LogAttrs(r.Context(), slog.LevelError, "panic", append(st.fields(r, http.StatusInternalServerError),
		slog.String("error", scrub(panicText(v))), slog.String("stack", string(debug.Stack())))...)
	st.answer500(r)
}

// done meets a handler's error and, at debug level, notes the request.
func (st *state) done(r *http.Request, err error) {
	if err != nil {
		st.fail(r, err)
	}
	if log := st.rt.o.Log; log.Enabled(r.Context(), slog.LevelDebug) {
		log.LogAttrs(r.Context(), slog.LevelDebug, "request", st.fields(r, st.w.status)...)
	}
}

// fields is the whole list of what a log line may say about a request.
func (st *state) fields(r *http.Request, status int) []slog.Attr {
	return []slog.Attr{
		slog.String("method", method(r)),
		slog.String("route", st.route.Path),
		slog.Int("status", status),
		slog.Duration("duration", time.Since(st.start)),
		slog.String("reference", st.number()),
		slog.String("user", st.by.ID),
	}
}

// method is the request's method if it is one of the usual; what a stranger invents is not written down.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return r.Method
	}
	return "other"
}

// number is the reference of this request, made when first needed.
func (st *state) number() string {
	if st.ref == "" {
		st.ref = reference()
	}
	return st.ref
}
