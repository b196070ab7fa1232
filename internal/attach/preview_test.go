package attach_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/preview"
	"securepractice/internal/scan"
)

// drawer is a Renderer that a test drives.
type drawer struct {
	mu    sync.Mutex
	calls int
	fn    func(ctx context.Context, call int, take func(preview.Page) error) error
}

func (d *drawer) Check(context.Context) (preview.Found, error) { return preview.Found{PDF: true}, nil }

func (d *drawer) Render(ctx context.Context, _ string, src io.Reader, size int64, take func(preview.Page) error) error {
	if n, err := io.Copy(io.Discard, src); err != nil || n != size {
		return errors.Join(err, errors.New("not the whole file"))
	}
	d.mu.Lock()
	d.calls++
	call := d.calls
	d.mu.Unlock()
	return d.fn(ctx, call, take)
}

// onePage draws one picture.
func onePage(_ context.Context, _ int, take func(preview.Page) error) error {
	return take(preview.Page{Kind: "page", Type: "image/png", W: 4, H: 4, Data: drawnPNG(4, 4)})
}

func drawnPNG(w, h int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	img.Set(1, 1, color.RGBA{R: 200, A: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// previews runs fn on both engines in a world whose previews r draws, and where all files are received and checked by w.make.
func previews(t *testing.T, r func() attach.Renderer, fn func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		fn(t, newWorld(t, d, func(o *attach.Options) { o.Renderer = r() }))
	})
}

func drawn(fn func(ctx context.Context, call int, take func(preview.Page) error) error) func() attach.Renderer {
	return func() attach.Renderer { return &drawer{fn: fn} }
}

func worker() attach.Renderer {
	return preview.NewRunner(preview.Limits{}, slog.New(slog.DiscardHandler))
}

// check judges everything that was received, without the program's periodic work.
func (w *world) check(t testing.TB) {
	t.Helper()
	ids, err := db.All(t.Context(), w.d, db.Scan1[string], "SELECT id FROM attach_file WHERE state = 'uploaded'")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := w.CheckNow(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) make(t testing.TB) {
	t.Helper()
	if err := w.MakePreviews(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) page(t testing.TB, linkID, kind string, n int, k crypt.Sealer) (*httptest.ResponseRecorder, error) {
	t.Helper()
	rec := httptest.NewRecorder()
	err := w.ServePage(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), linkID, kind, n, k)
	return rec, err
}

// TestPreviewOfAPicture: from the upload to the bytes that a browser gets, by the real worker.
func TestPreviewOfAPicture(t *testing.T) {
	previews(t, worker, func(t *testing.T, w *world) {
		f := w.receive(t, "molar.png", drawnPNG(50, 40))
		k := w.owner(t, ann.OwnerID)
		if _, err := w.page(t, f.LinkID, "page", 0, k); !fault.Is(err, fault.NotFound) {
			t.Fatalf("a page of a file that is not checked: %v", err)
		}
		w.check(t)
		if got := w.one(t).Seen; got.State != attach.PreviewWanted {
			t.Fatalf("after the check: %+v", got)
		}
		w.make(t)
		if got := w.one(t).Seen; got != (attach.Seen{State: attach.PreviewReady, Thumb: true, Pages: 1, Info: true}) {
			t.Fatalf("after drawing: %+v", got)
		}
		rec, err := w.page(t, f.LinkID, "page", 0, k)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(rec.Body)
		if err != nil || img.Bounds().Dx() != 50 || img.Bounds().Dy() != 40 {
			t.Errorf("the page: %v %v", img.Bounds(), err)
		}
		for name, want := range map[string]string{
			"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store",
			"Content-Security-Policy": "sandbox; default-src 'none'", "Content-Disposition": "inline",
		} {
			if got := rec.Header().Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		for _, c := range []struct {
			kind string
			n    int
		}{{"page", 1}, {"raw", 0}, {"page", -1}, {"../page", 0}, {"", 0}} {
			if _, err := w.page(t, f.LinkID, c.kind, c.n, k); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s %d: %v", c.kind, c.n, err)
			}
		}
		if _, err := w.page(t, f.LinkID, "page", 0, w.owner(t, pat.OwnerID)); !errors.Is(err, crypt.ErrSealed) {
			t.Errorf("by the key of somebody else: %v", err)
		}
		if info, err := w.Info(t.Context(), f.LinkID, k); err != nil || string(info) != `{"kind":"picture","width":50,"height":40}` {
			t.Errorf("info: %s %v", info, err)
		}
		for _, key := range w.objects(t) {
			if b := w.bytes(t, key); bytes.Contains(b, []byte("PNG")) || bytes.Contains(b, []byte("picture")) {
				t.Errorf("%s is stored open", key)
			}
		}
	})
}

// bytes is what the store holds under a key.
func (w *world) bytes(t testing.TB, key string) []byte {
	t.Helper()
	o, err := w.blobs.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPreviewsGoWithTheirFile: removed, the preview's rows are gone at once and its objects a day later; until then collecting
// orphans leaves those of living files alone.
func TestPreviewsGoWithTheirFile(t *testing.T) {
	previews(t, drawn(onePage), func(t *testing.T, w *world) {
		f := w.receive(t, "a.png", drawnPNG(5, 5))
		w.check(t)
		w.make(t)
		if n := len(w.objects(t)); n != 2 {
			t.Fatalf("%d objects, want the file's and the page's", n)
		}
		w.clock.Advance(25 * time.Hour)
		if err := w.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(25 * time.Hour)
		if err := w.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.objects(t)); n != 2 {
			t.Fatalf("collecting left %d objects of a living file", n)
		}
		w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.Remove(ctx, tx, ann, holder, f.LinkID) })
		if n := w.count(t, "SELECT COUNT(*) FROM attach_preview") + w.count(t, "SELECT COUNT(*) FROM attach_preview_page"); n != 0 {
			t.Errorf("%d rows of the preview are left", n)
		}
		for _, key := range w.objects(t) {
			if w.count(t, "SELECT COUNT(*) FROM attach_trash WHERE key = $1", key) != 1 {
				t.Errorf("object %s is not put aside", key)
			}
		}
		w.clock.Advance(25 * time.Hour)
		if err := w.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.objects(t)); n != 0 {
			t.Errorf("%d objects are left", n)
		}
	})
}

