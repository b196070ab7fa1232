package verify_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

const (
	tooManyTries = "Too many tries. Open the link in your email to start again."
	tooManyCodes = "Too many codes were sent. Try again in 15 minutes."
	tooManyToday = "Too many codes were sent today. Try again tomorrow."
	expired      = "That code has expired. Select Re-Send Code."
)

func TestCodeIsRight(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		code := w.code(f, toCell)
		must(t, w.CheckCode(t.Context(), visitor, f, " "+code[:3]+" "+code[3:]+"\u00a0")) // as people type it
		f, _ = w.flow("b1")
		if !f.Phone || f.CodeSent || !w.Proved(f, ann.Cell) || w.Proved(f, ann.Phone) || w.Proved(f, "") {
			t.Errorf("flow %+v", f)
		}
		sentence(t, w.CheckCode(t.Context(), visitor, f, code), "code", tooManyTries) // one use
	})
}

func TestCodeIsWrong(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		code := w.code(f, toCell)
		check := func(code string) error { return w.CheckCode(t.Context(), visitor, f, code) }
		sentence(t, check(""), "code", "Enter the secret code")
		sentence(t, check("   "), "code", "Enter the secret code")
		for _, c := range []string{"12345", "1234567", "abcdef", "12345x", "+12345", "-12345", "１２３４５６", strings.Repeat("9", 1000)} {
			sentence(t, check(c), "code", "The code must be 6 numbers")
		}
		for _, left := range []string{"4 tries", "3 tries", "2 tries", "1 try"} {
			sentence(t, check(wrong(code)), "code", "That code is not right. You have "+left+" left.")
		}
		sentence(t, check(wrong(code)), "code", tooManyTries)
		sentence(t, check(code), "code", tooManyTries)
		if _, found := w.flow("b1"); found {
			t.Error("the flow is still open")
		}
		if n := w.number("SELECT COUNT(*) FROM audit_event WHERE action = 'code.refused'"); n != 5 {
			t.Errorf("%d refusals in the trail", n)
		}
	})
}

func TestLastTryMayBeRight(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		code := w.code(f, toCell)
		for range 4 {
			_ = w.CheckCode(t.Context(), visitor, f, wrong(code)) // what it says is another test's
		}
		must(t, w.CheckCode(t.Context(), visitor, f, code))
	})
}

func TestCodeExpires(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		code := w.code(f, toCell)
		w.clock.Advance(10 * time.Minute)
		sentence(t, w.CheckCode(t.Context(), visitor, f, code), "code", expired)
		f = w.begin("b1")
		w.clock.Advance(time.Second)
		code = w.code(f, toCell)
		w.clock.Advance(10*time.Minute - time.Second)
		must(t, w.CheckCode(t.Context(), visitor, f, code))
	})
}

func TestNewCodeKillsTheOldAndGivesNoTries(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		old := w.code(f, toCell)
		for range 2 {
			_ = w.CheckCode(t.Context(), visitor, f, wrong(old)) // what it says is another test's
		}
		w.clock.Advance(time.Second)
		now := w.code(f, byCall) // by another way, too
		if now == old {
			return // one in a million: nothing to tell apart
		}
		sentence(t, w.CheckCode(t.Context(), visitor, f, old), "code", "That code is not right. You have 2 tries left.")
		f, _ = w.flow("b1")
		if f.Method != "call_phone" {
			t.Errorf("method %q", f.Method)
		}
		must(t, w.CheckCode(t.Context(), visitor, f, now))
		f, _ = w.flow("b1")
		if !w.Proved(f, ann.Phone) || w.Proved(f, ann.Cell) {
			t.Error("the number that was proved is not the one that was called")
		}
	})
}

func TestCodeOfOneFlowIsNotAnothers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f, other := w.begin("b1"), w.begin("b2")
		code := w.code(f, toCell)
		w.clock.Advance(time.Second)
		if second := w.code(other, toCell); second == code {
			return // one in a million: nothing to tell apart
		}
		sentence(t, w.CheckCode(t.Context(), visitor, other, code), "code", "That code is not right. You have 4 tries left.")
	})
}

func TestNoCodeWithoutSending(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		sentence(t, w.CheckCode(t.Context(), visitor, w.begin("b1"), "000000"), "code", expired)
	})
}

func TestHundredTriesAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		code := w.code(f, toCell)
		said := map[string]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				err := w.CheckCode(t.Context(), visitor, f, wrong(code))
				mu.Lock()
				defer mu.Unlock()
				said[fault.From(err).For("code")]++
			})
		}
		wg.Wait()
		for _, left := range []string{"4 tries", "3 tries", "2 tries", "1 try"} {
			if n := said["That code is not right. You have "+left+" left."]; n != 1 {
				t.Errorf("%d times %s left", n, left)
			}
		}
		if said[tooManyTries] != 96 {
			t.Errorf("answers %v", said)
		}
		if n := w.number("SELECT tries FROM verify_flow"); n != 5 {
			t.Errorf("%d tries were looked at", n)
		}
		sentence(t, w.CheckCode(t.Context(), visitor, f, code), "code", tooManyTries)
	})
}

func TestCodesAreLimited(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		f := w.begin("b1")
		send := func(f verify.Flow) error { return w.SendCode(t.Context(), visitor, f, toCell) }
		for range 3 {
			must(t, send(f))
			f, _ = w.flow("b1")
		}
		sentence(t, send(f), "method", tooManyCodes)
		other := toCell
		other.Method, other.Field = byCall.Method, "code"
		sentence(t, w.SendCode(t.Context(), visitor, f, other), "code", tooManyCodes)
		w.clock.Advance(15 * time.Minute)
		must(t, send(f))
	})
}

// person is a flow of somebody else, with a link of their own.
func person(w *world, who string) verify.Flow {
	var f verify.Flow
	must(w.t, w.tx(func(ctx context.Context, tx *db.Tx) error {
		if err := w.NewLink(ctx, tx, kind, who, ttl); err != nil {
			return err
		}
		var err error
		f, err = w.Begin(ctx, tx, verify.Start{Kind: kind, Subject: who, Generation: 1, Browser: who})
		return err
	}))
	return f
}

func TestCodesToOneNumberAreLimited(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for i := range 10 {
			must(t, w.SendCode(t.Context(), visitor, person(w, fmt.Sprint("u", i)), toCell))
		}
		sentence(t, w.SendCode(t.Context(), visitor, person(w, "u-last"), toCell), "method", tooManyToday)
		must(t, w.SendCode(t.Context(), visitor, person(w, "u-other"), byCall)) // another number
		w.clock.Set(start.Add(24 * time.Hour))
		must(t, w.SendCode(t.Context(), visitor, person(w, "u-next-day"), toCell))
	})
}

func TestCodesFromOneAddressAreLimited(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		to := func(i int) verify.Send {
			return verify.Send{Method: verify.Methods(verify.Phones{Cell: fmt.Sprintf("+1206555%04d", i)})[1], Name: "x", Field: "method"}
		}
		for i := range 50 {
			must(t, w.SendCode(t.Context(), visitor, person(w, fmt.Sprint("u", i)), to(i)))
		}
		sentence(t, w.SendCode(t.Context(), visitor, person(w, "u-last"), to(51)), "method", tooManyToday)
		must(t, w.SendCode(t.Context(), actor.Actor{IP: "192.0.2.2"}, person(w, "u-else"), to(52)))
	})
}

func TestFlowsOfOneLinkAreLimited(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		for i := range 3 {
			must(t, w.SendCode(t.Context(), visitor, w.begin(fmt.Sprint("b", i)), toCell))
		}
		sentence(t, w.SendCode(t.Context(), visitor, w.begin("b-last"), toCell), "method", tooManyToday)
		again, _ := w.flow("b1")
		must(t, w.SendCode(t.Context(), visitor, again, toCell)) // a flow that has begun goes on
	})
}

func TestFlowsWithoutALinkAreNotCounted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for i := range 5 { // Support signs in more than three times a day
			var f verify.Flow
			must(t, w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
				f, err = w.Begin(ctx, tx, verify.Start{Kind: "signin", Subject: "u-staff", Browser: fmt.Sprint("b", i)})
				return err
			}))
			must(t, w.SendCode(t.Context(), visitor, f, toCell))
		}
	})
}

