package mail_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"securepractice/internal/mail"
)

// unzip reads an archive's entries by name.
func unzip(t *testing.T, p page) map[string][]byte {
	t.Helper()
	if p.code != 200 || p.head.Get("Content-Type") != "application/zip" {
		t.Fatalf("%d %s %.200q", p.code, p.head.Get("Content-Type"), p.raw)
	}
	z, err := zip.NewReader(strings.NewReader(p.raw), int64(len(p.raw)))
	must(t, err)
	all := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		all[f.Name], err = io.ReadAll(r)
		must(t, err)
	}
	return all
}

// TestExportConversation: documents, the files byte for byte under safe names, and sums of everything that are right.
func TestExportConversation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.conversation()
		id := w.draftWith("santos", sent.ThreadID, `<x>: ray.pdf`, pdf("another"))
		_, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: id, ThreadID: sent.ThreadID, Body: "A file of the same name"})
		must(t, err)
		w.work()
		all := unzip(t, w.get("dana", "/mail/t/"+sent.ThreadID+"/export"))
		if !bytes.Equal(all["files/0001-_x__ ray.pdf"], pdf("x-ray")) || !bytes.Equal(all["files/0002-_x__ ray.pdf"], pdf("another")) {
			t.Errorf("files are not what was sent: %v", len(all))
		}
		text := string(all["Conversation.txt"])
		if !strings.Contains(text, "Hello Θεανώ 🦷\r\n<script>") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
			t.Errorf("text = %q", text)
		}
		if !bytes.HasPrefix(all["Conversation.pdf"], []byte("%PDF-")) {
			t.Error("no PDF")
		}
		for line := range strings.Lines(string(all["SHA256SUMS"])) {
			want, path, _ := strings.Cut(strings.TrimSpace(line), "  ")
			if sum := sha256.Sum256(all[path]); hex.EncodeToString(sum[:]) != want {
				t.Errorf("the sum of %s is wrong", path)
			}
		}
		if n := strings.Count(string(all["SHA256SUMS"]), "\n"); n != len(all)-1 {
			t.Errorf("%d sums for %d entries", n, len(all))
		}
		var list struct {
			Messages []struct {
				ID    string
				Files []struct{ Path, SHA256, Name string }
			}
		}
		must(t, json.Unmarshal(all["manifest.json"], &list))
		if len(list.Messages) != 3 || list.Messages[0].ID != sent.MessageID || list.Messages[0].Files[0].Name != "<x>: ray.pdf" {
			t.Errorf("manifest = %s", all["manifest.json"])
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.exported' AND thread_id = $1", sent.ThreadID)
		w.want(1, "SELECT COUNT(*) FROM mail_print WHERE kind = 'export' AND messages = 3")
		if p := w.get("mel", "/mail/t/"+sent.ThreadID+"/export"); p.code != 404 {
			t.Errorf("a colleague exports: %d", p.code)
		}
	})
}

// TestExportOfDamage: a file that is not what was received ends the connection, and what came is no archive.
func TestExportOfDamage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.conversation()
		must(t, filepath.WalkDir(filepath.Join(w.dir, "files"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil || len(data) == 0 {
				return err
			}
			data[len(data)-1] ^= 1
			return os.WriteFile(path, data, 0o600)
		}))
		aborted := func() (aborted bool) {
			defer func() { aborted = recover() != nil }()
			p := w.get("dana", "/mail/t/"+sent.ThreadID+"/export")
			_, err := zip.NewReader(strings.NewReader(p.raw), int64(len(p.raw)))
			return err != nil && p.code != 200
		}()
		if !aborted {
			t.Error("an export with a damaged file looks whole")
		}
	})
}