// TestFileGoesWhileItIsDrawn: what was drawn meanwhile is nobody's.
func TestFileGoesWhileItIsDrawn(t *testing.T) {
	var w *world
	var link string
	remove := func(ctx context.Context, call int, take func(preview.Page) error) error {
		err := w.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return w.Remove(ctx, tx, ann, holder, link) })
		return errors.Join(err, onePage(ctx, call, take))
	}
	previews(t, drawn(remove), func(t *testing.T, own *world) {
		w = own
		link = w.receive(t, "a.png", drawnPNG(5, 5)).LinkID
		w.check(t)
		w.make(t)
		if n := w.count(t, "SELECT COUNT(*) FROM attach_preview") + w.count(t, "SELECT COUNT(*) FROM attach_preview_page"); n != 0 {
			t.Errorf("%d rows of the preview are left", n)
		}
	})
}

// TestOnlyCleanFilesAreDrawn: nothing of another file is ever handed to a renderer, and a file that turns out infected later
// loses its preview.
func TestOnlyCleanFilesAreDrawn(t *testing.T) {
	previews(t, drawn(onePage), func(t *testing.T, w *world) {
		f := w.receive(t, "a.png", drawnPNG(5, 5))
		w.make(t)
		w.check(t)
		k := w.owner(t, ann.OwnerID)
		for _, state := range []string{attach.Uploaded, attach.Scanning, attach.Infected, attach.Rejected, attach.Gone} {
			w.exec(t, "UPDATE attach_file SET state = $1", state)
			w.make(t)
			if got := w.count(t, "SELECT COUNT(*) FROM attach_preview_page"); got != 0 {
				t.Fatalf("%s: it was drawn", state)
			}
		}
		w.exec(t, "UPDATE attach_file SET state = 'clean'")
		w.make(t)
		if _, err := w.page(t, f.LinkID, "page", 0, k); err != nil {
			t.Fatal(err)
		}
		w.exec(t, "UPDATE attach_file SET state = 'uploaded'")
		if _, err := w.page(t, f.LinkID, "page", 0, k); !fault.Is(err, fault.NotFound) {
			t.Errorf("a page of a file that is being checked again: %v", err)
		}
	})
}

