package attach_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

// examine returns what the doctor finds.
func (w *world) examine(t *testing.T, e attach.Exam) []attach.Finding {
	t.Helper()
	x, err := w.Examine(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return x.Found
}

// healthy fails when the doctor finds anything.
func (w *world) healthy(t *testing.T, deep bool) {
	t.Helper()
	for _, f := range w.examine(t, attach.Exam{Deep: deep}) {
		t.Errorf("found: %s", f.Text)
	}
}

func (w *world) state(t *testing.T, f attach.File) string {
	t.Helper()
	return w.text(t, "SELECT state FROM attach_file WHERE id = $1", f.FileID)
}

// ill is one thing that can be wrong: how it came, what the doctor says, whether it mends it, and what is then so.
type ill struct {
	name  string
	deep  bool
	harm  func(t *testing.T, w *world, f, other attach.File)
	says  string
	mends string // what is done; empty: a person has to look
	after func(t *testing.T, w *world, f attach.File)
}

func isLost(t *testing.T, w *world, f attach.File) {
	t.Helper()
	if state := w.state(t, f); state != attach.Rejected {
		t.Errorf("it is %s", state)
	}
	if n := w.count(t, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.blocked' AND subject_id = $1", f.FileID); n != 1 {
		t.Errorf("%d lines in the trail", n)
	}
	for _, shown := range w.list(t, holder, w.owner(t, ann.OwnerID)) {
		if shown.FileID == f.FileID && !strings.Contains(shown.Reason, "damaged in storage") {
			t.Errorf("its holder reads %q", shown.Reason)
		}
	}
}

func isClean(t *testing.T, w *world, f attach.File) {
	t.Helper()
	w.wait(t)
	if state := w.state(t, f); state != attach.Clean {
		t.Errorf("it is %s", state)
	}
}

func ended(t *testing.T, w *world, f attach.File) {
	t.Helper()
	if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE id = $1 AND wrapped_dek IS NULL AND state IN ('aborted', 'gone')", f.FileID); n != 1 {
		t.Error("it has its key still")
	}
	if n := w.count(t, "SELECT COUNT(*) FROM attach_trash"); n != 2 {
		t.Errorf("%d objects are put aside", n)
	}
}

func removeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

const toldLost = "Those who have it are told that it is lost."

