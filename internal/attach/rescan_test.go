package attach_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/scan"
)

// learning is a scanner whose signatures learn a word.
type learning struct {
	knows atomic.Bool
	down  atomic.Bool
	scans atomic.Int64
}

func (l *learning) Name() string { return "learning" }

func (l *learning) Version(context.Context) (string, error) {
	if l.knows.Load() {
		return "learning/2", nil
	}
	return "learning/1", nil
}

func (l *learning) Scan(ctx context.Context, r io.Reader) (scan.Verdict, error) {
	l.scans.Add(1)
	if l.down.Load() {
		return scan.Verdict{}, errDown
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return scan.Verdict{}, err
	}
	signature, _ := l.Version(ctx)
	if l.knows.Load() && strings.Contains(string(b), "worm") {
		return scan.Verdict{Threat: "Worm.New", Signature: signature}, nil
	}
	return scan.Verdict{Clean: true, Signature: signature}, nil
}

// TestRescan: when signatures have changed every clean file is looked at again, once; what is found then cannot be opened
// any more, its holder is told, and the trail says so.
func TestRescan(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := &learning{}
		w := newWorld(t, d, func(o *attach.Options) { o.Scanner = l })
		w.receive(t, "good.txt", []byte("Shade A2"))
		bad := w.receive(t, "worm.txt", []byte("a worm"))
		w.run(t)
		again := func(want int64) {
			t.Helper()
			before := l.scans.Load()
			if err := w.Rescan(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := l.scans.Load() - before; n != want {
				t.Errorf("%d files looked at again, want %d", n, want)
			}
		}
		w.clock.Advance(24 * time.Hour)
		again(0) // the same signatures
		l.knows.Store(true)
		l.down.Store(true)
		if err := w.Rescan(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("the scanner is down: %v", err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE state = 'clean'"); n != 2 {
			t.Errorf("%d files are open while the scanner is down, want 2", n)
		}
		l.down.Store(false)
		w.clock.Advance(24 * time.Hour)
		w.told = nil
		again(2)
		again(0)
		own := w.owner(t, ann.OwnerID)
		if _, err := w.get(t, bad.LinkID, own, nil); err == nil {
			t.Error("an infected file was handed out")
		}
		files := w.list(t, holder, own)
		if files[1].State != attach.Infected || files[1].Reason != "worm.txt was found to contain a virus and cannot be opened any more" || files[0].State != attach.Clean {
			t.Errorf("%+v", files)
		}
		if len(w.told) != 1 || !w.told[0].moved.Blocked {
			t.Errorf("told %v", w.told)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM audit_event WHERE action = $1 AND detail LIKE '%Worm.New%'", audit.FileBlocked); n != 1 {
			t.Errorf("%d lines in the trail, want 1", n)
		}
	})
}

// TestQuarantineEnds: an infected file is kept for its time, which nobody can shorten by waiting, and then nothing of it
// can be opened; what was found stays known.
func TestQuarantineEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.receive(t, "bad.txt", []byte(eicar))
		w.run(t)
		for _, c := range []struct {
			after time.Duration
			parts int64
		}{{29 * 24 * time.Hour, 1}, {2 * 24 * time.Hour, 0}} {
			w.clock.Advance(c.after)
			if err := w.Collect(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := w.count(t, "SELECT COUNT(*) FROM attach_part"); n != c.parts {
				t.Errorf("%d parts, want %d", n, c.parts)
			}
			if n := w.count(t, "SELECT COUNT(*) FROM attach_file WHERE wrapped_dek IS NOT NULL"); n != c.parts {
				t.Errorf("%d keys, want %d", n, c.parts)
			}
		}
		if got := w.text(t, "SELECT state || ' ' || threat FROM attach_file"); got != "infected EICAR-Test-File" {
			t.Errorf("known of it: %q", got)
		}
		if f := w.one(t); !f.Blocked() {
			t.Errorf("the draft shows %s", f.State)
		}
	})
}