// TestPreviewsThatFail: each way of failing ends in words or in another try, and never touches the file.
func TestPreviewsThatFail(t *testing.T) {
	errStore := errors.New("the store is away")
	for _, c := range []struct {
		name   string
		errs   []error
		state  string
		reason string
		calls  int
	}{
		{"broken", []error{preview.ErrBroken}, attach.PreviewFailed, "broken", 1},
		{"too large", []error{preview.ErrTooLarge}, attach.PreviewFailed, "large", 1},
		{"encrypted", []error{preview.ErrEncrypted}, attach.PreviewFailed, "encrypted", 1},
		{"crashes once", []error{preview.ErrStopped}, attach.PreviewReady, "", 2},
		{"crashes always", []error{preview.ErrStopped, preview.ErrStopped, preview.ErrStopped}, attach.PreviewFailed, "stopped", 2},
		{"store away thrice", []error{errStore, errStore, errStore}, attach.PreviewReady, "", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			fail := func(ctx context.Context, call int, take func(preview.Page) error) error {
				if call <= len(c.errs) {
					return c.errs[call-1]
				}
				return onePage(ctx, call, take)
			}
			var d *drawer
			previews(t, func() attach.Renderer { d = &drawer{fn: fail}; return d }, func(t *testing.T, w *world) {
				w.receive(t, "a.png", drawnPNG(5, 5))
				w.check(t)
				for range 6 {
					err := w.MakePreviews(t.Context())
					if err != nil && !errors.Is(err, errStore) {
						t.Fatal(err)
					}
					w.clock.Advance(10 * time.Minute)
				}
				f := w.one(t)
				if f.State != attach.Clean || f.Seen.State != c.state || f.Seen.Reason != c.reason || d.calls != c.calls {
					t.Errorf("file %s, preview %+v, %d calls", f.State, f.Seen, d.calls)
				}
			})
		})
	}
}

// TestADeadMakerIsReplaced: after its lease another makes the preview; a file that ended the program twice is left alone.
func TestADeadMakerIsReplaced(t *testing.T) {
	previews(t, drawn(onePage), func(t *testing.T, w *world) {
		w.receive(t, "a.png", drawnPNG(5, 5))
		w.check(t)
		w.exec(t, "UPDATE attach_preview SET state = 'making', tries = 1, due_at = due_at + 300000000")
		w.make(t)
		if got := w.one(t).Seen.State; got != attach.PreviewMaking {
			t.Fatalf("within the lease: %s", got)
		}
		w.clock.Advance(6 * time.Minute)
		w.make(t)
		if got := w.one(t).Seen.State; got != attach.PreviewReady {
			t.Fatalf("after the lease: %s", got)
		}
		w.exec(t, "UPDATE attach_preview SET state = 'making', tries = 2, due_at = 0")
		w.make(t)
		if got := w.one(t).Seen; got.State != attach.PreviewFailed || got.Reason != "stopped" {
			t.Fatalf("after two ends: %+v", got)
		}
	})
}

// TestMissingTools: what only lacked a tool is made when the tool is here.
func TestMissingTools(t *testing.T) {
	late := func(ctx context.Context, call int, take func(preview.Page) error) error {
		if call == 1 {
			return preview.ErrMissing
		}
		return onePage(ctx, call, take)
	}
	previews(t, drawn(late), func(t *testing.T, w *world) {
		w.receive(t, "a.png", drawnPNG(5, 5))
		w.check(t)
		w.make(t)
		if got := w.one(t).Seen; got.State != attach.PreviewFailed || got.Reason != "missing" {
			t.Fatalf("without the tool: %+v", got)
		}
		if err := w.RevivePreviews(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.make(t)
		if got := w.one(t).Seen.State; got != attach.PreviewReady {
			t.Errorf("with it: %s", got)
		}
	})
}

// TestPreviewsAreBound: a page of another file or another number, a changed type or size, and changed bytes are refused.
func TestPreviewsAreBound(t *testing.T) {
	two := func(_ context.Context, _ int, take func(preview.Page) error) error {
		for n := range 2 {
			if err := take(preview.Page{Kind: "page", N: n, Type: "image/png", W: 4, H: 4, Data: drawnPNG(4, 4)}); err != nil {
				return err
			}
		}
		return nil
	}
	previews(t, drawn(two), func(t *testing.T, w *world) {
		a, b := w.receive(t, "a.png", drawnPNG(5, 5)), w.receive(t, "b.png", drawnPNG(6, 6))
		w.check(t)
		w.make(t)
		k := w.owner(t, ann.OwnerID)
		key := func(file string, n int) string {
			return w.text(t, "SELECT key FROM attach_preview_page WHERE file_id = $1 AND n = $2", file, n)
		}
		keyA, keyB, keyA1 := key(a.FileID, 0), key(b.FileID, 0), key(a.FileID, 1)
		set := func(what string, v any) {
			w.exec(t, "UPDATE attach_preview_page SET "+what+" = $1 WHERE file_id = $2 AND n = 0", v, a.FileID)
		}
		for name, change := range map[string]func(){
			"another file's":  func() { set("key", keyB) },
			"another number":  func() { set("key", keyA1) },
			"another type":    func() { set("type", "image/jpeg") },
			"a hostile type":  func() { set("type", "text/html") },
			"another width":   func() { set("width", 5) },
			"another length":  func() { set("len", 10) },
			"the file's part": func() { set("key", w.text(t, "SELECT key FROM attach_part WHERE file_id = $1", a.FileID)) },
		} {
			change()
			if rec, err := w.page(t, a.LinkID, "page", 0, k); err == nil || rec.Body.Len() > 0 {
				t.Errorf("%s: it was served", name)
			}
			if _, err := w.page(t, b.LinkID, "page", 0, k); err != nil {
				t.Errorf("%s: the other file: %v", name, err)
			}
			set("key", keyA)
			set("type", "image/png")
			set("width", 4)
			set("len", len(drawnPNG(4, 4)))
			if _, err := w.page(t, a.LinkID, "page", 0, k); err != nil {
				t.Fatalf("%s, mended: %v", name, err)
			}
		}
	})
}

// TestPreviewsOfInfectedFiles: a file that a later look finds infected loses its preview with the verdict.
func TestPreviewsOfInfectedFiles(t *testing.T) {
	signature, threat := "db/1", ""
	scans := scanner(func(_ context.Context, r io.Reader) (scan.Verdict, error) {
		_, err := io.Copy(io.Discard, r)
		return scan.Verdict{Clean: threat == "", Threat: threat, Signature: signature}, err
	})
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		signature, threat = "db/1", ""
		w := newWorld(t, d, func(o *attach.Options) { o.Renderer, o.Scanner = &drawer{fn: onePage}, scans })
		f := w.receive(t, "a.png", drawnPNG(5, 5))
		w.check(t)
		w.make(t)
		threat = "Planted.Virus"
		w.exec(t, "UPDATE attach_file SET state = 'uploaded', next_try_at = 0")
		if err := w.CheckNow(t.Context(), f.FileID); err != nil {
			t.Fatal(err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_preview_page") + w.count(t, "SELECT COUNT(*) FROM attach_preview"); n != 0 || w.one(t).State != attach.Infected {
			t.Errorf("%d rows of the preview are left, the file is %s", n, w.one(t).State)
		}
	})
}

