package verify_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
)

func (w *world) flow(browser string) (verify.Flow, bool) {
	w.t.Helper()
	f, found, err := w.Flow(w.t.Context(), w.d, kind, subject, browser, w.generation())
	must(w.t, err)
	return f, found
}

func TestFlowBelongsToItsBrowser(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		must(t, w.CheckCode(t.Context(), visitor, f, w.code(f, toCell)))
		if again := w.begin("b1"); again.ID != f.ID || !again.Phone {
			t.Errorf("the same browser begins anew: %+v", again)
		}
		other, found := w.flow("b2")
		if found {
			t.Fatalf("another browser has the flow: %+v", other)
		}
		other = w.begin("b2")
		if other.ID == f.ID || other.Phone || other.CodeSent {
			t.Errorf("another browser goes on from there: %+v", other)
		}
		if err := w.finish(other, verify.Need{Phone: true}); !fault.Is(err, fault.Conflict) {
			t.Errorf("finished on another browser's proof: %v", err)
		}
		if _, found := w.flow(""); found {
			t.Error("no browser has a flow")
		}
		if _, err := w.tryBegin("", w.generation()); err == nil {
			t.Error("a flow without a browser")
		}
	})
}

func TestProofsOfAnOlderLinkCountForNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		must(t, w.CheckCode(t.Context(), visitor, f, w.code(f, toCell)))
		w.link()
		if f, found := w.flow("b1"); found {
			t.Fatalf("the older link's flow is still open: %+v", f)
		}
		if f = w.begin("b1"); f.Phone {
			t.Error("its code counts for the newer link")
		}
	})
}

func TestFlowEndsByItself(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		f := w.begin("b1")
		w.clock.Advance(24 * time.Hour)
		if _, found := w.flow("b1"); found {
			t.Error("found after its time")
		}
		if err := w.finish(f, verify.Need{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("finished after its time: %v", err)
		}
		if again := w.begin("b1"); again.ID == f.ID {
			t.Error("begun again as the same")
		}
	})
}

func TestFinishAsksForEveryProof(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		full := verify.Need{Phone: true, Terms: "2026-01"}
		refuse := func(n verify.Need, why string) {
			t.Helper()
			if err := w.finish(f, n); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", why, err)
			}
		}
		refuse(verify.Need{Phone: true}, "without a code")
		code := w.code(f, toCell)
		refuse(verify.Need{Phone: true}, "with a code that was only sent")
		must(t, w.CheckCode(t.Context(), visitor, f, code))
		refuse(full, "without the terms")
		accept := func(version string) {
			must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.AcceptTerms(ctx, tx, f, version) }))
		}
		accept("2025-01")
		refuse(full, "with older terms")
		accept("2026-01")
		must(t, w.finish(f, full))
		refuse(full, "a second time")
	})
}

func TestOfTwoFinishersOneWins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		f, other := w.begin("b1"), w.begin("b2")
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = w.finish(f, verify.Need{}) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.Conflict) {
				t.Errorf("err %v, want Conflict", err)
			}
		}
		if won != 1 {
			t.Errorf("%d finished", won)
		}
		if err := w.finish(other, verify.Need{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("another browser's flow outlived it: %v", err)
		}
	})
}

func TestSavedDataNeverOverwritesNewer(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		f := w.begin("b1")
		save := func(text string) error {
			return w.tx(func(ctx context.Context, tx *db.Tx) error { return w.SaveData(ctx, tx, f, []byte(text)) })
		}
		must(t, save("first"))
		if err := save("second, from the same page"); !fault.Is(err, fault.Conflict) {
			t.Errorf("err %v, want Conflict", err)
		}
		f, _ = w.flow("b1")
		if string(f.Data) != "first" {
			t.Errorf("data %q", f.Data)
		}
		must(t, save("second"))
	})
}

