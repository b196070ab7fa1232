package attach_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

// everything is every value of every table, as a backup has it: the bytes, and on PostgreSQL their hexadecimal digits.
func (w *world) everything(t *testing.T) []byte {
	t.Helper()
	list := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if w.d.Postgres() {
		list = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	tables, err := db.All(t.Context(), w.d, db.Scan1[string], list)
	if err != nil || len(tables) < 30 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	var all []byte
	for _, table := range tables {
		if w.d.Postgres() {
			rows, err := db.All(t.Context(), w.d, db.Scan1[string], `SELECT row_to_json(x)::text FROM "`+table+`" x`)
			if err != nil {
				t.Fatalf("%s: %v", table, err)
			}
			for _, r := range rows {
				all = append(all, r...)
			}
			continue
		}
		all = append(all, w.rowsOf(t, table)...)
	}
	return all
}

func (w *world) rowsOf(t *testing.T, table string) (all []byte) {
	t.Helper()
	rows, err := w.d.Writer().QueryContext(t.Context(), `SELECT * FROM "`+table+`"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, dest := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			all = append(append(all, v...), '|')
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func contains(dump, key []byte) bool {
	return bytes.Contains(dump, key) || bytes.Contains(dump, []byte(hex.EncodeToString(key)))
}

// keysOf are all wraps of a file's key that there are: its row's and its links'.
func (w *world) keysOf(t *testing.T, fileID string) [][]byte {
	t.Helper()
	var keys [][]byte
	for _, table := range []string{"attach_file WHERE id", "attach_link WHERE file_id"} {
		list, err := db.All(t.Context(), w.d, db.Scan1[[]byte], "SELECT wrapped_dek FROM "+table+" = $1", fileID)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, list...)
	}
	return keys
}

// When the last holder of a file ends, every wrap of its key is gone with that commit: no backup made from then on can
// open its parts, which follow a day later. A file that somebody still holds keeps its keys.
func TestShredding(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		f := w.receive(t, "a.ds2", unknownBytes(partSize+100_000))
		kept := w.receive(t, "b.ds2", unknownBytes(100))
		w.run(t)
		draft := w.keysOf(t, f.FileID)
		own, thread := w.owner(t, ann.OwnerID), newThread(t)
		w.tx(t, func(ctx context.Context, tx *db.Tx) error {
			_, err := w.Share(ctx, tx, attach.Move{From: holder, To: "mail:sent", Open: own, Seal: thread})
			return err
		})
		keys := append(draft, w.keysOf(t, f.FileID)...)
		if dump := w.everything(t); len(keys) != 5 || !contains(dump, keys[0]) || !contains(dump, keys[1]) {
			t.Fatalf("%d keys, of which the dump does not have all: the test tests nothing", len(keys))
		}
		by := actor.ByProgram("test")
		w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.Remove(ctx, tx, ann, holder, f.LinkID) })
		if n := len(w.keysOf(t, f.FileID)); n != 2 || w.state(t, f) != attach.Clean {
			t.Fatalf("%d keys are left of a file that is held once more", n)
		}
		w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.Release(ctx, tx, by, "mail:sent") })
		dump := w.everything(t)
		for i, key := range keys {
			if contains(dump, key) {
				t.Errorf("key %d of %d is still in the dump", i, len(keys))
			}
		}
		if len(w.objects(t)) != 3 {
			t.Error("parts were deleted before a backup could have finished")
		}
		w.collect(t, 25*time.Hour)
		if n := len(w.objects(t)); n != 1 {
			t.Errorf("%d objects are left, want the other file's", n)
		}
		if rec, err := w.get(t, kept.LinkID, own, nil); err != nil || rec.Body.Len() != 100 {
			t.Errorf("the other file: %v", err)
		}
		w.healthy(t, true)
	})
}

// On SQLite the wiped keys are not in the database's file either, where deleted rows lie until something is written over
// them.
func TestShreddingLeavesNothingInTheFile(t *testing.T) {
	url := dbtest.SQLiteURL(t)
	d, err := db.Open(t.Context(), url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	w := newWorld(t, d, nil)
	f := w.receive(t, "a.txt", []byte("x"))
	w.receive(t, "b.txt", []byte("y"))
	w.run(t)
	keys := w.keysOf(t, f.FileID)
	w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.Remove(ctx, tx, ann, holder, f.LinkID) })
	for range 2 {
		if _, err := d.Writer().ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(url[len("sqlite:"):])
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		if len(key) == 0 || bytes.Contains(file, key) {
			t.Errorf("key %d of %d is still in the file", i, len(keys))
		}
	}
}
