package attach_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/blob"
	"securepractice/internal/blob/s3/s3test"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/jobs"
	"securepractice/internal/scan"
)

const (
	partSize = 4 << 20
	holder   = "mail:draft-1"
)

var (
	ann = actor.Actor{Kind: actor.User, ID: "ann", PracticeID: "practice-1", OwnerID: "practice-1"}
	pat = actor.Actor{Kind: actor.User, ID: "pat", OwnerID: "pat", Role: actor.Patient}
)

// told is one call of OnVerdict.
type told struct {
	holder string
	moved  attach.Moved
}

// world is the room with everything below it real.
type world struct {
	*attach.Service
	d     *db.DB
	keys  *crypt.Keys
	clock *clock.Clock
	blobs blob.Store
	dir   string
	jobs  *jobs.Client
	mu    sync.Mutex
	told  []told
	fail  error // what OnVerdict answers
}

func newWorld(t testing.TB, d *db.DB, change func(o *attach.Options)) *world {
	t.Helper()
	w := &world{d: d, keys: crypttest.Keys(t, d), clock: clock.Fixed(time.Now()), dir: filepath.Join(t.TempDir(), "files")}
	disk, err := blob.OpenDisk(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	w.blobs = disk
	w.jobs = jobs.New(d, slog.New(slog.NewTextHandler(io.Discard, nil)))
	o := attach.Options{
		DB: d, Keys: w.keys, Clock: w.clock, Jobs: w.jobs, Blobs: w.blobs, Scanner: scan.Demo{},
		Audit: audit.New(audit.Options{DB: d, Keys: w.keys, Clock: w.clock}),
	}
	if change != nil {
		change(&o)
	}
	w.blobs = o.Blobs
	w.Service = attach.New(o)
	w.OnVerdict = func(_ context.Context, _ *db.Tx, holder string, m attach.Moved) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told = append(w.told, told{holder, m})
		return w.fail
	}
	for _, id := range []string{ann.OwnerID, pat.OwnerID} {
		w.tx(t, func(ctx context.Context, tx *db.Tx) error { return w.keys.NewOwner(ctx, tx, id) })
	}
	return w
}

// newBucketWorld is a world whose files are in a bucket of a real S3 service; w.dir is where that one keeps them.
func newBucketWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	store, dir := s3test.Open(t)
	w := newWorld(t, d, func(o *attach.Options) { o.Blobs = store })
	w.dir = dir
	return w
}

// everywhere runs fn on both engines with files on the disk, and on PostgreSQL with files in a bucket, each with a world of
// its own.
func everywhere(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	each(t, fn)
	t.Run("bucket", func(t *testing.T) { fn(t, newBucketWorld(t, dbtest.Postgres(t))) })
}

// each runs fn on both engines, each with a world of its own.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newWorld(t, d, nil)) })
}

func (w *world) tx(t testing.TB, fn func(ctx context.Context, tx *db.Tx) error) {
	t.Helper()
	if err := w.d.InTx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func (w *world) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	w.tx(t, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

func (w *world) count(t testing.TB, query string, args ...any) int64 {
	t.Helper()
	n, _, err := db.One(t.Context(), w.d, db.Scan1[int64], query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) text(t testing.TB, query string, args ...any) string {
	t.Helper()
	s, _, err := db.One(t.Context(), w.d, db.Scan1[string], query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run starts the jobs and waits until none is due.
func (w *world) run(t testing.TB) {
	t.Helper()
	if err := w.jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.jobs.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.wait(t)
}

func (w *world) wait(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.jobs.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func (w *world) owner(t testing.TB, id string) *crypt.Owner {
	t.Helper()
	o, err := w.keys.Owner(t.Context(), w.d, id)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (w *world) receive(t testing.TB, name string, data []byte) attach.File {
	t.Helper()
	f, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: name, Left: attach.MaxTotal, Body: bytes.NewReader(data)})
	if err != nil {
		t.Fatalf("receive %s: %v", name, err)
	}
	return f
}

// refused receives a file and returns the sentence it was refused with.
func (w *world) refused(t testing.TB, in attach.In) string {
	t.Helper()
	if in.Holder == "" {
		in.Holder = holder
	}
	if in.Left == 0 {
		in.Left = attach.MaxTotal
	}
	f, err := w.Receive(t.Context(), ann, in)
	if err == nil {
		t.Fatalf("%s was attached: %+v", in.Name, f)
	}
	text := fault.From(err).For("attachments")
	if !fault.Is(err, fault.Invalid) || text == "" {
		t.Fatalf("%s: err = %v, want a fault on the field attachments", in.Name, err)
	}
	return text
}

func (w *world) list(t testing.TB, holder string, k crypt.Sealer) []attach.File {
	t.Helper()
	files, err := w.List(t.Context(), w.d, holder, k)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// one is the only file of the usual holder.
func (w *world) one(t testing.TB) attach.File {
	t.Helper()
	files := w.list(t, holder, w.owner(t, ann.OwnerID))
	if len(files) != 1 {
		t.Fatalf("%d files, want 1", len(files))
	}
	return files[0]
}

// get downloads a link; err is what Serve returned.
func (w *world) get(t testing.TB, linkID string, k crypt.Sealer, header http.Header) (*httptest.ResponseRecorder, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/mail/attachments/"+linkID, nil)
	for name, v := range header {
		r.Header[name] = v
	}
	rec := httptest.NewRecorder()
	err := w.Serve(rec, r, linkID, k)
	return rec, err
}

// objects lists what the store holds.
func (w *world) objects(t testing.TB) []string {
	t.Helper()
	var keys []string
	err := w.blobs.List(t.Context(), func(o blob.Object) error { keys = append(keys, o.Key); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// nothing checks that a refused upload left no file, and no object that is not put aside.
func (w *world) nothing(t testing.TB) {
	t.Helper()
	if n := w.count(t, "SELECT COUNT(*) FROM attach_link"); n != 0 {
		t.Errorf("%d links are left", n)
	}
	if n := w.count(t, "SELECT COUNT(*) FROM attach_part"); n != 0 {
		t.Errorf("%d parts are left", n)
	}
	if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE state <> 'aborted' OR wrapped_dek IS NOT NULL"); n != 0 {
		t.Errorf("%d files are left", n)
	}
	if n := w.count(t, "SELECT COUNT(*) FROM audit_event WHERE action LIKE 'file.%'"); n != 0 {
		t.Errorf("%d audit lines of what did not happen", n)
	}
	for _, key := range w.objects(t) {
		if w.count(t, "SELECT COUNT(*) FROM attach_trash WHERE key = $1", key) != 1 {
			t.Errorf("object %s is neither a part nor put aside", key)
		}
	}
}

// noise is reproducible data that neither compresses nor looks like anything.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = r.Read(b) // never fails
	return b
}

// unknownBytes is noise that begins like no known type.
func unknownBytes(n int) []byte {
	b := noise(n)
	copy(b, "\x01\x02\x03")
	return b
}

// eicar joins the scanners' test string at run time, so that scanners leave this file alone.
var eicar = strings.Join([]string{`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR`, `STANDARD`, `ANTIVIRUS`, `TEST`, `FILE!$H+H*`}, "-")

// scanner is a scan.Scanner that a test drives. It stands for a service outside that we do not run.
type scanner func(ctx context.Context, r io.Reader) (scan.Verdict, error)

func (scanner) Name() string { return "test" }

func (f scanner) Scan(ctx context.Context, r io.Reader) (scan.Verdict, error) { return f(ctx, r) }

var (
	errDown = errors.New("scanner down")
	errEOF  = io.EOF
)
