package attach_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
)

func TestFilesComeBackByteForByte(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		sizes := []int{1, 100, 65495, 65496, 65497, partSize - 1, partSize, partSize + 1, 2*partSize - 1, 2 * partSize, 2*partSize + 70_000}
		files := make([]attach.File, len(sizes))
		for i, size := range sizes {
			f := w.receive(t, fmt.Sprintf("dictation %d.ds2", i), unknownBytes(size))
			if f.State != attach.Uploaded || f.Size != int64(size) || f.Kind != "Dictation" || f.Standing() != "Scanning" {
				t.Errorf("answer: %+v", f)
			}
			files[i] = f
		}
		w.run(t)
		k := w.owner(t, ann.OwnerID)
		listed := w.list(t, holder, k)
		for i, f := range files {
			if listed[i].LinkID != f.LinkID || listed[i].State != attach.Clean || listed[i].Name != f.Name || listed[i].Size != f.Size {
				t.Errorf("listed %+v, want %+v and clean", listed[i], f)
			}
			rec, err := w.get(t, f.LinkID, k, nil)
			if err != nil || rec.Code != 200 || !bytes.Equal(rec.Body.Bytes(), unknownBytes(sizes[i])) {
				t.Errorf("%d bytes: status %d, %d bytes came back, %v", sizes[i], rec.Code, rec.Body.Len(), err)
			}
			parts := (sizes[i] + partSize - 1) / partSize
			if n := w.count(t, "SELECT COUNT(*) FROM attach_part WHERE file_id = $1", f.FileID); n != int64(parts) {
				t.Errorf("%d bytes lie in %d parts, want %d", sizes[i], n, parts)
			}
		}
		if n := w.count(t, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.uploaded' AND practice_id = 'practice-1'"); n != int64(len(sizes)) {
			t.Errorf("%d uploads in the trail, want %d", n, len(sizes))
		}
	})
}

func TestReceiveRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		untouched := iotest.ErrReader(errors.New("the body of a refused file was read"))
		after := func(first string) io.Reader { return io.MultiReader(strings.NewReader(first), untouched) }
		cases := []struct {
			in   attach.In
			want string
		}{
			{attach.In{Name: "scan.pdf", Body: strings.NewReader("")}, "scan.pdf is empty"},
			{attach.In{Name: "setup.exe", Body: strings.NewReader("")}, "setup.exe is empty"}, // emptiness is said first
			{attach.In{Name: "setup.exe", Body: after("MZ")}, "setup.exe: this file type is not accepted"},
			{attach.In{Name: "scan.pdf.exe", Body: after("x")}, "scan.pdf.exe: this file type is not accepted"},
			{attach.In{Name: "noextension", Body: after("x")}, "noextension: this file type is not accepted"},
			{attach.In{Name: "pdf", Body: after("x")}, "pdf: this file type is not accepted"},
			{attach.In{Name: "a.txt", Left: -1, Body: after("x")}, "a.txt is too large. All attachments together can be up to 300 MB; 0 KB are left."},
			{attach.In{Name: "cut.txt", Body: untouched}, "Upload of cut.txt failed. Check your connection, then attach it again."},
			{attach.In{Name: strings.Repeat("n", 252) + ".txt", Body: after("x")}, strings.Repeat("n", 60) + "…: this file name is too long. Rename the file, then attach it again."},
		}
		for _, c := range cases {
			if got := w.refused(t, c.in); got != c.want {
				t.Errorf("%s: %q, want %q", c.in.Name, got, c.want)
			}
		}
		w.nothing(t)
	})
}

func TestSameNameTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		f := w.receive(t, "Röntgen.txt", []byte("one"))
		for _, name := range []string{"Röntgen.txt", "RÖNTGEN.TXT", "/x/Röntgen.txt", "Ro\u0308ntgen.txt"} {
			got := w.refused(t, attach.In{Name: name, Body: strings.NewReader("two")})
			if !strings.HasSuffix(got, " is already attached") {
				t.Errorf("%s: %q", name, got)
			}
		}
		if _, err := w.Receive(t.Context(), ann, attach.In{Holder: "mail:other", Name: "Röntgen.txt", Left: 9, Body: strings.NewReader("two")}); err != nil {
			t.Errorf("the same name at another holder: %v", err)
		}
		w.remove(t, f.LinkID)
		w.receive(t, "Röntgen.txt", []byte("again, after it was removed"))
	})
}

