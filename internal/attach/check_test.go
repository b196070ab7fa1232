package attach_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/scan"
)

func zipOf(t testing.TB, entries map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range entries {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestVerdicts(t *testing.T) {
	bomb := zipOf(t, map[string][]byte{"zeros.txt": make([]byte, 40<<20)})
	cases := []struct {
		name          string
		data          []byte
		state, reason string
	}{
		{"notes.txt", []byte("The crown fits."), attach.Clean, ""},
		{"empty.zip", zipOf(t, nil), attach.Clean, ""},
		{"eicar.txt", []byte(eicar), attach.Infected, "eicar.txt contains a virus and was not attached"},
		{"late.ds2", append(unknownBytes(partSize-30), eicar...), attach.Infected, "late.ds2 contains a virus and was not attached"},
		{"program.pdf", append([]byte("MZ\x90\x00%PDF-1.7\n"), noise(500)...), attach.Rejected, "program.pdf: this file type is not accepted"},
		{"script.txt", []byte("#!/bin/sh\nrm -rf /\n"), attach.Rejected, "script.txt: this file type is not accepted"},
		{"photo.jpg", []byte("%PDF-1.7\nnot a photo"), attach.Rejected, "photo.jpg: this file type is not accepted"},
		{"viewer.zip", zipOf(t, map[string][]byte{"scan.dcm": []byte("x"), "viewer.exe": []byte("MZ")}), attach.Rejected, "viewer.zip holds a program, so it was not attached. Attach the other files in it one by one."},
		{"huge.png", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x75\x30\x00\x00\x75\x30\x01\x00\x00\x00\x00\x4e\x5c\xc5\x17"), attach.Rejected, "huge.png is a picture too large to be opened safely and was not attached. Save it smaller, then attach it again."},
		{"deep.zip", zipOf(t, map[string][]byte{"bomb.zip": bomb}), attach.Rejected, "deep.zip could not be checked and was not attached. Attach the files in it one by one."},
		{"bomb.zip", bomb, attach.Rejected, "bomb.zip could not be checked and was not attached. Attach the files in it one by one."},
	}
	each(t, func(t *testing.T, w *world) {
		for _, c := range cases {
			w.receive(t, c.name, c.data)
		}
		w.run(t)
		own := w.owner(t, ann.OwnerID)
		blocked := 0
		for i, f := range w.list(t, holder, own) {
			c := cases[i]
			if f.State != c.state || f.Reason != c.reason {
				t.Errorf("%s: %s %q, want %s %q", c.name, f.State, f.Reason, c.state, c.reason)
			}
			_, err := w.get(t, f.LinkID, own, nil)
			if c.state == attach.Clean {
				if err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				continue
			}
			blocked++
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s was handed out: %v", c.name, err)
			}
			if n := w.count(t, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.blocked' AND subject_id = $1 AND practice_id = 'practice-1' AND outcome = 'refused'", f.FileID); n != 1 {
				t.Errorf("%s: %d lines in the trail", c.name, n)
			}
		}
		if len(w.told) != len(cases) || w.told[len(cases)-1].moved != (attach.Moved{Files: len(cases), Blocked: true, Infected: true}) {
			t.Errorf("told %d times: %+v", len(w.told), w.told[len(w.told)-1])
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE lease_until IS NOT NULL"); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

// TestMacros: a file with macros is handed out, and everybody who sees it is told.
func TestMacros(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.receive(t, "form.docx", zipOf(t, map[string][]byte{"[Content_Types].xml": {'x'}, "word/document.xml": {'x'}, "word/vbaProject.bin": {'x'}}))
		w.receive(t, "plain.docx", zipOf(t, map[string][]byte{"[Content_Types].xml": {'x'}, "word/document.xml": {'x'}}))
		w.run(t)
		for i, f := range w.list(t, holder, w.owner(t, ann.OwnerID)) {
			if f.State != attach.Clean || f.Macros != (i == 0) {
				t.Errorf("%s: %s, macros %v", f.Name, f.State, f.Macros)
			}
		}
	})
}

// A patient's blocked file is on nobody's practice trail.
func TestBlockedFileOfAPatient(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), nil)
	if _, err := w.Receive(t.Context(), pat, attach.In{Holder: holder, Name: "a.txt", Left: 100, Body: strings.NewReader(eicar)}); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if n := w.count(t, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.blocked' AND COALESCE(practice_id, '') = ''"); n != 1 {
		t.Errorf("%d lines", n)
	}
}

func TestNothingIsHandedOutBeforeItsVerdict(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		f := w.receive(t, "a.txt", []byte("x"))
		own := w.owner(t, ann.OwnerID)
		for _, state := range []string{"uploaded", "checking", "scanning", "rejected", "infected", "aborted", "gone", "uploading"} {
			w.exec(t, "UPDATE attach_file SET state = $1", state)
			if rec, err := w.get(t, f.LinkID, own, nil); !fault.Is(err, fault.NotFound) || rec.Body.Len() != 0 {
				t.Errorf("%s: %v", state, err)
			}
		}
		if _, err := w.get(t, "no-such-link", own, nil); !fault.Is(err, fault.NotFound) {
			t.Errorf("unknown link: %v", err)
		}
	})
}