func ills() []ill {
	return []ill{
		{"object gone", false, func(t *testing.T, w *world, f, _ attach.File) { removeFile(t, w.parts(t, f)[1]) }, "has lost part 1 of 2", toldLost, isLost},
		{"object cut", false, func(t *testing.T, w *world, f, _ attach.File) {
			edit(t, w.parts(t, f)[0], func(b []byte) []byte { return b[:len(b)-1] })
		}, "part 0 of 2 that was cut or lengthened", toldLost, isLost},
		{"object lengthened", false, func(t *testing.T, w *world, f, _ attach.File) {
			edit(t, w.parts(t, f)[1], func(b []byte) []byte { return append(b, 0) })
		}, "part 1 of 2 that was cut or lengthened", toldLost, isLost},
		{"byte changed", true, func(t *testing.T, w *world, f, _ attach.File) {
			edit(t, w.parts(t, f)[1], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, "is not what was received", toldLost, isLost},
		{"objects swapped", true, func(t *testing.T, w *world, f, other attach.File) {
			replace(t, w.parts(t, f)[0], w.parts(t, other)[0])
		}, "is not what was received", toldLost, isLost},
		{"checksum of another", true, func(t *testing.T, w *world, f, other attach.File) {
			w.exec(t, "UPDATE attach_file SET sha256_sealed = (SELECT sha256_sealed FROM attach_file WHERE id = $2) WHERE id = $1", f.FileID, other.FileID)
		}, "is not what was received", toldLost, isLost},
		{"part's row gone", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "DELETE FROM attach_part WHERE file_id = $1 AND idx = 1", f.FileID)
		}, "has 1 parts, its size demands 2", toldLost, isLost},
		{"part's number wrong", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_part SET idx = 2 WHERE file_id = $1 AND idx = 1", f.FileID)
		}, "has no part 1 of 2", toldLost, isLost},
		{"part's length wrong", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_part SET len = len - 1 WHERE file_id = $1 AND idx = 1", f.FileID)
		}, "has a part 1 of 99999 bytes", toldLost, isLost},
		{"part of another file", false, func(t *testing.T, w *world, f, other attach.File) {
			w.exec(t, "UPDATE attach_part SET key = (SELECT key FROM attach_part WHERE file_id = $2 AND idx = 1) WHERE file_id = $1 AND idx = 1", f.FileID, other.FileID)
		}, "of another file", toldLost, isLost},
		{"size changed", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_file SET size = size - 1, received = received - 1 WHERE id = $1", f.FileID)
			w.exec(t, "UPDATE attach_link SET size = size - 1 WHERE file_id = $1", f.FileID)
		}, "has a key that does not open", toldLost, isLost},
		{"received less", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_file SET received = 5 WHERE id = $1", f.FileID)
		}, "and received 5", toldLost, isLost},
		{"key of another", false, func(t *testing.T, w *world, f, other attach.File) {
			w.exec(t, "UPDATE attach_file SET wrapped_dek = (SELECT wrapped_dek FROM attach_file WHERE id = $2) WHERE id = $1", f.FileID, other.FileID)
		}, "has a key that does not open", toldLost, isLost},
		{"no key", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_file SET wrapped_dek = NULL WHERE id = $1", f.FileID)
		}, "has no key", toldLost, isLost},
		{"check never began", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_file SET state = 'uploaded' WHERE id = $1", f.FileID)
			w.clock.Advance(time.Hour)
		}, "should have been checked at", "It is checked again.", isClean},
		{"worker died", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_file SET state = 'scanning', lease_until = $2 WHERE id = $1", f.FileID, w.clock.Now().UnixMicro())
			w.clock.Advance(time.Hour)
		}, "is scanning by a worker that ended", "It is checked again.", isClean},
		{"abandoned upload", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "DELETE FROM attach_link WHERE file_id = $1", f.FileID)
			w.exec(t, "UPDATE attach_file SET state = 'uploading', size = NULL WHERE id = $1", f.FileID)
			w.clock.Advance(26 * time.Hour)
		}, "is an upload that stands still", "Its key is wiped", ended},
		{"ended with its parts", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "DELETE FROM attach_link WHERE file_id = $1", f.FileID)
			w.exec(t, "UPDATE attach_file SET state = 'gone' WHERE id = $1", f.FileID)
		}, "is gone, and still has 2 parts", "Its key is wiped", ended},
		{"held by nobody", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "DELETE FROM attach_link WHERE file_id = $1", f.FileID)
		}, "is clean, and no message or draft holds it", "", nil},
		{"link to what has ended", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_file SET state = 'gone', wrapped_dek = NULL WHERE id = $1", f.FileID)
			w.exec(t, "DELETE FROM attach_part WHERE file_id = $1", f.FileID)
		}, "which has ended", "", nil},
		{"link of another size", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_link SET size = 7 WHERE file_id = $1", f.FileID)
		}, "has 7 bytes, its row says", "", nil},
		{"link without a holder", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "UPDATE attach_link SET holder = 'mail:nobody' WHERE file_id = $1", f.FileID)
		}, "of mail:nobody has a holder without a row", "", nil},
		{"trash that is not emptied", false, func(t *testing.T, w *world, f, _ attach.File) {
			w.exec(t, "INSERT INTO attach_trash (key, since_at) VALUES ('ab/f/0-x', 0)")
		}, "1 objects were put aside", "", nil},
		{"orphan", false, func(t *testing.T, w *world, _, _ attach.File) {
			if err := w.blobs.Put(t.Context(), "ab/nofile/0-orphan", []byte("x")); err != nil {
				t.Fatal(err)
			}
			w.clock.Advance(25 * time.Hour)
		}, "Object ab/nofile/0-orphan belongs to no file", "put aside", func(t *testing.T, w *world, _ attach.File) {
			w.collect(t, 25*time.Hour)
			if n := len(w.objects(t)); n != 4 {
				t.Errorf("%d objects", n)
			}
		}},
	}
}

// Each thing that can be wrong is found, said with its id, mended where that loses nothing, and nothing else is touched.
func TestDoctor(t *testing.T) {
	for _, c := range ills() {
		t.Run(c.name, func(t *testing.T) { each(t, func(t *testing.T, w *world) { w.treat(t, c) }) })
	}
}

