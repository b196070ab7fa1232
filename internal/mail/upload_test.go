package mail_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
)

// tus makes a request of the protocol of resumable uploads; heads are names and values.
func (w *world) tus(as, method, path string, heads ...string) page {
	w.t.Helper()
	return w.tusBody(as, method, path, nil, heads...)
}

func (w *world) tusBody(as, method, path string, body io.Reader, heads ...string) page {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "https://portal.example"+path, body)
	r.Header.Set("Tus-Resumable", "1.0.0")
	r.Header.Set("Accept", "application/json")
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/offset+octet-stream")
	}
	for i := 0; i < len(heads); i += 2 {
		r.Header.Set(heads[i], heads[i+1])
	}
	return w.do(r, as)
}

// uploading begins an upload of 100 bytes, big.txt, to a draft and gives its id.
func (w *world) uploading(as, draft string) string {
	w.t.Helper()
	p := w.tus(as, http.MethodPost, "/mail/uploads/?draft="+draft, "Upload-Length", "100", "Upload-Metadata", "filename YmlnLnR4dA==")
	if p.code != http.StatusCreated {
		w.t.Fatalf("begin: %d %s", p.code, p.raw)
	}
	at := p.head.Get("Location")
	return at[strings.LastIndexByte(at, '/')+1:]
}

// TestUploadInPieces: a draft is stored with its first upload; the page lists what is not here yet; a message is not sent
// while something arrives; the finished file is on the draft and goes with it.
func TestUploadInPieces(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		draft, data := db.NewID(), bytes.Repeat([]byte("0123456789"), 10)
		id := w.uploading("dana", draft)
		w.want(1, "SELECT COUNT(*) FROM mail_draft WHERE id = $1", draft)
		var list []struct {
			At, Name       string
			Size, Received int64
		}
		must(t, json.Unmarshal([]byte(w.get("dana", "/mail/drafts/"+draft+"/uploads").raw), &list))
		if len(list) != 1 || list[0].Name != "big.txt" || list[0].Size != 100 || list[0].At != "/mail/uploads/"+id {
			t.Errorf("list: %+v", list)
		}
		c := mail.Compose{DraftID: draft, To: "santos@example.org", Subject: "s", Body: "b"}
		if _, err := w.Send(t.Context(), w.people["dana"], c); fault.From(err).For("attachments") != "Wait until uploads finish, or cancel them" {
			t.Errorf("sent while a file arrives: %v", err)
		}
		if p := w.tusBody("dana", http.MethodPatch, list[0].At, bytes.NewReader(data), "Upload-Offset", "0"); p.code != http.StatusNoContent || p.head.Get("Upload-Offset") != "100" {
			t.Fatalf("PATCH: %d %q", p.code, p.head.Get("Upload-Offset"))
		}
		sum := sha256.Sum256(data)
		done := w.postJSON("dana", list[0].At+"/done", `{"sha256":"`+hex.EncodeToString(sum[:])+`"}`)
		if done.code != 200 || !strings.Contains(done.raw, `"name":"big.txt"`) {
			t.Fatalf("done: %d %s", done.code, done.raw)
		}
		sent, err := w.Send(t.Context(), w.people["dana"], c)
		must(t, err)
		w.work()
		if got := w.get("santos", "/mail/t/"+sent.ThreadID).text(".files"); !strings.Contains(got, "big.txt") {
			t.Errorf("the recipient sees %q", got)
		}
	})
}

// TestUploadSaysWhy: a refusal is a sentence for the page; a wrong sum is the failed upload, and nothing is attached.
func TestUploadSaysWhy(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	draft := db.NewID()
	p := w.tus("dana", http.MethodPost, "/mail/uploads/?draft="+draft, "Upload-Length", "100", "Upload-Metadata", "filename cnVuLmV4ZQ==")
	if p.code != 422 || p.raw != `{"error":"run.exe: this file type is not accepted"}` {
		t.Errorf("refused: %d %s", p.code, p.raw)
	}
	id := w.uploading("dana", draft)
	w.tusBody("dana", http.MethodPatch, "/mail/uploads/"+id, bytes.NewReader(make([]byte, 100)), "Upload-Offset", "0")
	p = w.postJSON("dana", "/mail/uploads/"+id+"/done", `{"sha256":"00"}`)
	if p.code != 422 || !strings.Contains(p.raw, "Upload of big.txt failed. Check your connection, then attach it again.") {
		t.Errorf("another sum: %d %s", p.code, p.raw)
	}
	w.want(0, "SELECT COUNT(*) FROM attach_link")
}
