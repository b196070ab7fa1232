package scan_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"securepractice/internal/scan"
	"securepractice/internal/scan/clamtest"
)

const small = 4 << 20 // what the tests' portal takes

func newClamd(t *testing.T, address string, most int64) *scan.Clamd {
	t.Helper()
	c, err := scan.NewClamd(address, most)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func zipped(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write(content)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestClamd: the real one finds the test file, alone and two archives deep, passes what is clean, and says by which
// signatures it judged.
func TestClamd(t *testing.T) {
	c := newClamd(t, clamtest.Start(t, clamtest.Settings).Address, small)
	version, err := c.Version(t.Context())
	if err != nil || !strings.HasPrefix(version, "ClamAV ") {
		t.Fatalf("version %q, %v", version, err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	letter := bytes.Repeat([]byte("Shade A2, due back on Dec 2. "), 30_000)
	for name, tc := range map[string]struct {
		data   []byte
		threat string
	}{
		"letter":         {letter, ""},
		"nothing":        {nil, ""},
		"test file":      {[]byte(eicar), "Portal.Test.EICAR"},
		"in an archive":  {zipped(t, "a.com", []byte(eicar)), "Portal.Test.EICAR"},
		"archive in one": {zipped(t, "a.zip", zipped(t, "a.com", []byte(eicar))), "Portal.Test.EICAR"},
	} {
		v, err := c.Scan(t.Context(), bytes.NewReader(tc.data))
		if err != nil || v.Clean != (tc.threat == "") || !strings.HasPrefix(v.Threat, tc.threat) || v.Signature != version {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// TestClamdLimits: a clamd that would pass the portal's largest file without looking at it judges nothing, whichever limit
// it is.
func TestClamdLimits(t *testing.T) {
	for name, settings := range map[string]string{
		"stream":        strings.Replace(clamtest.Settings, "StreamMaxLength 310M", "StreamMaxLength 2M", 1),
		"file":          strings.Replace(clamtest.Settings, "MaxFileSize 310M", "MaxFileSize 2M", 1),
		"file, silent":  strings.NewReplacer("MaxFileSize 310M", "MaxFileSize 2M", "AlertExceedsMax yes", "AlertExceedsMax no").Replace(clamtest.Settings),
		"scan, silent":  strings.NewReplacer("MaxScanSize 1200M", "MaxScanSize 2M", "AlertExceedsMax yes", "AlertExceedsMax no").Replace(clamtest.Settings),
		"no archives":   clamtest.Settings + "ScanArchive no\n",
		"no such virus": "", // the test file is not among its signatures
	} {
		t.Run(name, func(t *testing.T) {
			d := clamtest.Start(t, settings)
			if settings == "" {
				d.Kill()
				d.Sign(t, "00000000000000000000000000000000:68:Other")
				d.Run(t)
			}
			c := newClamd(t, d.Address, small)
			if err := c.Prove(t.Context()); !errors.Is(err, scan.ErrLimits) {
				t.Errorf("Prove = %v", err)
			}
			if v, err := c.Scan(t.Context(), strings.NewReader("clean")); !errors.Is(err, scan.ErrLimits) || v.Clean {
				t.Errorf("Scan = %+v, %v", v, err)
			}
		})
	}
}

// TestClamdLargest: with the settings of docs/operations.md it looks at all of the largest file.
func TestClamdLargest(t *testing.T) {
	c := newClamd(t, clamtest.Start(t, clamtest.Settings).Address, 300_000_000)
	begin := time.Now()
	if err := c.Prove(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("shown in %v", time.Since(begin).Round(time.Millisecond))
}

// TestClamdKilled: killed in the middle of a stream it says nothing, and when it is back it has to show its limits anew.
func TestClamdKilled(t *testing.T) {
	d := clamtest.Start(t, clamtest.Settings)
	c := newClamd(t, d.Address, small)
	if _, err := c.Scan(t.Context(), strings.NewReader("clean")); err != nil {
		t.Fatal(err)
	}
	r := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), &acting{act: d.Kill}, bytes.NewReader(make([]byte, 1<<20)))
	if v, err := c.Scan(t.Context(), r); err == nil || v.Clean {
		t.Errorf("killed: %+v, %v", v, err)
	}
	if v, err := c.Scan(t.Context(), strings.NewReader("clean")); err == nil || v.Clean {
		t.Errorf("gone: %+v, %v", v, err)
	}
	d.Sign(t, "00000000000000000000000000000000:68:Other")
	d.Run(t)
	if _, err := c.Scan(t.Context(), strings.NewReader("clean")); !errors.Is(err, scan.ErrLimits) {
		t.Errorf("back with other settings: %v", err)
	}
}

// acting does something when it is read.
type acting struct{ act func() }

func (a *acting) Read([]byte) (int, error) { a.act(); return 0, io.EOF }

// TestClamdSource: a file that cannot be read to its end, and a caller who leaves, are no verdict.
func TestClamdSource(t *testing.T) {
	c := newClamd(t, clamtest.Start(t, clamtest.Settings).Address, small)
	broken := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), iotest.ErrReader(io.ErrClosedPipe))
	if v, err := c.Scan(t.Context(), broken); !errors.Is(err, io.ErrClosedPipe) || v.Clean {
		t.Errorf("broken: %+v, %v", v, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	left := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), &acting{act: cancel}, bytes.NewReader(make([]byte, 1<<20)))
	if v, err := c.Scan(ctx, left); !errors.Is(err, context.Canceled) || v.Clean {
		t.Errorf("left: %+v, %v", v, err)
	}
}

// TestClamdAnswers: only its exact words are a verdict. The fake one answers PING and VERSION properly, finds the test file of
// the proof, and says something else about every other stream.
func TestClamdAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"nonsense": "hello\x00", "nothing": "", "half": "stream: O", "no end": "stream: OK", "an error": "stream: Can't allocate memory ERROR\x00",
		"other name": "fd[10]: OK\x00", "lower case": "stream: ok\x00", "two": "stream: OK FOUND OK\x00", "no threat": "stream:  FOUND\x00",
		"space": "stream: OK \x00", "long": "stream: " + strings.Repeat("x", 5000) + " FOUND\x00", "too long": "INSTREAM size limit exceeded. ERROR\x00",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.answer.Store(&answer)
			v, err := newClamd(t, f.address, small).Scan(t.Context(), strings.NewReader("a letter"))
			if err == nil || v.Clean || v.Threat != "" {
				t.Errorf("%+v, %v", v, err)
			}
			if err != nil && strings.Contains(err.Error(), "allocate") {
				t.Errorf("the error quotes what clamd said: %v", err)
			}
		})
	}
	for name, tc := range map[string]struct {
		answer string
		want   scan.Verdict
	}{
		"clean": {"stream: OK\x00", scan.Verdict{Clean: true, Signature: "ClamAV 1.4.6/27940"}},
		"virus": {"stream: Win.Test FOUND\x00", scan.Verdict{Threat: "Win.Test", Signature: "ClamAV 1.4.6/27940"}},
		"part":  {"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\x00", scan.Verdict{Threat: "Heuristics.Limits.Exceeded.MaxFileSize", Partial: true, Signature: "ClamAV 1.4.6/27940"}},
	} {
		f := newFake(t)
		f.answer.Store(&tc.answer)
		if v, err := newClamd(t, f.address, small).Scan(t.Context(), strings.NewReader("a letter")); err != nil || v != tc.want {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// TestClamdHangs: one that takes everything and says nothing holds nobody longer than they wait.
func TestClamdHangs(t *testing.T) {
	f := newFake(t)
	hang := "hang"
	f.answer.Store(&hang)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if v, err := newClamd(t, f.address, small).Scan(ctx, strings.NewReader("a letter")); !errors.Is(err, context.DeadlineExceeded) || v.Clean {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestClamdProvesOnce: the proof costs seconds, so it is asked for once, and again only after a failure.
func TestClamdProvesOnce(t *testing.T) {
	f := newFake(t)
	ok := "stream: OK\x00"
	f.answer.Store(&ok)
	c := newClamd(t, f.address, small)
	scanned := func() { _, _ = c.Scan(t.Context(), strings.NewReader("a letter")) }
	scanned()
	scanned()
	if n := f.proofs.Load(); n != 1 {
		t.Errorf("%d proofs for two files, want 1", n)
	}
	bad := "nonsense\x00"
	f.answer.Store(&bad)
	scanned()
	f.answer.Store(&ok)
	scanned()
	if n := f.proofs.Load(); n != 2 {
		t.Errorf("%d proofs after a failure, want 2", n)
	}
}

func TestClamdAddress(t *testing.T) {
	for address, good := range map[string]bool{
		"unix:/run/clamav/clamd.ctl": true, "tcp:10.0.0.5:3310": true, "tcp:[::1]:3310": true,
		"": false, "/run/clamav/clamd.ctl": false, "unix:clamd.ctl": false, "tcp:host": false, "udp:a:1": false, "tcp:a:": false,
	} {
		if err := scan.CheckAddress(address); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
	c := newClamd(t, "unix:"+filepath.Join(t.TempDir(), "none"), small)
	if v, err := c.Scan(t.Context(), strings.NewReader("x")); err == nil || v.Clean {
		t.Errorf("nobody there: %+v, %v", v, err)
	}
}

// fake speaks clamd's protocol and says about streams what it is told to.
type fake struct {
	address string
	answer  atomic.Pointer[string]
	proofs  atomic.Int64
}

func newFake(t *testing.T) *fake {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f := &fake{address: "tcp:" + l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	return f
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	command, err := r.ReadString(0)
	if err != nil {
		return
	}
	answer := map[string]string{"zPING\x00": "PONG\x00", "zVERSION\x00": "ClamAV 1.4.6/27940/Sun Nov 22 09:00:00 2026\x00"}[command]
	if command == "zINSTREAM\x00" {
		body := frames(r)
		if bytes.Contains(body, []byte(eicar)) {
			f.proofs.Add(1)
			answer = "stream: Win.Test.EICAR_HDB-1 FOUND\x00"
		} else if answer = *f.answer.Load(); answer == "hang" {
			_, _ = r.ReadByte() // until the caller leaves
			return
		}
	}
	_, _ = io.WriteString(conn, answer)
}

func frames(r io.Reader) []byte {
	var body []byte
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(r, head); err != nil {
			return body
		}
		n := int(head[0])<<24 | int(head[1])<<16 | int(head[2])<<8 | int(head[3])
		if n == 0 {
			return body
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(r, frame); err != nil {
			return body
		}
		body = append(body, frame...)
	}
}
