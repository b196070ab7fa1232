package attach_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"securepractice/internal/attach"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
)

func (w *world) remove(t testing.TB, linkID string) {
	t.Helper()
	w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.Remove(ctx, tx, ann, holder, linkID) })
}

func (w *world) move(t testing.TB, m attach.Move) attach.Moved {
	t.Helper()
	var moved attach.Moved
	w.tx(t, func(ctx context.Context, tx *db.Tx) (err error) {
		moved, err = w.Move(ctx, tx, m)
		return err
	})
	return moved
}

func newThread(t testing.TB) *crypt.Thread {
	t.Helper()
	th, err := crypt.NewThread()
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func TestMoveSealsForTheThread(t *testing.T) {
	for _, to := range []string{"mail:message-1", holder} {
		each(t, func(t *testing.T, w *world) {
			a := w.receive(t, "a.txt", []byte("first"))
			b := w.receive(t, "b.txt", []byte("second"))
			w.run(t)
			th, own := newThread(t), w.owner(t, ann.OwnerID)
			moved := w.move(t, attach.Move{From: holder, To: to, Open: own, Seal: th})
			if moved != (attach.Moved{Files: 2, Clean: true}) {
				t.Errorf("moved: %+v", moved)
			}
			files := w.list(t, to, th)
			if len(files) != 2 || files[0].LinkID != a.LinkID || files[1].LinkID != b.LinkID || files[1].Name != "b.txt" {
				t.Fatalf("the message's files: %+v", files)
			}
			if rec, err := w.get(t, a.LinkID, th, nil); err != nil || rec.Body.String() != "first" {
				t.Errorf("through the thread: %q, %v", rec.Body, err)
			}
			for name, k := range map[string]crypt.Sealer{"the sender's owner": own, "another thread": newThread(t), "another owner": w.owner(t, pat.OwnerID)} {
				if _, err := w.get(t, a.LinkID, k, nil); !errors.Is(err, crypt.ErrSealed) {
					t.Errorf("through %s: %v", name, err)
				}
				if _, err := w.List(t.Context(), w.d, to, k); !errors.Is(err, crypt.ErrSealed) {
					t.Errorf("names through %s: %v", name, err)
				}
			}
			if got, found, err := w.Holder(t.Context(), w.d, a.LinkID); got != to || !found || err != nil {
				t.Errorf("holder %q, %v, %v", got, found, err)
			}
			w.sentIsClosed(t, to, a.LinkID)
		})
	}
}

// sentIsClosed checks that nothing joins or leaves what was sent.
func (w *world) sentIsClosed(t *testing.T, to, linkID string) {
	t.Helper()
	for _, h := range []string{holder, to} {
		_, err := w.Receive(t.Context(), ann, attach.In{Holder: h, Name: "late.txt", Left: 9, Body: strings.NewReader("x")})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a late upload to %s: %v", h, err)
		}
		err = w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.Remove(ctx, tx, ann, h, linkID) })
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("removing from %s: %v", h, err)
		}
		w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.RemoveAll(ctx, tx, ann, h) })
	}
	if n := w.count(t, "SELECT COUNT(*) FROM attach_link WHERE holder = $1", to); n != 2 {
		t.Errorf("%d of 2 sent files are left", n)
	}
}

// An upload that ends after the message was sent must not slip into it.
func TestUploadThatEndsAfterSendIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		body := &atEnd{data: []byte("late"), do: func() {
			w.move(t, attach.Move{From: holder, To: holder, Open: w.owner(t, ann.OwnerID), Seal: newThread(t)})
		}}
		_, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: "late.txt", Left: 9, Body: body})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("err = %v, want Conflict", err)
		}
		w.nothing(t)
	})
}

// atEnd gives data, and does something before it says that it ended.
type atEnd struct {
	data []byte
	do   func()
}

func (a *atEnd) Read(b []byte) (int, error) {
	if len(a.data) > 0 {
		n := copy(b, a.data)
		a.data = a.data[n:]
		return n, nil
	}
	a.do()
	return 0, errEOF
}

