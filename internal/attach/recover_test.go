package attach_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/blob"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

// A worker that died leaves its file claimed; another takes it when the lease has ended, and not before.
func TestDeadWorkersFilesAreTakenOver(t *testing.T) {
	for _, state := range []string{attach.Checking, attach.Scanning} {
		each(t, func(t *testing.T, w *world) {
			w.receive(t, "a.txt", []byte("x"))
			w.exec(t, "UPDATE attach_file SET state = $1, lease_until = $2, version = version + 1", state, w.clock.Now().Add(time.Minute).UnixMicro())
			w.run(t) // its job finds it claimed and leaves it alone
			if got := w.one(t); got.State != state {
				t.Fatalf("%s became %s while its lease ran", state, got.State)
			}
			w.clock.Advance(61 * time.Second)
			if err := w.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.wait(t)
			if got := w.one(t); got.State != attach.Clean {
				t.Errorf("%s became %s", state, got.State)
			}
			if len(w.told) != 1 {
				t.Errorf("told %d times", len(w.told))
			}
		})
	}
}

func TestRecoverLeavesFreshWorkAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.receive(t, "a.txt", []byte("x"))
		w.clock.Advance(20 * time.Second)
		before := w.count(t, "SELECT COUNT(*) FROM river_job")
		if err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := w.count(t, "SELECT COUNT(*) FROM river_job"); after != before {
			t.Error("a second job for a file whose job still waits")
		}
	})
}

// A worker that died between taking the job and taking the file leaves a file that no job will come for. It gets another
// job after a minute: somebody waits for the message.
func TestFileWhoseJobDiedIsChecked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.receive(t, "a.txt", []byte("x"))
		w.exec(t, "DELETE FROM river_job")
		w.clock.Advance(61 * time.Second)
		if err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.run(t)
		if got := w.one(t); got.State != attach.Clean {
			t.Errorf("it is %s", got.State)
		}
	})
}

// unfinished leaves what a process that was killed in the middle of an upload leaves.
func (w *world) unfinished(t *testing.T) {
	t.Helper()
	w.receive(t, "a.ds2", unknownBytes(2*partSize))
	w.exec(t, "UPDATE attach_file SET state = 'uploading', size = NULL")
	w.exec(t, "DELETE FROM attach_link")
}

func TestAbandonedUploadsEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.unfinished(t)
		w.clock.Advance(24*time.Hour - time.Minute)
		if err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE state = 'uploading'"); n != 1 {
			t.Fatal("an upload of less than a day was ended")
		}
		w.clock.Advance(2 * time.Minute)
		if err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE state = 'aborted' AND wrapped_dek IS NULL"); n != 1 {
			t.Error("the upload is not ended")
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_trash"); n != 2 || len(w.objects(t)) != 2 {
			t.Errorf("%d of 2 parts put aside, %d objects", n, len(w.objects(t)))
		}
		w.collect(t, 23*time.Hour)
		if len(w.objects(t)) != 2 {
			t.Error("an object was deleted before its day was over")
		}
		w.collect(t, 2*time.Hour)
		if left := w.objects(t); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_trash") + w.count(t, "SELECT COUNT(*) FROM attach_file"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