func TestFlowsWithoutAnAddressOfTheirOwn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		begin := func(who, browser string) (f verify.Flow) {
			must(t, w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
				f, err = w.Begin(ctx, tx, verify.Start{Kind: "signin", Subject: who, Browser: browser})
				return err
			}))
			w.clock.Advance(time.Second)
			return f
		}
		find := func(browser string) string {
			f, _, err := w.FlowIn(t.Context(), d, "signin", browser)
			must(t, err)
			return f.Subject
		}
		begin("u-ann", "b1")
		elsewhere := begin("u-ann", "b2")
		begin("u-bob", "b1")
		if got := find("b1"); got != "u-bob" {
			t.Errorf("the newest is %s's", got)
		}
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.EndBrowser(ctx, tx, "signin", "b1", "again") }))
		if got := find("b1"); got != "" {
			t.Errorf("%s's goes on in that browser", got)
		}
		if got := find("b2"); got != "u-ann" {
			t.Error("another browser's ended too")
		}
		begin("u-ann", "b3")
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.EndOthers(ctx, tx, elsewhere, "password") }))
		if find("b2") != "u-ann" || find("b3") != "" {
			t.Errorf("left: %q here, %q elsewhere", find("b2"), find("b3"))
		}
	})
}

func TestSweepEndsAndWipes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		start := func(browser string) (f verify.Flow) {
			must(t, w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
				f, err = w.Begin(ctx, tx, verify.Start{Kind: kind, Subject: subject, Generation: 1, Browser: browser, Data: []byte("typed")})
				return err
			}))
			return f
		}
		start("b1")
		must(t, w.SendCode(t.Context(), visitor, start("b1"), toCell))
		must(t, w.Sweep(t.Context()))
		const typed = "SELECT COUNT(*) FROM verify_flow WHERE data_sealed IS NOT NULL"
		if n := w.number(typed); n != 1 {
			t.Errorf("an open flow lost what was typed")
		}
		w.clock.Advance(25 * time.Hour)
		must(t, w.finish(start("b2"), verify.Need{}))
		must(t, w.Sweep(t.Context()))
		if n := w.number("SELECT COUNT(*) FROM verify_flow WHERE state = 'open' OR data_sealed IS NOT NULL OR code_sealed IS NOT NULL OR code_mac IS NOT NULL"); n != 0 {
			t.Errorf("%d flows still hold something", n)
		}
	})
}

func TestWhatWasTypedGoesWithTheFlow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		typed := func() int64 { return w.number("SELECT COUNT(*) FROM verify_flow WHERE data_sealed IS NOT NULL") }
		save := func(browser string) verify.Flow {
			f := w.begin(browser)
			must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.SaveData(ctx, tx, f, []byte("a phone")) }))
			return f
		}
		f := save("b1")
		save("b2")
		if typed() != 2 {
			t.Fatal("nothing was kept")
		}
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.Finish(ctx, tx, f, verify.Need{}) }))
		if n := typed(); n != 0 {
			t.Errorf("%d finished or ended flows hold what was typed", n)
		}
	})
}

func TestSweep(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		f := w.begin("b1")
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.SaveData(ctx, tx, f, []byte("a phone")) }))
		must(t, w.SendCode(t.Context(), visitor, f, toCell)) // and the phone network stays away
		w.clock.Advance(10 * time.Minute)
		must(t, w.Sweep(t.Context()))
		if n := w.number("SELECT COUNT(*) FROM verify_flow WHERE state = 'open' AND code_sealed IS NULL AND data_sealed IS NOT NULL"); n != 1 {
			t.Error("after 10 minutes the code alone is wiped")
		}
		w.clock.Advance(24 * time.Hour)
		must(t, w.Sweep(t.Context()))
		if n := w.number("SELECT COUNT(*) FROM verify_flow WHERE state = 'ended' AND ended_why = 'expired' AND data_sealed IS NULL"); n != 1 {
			t.Error("after a day the flow is over and what was typed is gone")
		}
		w.clock.Advance(30 * 24 * time.Hour)
		must(t, w.Sweep(t.Context()))
		if n := w.number("SELECT COUNT(*) FROM verify_flow"); n != 0 {
			t.Errorf("%d old records", n)
		}
	})
}