// The same where files are in a bucket, for what concerns the objects.
func TestDoctorOnS3(t *testing.T) {
	for _, c := range ills() {
		if strings.Contains(c.name, "object") || c.name == "orphan" || c.name == "byte changed" {
			t.Run(c.name, func(t *testing.T) { w := newBucketWorld(t, dbtest.SQLite(t)); w.treat(t, c) })
		}
	}
}

// treat lets the doctor find one thing, mend it, and find nothing more.
func (w *world) treat(t *testing.T, c ill) {
	t.Helper()
	f, other := received(t, w, "x")
	w.run(t)
	w.healthy(t, true)
	c.harm(t, w, f, other)
	if c.deep {
		w.healthy(t, false)
	}
	found := w.examine(t, attach.Exam{Deep: c.deep})
	if len(found) != 1 || !strings.Contains(found[0].Text, c.says) || found[0].Mended != "" {
		t.Fatalf("found %+v, want one that says %q and nothing done", found, c.says)
	}
	found = w.examine(t, attach.Exam{Deep: c.deep, Repair: true})
	if len(found) != 1 || c.mends == "" && found[0].Mended != "" || !strings.Contains(found[0].Mended, c.mends) {
		t.Fatalf("found %+v, want it mended with %q", found, c.mends)
	}
	if c.mends != "" {
		c.after(t, w, f)
		w.healthy(t, c.deep)
	}
	if state := w.state(t, other); state != attach.Clean {
		t.Errorf("the other file is %s", state)
	}
}

// A file whose lost part comes back from a backup is checked again and can be opened.
func TestDoctorTakesBackWhatWasRestored(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		f, _ := received(t, w, "x")
		w.run(t)
		part, away := w.parts(t, f)[0], filepath.Join(t.TempDir(), "away")
		if err := os.Rename(part, away); err != nil {
			t.Fatal(err)
		}
		if found := w.examine(t, attach.Exam{Repair: true}); len(found) != 1 || w.state(t, f) != attach.Rejected {
			t.Fatalf("found %+v", found)
		}
		w.healthy(t, true)
		if err := errors.Join(os.MkdirAll(filepath.Dir(part), 0o700), os.Rename(away, part)); err != nil {
			t.Fatal(err)
		}
		found := w.examine(t, attach.Exam{Deep: true, Repair: true})
		if len(found) != 1 || !strings.Contains(found[0].Text, "was marked as lost and is whole") || found[0].Mended != "It is checked again." {
			t.Fatalf("found %+v", found)
		}
		isClean(t, w, f)
		if rec, err := w.get(t, f.LinkID, w.owner(t, ann.OwnerID), nil); err != nil || rec.Body.Len() != int(f.Size) {
			t.Errorf("%d bytes, %v", rec.Body.Len(), err)
		}
	})
}

// A store that is not the right one loses every file. Then nothing is marked.
func TestDoctorDoesNotTrustAnEmptyStore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		received(t, w, "x")
		w.run(t)
		if err := os.RemoveAll(w.dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(w.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		found := w.examine(t, attach.Exam{Repair: true})
		if len(found) != 3 || !strings.Contains(found[2].Text, "probably the wrong one") {
			t.Errorf("found %+v", found)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE state = 'clean'"); n != 2 {
			t.Errorf("%d files are clean still", n)
		}
	})
}

// What is on its way is no finding.
func TestDoctorBesideThePortal(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, nil)
		w.receive(t, "waits.ds2", unknownBytes(100))
		w.healthy(t, true)
		w.run(t)
		w.unfinished(t)
		w.healthy(t, true)
	})
}

// While files arrive, are judged and are removed, the doctor finds nothing wrong.
func TestDoctorWhileFilesComeAndGo(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.run(t)
		var wg sync.WaitGroup
		done := make(chan struct{})
		for g := range 3 {
			wg.Go(func() {
				for i := range 8 {
					in := attach.In{Holder: fmt.Sprintf("mail:%d", g), Name: fmt.Sprintf("%d.ds2", i), Left: attach.MaxTotal, Body: bytes.NewReader(unknownBytes(10_000 + g))}
					f, err := w.Receive(t.Context(), ann, in)
					if err == nil && i%2 == 0 {
						err = w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.Remove(ctx, tx, ann, in.Holder, f.LinkID) })
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		go func() { wg.Wait(); close(done) }()
		for n := 0; ; n++ {
			w.healthy(t, n%2 == 0)
			select {
			case <-done:
				w.wait(t)
				w.healthy(t, true)
				return
			default:
			}
		}
	})
}
