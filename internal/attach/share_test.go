package attach_test

import (
	"context"
	"errors"
	"testing"

	"securepractice/internal/attach"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
)

func (w *world) share(t testing.TB, m attach.Move) (shared attach.Moved) {
	t.Helper()
	w.tx(t, func(ctx context.Context, tx *db.Tx) (err error) {
		shared, err = w.Share(ctx, tx, m)
		return err
	})
	return shared
}

// TestShareLinksTheSameBytes: a second holder opens the files with its own key alone, nothing is stored twice, and the
// verdict is told to both.
func TestShareLinksTheSameBytes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.receive(t, "a.txt", []byte("first"))
		one, two := newThread(t), newThread(t)
		w.move(t, attach.Move{From: holder, To: holder, Open: w.owner(t, ann.OwnerID), Seal: one})
		if got := w.share(t, attach.Move{From: holder, To: "mail:second", Open: one, Seal: two}); got != (attach.Moved{Files: 1}) {
			t.Errorf("shared: %+v", got)
		}
		w.run(t)
		files := w.list(t, "mail:second", two)
		if len(files) != 1 || files[0].LinkID == a.LinkID || files[0].FileID != a.FileID || files[0].State != attach.Clean {
			t.Fatalf("the second holder's files: %+v", files)
		}
		if rec, err := w.get(t, files[0].LinkID, two, nil); err != nil || rec.Body.String() != "first" {
			t.Errorf("through the second thread: %q, %v", rec.Body, err)
		}
		if _, err := w.get(t, files[0].LinkID, one, nil); !errors.Is(err, crypt.ErrSealed) {
			t.Errorf("through the first thread: %v", err)
		}
		if rec, err := w.get(t, a.LinkID, one, nil); err != nil || rec.Body.String() != "first" {
			t.Errorf("the first link: %q, %v", rec.Body, err)
		}
		if got := w.share(t, attach.Move{From: "mail:nothing", To: "mail:third", Open: one, Seal: two}); got != (attach.Moved{Clean: true}) {
			t.Errorf("shared nothing: %+v", got)
		}
	})
}

// TestShareRefusesBlocked: what was refused is not sent a second time.
func TestShareRefusesBlocked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.receive(t, "a.txt", []byte("first"))
		one := newThread(t)
		w.move(t, attach.Move{From: holder, To: holder, Open: w.owner(t, ann.OwnerID), Seal: one})
		w.tx(t, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE attach_file SET state = 'infected'")
			return err
		})
		if got := w.share(t, attach.Move{From: holder, To: "mail:second", Open: one, Seal: newThread(t)}); !got.Blocked {
			t.Errorf("shared: %+v", got)
		}
		if files := w.list(t, "mail:second", one); len(files) != 0 {
			t.Errorf("files: %+v", files)
		}
	})
}