// A scanner that fails, stops in the middle or judges without reading leaves the file unread and unjudged.
func TestScannerThatDoesNotJudge(t *testing.T) {
	wrong := []scanner{
		func(context.Context, io.Reader) (scan.Verdict, error) { return scan.Verdict{}, errDown },
		func(_ context.Context, r io.Reader) (scan.Verdict, error) {
			_, _ = io.Copy(io.Discard, r)
			return scan.Verdict{Clean: true}, errDown
		},
		func(context.Context, io.Reader) (scan.Verdict, error) { return scan.Verdict{Clean: true}, nil },
		func(_ context.Context, r io.Reader) (scan.Verdict, error) {
			_, _ = io.CopyN(io.Discard, r, 50)
			return scan.Verdict{Clean: true}, nil
		},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var calls atomic.Int64
		var repaired atomic.Bool
		w := newWorld(t, d, func(o *attach.Options) {
			o.Scanner = scanner(func(ctx context.Context, r io.Reader) (scan.Verdict, error) {
				if repaired.Load() {
					return scan.Demo{}.Scan(ctx, r)
				}
				return wrong[int(calls.Add(1))%len(wrong)](ctx, r)
			})
		})
		for i := range wrong {
			w.receive(t, fmt.Sprintf("%d.txt", i), bytes.Repeat([]byte("x"), 100))
		}
		w.run(t)
		if calls.Load() < int64(len(wrong)) || len(w.told) != 0 {
			t.Fatalf("scanned %d times, told %v", calls.Load(), w.told)
		}
		waiting := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE state = 'uploaded' AND lease_until IS NULL AND next_try_at > $1", w.clock.Now().UnixMicro())
		if waiting != int64(len(wrong)) {
			t.Fatalf("%d of %d files wait for another try", waiting, len(wrong))
		}
		// When their jobs are lost as well, the files are found again.
		repaired.Store(true)
		w.clock.Advance(20 * time.Minute)
		if err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.wait(t)
		if m, err := w.Standing(t.Context(), w.d, holder); err != nil || m != (attach.Moved{Files: len(wrong), Clean: true}) {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

// The verdict and what the holder does with it are one act.
func TestVerdictFailsWithItsHolder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.fail = errors.New("the holder cannot")
		w.receive(t, "a.txt", []byte(eicar))
		w.run(t)
		if got := w.text(t, "SELECT state FROM attach_file"); got != attach.Uploaded {
			t.Errorf("state %s", got)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.blocked'"); n != 0 {
			t.Error("a verdict that was not recorded is in the trail")
		}
		w.fail = nil
		w.clock.Advance(20 * time.Minute)
		if err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.wait(t)
		if got := w.one(t); got.State != attach.Infected {
			t.Errorf("state %s", got.State)
		}
	})
}