func TestCodeIsWipedWhenItsNoticeHasLeft(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		f := w.begin("b1")
		must(t, w.SendCode(t.Context(), visitor, f, toCell))
		const readable = "SELECT COUNT(*) FROM verify_flow WHERE code_sealed IS NOT NULL"
		if w.number(readable) != 1 {
			t.Fatal("nothing to send")
		}
		w.start()
		code := w.outbox()[0].Code
		if w.number(readable) != 0 {
			t.Error("the code can still be read")
		}
		must(t, w.CheckCode(t.Context(), visitor, f, code))
	})
}

func TestNoticeOfAnOldCodeIsDropped(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		f := w.begin("b1")
		must(t, w.SendCode(t.Context(), visitor, f, toCell)) // the phone network is slow
		must(t, w.SendCode(t.Context(), visitor, f, toCell))
		w.start()
		items := w.outbox()
		if len(items) != 1 {
			t.Fatalf("%d texts left, want the newer code's", len(items))
		}
		must(t, w.CheckCode(t.Context(), visitor, f, items[0].Code))
		if n := w.number("SELECT COUNT(*) FROM notify_message WHERE state = 'dropped'"); n != 1 {
			t.Errorf("%d dropped", n)
		}
	})
}

func TestNoticeOfAnEndedFlowOrALateOneIsDropped(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		must(t, w.SendCode(t.Context(), visitor, w.begin("b1"), toCell))
		w.link() // ends that flow
		must(t, w.SendCode(t.Context(), visitor, w.begin("b1"), toCell))
		w.clock.Advance(10 * time.Minute)
		w.start()
		if items := w.outbox(); len(items) != 0 {
			t.Errorf("%d codes left", len(items))
		}
	})
}

func TestWhatTheNoticesSay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		code := w.code(f, toCell)
		text := w.outbox()[0]
		if text.Kind != notify.Text || text.To != ann.Cell || text.Text != code+" is your Harbor Dental security code\n\n@portal.example #"+code {
			t.Errorf("text %+v", text)
		}
		w.clock.Advance(time.Second)
		code = w.code(f, byCall)
		call := w.outbox()[0]
		spoken := strings.Join(strings.Split(code, ""), " . ")
		if call.Kind != notify.Call || call.To != ann.Phone || strings.Count(call.Text, spoken) != 2 || strings.Index(call.Text, "Press any key") > strings.Index(call.Text, spoken) {
			t.Errorf("call %+v", call)
		}
	})
}

func TestNumbersThatCostMoreGetNoCode(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.link()
		f := w.begin("b1")
		for _, number := range []string{"+19005550142", "+18769221234", "+442079460000", "not a number", ""} { // premium, Jamaica, London
			err := w.SendCode(t.Context(), visitor, f, verify.Send{Method: verify.Method{Value: "text_cell", To: number}, Name: "x", Field: "method"})
			sentence(t, err, "method", "We could not reach that number. Check it or choose another way.")
		}
		if n := w.number("SELECT COUNT(*) FROM notify_message"); n != 0 {
			t.Errorf("%d notices", n)
		}
	})
}

// A refused sending must not cost the person the code they hold.
func TestRefusedSendingLeavesTheOldCode(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		w.link()
		f := w.begin("b1")
		var code string
		for range 3 {
			w.clock.Advance(time.Second)
			code = w.code(f, toCell)
		}
		sentence(t, w.SendCode(t.Context(), visitor, f, toCell), "method", tooManyCodes)
		must(t, w.CheckCode(t.Context(), visitor, f, code))
	})
}

// A flow that began with no link cannot be told to open one.
func TestTooManyTriesWithoutALink(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		var f verify.Flow
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
			f, err = w.Begin(ctx, tx, verify.Start{Kind: "signin", Subject: "u-staff", Browser: "b1"})
			return err
		}))
		must(t, w.SendCode(t.Context(), visitor, f, toCell))
		var err error
		for range 5 {
			err = w.CheckCode(t.Context(), visitor, f, "abcdef")
			sentence(t, err, "code", "The code must be 6 numbers") // counts for nothing
		}
		w.clock.Advance(10 * time.Minute)
		for range 5 {
			err = w.CheckCode(t.Context(), visitor, f, "123456")
		}
		sentence(t, err, "code", "Too many tries. Go back and start again.")
	})
}