func TestHostileNames(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), nil)
	cases := map[string]string{
		"../../etc/passwd.txt":            "passwd.txt",
		`C:\Users\dana\x-ray.txt`:         "x-ray.txt",
		`..\..\a/b\c.txt`:                 "c.txt",
		"a\x00b\r\nc\x7f\u0085.txt":       "abc.txt",
		"\u202egpj.evil\u202c.txt":        "gpj.evil.txt",
		"zero\u200bwidth\ufeff\u2066.txt": "zerowidth.txt",
		"e\u0301.txt":                     "\u00e9.txt",
		"tab\u00a0space.txt":              "tab space.txt",
		" .hidden.txt. ":                  "hidden.txt",
		"bad\xff\xfeutf8.txt":             "badutf8.txt",
		"<script>alert(1)</script>.txt":   "script>.txt",
		`quo"te;semi%25.txt`:              `quo"te;semi%25.txt`,
		"UPPER.TXT":                       "UPPER.TXT",
		strings.Repeat("é", 125) + ".txt": strings.Repeat("é", 125) + ".txt",
	}
	for said, want := range cases {
		f, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: said, Left: attach.MaxTotal, Body: strings.NewReader("x")})
		if err != nil || f.Name != want || f.Ext != "txt" {
			t.Errorf("%q became %q (%v), want %q", said, f.Name, err, want)
		}
	}
	for _, name := range []string{"", "..", "/", "\x00", "a.txt/"} {
		if got := w.refused(t, attach.In{Name: name, Body: strings.NewReader("x")}); !strings.Contains(got, "not accepted") {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestTheLimitIsExact(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(o *attach.Options) { o.Settings.MaxTotal = partSize + 1_000_000 })
		over := w.refused(t, attach.In{Name: "over.ds2", Body: bytes.NewReader(unknownBytes(partSize + 1_000_001))})
		if want := "over.ds2 is too large. All attachments together can be up to 5.2 MB; 5.2 MB are left."; over != want {
			t.Errorf("%q, want %q", over, want)
		}
		w.nothing(t)
		w.receive(t, "first.ds2", unknownBytes(partSize))
		over = w.refused(t, attach.In{Name: "second.ds2", Body: bytes.NewReader(unknownBytes(1_000_001))})
		if want := "second.ds2 is too large. All attachments together can be up to 5.2 MB; 1 MB are left."; over != want {
			t.Errorf("%q, want %q", over, want)
		}
		if got := w.refused(t, attach.In{Name: "callers.ds2", Left: 10, Body: bytes.NewReader(unknownBytes(11))}); !strings.Contains(got, "too large") {
			t.Errorf("beyond what the caller leaves: %q", got)
		}
		w.receive(t, "exact.ds2", unknownBytes(1_000_000))
		if got := w.refused(t, attach.In{Name: "full.ds2", Body: strings.NewReader("x")}); !strings.HasSuffix(got, "; 0 KB are left.") {
			t.Errorf("full: %q", got)
		}
	})
}

// Two uploads that together pass the limit both begin while there is room; one of them must lose.
func TestParallelUploadsCannotPassTheLimitTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(o *attach.Options) { o.Settings.MaxTotal = 1_000_000 })
		const n = 4
		var begun, done sync.WaitGroup
		begun.Add(n)
		errs := make([]error, n)
		for i := range n {
			r, feed := io.Pipe()
			done.Go(func() {
				_, errs[i] = w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: fmt.Sprintf("%d.ds2", i), Left: attach.MaxTotal, Body: r})
				r.Close()
			})
			done.Go(func() {
				data := unknownBytes(400_000)
				_, err := feed.Write(data[:300_000])
				begun.Done()
				begun.Wait() // all are in the middle
				if err == nil {
					_, _ = feed.Write(data[300_000:]) // a refused upload stops reading
				}
				feed.Close()
			})
		}
		done.Wait()
		accepted := 0
		for _, err := range errs {
			if err == nil {
				accepted++
			} else if !strings.Contains(fault.From(err).For("attachments"), "is too large") {
				t.Errorf("err = %v", err)
			}
		}
		if total := w.count(t, "SELECT CAST(SUM(size) AS BIGINT) FROM attach_link"); accepted != 2 || total != 800_000 {
			t.Errorf("%d of %d accepted, %d bytes attached; 1 MB is the limit", accepted, n, total)
		}
	})
}