// TestPreviewsOfFilesFoundLater: newer signatures that find a file infected end its preview in the same act.
func TestPreviewsOfFilesFoundLater(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := &learning{}
		w := newWorld(t, d, func(o *attach.Options) { o.Renderer, o.Scanner = &drawer{fn: onePage}, l })
		f := w.receive(t, "worm.txt", []byte("a worm"))
		w.receive(t, "good.txt", []byte("Shade A2"))
		w.check(t)
		w.make(t)
		w.clock.Advance(24 * time.Hour)
		l.knows.Store(true)
		if err := w.Rescan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_preview_page WHERE file_id = $1", f.FileID) + w.count(t, "SELECT COUNT(*) FROM attach_preview WHERE file_id = $1", f.FileID); n != 0 {
			t.Errorf("%d rows of the infected file's preview are left", n)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_preview WHERE state = 'ready'"); n != 1 {
			t.Errorf("%d previews are left, want that of the other file", n)
		}
	})
}

// TestNothingToMake: files without a renderer get a row that says so, and no work.
func TestNothingToMake(t *testing.T) {
	var d *drawer
	previews(t, func() attach.Renderer { d = &drawer{fn: onePage}; return d }, func(t *testing.T, w *world) {
		w.receive(t, "scan.stl", []byte("solid x\nfacet normal 0 0 0\n outer loop\n  vertex 0 0 0\n  vertex 0 0 0\n  vertex 0 0 0\n endloop\nendfacet\nendsolid x\n"))
		w.check(t)
		w.make(t)
		if got := w.one(t); got.State != attach.Clean || got.Seen.State != attach.PreviewNone || d.calls != 0 {
			t.Errorf("%s %+v, %d calls", got.State, got.Seen, d.calls)
		}
	})
}

// TestMadeByTwo: workers at once make each file once.
func TestMadeByTwo(t *testing.T) {
	var d *drawer
	previews(t, func() attach.Renderer { d = &drawer{fn: onePage}; return d }, func(t *testing.T, w *world) {
		for _, name := range strings.Fields("a.png b.png c.png d.png e.png") {
			w.receive(t, name, drawnPNG(5, 5))
		}
		w.check(t)
		var g sync.WaitGroup
		for range 3 {
			g.Go(func() {
				if err := w.MakePreviews(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		g.Wait()
		w.make(t)
		if n := w.count(t, "SELECT COUNT(*) FROM attach_preview WHERE state = 'ready'"); n != 5 || d.calls != 5 {
			t.Errorf("%d ready, %d drawn", n, d.calls)
		}
	})
}