func TestMoveRefusesBlockedFilesAndGivesThemBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.receive(t, "good.txt", []byte("fine"))
		own, th := w.owner(t, ann.OwnerID), newThread(t)
		bad := w.receive(t, "bad.txt", []byte(eicar))
		moved := w.move(t, attach.Move{From: holder, To: holder, Open: own, Seal: th}) // sent before its verdict
		if moved != (attach.Moved{Files: 2}) {
			t.Errorf("before the verdict: %+v", moved)
		}
		w.run(t)
		last := w.told[len(w.told)-1]
		if last.holder != holder || last.moved != (attach.Moved{Files: 2, Blocked: true, Infected: true}) {
			t.Errorf("told: %+v", w.told)
		}
		// The message returns to the drafts with the file marked.
		if moved := w.move(t, attach.Move{From: holder, To: holder, Open: th, Seal: own}); !moved.Blocked || moved.Files != 2 {
			t.Errorf("given back: %+v", moved)
		}
		files := w.list(t, holder, own)
		if !files[1].Blocked() || files[1].Reason != "bad.txt contains a virus and was not attached" || files[1].Standing() != "Blocked" || files[0].Blocked() {
			t.Errorf("files: %+v", files)
		}
		before := w.text(t, "SELECT sealed_by FROM attach_link WHERE id = $1", bad.LinkID)
		if moved := w.move(t, attach.Move{From: holder, To: "mail:new", Open: own, Seal: th}); !moved.Blocked || moved.Files != 2 {
			t.Errorf("sent again with the blocked file: %+v", moved)
		}
		if after := w.text(t, "SELECT sealed_by FROM attach_link WHERE id = $1", bad.LinkID); after != before {
			t.Error("the refused move changed a link")
		}
	})
}

func TestMoveRefusedRollsBackWithItsCaller(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		f := w.receive(t, "a.txt", []byte("x"))
		undo := errors.New("undo")
		err := w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := w.Move(ctx, tx, attach.Move{From: holder, To: "mail:m", Open: w.owner(t, ann.OwnerID), Seal: newThread(t)}); err != nil {
				return err
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		w.remove(t, f.LinkID) // still an open draft
	})
}

func TestRemoveMakesUnreadable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		f := w.receive(t, "a.txt", []byte("x"))
		g := w.receive(t, "b.txt", []byte("y"))
		w.run(t)
		err := w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.Remove(ctx, tx, ann, "mail:other", f.LinkID) })
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("removed through another holder: %v", err)
		}
		w.remove(t, f.LinkID)
		err = w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.Remove(ctx, tx, ann, holder, f.LinkID) })
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("removed twice: %v", err)
		}
		if _, err := w.get(t, f.LinkID, w.owner(t, ann.OwnerID), nil); !fault.Is(err, fault.NotFound) {
			t.Errorf("download of a removed file: %v", err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE id = $1 AND state = 'gone' AND wrapped_dek IS NULL AND sha256_sealed IS NULL", f.FileID); n != 1 {
			t.Error("the removed file's key is not wiped")
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_trash"); n != 1 {
			t.Errorf("%d objects put aside, want 1", n)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.shredded' AND subject_id = $1", f.FileID); n != 1 {
			t.Error("not in the trail")
		}
		if left := w.one(t); left.LinkID != g.LinkID {
			t.Errorf("left: %+v", left)
		}
	})
}

func TestRemoveAllClosesTheDraft(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.receive(t, "a.txt", []byte("x"))
		w.receive(t, "b.txt", []byte("y"))
		w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.RemoveAll(ctx, tx, ann, holder) })
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE state = 'gone'"); n != 2 {
			t.Errorf("%d of 2 files are gone", n)
		}
		_, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: "late.txt", Left: 9, Body: strings.NewReader("x")})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("upload to a discarded draft: %v", err)
		}
		w.run(t) // the checks of files that are gone find nothing to do
		if len(w.told) != 0 {
			t.Errorf("verdicts on files that are gone: %+v", w.told)
		}
		w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.RemoveAll(ctx, tx, ann, "mail:never-had-files") })
	})
}

