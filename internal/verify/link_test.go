package verify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
)

func TestLinkLivesAsLongAsItSays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token := w.link()
		w.clock.Advance(ttl - time.Second)
		w.check(token)
		w.clock.Advance(time.Second)
		w.dead(token, "expired")
	})
}

func TestLinkIsUsedOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token := w.link()
		l := w.check(token)
		use := func() error {
			return w.tx(func(ctx context.Context, tx *db.Tx) error { return w.UseLink(ctx, tx, l) })
		}
		must(t, use())
		if err := use(); !fault.Is(err, fault.Gone) {
			t.Errorf("used again: %v", err)
		}
		w.dead(token, "used")
		if _, err := w.Token(t.Context(), d, kind, subject); !errors.Is(err, verify.ErrNoLink) {
			t.Errorf("a used link was made again: %v", err)
		}
	})
}

func TestLinkThatRanOutCannotBeUsed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		l := w.check(w.link())
		w.clock.Advance(ttl)
		if err := w.tx(func(ctx context.Context, tx *db.Tx) error { return w.UseLink(ctx, tx, l) }); !fault.Is(err, fault.Gone) {
			t.Errorf("err %v, want Gone", err)
		}
	})
}

func TestNewerLinkEndsTheOlderAndItsFlows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		older := w.link()
		l, f := w.check(older), w.begin("b1")
		newer := w.link()
		if older == newer {
			t.Fatal("the newer link is the older one")
		}
		w.dead(older, "an older generation")
		w.check(newer)
		if err := w.tx(func(ctx context.Context, tx *db.Tx) error { return w.UseLink(ctx, tx, l) }); !fault.Is(err, fault.Gone) {
			t.Errorf("the older link was used: %v", err)
		}
		if err := w.finish(f, verify.Need{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("its flow was finished: %v", err)
		}
	})
}

func TestRenewedLinkIsTheSame(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		renew := func() (ok bool) {
			must(t, w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
				ok, err = w.RenewLink(ctx, tx, kind, subject, ttl)
				return err
			}))
			return ok
		}
		if renew() {
			t.Error("a link that never was is renewed")
		}
		token := w.link()
		f := w.begin("b1")
		w.clock.Advance(ttl - time.Minute)
		if !renew() {
			t.Fatal("not renewed")
		}
		w.clock.Advance(ttl - time.Minute)
		w.check(token)
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.UseLink(ctx, tx, w.checkIn(ctx, tx, token)) }))
		if renew() {
			t.Error("a used link is renewed")
		}
		_ = f // its own life is shorter than the link's second one
	})
}

func (w *world) checkIn(ctx context.Context, tx *db.Tx, token string) verify.Link {
	l, err := w.CheckToken(ctx, tx, kind, token)
	must(w.t, err)
	return l
}

func TestEndLinksEndsEveryKind(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token := w.link()
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.NewLink(ctx, tx, "signup", subject, ttl) }))
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.NewLink(ctx, tx, kind, "u-other", ttl) }))
		f := w.begin("b1")
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.EndLinks(ctx, tx, subject, "edited") }))
		w.dead(token, "ended")
		for _, k := range []string{kind, "signup"} {
			if _, err := w.Token(t.Context(), d, k, subject); !errors.Is(err, verify.ErrNoLink) {
				t.Errorf("%s lives on: %v", k, err)
			}
		}
		if _, err := w.Token(t.Context(), d, kind, "u-other"); err != nil {
			t.Errorf("another's link ended too: %v", err)
		}
		if err := w.finish(f, verify.Need{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("the flow was finished: %v", err)
		}
	})
}

func TestEndLinkEndsItsKindAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token := w.link()
		f := w.begin("b1")
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.NewLink(ctx, tx, "signup", subject, ttl) }))
		must(t, w.tx(func(ctx context.Context, tx *db.Tx) error { return w.EndLink(ctx, tx, "signup", subject, "password") }))
		w.check(token)
		must(t, w.finish(f, verify.Need{}))
		if _, err := w.Token(t.Context(), d, "signup", subject); !errors.Is(err, verify.ErrNoLink) {
			t.Errorf("the other kind lives on: %v", err)
		}
	})
}

func TestHostileTokens(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token := w.link()
		last := "A"
		if strings.HasSuffix(token, "A") {
			last = "B"
		}
		for _, bad := range []string{"", "x", token + "x", token[:len(token)-4] + last + "AAA", token[1:], token[:len(token)/2], strings.Repeat("A", 10_000), "../../etc", "\x00", "é" + token} {
			if bad == token {
				continue
			}
			w.dead(bad, "tampered "+bad)
			if _, ok, err := w.DeadSubject(t.Context(), d, kind, bad); ok || err != nil {
				t.Errorf("%q is recognised: %v", bad, err)
			}
		}
		if _, err := w.CheckToken(t.Context(), d, "signup", token); !fault.Is(err, fault.Gone) {
			t.Errorf("taken as another kind: %v", err)
		}
	})
}

func TestDeadLinkTellsWhomItWasFor(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		older := w.link()
		w.link()
		w.clock.Advance(10 * ttl)
		id, ok, err := w.DeadSubject(t.Context(), d, kind, older)
		if err != nil || !ok || id != subject {
			t.Errorf("%q %v %v", id, ok, err)
		}
		if _, ok, _ := w.DeadSubject(t.Context(), d, "signup", older); ok {
			t.Error("as another kind too")
		}
	})
}
