package attach

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"securepractice/internal/crypt"
	"securepractice/internal/fault"
)

// played are the extensions that some browser's own player knows. What a browser really plays depends on it and on how
// the file was recorded: there is always the download.
var played = map[string]string{
	"mp4": "video", "mov": "video", "qt": "video", "movie": "video", "webm": "video",
	"mp3": "audio", "mpga": "audio", "mp2": "audio", "wav": "audio", "aif": "audio", "aiff": "audio", "m4a": "audio",
}

// Playable says how a file of this name is played: "video", "audio", or "" for one that no browser plays.
func Playable(name string) string {
	return played[strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))]
}

// Play hands a clean film or recording to the player of our own page, whole or in ranges, as the type that its first
// bytes show. What they do not show to be such a file is not found. The caller has checked the permission and recorded
// the act, as for Serve; an error after bytes were sent must end the connection.
func (s *Service) Play(w http.ResponseWriter, r *http.Request, linkID string, k crypt.Sealer) error {
	file, name, fileID, err := s.openClean(r, linkID, k)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // open for reading only: nothing is lost by it
	head := make([]byte, 64)
	n, err := io.ReadFull(file, head)
	if err != nil && n == 0 {
		return err
	}
	kind := mediaType(head[:n])
	if kind == "" || Playable(name) == "" {
		return fault.ErrNotFound()
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", "inline")
	if dest := r.Header.Get("Sec-Fetch-Dest"); !slices.Contains([]string{"", "video", "audio", "empty"}, dest) {
		h.Set("Content-Disposition", disposition(name)) // opened as a page of its own, or in a frame
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, no-store")
	h.Set("ETag", `"`+fileID+`"`) // a file never changes
	http.ServeContent(aheadWriter{w}, r, "", time.Time{}, file)
	if r.Context().Err() != nil {
		return nil // the browser has gone, as players do when somebody seeks
	}
	return file.err
}

// openClean opens the clean file of a link with the sealer of its holder.
func (s *Service) openClean(r *http.Request, linkID string, k crypt.Sealer) (file *reader, name, fileID string, err error) {
	ctx := r.Context()
	l, found, err := findClean(ctx, s.d, linkID)
	if err != nil {
		return nil, "", "", fmt.Errorf("find an attachment: %w", err)
	}
	if !found {
		return nil, "", "", fault.ErrNotFound()
	}
	if name, err = l.name(k); err != nil {
		return nil, "", "", err
	}
	dek, err := l.key(k)
	if err != nil {
		return nil, "", "", err
	}
	if l.body.keys, err = listKeys(ctx, s.d, l.body.fileID); err != nil {
		return nil, "", "", fmt.Errorf("list the parts of file %s: %w", l.body.fileID, err)
	}
	file, err = s.open(ctx, l.body, dek)
	return file, name, l.body.fileID, err
}

// mediaType says which film or recording begins with head, "" for anything else. Only what is listed here is ever sent
// as anything but a download.
func mediaType(head []byte) string {
	at := func(i int, mark string) bool { return len(head) >= i+len(mark) && string(head[i:i+len(mark)]) == mark }
	switch {
	case at(4, "ftyp"):
		switch {
		case at(8, "qt  "):
			return "video/quicktime"
		case at(8, "M4A "), at(8, "M4B "):
			return "audio/mp4"
		}
		return "video/mp4"
	case at(4, "moov"), at(4, "mdat"), at(4, "wide"), at(4, "free"), at(4, "skip"):
		return "video/quicktime"
	case at(0, "\x1A\x45\xDF\xA3") && bytes.Contains(head, []byte("webm")):
		return "video/webm"
	case at(0, "RIFF") && at(8, "WAVE"):
		return "audio/wav"
	case at(0, "FORM") && (at(8, "AIFF") || at(8, "AIFC")):
		return "audio/aiff"
	case at(0, "ID3"), len(head) >= 2 && head[0] == 0xFF && head[1]&0xE0 == 0xE0 && head[1]&0x06 != 0:
		return "audio/mpeg"
	}
	return ""
}
