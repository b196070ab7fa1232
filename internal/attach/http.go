package attach

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"securepractice/internal/crypt"
	"securepractice/internal/fault"
)

// Serve hands out a clean file as a download, whole or in ranges. The caller has checked the permission, recorded the
// download, and opened the sealer of the link's holder. What is not clean does not exist.
//
// An error after bytes were sent must end the connection, so that a damaged file never looks whole: the caller returns
// it, and package web aborts.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, linkID string, k crypt.Sealer) error {
	ctx := r.Context()
	l, found, err := findClean(ctx, s.d, linkID)
	if err != nil {
		return fmt.Errorf("find an attachment: %w", err)
	}
	if !found {
		return fault.ErrNotFound()
	}
	name, err := l.name(k)
	if err != nil {
		return err
	}
	dek, err := l.key(k)
	if err != nil {
		return err
	}
	if l.body.keys, err = listKeys(ctx, s.d, l.body.fileID); err != nil {
		return fmt.Errorf("list the parts of file %s: %w", l.body.fileID, err)
	}
	file, err := s.open(ctx, l.body, dek)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // open for reading only: nothing is lost by it
	return send(w, r, file, name, l.body.fileID)
}

// send writes the answer. The first bytes are read before the headers go out: a file that does not open gets a page.
func send(w http.ResponseWriter, r *http.Request, file *reader, name, fileID string) error {
	if _, err := file.Read(make([]byte, 1)); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", disposition(name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, no-store")
	h.Set("ETag", `"`+fileID+`"`) // a file never changes
	shared := &guarded{file: file}
	http.ServeContent(aheadWriter{w}, bounded(r), "", time.Time{}, shared)
	shared.end()
	if r.Context().Err() != nil {
		return nil // the browser has gone; there is nobody to tell
	}
	return file.err
}

// disposition is the header that makes every browser save the file under its name (RFC 6266): a name in plain ASCII for
// old ones, and the real one in the extended form of RFC 8187.
func disposition(name string) string {
	var ascii, extended strings.Builder
	for _, r := range name {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' || r == '/' || r == ';' {
			r = '_'
		}
		ascii.WriteRune(r)
	}
	const plain = "!#$&+-.^_`|~" // attr-char beyond letters and digits
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(plain, c) >= 0 {
			extended.WriteByte(c)
		} else {
			fmt.Fprintf(&extended, "%%%02X", c)
		}
	}
	return `attachment; filename="` + ascii.String() + `"; filename*=UTF-8''` + extended.String()
}