// damage changes what is stored of one file of two parts and returns its link.
type damage struct {
	name string
	do   func(t *testing.T, w *world, f, other attach.File)
}

func (w *world) parts(t *testing.T, f attach.File) []string {
	t.Helper()
	keys := w.partPaths(t, f)
	if len(keys) != 2 {
		t.Fatalf("parts %v", keys)
	}
	return keys
}

// partPaths are where a file's parts lie, in order.
func (w *world) partPaths(t *testing.T, f attach.File) []string {
	t.Helper()
	keys, err := db.All(t.Context(), w.d, db.Scan1[string], "SELECT key FROM attach_part WHERE file_id = $1 ORDER BY idx", f.FileID)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range keys {
		keys[i] = filepath.Join(w.dir, k)
	}
	return keys
}

func edit(t *testing.T, path string, change func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, path, with string) {
	t.Helper()
	b, err := os.ReadFile(with)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func damages() []damage {
	flip := func(at int) func(b []byte) []byte {
		return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
	}
	return []damage{
		{"first byte", func(t *testing.T, w *world, f, _ attach.File) { edit(t, w.parts(t, f)[0], flip(0)) }},
		{"byte in the header", func(t *testing.T, w *world, f, _ attach.File) { edit(t, w.parts(t, f)[0], flip(20)) }},
		{"byte in the middle", func(t *testing.T, w *world, f, _ attach.File) { edit(t, w.parts(t, f)[0], flip(2_000_000)) }},
		{"last byte", func(t *testing.T, w *world, f, _ attach.File) { edit(t, w.parts(t, f)[1], flip(-1)) }},
		{"parts swapped", func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_part SET idx = idx + 10 WHERE file_id = $1", f.FileID)
			w.exec(t, "UPDATE attach_part SET idx = 11 - idx WHERE file_id = $1", f.FileID)
		}},
		{"last part dropped", func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "DELETE FROM attach_part WHERE file_id = $1 AND idx = 1", f.FileID)
		}},
		{"first part dropped", func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "DELETE FROM attach_part WHERE file_id = $1 AND idx = 0", f.FileID)
		}},
		{"last part dropped and size to match", func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "DELETE FROM attach_part WHERE file_id = $1 AND idx = 1", f.FileID)
			w.exec(t, "UPDATE attach_file SET size = $2 WHERE id = $1", f.FileID, partSize)
			w.exec(t, "UPDATE attach_link SET size = $2 WHERE file_id = $1", f.FileID, partSize)
		}},
		{"part added", func(t *testing.T, w *world, f, other attach.File) {
			w.exec(t, "INSERT INTO attach_part (file_id, idx, key, len) SELECT $1, 2, key || 'x', len FROM attach_part WHERE file_id = $1 AND idx = 1", f.FileID)
		}},
		{"part of another file", func(t *testing.T, w *world, f, other attach.File) { replace(t, w.parts(t, f)[0], w.parts(t, other)[0]) }},
		{"cut at a segment", func(t *testing.T, w *world, f, _ attach.File) {
			edit(t, w.parts(t, f)[0], func(b []byte) []byte { return b[:40+65496+16] })
		}},
		{"cut in a segment", func(t *testing.T, w *world, f, _ attach.File) {
			edit(t, w.parts(t, f)[0], func(b []byte) []byte { return b[:100_000] })
		}},
		{"emptied", func(t *testing.T, w *world, f, _ attach.File) {
			edit(t, w.parts(t, f)[0], func([]byte) []byte { return nil })
		}},
		{"lengthened", func(t *testing.T, w *world, f, _ attach.File) {
			edit(t, w.parts(t, f)[1], func(b []byte) []byte { return append(b, make([]byte, 70_000)...) })
		}},
		{"other part size", func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_file SET part_size = part_size + 1 WHERE id = $1", f.FileID)
		}},
		{"other owner", func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_file SET owner_id = 'pat' WHERE id = $1", f.FileID)
		}},
		{"another row's keys", func(t *testing.T, w *world, f, other attach.File) {
			w.exec(t, "UPDATE attach_file SET wrapped_dek = (SELECT wrapped_dek FROM attach_file WHERE id = $2) WHERE id = $1", f.FileID, other.FileID)
			w.exec(t, "UPDATE attach_link SET wrapped_dek = (SELECT wrapped_dek FROM attach_link WHERE file_id = $2) WHERE file_id = $1", f.FileID, other.FileID)
		}},
	}
}

