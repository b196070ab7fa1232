package mail_test

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
)

// withFiles is a message from dana to santos with files, and a reply with one.
func (w *world) withFiles(names ...string) (sent, answer mail.Sent) {
	w.t.Helper()
	id := w.draftWith("dana", "", names[0], pdf("0 "+names[0]))
	for i, name := range names[1:] {
		p := w.postFiles("dana", "/mail/drafts/file", [][2]string{{"id", id}}, upload{name, pdf(string(rune('1'+i)) + " " + name)})
		if p.code >= 400 {
			w.t.Fatalf("attach %s: %d %s", name, p.code, p.raw)
		}
	}
	sent, err := w.Send(w.t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "Films", Body: "All of them"})
	must(w.t, err)
	w.work()
	w.clock.Advance(time.Minute)
	reply := w.draftWith("santos", sent.ThreadID, names[0], pdf("the answer's"))
	answer, err = w.Reply(w.t.Context(), w.people["santos"], mail.Reply{DraftID: reply, ThreadID: sent.ThreadID, Body: "And one of ours"})
	must(w.t, err)
	w.work()
	return sent, answer
}

// TestDownloadAll: the files of a message, or of the conversation, byte for byte under names of their own, each with its
// line in the trail, and to nobody else.
func TestDownloadAll(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent, _ := w.withFiles("Röntgen 14.pdf", "CON.pdf", "../..\\evil.pdf", "scan.pdf")
		path := "/mail/t/" + sent.ThreadID + "/files"
		all := unzip(t, w.get("santos", path+"?message="+sent.MessageID))
		if len(all) != 4 || !bytes.Equal(all["Röntgen 14.pdf"], pdf("0 Röntgen 14.pdf")) || !bytes.Equal(all["_CON.pdf"], pdf("1 CON.pdf")) || all["evil.pdf"] == nil || all["scan.pdf"] == nil {
			t.Errorf("a message: %v", keysOf(all))
		}
		w.want(4, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.downloaded' AND actor_id = $2 AND thread_id = $1", sent.ThreadID, w.people["santos"].ID)
		all = unzip(t, w.get("dana", path))
		if len(all) != 5 || !bytes.Equal(all["Röntgen 14 (2).pdf"], pdf("the answer's")) {
			t.Errorf("the conversation: %v", keysOf(all))
		}
		w.want(5, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.downloaded' AND actor_id = $2 AND thread_id = $1", sent.ThreadID, w.people["dana"].ID)
		for who, path := range map[string]string{"mel": path, "santos": "/mail/t/" + sent.ThreadID + "/files?message=01900000-0000-7000-8000-000000000000"} {
			if p := w.get(who, path); p.code != 404 {
				t.Errorf("%s gets %s: %d", who, path, p.code)
			}
		}
		w.want(0, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.downloaded' AND actor_id = $1", w.people["mel"].ID)
		p := w.get("santos", "/mail/t/"+sent.ThreadID)
		if !strings.Contains(p.raw, path+"?message="+sent.MessageID) || !strings.Contains(p.raw, `href="`+path+`"`) || strings.Count(p.raw, "Download all files of message") != 1 {
			t.Error("the page does not offer it, or offers it for the message with one file")
		}
	})
}

func keysOf(all map[string][]byte) (names []string) {
	for name := range all {
		names = append(names, name)
	}
	return names
}

// TestDownloadAllLeavesOut: what waits for its verdict, was recalled, or failed its check is in no archive.
func TestDownloadAllLeavesOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent, answer := w.withFiles("a.pdf", "b.pdf")
		path := "/mail/t/" + sent.ThreadID + "/files"
		id := w.draftWith("santos", sent.ThreadID, "late.pdf", pdf("late"))
		w.exec("UPDATE attach_file SET state = 'scanning', lease_until = $2 WHERE id IN (SELECT file_id FROM attach_link WHERE holder = $1)", "mail:"+id, w.clock.Now().Add(time.Hour).UnixMicro())
		_, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: id, ThreadID: sent.ThreadID, Body: "Not there yet"})
		must(t, err)
		for _, who := range []string{"dana", "santos"} {
			if all := unzip(t, w.get(who, path)); len(all) != 3 || all["late.pdf"] != nil {
				t.Errorf("%s gets %v", who, keysOf(all))
			}
		}
		w.exec("UPDATE attach_file SET state = 'infected' WHERE id IN (SELECT file_id FROM attach_link WHERE holder = $1)", "mail:"+answer.MessageID)
		if all := unzip(t, w.get("dana", path)); len(all) != 2 {
			t.Errorf("with a blocked file: %v", keysOf(all))
		}
		if p := w.get("dana", path+"?message="+answer.MessageID); p.code != 409 {
			t.Errorf("only a blocked file: %d", p.code)
		}
		w.exec("UPDATE mail_message SET state = 'recalled' WHERE id = $1", sent.MessageID)
		if p := w.get("santos", path+"?message="+sent.MessageID); p.code != 404 {
			t.Errorf("a recalled message: %d", p.code)
		}
	})
}

