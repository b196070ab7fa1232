package verify_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
)

// proof is one whose answer is fixed; asked counts how often it was looked at.
func proof(right bool, asked *atomic.Int64) verify.Proof {
	return verify.Proof{Method: "app", Field: "app_code", Check: func(context.Context, *db.Tx) (bool, error) {
		asked.Add(1)
		return right, nil
	}}
}

func TestAProofConfirmsTheFlowButNoNumber(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		var asked atomic.Int64
		f := w.begin("b1")
		w.code(f, toCell)
		must(t, w.Prove(t.Context(), visitor, f, proof(true, &asked)))
		f, _ = w.flow("b1")
		if !f.Phone || f.Method != "app" || f.CodeSent {
			t.Errorf("%+v", f)
		}
		if w.Proved(f, toCell.Method.To) {
			t.Error("a number was proved by an app")
		}
		must(t, w.finish(f, verify.Need{Phone: true}))
		if err := w.tx(func(ctx context.Context, tx *db.Tx) error { return w.Confirm(ctx, tx, f, "app") }); !fault.Is(err, fault.Conflict) {
			t.Errorf("confirmed a flow that is done: %v", err)
		}
	})
}

func TestProofsAreCountedBeforeTheyAreJudged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		code := w.code(f, toCell)
		sentence(t, w.CheckCode(t.Context(), visitor, f, wrong(code)), "code", "That code is not right. You have 4 tries left.")
		var asked atomic.Int64
		sentence(t, w.Prove(t.Context(), visitor, f, proof(false, &asked)), "app_code", "That code is not right. You have 3 tries left.")
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { _ = w.Prove(t.Context(), visitor, f, proof(false, &asked)) }) // each is refused
		}
		all.Wait()
		if n := asked.Load(); n != 4 {
			t.Errorf("%d proofs were looked at, want 4 after one wrong code", n)
		}
		sentence(t, w.Prove(t.Context(), visitor, f, proof(true, &asked)), "app_code", "Too many tries. Open the link in your email to start again.")
		if _, found := w.flow("b1"); found {
			t.Error("the flow goes on after five tries")
		}
	})
}