// received makes two files of two parts each.
func received(t *testing.T, w *world, name string) (f, other attach.File) {
	t.Helper()
	return w.receive(t, name+" a.ds2", unknownBytes(partSize+100_000)), w.receive(t, name+" b.ds2", unknownBytes(partSize+100_000))
}

// Whatever is changed of what is stored, no wrong byte and never the whole file is handed out, and the file beside it is
// not concerned: on both engines, on the disk and in a bucket.
func TestDamageIsNeverHandedOut(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.run(t)
		own := w.owner(t, ann.OwnerID)
		for _, dmg := range append(damages(), rowDamages()...) {
			t.Run(dmg.name, func(t *testing.T) {
				f, other := received(t, w, dmg.name)
				w.wait(t)
				dmg.do(t, w, f, other)
				rec, err := w.get(t, f.LinkID, own, nil)
				if err == nil || !errors.Is(err, attach.ErrDamaged) && !errors.Is(err, crypt.ErrSealed) {
					t.Errorf("status %d, %d bytes, err = %v", rec.Code, rec.Body.Len(), err)
				}
				if whole := unknownBytes(partSize + 100_000); !bytes.HasPrefix(whole, rec.Body.Bytes()) || rec.Body.Len() == len(whole) {
					t.Error("wrong bytes, or all of them, were handed out")
				}
				if rec, err := w.get(t, other.LinkID, own, nil); err != nil || rec.Body.Len() != int(other.Size) {
					t.Errorf("the other file: %v", err)
				}
				w.exec(t, "DELETE FROM attach_link") // room for the next
			})
		}
	})
}

// rowDamages change what only opens a file that is clean: its link.
func rowDamages() []damage {
	return []damage{
		{"link's key of another link", func(t *testing.T, w *world, f, other attach.File) {
			w.exec(t, "UPDATE attach_link SET wrapped_dek = (SELECT wrapped_dek FROM attach_link WHERE file_id = $2) WHERE file_id = $1", f.FileID, other.FileID)
		}},
		{"link's key is the row's", func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_link SET wrapped_dek = (SELECT wrapped_dek FROM attach_file WHERE id = $1) WHERE file_id = $1", f.FileID)
		}},
		{"byte of the link's key", func(t *testing.T, w *world, f, _ attach.File) {
			w.flip(t, "SELECT wrapped_dek FROM attach_link WHERE file_id = $1", "UPDATE attach_link SET wrapped_dek = $2 WHERE file_id = $1", f.FileID)
		}},
		{"byte of the link's name", func(t *testing.T, w *world, f, _ attach.File) {
			w.flip(t, "SELECT name_sealed FROM attach_link WHERE file_id = $1", "UPDATE attach_link SET name_sealed = $2 WHERE file_id = $1", f.FileID)
		}},
		{"link's name of another link", func(t *testing.T, w *world, f, other attach.File) {
			w.exec(t, "UPDATE attach_link SET name_sealed = (SELECT name_sealed FROM attach_link WHERE file_id = $2) WHERE file_id = $1", f.FileID, other.FileID)
		}},
		{"link's size", func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_link SET size = size - 1 WHERE file_id = $1", f.FileID)
		}},
		{"link moved to another file", func(t *testing.T, w *world, f, _ attach.File) {
			third := w.receive(t, "third.ds2", unknownBytes(partSize+100_000))
			w.wait(t)
			w.exec(t, "UPDATE attach_link SET file_id = $2 WHERE file_id = $1", f.FileID, third.FileID)
		}},
		{"another link under this id", func(t *testing.T, w *world, f, _ attach.File) {
			third := w.receive(t, "third of ids.ds2", unknownBytes(partSize+100_000))
			w.wait(t)
			w.exec(t, "UPDATE attach_link SET id = $2 WHERE id = $1", f.LinkID, f.LinkID+"x")
			w.exec(t, "UPDATE attach_link SET id = $2 WHERE id = $1", third.LinkID, f.LinkID)
		}},
	}
}