// TestDownloadAllOfDamage: one file that is not what was received ends the connection, and what came is no archive; when
// nothing was sent yet there is a page.
func TestDownloadAllOfDamage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "big.pdf", pdf(strings.Repeat("x", 100_000)))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "Films", Body: "Two"})
		must(t, err)
		w.work()
		w.clock.Advance(time.Minute)
		reply := w.draftWith("santos", sent.ThreadID, "small.pdf", pdf("small"))
		answer, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: reply, ThreadID: sent.ThreadID, Body: "Mine"})
		must(t, err)
		w.work()
		key := w.text("SELECT key FROM attach_part WHERE file_id = (SELECT file_id FROM attach_link WHERE holder = 'mail:" + answer.MessageID + "')")
		path := filepath.Join(w.dir, "files", key)
		data, err := os.ReadFile(path)
		must(t, err)
		data[len(data)/2] ^= 1
		must(t, os.WriteFile(path, data, 0o600))
		func() {
			defer func() {
				if recover() != http.ErrAbortHandler { //nolint:errorlint // it is this very value
					t.Error("an archive that was begun did not end its connection")
				}
			}()
			p := w.get("dana", "/mail/t/"+sent.ThreadID+"/files")
			t.Errorf("%d with %d bytes", p.code, len(p.raw))
		}()
		if p := w.get("dana", "/mail/t/"+sent.ThreadID+"/files?message="+answer.MessageID); p.code != 500 || strings.HasPrefix(p.raw, "PK") {
			t.Errorf("a damaged file alone: %d %.20q", p.code, p.raw)
		}
	})
}

// discarded is an answer that is not kept, and how much memory the program took meanwhile.
type discarded struct {
	head  http.Header
	n     int
	since int
	peak  uint64
}

func (d *discarded) Header() http.Header { return d.head }
func (d *discarded) WriteHeader(int)     {}

func (d *discarded) Write(p []byte) (int, error) {
	d.n += len(p)
	if d.since += len(p); d.since > 4<<20 {
		d.since = 0
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		d.peak = max(d.peak, m.HeapInuse)
	}
	return len(p), nil
}

// TestDownloadAllTakesNoMemory: an archive is made while it is sent, however large its files.
func TestDownloadAllTakesNoMemory(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	noise := make([]byte, 30_000_000)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(noise) // never fails
	id := w.draftWith("dana", "", "one.ds2", noise)
	_, err := w.Attach(t.Context(), w.people["dana"], mail.AttachIn{DraftID: id, Name: "two.ds2", Body: bytes.NewReader(noise)})
	must(t, err)
	sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "Two", Body: "Large"})
	must(t, err)
	w.work()
	clear(noise)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://portal.example/mail/t/"+sent.ThreadID+"/files", nil)
	req.AddCookie(&http.Cookie{Name: "__Host-sp_session", Value: "santos"})
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	d := &discarded{head: http.Header{}}
	w.site.ServeHTTP(d, req)
	if d.n < 2*len(noise) {
		t.Fatalf("%d bytes came", d.n)
	}
	if grown := (int64(d.peak) - int64(before.HeapInuse)) >> 20; d.peak == 0 || grown > 16 {
		t.Errorf("60 MB took %d MB of heap", grown)
	}
}

// TestBundleNames: no two files of an archive have one name on any system, and none is a path or a device.
func TestBundleNames(t *testing.T) {
	said := []string{"a.pdf", "A.PDF", "a.pdf", "a (2).pdf", "con.txt", "com1.log", "COM1", "Lpt9.x.pdf", "nul", "..", "../../x", `\\host\x`, "a:b", "trailing. ", "", strings.Repeat("é", 200) + ".pdf", strings.Repeat("é", 200) + ".pdf", "console.pdf"}
	seen := map[string]bool{}
	for i, name := range mail.BundleNames(said) {
		key := strings.ToLower(name)
		if seen[key] || name == "" || strings.ContainsAny(name, `/\:*?"<>|`) || strings.Trim(name, ".") == "" || strings.HasSuffix(name, " ") || strings.HasSuffix(name, ".") || !fs.ValidPath(name) {
			t.Errorf("%q became %q", said[i], name)
		}
		seen[key] = true
		first, _, _ := strings.Cut(key, ".")
		if first == "con" || first == "com1" || first == "lpt9" || first == "nul" {
			t.Errorf("%q became the device %q", said[i], name)
		}
	}
}