func (w *world) collect(t *testing.T, after time.Duration) {
	t.Helper()
	w.clock.Advance(after)
	if err := w.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestOrphansAreCollectedAndNothingElse(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		f := w.receive(t, "a.ds2", unknownBytes(partSize+1))
		kept := w.objects(t)
		orphan := "ab/0190d7b2-0000-7000-8000-0000000000ab/0-orphan"
		beside := strings.TrimSuffix(kept[0], filepath.Base(kept[0])) + "7-orphan" // of a file that exists
		for _, key := range []string{orphan, beside} {
			if err := w.blobs.Put(t.Context(), key, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		leftover := orphan + ".word.tmp"
		if _, onDisk := w.blobs.(*blob.Disk); !onDisk {
			leftover = "ab/0190d7b2-0000-7000-8000-0000000000ab/1-orphan" // a bucket has nothing half
		}
		if err := os.WriteFile(filepath.Join(w.dir, leftover), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.collect(t, 23*time.Hour)
		if n := w.count(t, "SELECT COUNT(*) FROM attach_trash"); n != 0 {
			t.Fatalf("%d objects of less than a day were put aside", n)
		}
		w.collect(t, 2*time.Hour)
		if n := w.count(t, "SELECT COUNT(*) FROM attach_trash"); n != 3 || len(w.objects(t)) != len(kept)+3 {
			t.Fatalf("%d put aside, want 3; %v", n, w.objects(t))
		}
		w.exec(t, "INSERT INTO attach_trash (key, since_at) VALUES ($1, 0)", kept[0]) // by some mistake
		w.collect(t, 25*time.Hour)
		left := w.objects(t)
		slices.Sort(left)
		slices.Sort(kept)
		if !slices.Equal(left, kept) {
			t.Errorf("left %v, want the parts of the file %v", left, kept)
		}
		w.run(t)
		if rec, err := w.get(t, f.LinkID, w.owner(t, ann.OwnerID), nil); err != nil || rec.Body.Len() != partSize+1 {
			t.Errorf("the file: %v", err)
		}
	})
}

func TestManyOrphans(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), nil)
	for i := range 450 {
		if err := w.blobs.Put(t.Context(), fmt.Sprintf("ab/f%d/0-x", i%7)+fmt.Sprint(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	w.collect(t, 25*time.Hour)
	w.collect(t, 25*time.Hour)
	if left := w.objects(t); len(left) != 0 {
		t.Errorf("%d are left", len(left))
	}
}

// Nothing of a file's content or name stands in clear in the store, the database or its files.
func TestPlantedWordsAreNowhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		words := []string{"zanzibar-planted-content", "quokka-planted-name", "zanzibar", "quokka"}
		text := strings.Repeat(words[0]+"\n", 1000)
		w.receive(t, words[1]+".txt", []byte(text))
		w.receive(t, words[1]+"-2.txt", append(bytes.Repeat([]byte(words[0]+"\n"), partSize/20), text...))
		w.run(t)
		w.move(t, attach.Move{From: holder, To: "mail:m", Open: w.owner(t, ann.OwnerID), Seal: newThread(t)})
		var stored []byte
		for _, key := range w.objects(t) {
			b, err := os.ReadFile(filepath.Join(w.dir, key))
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, b...)
		}
		stored = append(stored, w.dump(t)...)
		if len(stored) < partSize {
			t.Fatalf("only %d bytes were looked at", len(stored))
		}
		for _, word := range words {
			if bytes.Contains(bytes.ToLower(stored), []byte(word)) {
				t.Errorf("%q is stored in clear", word)
			}
		}
	})
}

// dump is every row of this room's tables, of the trail and of the jobs; on SQLite the files of the database besides.
func (w *world) dump(t *testing.T) []byte {
	t.Helper()
	var all []byte
	tables := map[string]string{
		"attach_file": "id, user_id, owner_id, state, type, ext, scan_sig, reason, sha256_sealed, wrapped_dek", "attach_part": "key",
		"attach_link": "holder, id, name_sealed, name_mac, wrapped_dek, sealed_by", "attach_holder": "holder", "attach_trash": "key",
		"audit_event": "action, subject_id, detail", "river_job": "args",
	}
	for table, columns := range tables {
		n := strings.Count(columns, ",") + 1
		rows, err := db.All(t.Context(), w.d, func(row db.Row) ([]byte, error) {
			values, dest := make([]sql.RawBytes, n), make([]any, n)
			for i := range values {
				dest[i] = &values[i]
			}
			err := row(dest...)
			return bytes.Join(func() (b [][]byte) {
				for _, v := range values {
					b = append(b, v)
				}
				return b
			}(), []byte("|")), err
		}, "SELECT "+columns+" FROM "+table)
		if err != nil || len(rows) == 0 && table != "attach_trash" {
			t.Fatalf("%s: %d rows, %v", table, len(rows), err)
		}
		all = append(all, bytes.Join(rows, []byte("\n"))...)
	}
	return all
}