// flip changes one bit of a sealed column.
func (w *world) flip(t *testing.T, read, write, id string) {
	t.Helper()
	b, found, err := db.One(t.Context(), w.d, db.Scan1[[]byte], read, id)
	if err != nil || !found || len(b) == 0 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	b[len(b)/2] ^= 1
	w.exec(t, write, id, b)
}

func TestDamageIsNeverClean(t *testing.T) {
	for i, dmg := range damages() {
		t.Run(dmg.name, func(t *testing.T) {
			w := newWorld(t, dbtest.SQLite(t), nil)
			if i%2 == 1 { // either kind of store sees half of them
				w = newBucketWorld(t, dbtest.SQLite(t))
			}
			f, other := received(t, w, "x")
			dmg.do(t, w, f, other)
			w.run(t)
			if state := w.text(t, "SELECT state FROM attach_file WHERE id = $1", f.FileID); state != attach.Rejected {
				t.Errorf("state %s", state)
			}
			if state := w.text(t, "SELECT state FROM attach_file WHERE id = $1", other.FileID); state != attach.Clean {
				t.Errorf("the other file: %s", state)
			}
		})
	}
}

// A store that cannot be read is no verdict: the file waits until it can.
func TestMissingPartWaits(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), nil)
	f := w.receive(t, "a.txt", []byte("x"))
	key := w.text(t, "SELECT key FROM attach_part WHERE file_id = $1", f.FileID)
	path := filepath.Join(w.dir, key)
	if err := os.Rename(path, path+"-away"); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if got := w.one(t); got.State != attach.Uploaded {
		t.Errorf("state %s", got.State)
	}
	if err := os.Rename(path+"-away", path); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(20 * time.Minute)
	if err := w.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wait(t)
	if got := w.one(t); got.State != attach.Clean {
		t.Errorf("state %s", got.State)
	}
}

func TestServe(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		data := unknownBytes(2*partSize + 1000)
		f, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: `Röntgen "14" 100%;x.ds2`, Left: attach.MaxTotal, Body: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		w.run(t)
		own := w.owner(t, ann.OwnerID)
		rec, err := w.get(t, f.LinkID, own, nil)
		if err != nil || !bytes.Equal(rec.Body.Bytes(), data) {
			t.Fatalf("%d bytes, %v", rec.Body.Len(), err)
		}
		want := map[string]string{
			"Content-Type":            "application/octet-stream",
			"Content-Disposition":     `attachment; filename="R_ntgen _14_ 100__x.ds2"; filename*=UTF-8''R%C3%B6ntgen%20%2214%22%20100%25%3Bx.ds2`,
			"X-Content-Type-Options":  "nosniff",
			"Content-Security-Policy": "sandbox; default-src 'none'",
			"Cache-Control":           "private, no-store",
			"Content-Length":          fmt.Sprint(len(data)),
			"Accept-Ranges":           "bytes",
		}
		for name, v := range want {
			if got := rec.Header().Get(name); got != v {
				t.Errorf("%s: %q, want %q", name, got, v)
			}
		}
		etag := rec.Header().Get("ETag")
		if rec, err := w.get(t, f.LinkID, own, http.Header{"If-None-Match": {etag}}); err != nil || rec.Code != 304 || etag == "" {
			t.Errorf("known already: %d, %v", rec.Code, err)
		}
		w.ranges(t, f, data)
	})
}

