package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"securepractice/internal/fault"
)

// errForm is for bodies no browser of ours sends.
func errForm() error {
	return fault.New(fault.Invalid, "The form could not be read. Go back and try again.")
}

// tooLarge turns the cap of a body into what the person is told, and any other trouble into errForm.
func tooLarge(err error) error {
	var cap *http.MaxBytesError
	if errors.As(err, &cap) || errors.Is(err, bufio.ErrTooLong) {
		return fault.New(fault.TooLarge, "")
	}
	return errForm()
}

// ReadForm reads a urlencoded form. Line ends become LF; what a database cannot hold (NUL, broken UTF-8) is taken
// out. A body beyond the cap is a TooLarge fault.
func ReadForm(_ http.ResponseWriter, r *http.Request) (url.Values, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Body != http.NoBody && r.ContentLength != 0 && (err != nil || t != "application/x-www-form-urlencoded") {
		return nil, errForm()
	}
	if err := r.ParseForm(); err != nil {
		return nil, tooLarge(err)
	}
	for _, values := range r.PostForm {
		for i, v := range values {
			values[i] = tidy(v)
		}
	}
	return r.PostForm, nil
}

// tidy is a typed text as every room may store it.
func tidy(s string) string {
	if strings.ContainsRune(s, '\r') {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	if strings.ContainsRune(s, 0) {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// ReadJSON reads a JSON body into v. Unknown members are refused.
func ReadJSON(r *http.Request, v any) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return tooLarge(err)
	}
	if bytes.Contains(b, []byte(`\u0000`)) {
		return errForm() // no database column of ours can hold it
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil || d.More() {
		return errForm()
	}
	return nil
}

// Limits of a streamed form beside its files.
const (
	maxParts    = 1000
	maxPartText = FormLimit // all text fields together
)

// Part is one field of a streamed form, in the order sent. Body holds until the next part is asked for.
type Part struct {
	Name     string
	FileName string // as the browser sent it: data, never a path; "" for a text field
	IsFile   bool
	Body     io.Reader
	left     *int64 // what text fields may still take together
}

// Text reads a text field like ReadForm does.
func (p Part) Text() (string, error) {
	b, err := io.ReadAll(io.LimitReader(p.Body, *p.left+1))
	if err != nil {
		return "", tooLarge(err)
	}
	if *p.left -= int64(len(b)); *p.left < 0 {
		return "", fault.New(fault.TooLarge, "")
	}
	return tidy(string(b)), nil
}

// Parts streams the fields of an Upload, multipart or (without files) urlencoded. It ends at the first error.
func Parts(r *http.Request) iter.Seq2[Part, error] {
	left := int64(maxPartText)
	t, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && t == "multipart/form-data" && params["boundary"] != "":
		return multiParts(multipart.NewReader(r.Body, params["boundary"]), &left)
	case err == nil && t == "application/x-www-form-urlencoded":
		return urlParts(r.Body, &left)
	}
	return func(yield func(Part, error) bool) { yield(Part{}, errForm()) }
}

func multiParts(m *multipart.Reader, left *int64) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		for n := 0; ; n++ {
			p, err := m.NextRawPart()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Part{}, partError(err))
				return
			}
			if n >= maxParts {
				yield(Part{}, fault.New(fault.TooLarge, ""))
				return
			}
			name, file, isFile := disposition(p)
			if !yield(Part{Name: name, FileName: file, IsFile: isFile, Body: p, left: left}, nil) {
				return
			}
		}
	}
}

// disposition reads a part's own names. multipart.Part.FileName would cut at slashes; what is a file's name and what
// is not is for the room that stores it to decide.
func disposition(p *multipart.Part) (name, file string, isFile bool) {
	_, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	if err != nil {
		return p.FormName(), "", false
	}
	file, isFile = params["filename"]
	return params["name"], file, isFile
}

// partError keeps a broken connection apart from a broken form.
func partError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || isTimeout(err) {
		return fmt.Errorf("read upload: %w", errCut)
	}
	return tooLarge(err)
}

// errCut is an upload whose sender went away. Nobody is there to be told.
var errCut = errors.New("web: upload ended early")

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func urlParts(body io.Reader, left *int64) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		b, err := io.ReadAll(io.LimitReader(body, FormLimit+1))
		if err != nil {
			yield(Part{}, partError(err))
			return
		}
		if len(b) > FormLimit {
			yield(Part{}, fault.New(fault.TooLarge, ""))
			return
		}
		for pair := range strings.SplitSeq(string(b), "&") {
			key, value, _ := strings.Cut(pair, "=")
			k, err1 := url.QueryUnescape(key)
			v, err2 := url.QueryUnescape(value)
			if err1 != nil || err2 != nil {
				yield(Part{}, errForm())
				return
			}
			if pair != "" && !yield(Part{Name: k, Body: strings.NewReader(v), left: left}, nil) {
				return
			}
		}
	}
}

// An upload may pause this long, and after the first minute must keep this pace on the whole; the server's own
// deadlines are for short requests.
const (
	uploadPause = time.Minute
	uploadPace  = 4 << 10 // bytes a second
	touchEvery  = time.Minute
)

// patientBody moves the connection's deadlines while bytes arrive, and notes that the person is still at it.
type patientBody struct {
	io.ReadCloser
	st      *state
	r       *http.Request
	rc      *http.ResponseController
	start   time.Time
	touched time.Time
	n       int64
}

func newPatientBody(st *state, r *http.Request) io.ReadCloser {
	now := time.Now()
	return &patientBody{ReadCloser: r.Body, st: st, r: r, rc: http.NewResponseController(st.w), start: now, touched: now}
}

// Read gives the sender until the next pause is over, but never less than the pace asks.
func (b *patientBody) Read(p []byte) (int, error) {
	now := time.Now()
	end := now.Add(uploadPause)
	if paced := b.start.Add(uploadPause + time.Duration(b.n/uploadPace)*time.Second); paced.Before(end) {
		end = paced
	}
	_ = b.rc.SetReadDeadline(end)                   // unsupported only under test recorders
	_ = b.rc.SetWriteDeadline(end.Add(uploadPause)) // the answer follows the body
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	if now.Sub(b.touched) > touchEvery {
		b.touched = now
		if terr := b.st.touch(b.r); terr != nil && err == nil {
			err = terr
		}
	}
	return n, err
}
