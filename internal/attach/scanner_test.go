package attach_test

import (
	"strings"
	"testing"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/scan"
	"securepractice/internal/scan/clamtest"
)

// TestRealScanner: with clamd files wait while it is gone, and are judged by it when it is back; the row keeps by which
// signatures.
func TestRealScanner(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clamd := clamtest.Start(t, clamtest.Settings)
		c, err := scan.NewClamd(clamd.Address, 4<<20)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, d, func(o *attach.Options) { o.Scanner = c })
		clamd.Kill()
		w.receive(t, "letter.txt", []byte("Shade A2, due back on Dec 2."))
		w.receive(t, "bad.txt", []byte(eicar))
		w.run(t)
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE state = 'uploaded' AND tries > 0"); n != 2 {
			t.Fatalf("%d files wait for the scanner, want 2", n)
		}
		clamd.Run(t)
		w.clock.Advance(20 * time.Minute)
		if err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.wait(t)
		files := w.list(t, holder, w.owner(t, ann.OwnerID))
		if files[0].Standing() != "Scanned, no threats found" || !files[0].Scanned() || files[1].State != attach.Infected {
			t.Errorf("%q and %q", files[0].Standing(), files[1].State)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE scan_sig LIKE 'ClamAV %'"); n != 2 {
			t.Errorf("%d rows say which signatures judged, want 2", n)
		}
	})
}

// TestWithoutScanner: an operator who runs without one hands files out, and every list says so.
func TestWithoutScanner(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), func(o *attach.Options) { o.Scanner = scan.None{} })
	w.receive(t, "letter.txt", []byte("Shade A2, due back on Dec 2."))
	w.run(t)
	f := w.one(t)
	if f.State != attach.Clean || f.Scanned() || f.Standing() != "Not scanned: this portal runs without a malware scanner" {
		t.Errorf("%+v, %q", f, f.Standing())
	}
}

// TestTooMuchToScan: what a scanner sees only a part of is refused, and the sender told what to do.
func TestTooMuchToScan(t *testing.T) {
	settings := strings.Replace(clamtest.Settings, "MaxScanSize 1200M", "MaxScanSize 20M", 1)
	c, err := scan.NewClamd(clamtest.Start(t, settings).Address, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, dbtest.SQLite(t), func(o *attach.Options) { o.Scanner = c })
	w.receive(t, "scans.zip", zipOf(t, map[string][]byte{"notes.txt": noise(24 << 20)}))
	w.run(t)
	f := w.one(t)
	if f.State != attach.Rejected || f.Reason != "scans.zip could not be checked and was not attached. Attach the files in it one by one." {
		t.Errorf("%s: %q", f.State, f.Reason)
	}
}