func (w *world) ranges(t *testing.T, f attach.File, data []byte) {
	t.Helper()
	own := w.owner(t, ann.OwnerID)
	n := len(data)
	for _, r := range [][2]int{{0, 0}, {0, 99}, {partSize - 1, partSize - 1}, {partSize - 10, partSize + 10}, {partSize, partSize}, {65_495, 65_497}, {5, 2*partSize + 5}, {2 * partSize, n - 1}, {n - 1, n - 1}} {
		rec, err := w.get(t, f.LinkID, own, http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", r[0], r[1])}})
		if err != nil || rec.Code != 206 || !bytes.Equal(rec.Body.Bytes(), data[r[0]:r[1]+1]) {
			t.Errorf("range %v: %d, %d bytes, %v", r, rec.Code, rec.Body.Len(), err)
		}
	}
	if rec, err := w.get(t, f.LinkID, own, http.Header{"Range": {"bytes=-20"}}); err != nil || rec.Code != 206 || !bytes.Equal(rec.Body.Bytes(), data[n-20:]) {
		t.Errorf("the end: %d, %v", rec.Code, err)
	}
	if rec, err := w.get(t, f.LinkID, own, http.Header{"Range": {fmt.Sprintf("bytes=%d-", n)}}); err != nil || rec.Code != 416 {
		t.Errorf("beyond the end: %d, %v", rec.Code, err)
	}
	if rec, err := w.get(t, f.LinkID, own, http.Header{"Range": {fmt.Sprintf("bytes=0-9,%d-%d", partSize, partSize+9)}}); err != nil || rec.Code != 206 || !bytes.Contains(rec.Body.Bytes(), data[partSize:partSize+10]) {
		t.Errorf("two ranges: %d, %v", rec.Code, err)
	}
}

// goneClient takes so many writes and then fails, as a closed connection does.
type goneClient struct {
	http.ResponseWriter
	left int
}

func (g *goneClient) Write(b []byte) (int, error) {
	if g.left--; g.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func TestServeEndsWhenTheBrowserHasGone(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), nil)
	f := w.receive(t, "a.ds2", unknownBytes(2*partSize))
	w.run(t)
	for writes := range 4 {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err := w.Serve(&goneClient{httptest.NewRecorder(), writes}, r, f.LinkID, w.owner(t, ann.OwnerID)); err != nil {
			t.Errorf("gone after %d writes: %v", writes, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	rec := httptest.NewRecorder()
	if err := w.Serve(rec, r, f.LinkID, w.owner(t, ann.OwnerID)); !errors.Is(err, context.Canceled) || rec.Body.Len() != 0 {
		t.Errorf("gone before the first byte: %v", err)
	}
}

// A download over a real connection of a file that turns out damaged in the middle never looks whole.
func TestDamageInTheMiddleOfADownload(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), nil)
	f := w.receive(t, "a.ds2", unknownBytes(partSize+100_000))
	w.run(t)
	edit(t, w.parts(t, f)[1], func(b []byte) []byte { b[50_000] ^= 1; return b })
	k := w.owner(t, ann.OwnerID)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := w.Serve(rw, r, f.LinkID, k); !errors.Is(err, attach.ErrDamaged) {
			t.Errorf("err = %v", err)
		}
		panic(http.ErrAbortHandler) // what package web does with an error after the answer has begun
	}))
	defer s.Close()
	res, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil || len(b) >= int(f.Size) {
		t.Errorf("%d of %d bytes, %v", len(b), f.Size, err)
	}
}
