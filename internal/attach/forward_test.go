package attach_test

import (
	"context"
	"errors"
	"testing"

	"securepractice/internal/attach"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

func (w *world) copyFiles(t *testing.T, c attach.Copy) (n int, err error) {
	t.Helper()
	err = w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
		n, err = w.Copy(ctx, tx, c)
		return err
	})
	return n, err
}

// TestCopy: the clean files of what was sent are another draft's too, under its owner's key, without a byte stored twice;
// taking them off there leaves the first holder's alone.
func TestCopy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, b := w.receive(t, "a.txt", []byte("first")), w.receive(t, "b.txt", []byte("second"))
		w.run(t)
		th, own, other := newThread(t), w.owner(t, ann.OwnerID), w.owner(t, pat.OwnerID)
		w.move(t, attach.Move{From: holder, To: "mail:sent", Open: own, Seal: th})
		before := len(w.objects(t))
		n, err := w.copyFiles(t, attach.Copy{From: "mail:sent", To: "mail:next", Open: th, Seal: other})
		if n != 2 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		files := w.list(t, "mail:next", other)
		if len(files) != 2 || files[0].Name != "a.txt" || files[1].Name != "b.txt" || files[0].LinkID == a.LinkID || files[0].FileID != a.FileID || files[1].FileID != b.FileID {
			t.Fatalf("copies: %+v", files)
		}
		if rec, err := w.get(t, files[1].LinkID, other, nil); err != nil || rec.Body.String() != "second" {
			t.Errorf("through the new link: %q, %v", rec.Body, err)
		}
		for _, k := range []crypt.Sealer{th, own} {
			if _, err := w.get(t, files[0].LinkID, k, nil); !errors.Is(err, crypt.ErrSealed) {
				t.Errorf("through another key: %v", err)
			}
		}
		if after := len(w.objects(t)); after != before {
			t.Errorf("%d objects, %d before", after, before)
		}
		w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.RemoveAll(ctx, tx, pat, "mail:next") })
		if rec, err := w.get(t, a.LinkID, th, nil); err != nil || rec.Body.String() != "first" {
			t.Errorf("what was sent: %q, %v", rec.Body, err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE state = 'clean'"); n != 2 {
			t.Errorf("%d files are left", n)
		}
		if _, err := w.copyFiles(t, attach.Copy{From: "mail:sent", To: "mail:next", Open: th, Seal: other}); !fault.Is(err, fault.Conflict) {
			t.Errorf("to a holder that is closed: %v", err)
		}
	})
}

// TestCopyRefuses: names twice, too many and too large; and what is not clean stays behind.
func TestCopyRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		own := w.owner(t, ann.OwnerID)
		w.receive(t, "a.txt", []byte("first"))
		w.receive(t, "b.txt", []byte(eicar))
		if n, err := w.copyFiles(t, attach.Copy{From: holder, To: "mail:early", Open: own, Seal: own}); n != 0 || err != nil {
			t.Errorf("before they are checked: %d, %v", n, err)
		}
		w.run(t)
		c := attach.Copy{From: holder, To: "mail:next", Open: own, Seal: own}
		if n, err := w.copyFiles(t, c); n != 1 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if _, err := w.copyFiles(t, c); fault.From(err).For("attachments") != "a.txt is already attached" {
			t.Errorf("twice: %v", err)
		}
		w.exec(t, "UPDATE attach_link SET size = 300000000, name_mac = $1 WHERE holder = 'mail:next'", []byte("x"))
		if _, err := w.copyFiles(t, c); !fault.Is(err, fault.Invalid) {
			t.Errorf("too large: %v", err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_link WHERE holder = 'mail:next'"); n != 1 {
			t.Errorf("%d links", n)
		}
	})
}
