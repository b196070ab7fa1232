package attach_test

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/blob/s3"
	"securepractice/internal/blob/s3/s3test"
	"securepractice/internal/db/dbtest"
)

// While the bucket's service is down nothing is attached, judged, handed out or deleted; when it is back everything goes
// on, without a restart and without a loss.
func TestBucketThatIsDown(t *testing.T) {
	var down atomic.Bool
	o, dir := s3test.Between(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	})
	o.Tries = 2
	store, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, dbtest.SQLite(t), func(o *attach.Options) { o.Blobs = store })
	w.dir = dir
	data := unknownBytes(partSize + 100_000)
	f := w.receive(t, "a.ds2", data)

	down.Store(true)
	if got, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: "b.ds2", Left: attach.MaxTotal, Body: bytes.NewReader(data)}); err == nil {
		t.Errorf("attached %+v", got)
	}
	w.run(t)
	if got := w.one(t); got.State != attach.Uploaded {
		t.Errorf("judged %s without being read", got.State)
	}
	w.clock.Advance(25 * time.Hour)
	if err := w.Collect(t.Context()); err == nil {
		t.Error("collected without an error")
	}

	down.Store(false)
	if err := w.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wait(t)
	own := w.owner(t, ann.OwnerID)
	if rec, err := w.get(t, f.LinkID, own, nil); err != nil || !bytes.Equal(rec.Body.Bytes(), data) {
		t.Errorf("%d bytes, %v", rec.Body.Len(), err)
	}
	w.receive(t, "b.ds2", data) // the name is free
	w.wait(t)
	w.collect(t, 25*time.Hour)
	w.collect(t, 25*time.Hour)
	if n := len(w.objects(t)); n != 4 {
		t.Errorf("%d objects, want the parts of two files", n)
	}
	w.healthy(t, true)

	down.Store(true)
	if rec, err := w.get(t, f.LinkID, own, nil); err == nil || rec.Body.Len() != 0 {
		t.Errorf("%d bytes from nowhere, %v", rec.Body.Len(), err)
	}
}

// Uploads that run at once take a part of memory each, and downloads less.
func TestBucketMemoryStaysFlat(t *testing.T) {
	w := newBucketWorld(t, dbtest.SQLite(t))
	w.receive(t, "warm.ds2", unknownBytes(2*partSize))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	look := func() {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		if now.HeapInuse > peak.Load() {
			peak.Store(now.HeapInuse)
		}
	}
	const uploads = 6
	var wg sync.WaitGroup
	for i := range uploads {
		wg.Go(func() {
			body := &watchedReader{&pattern{left: 24_000_000}, look, 0}
			if _, err := w.Receive(t.Context(), ann, attach.In{Holder: fmt.Sprintf("mail:%d", i), Name: "long.ds2", Left: attach.MaxTotal, Body: body}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if grown := (int64(peak.Load()) - int64(before.HeapInuse)) >> 20; grown > uploads*16 {
		t.Errorf("%d uploads of 24 MB took %d MB of heap, want the size of some parts each", uploads, grown)
	}
}