// What another upload attached meanwhile counts to the byte.
func TestTheEndOfAnUploadCountsAnew(t *testing.T) {
	for _, c := range []struct{ other, want int }{{500, 2}, {501, 1}} {
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			w := newWorld(t, d, func(o *attach.Options) { o.Settings.MaxTotal = 1000 })
			body := &atEnd{data: unknownBytes(500), do: sync.OnceFunc(func() { w.receive(t, "other.ds2", unknownBytes(c.other)) })}
			_, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: "slow.ds2", Left: attach.MaxTotal, Body: body})
			if text := fault.From(err).For("attachments"); (err == nil) != (c.want == 2) || err != nil && !strings.Contains(text, "is too large") {
				t.Errorf("with %d bytes of another: %v", c.other, err)
			}
			if n := w.count(t, "SELECT COUNT(*) FROM attach_link"); n != int64(c.want) {
				t.Errorf("with %d bytes of another: %d files, want %d", c.other, n, c.want)
			}
		})
	}
}

func TestTooManyFiles(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(o *attach.Options) { o.Settings.MaxFiles = 3 })
		for i := range 3 {
			w.receive(t, fmt.Sprintf("%d.txt", i), []byte("x"))
		}
		got := w.refused(t, attach.In{Name: "3.txt", Body: strings.NewReader("x")})
		if !strings.HasPrefix(got, "A message can have up to 3 attachments.") {
			t.Errorf("%q", got)
		}
	})
}

func TestCutConnectionAttachesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		for _, after := range []int{1, 70_000, partSize - 1, partSize, partSize + 1, 2*partSize + 5} {
			body := io.MultiReader(bytes.NewReader(unknownBytes(after)), iotest.ErrReader(io.ErrUnexpectedEOF))
			got := w.refused(t, attach.In{Name: "x-ray.ds2", Body: body})
			if got != "Upload of x-ray.ds2 failed. Check your connection, then attach it again." {
				t.Errorf("cut after %d bytes: %q", after, got)
			}
			w.nothing(t)
		}
		if len(w.objects(t)) == 0 {
			t.Fatal("no part was stored before the cut; the test shows nothing")
		}
		w.clock.Advance(24*time.Hour + time.Second)
		if err := w.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := w.objects(t); len(left) != 0 {
			t.Errorf("a day later: %v", left)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_trash") + w.count(t, "SELECT COUNT(*) FROM attach_file"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		w.receive(t, "x-ray.ds2", unknownBytes(9)) // the name is free
	})
}

// A reader's own refusal, such as the server's limit on a whole request, is told as it is.
func TestReadersFaultIsPassedOn(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), nil)
	body := io.MultiReader(bytes.NewReader(unknownBytes(100)), iotest.ErrReader(fmt.Errorf("read: %w", fault.New(fault.TooLarge, ""))))
	if _, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: "a.ds2", Left: 1000, Body: body}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("err = %v", err)
	}
}

func TestUploadsWaitTheirTurn(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), func(o *attach.Options) { o.Settings.Uploads, o.Settings.Wait = 1, time.Millisecond })
	r, feed := io.Pipe()
	first := make(chan error, 1)
	go func() {
		_, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: "slow.ds2", Left: 1 << 20, Body: r})
		first <- err
	}()
	fed := make(chan error)
	go func() { _, err := feed.Write(unknownBytes(200_000)); fed <- err }() // more than is read before the turn is taken
	select {
	case err := <-first:
		t.Fatalf("the first upload ended early: %v", err)
	case err := <-fed:
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: "next.ds2", Left: 1 << 20, Body: bytes.NewReader(unknownBytes(10))})
	if !fault.Is(err, fault.Busy) {
		t.Errorf("err = %v, want Busy", err)
	}
	feed.Close()
	if err := <-first; err != nil {
		t.Error(err)
	}
	w.receive(t, "next.ds2", unknownBytes(10))
}

// pattern is a long stream that costs no memory.
type pattern struct{ left int }

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := min(len(b), p.left)
	for i := range b[:n] {
		b[i] = byte(i*7 + 1)
	}
	p.left -= n
	return n, nil
}

func TestMemoryStaysFlat(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), nil)
	w.receive(t, "warm.ds2", unknownBytes(2*partSize))
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	watch := watchedReader{&pattern{left: 100_000_000}, func() {
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapInuse)
	}, 0}
	f, err := w.Receive(t.Context(), ann, attach.In{Holder: holder, Name: "long.ds2", Left: attach.MaxTotal, Body: &watch})
	if err != nil || f.Size != 100_000_000 {
		t.Fatalf("%d bytes, %v", f.Size, err)
	}
	if grown := int64(peak) - int64(before.HeapInuse); grown > 24<<20 {
		t.Errorf("100 MB took %d MB of heap, want the size of a few parts", grown>>20)
	}
}

// watchedReader calls look every 4 MiB.
type watchedReader struct {
	r    io.Reader
	look func()
	n    int
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if w.n += n; w.n >= partSize {
		w.n = 0
		w.look()
	}
	return n, err
}