// A file held twice stays readable for the other holder.
func TestFileHeldTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		f := w.receive(t, "a.txt", []byte("x"))
		w.exec(t, `
			INSERT INTO attach_link (holder, id, file_id, name_sealed, name_mac, wrapped_dek, sealed_by, size, pos)
			SELECT 'mail:forward', 'l2', file_id, name_sealed, name_mac, wrapped_dek, sealed_by, size, pos FROM attach_link WHERE id = $1`, f.LinkID)
		w.remove(t, f.LinkID)
		if state := w.text(t, "SELECT state FROM attach_file WHERE id = $1", f.FileID); state != attach.Uploaded {
			t.Errorf("state %s", state)
		}
		w.run(t)
		if len(w.told) != 1 || w.told[0].holder != "mail:forward" {
			t.Errorf("told: %+v", w.told)
		}
	})
}

func TestListManyAndStanding(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		own := w.owner(t, ann.OwnerID)
		w.receive(t, "z.txt", []byte("1"))
		w.receive(t, "a.txt", []byte("2"))
		if _, err := w.Receive(t.Context(), ann, attach.In{Holder: "mail:d2", Name: "b.txt", Left: 9, Body: strings.NewReader("3")}); err != nil {
			t.Fatal(err)
		}
		all, err := w.ListMany(t.Context(), w.d, []string{holder, "mail:d2", "mail:none"}, own)
		if err != nil || len(all[holder]) != 2 || all[holder][0].Name != "z.txt" || len(all["mail:d2"]) != 1 || len(all["mail:none"]) != 0 {
			t.Errorf("%+v, %v", all, err)
		}
		if none, err := w.ListMany(t.Context(), w.d, nil, own); err != nil || len(none) != 0 {
			t.Errorf("%+v, %v", none, err)
		}
		m, err := w.Standing(t.Context(), w.d, holder)
		if err != nil || m != (attach.Moved{Files: 2}) {
			t.Errorf("%+v, %v", m, err)
		}
		w.run(t)
		if m, err = w.Standing(t.Context(), w.d, holder); err != nil || m != (attach.Moved{Files: 2, Clean: true}) {
			t.Errorf("%+v, %v", m, err)
		}
		if m, err = w.Standing(t.Context(), w.d, "mail:none"); err != nil || m != (attach.Moved{Clean: true}) {
			t.Errorf("without files: %+v, %v", m, err)
		}
		if _, found, err := w.Holder(t.Context(), w.d, "no-such-link"); found || err != nil {
			t.Errorf("holder of nothing: %v, %v", found, err)
		}
	})
}

// TestAccepted: SPEC.md's list, and beyond it what the operator chose.
func TestAccepted(t *testing.T) {
	const spec = `ai aif aifc aiff avi bmp cpt dcm dex doc docx ds2 eml eps gif hqx jpe jpeg jpg log mid midi mif mov
		movie mp2 mp3 mp4 mpe mpeg mpga obj oda pdf png ppt pptx ps qt ra ram rm rpm rtf rtx rv smi smil stl
		text tif tiff txt vcard vcf wav wbxml wmlc wmv word xl xls xml xsl xlsx zip`
	for also, more := range map[string][]string{"csv heic heif ply webp": nil, "heic": {"heic"}, "": {}} {
		w := newWorld(t, dbtest.SQLite(t), func(o *attach.Options) { o.Settings.More = more })
		if got := w.Accepted(); !slices.Equal(got, sortedFields(spec+" "+also)) {
			t.Errorf("accepted with %q: %v", more, got)
		}
		_, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: "list.csv", Left: 100, Body: strings.NewReader("a,b\n")})
		if taken := err == nil; taken != (more == nil) {
			t.Errorf("csv with %q: %v", more, err)
		}
	}
}

func sortedFields(s string) []string {
	f := strings.Fields(s)
	slices.Sort(f)
	return f
}
