package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/jobs"
	"securepractice/internal/notify"
)

// secret must never be read outside its sealed place and the notice itself.
const secret = "planted-word"

var welcome = notify.Message{Kind: notify.Email, To: secret + "@people.example", Template: "welcome", Params: notify.Params{"name": secret}, UserID: "u1"}

func register(w *world, sent func(ctx context.Context, tx *db.Tx, p notify.Params) error) {
	w.Register(notify.Template{Name: "welcome", Sent: sent, Render: func(_ context.Context, _ db.Reader, p notify.Params) (notify.Content, error) {
		link := w.URL("/i/abc")
		return notify.Content{Subject: "Welcome", Body: "Hello " + p["name"] + "\n\n" + link, Links: []string{link}}, nil
	}})
}

func TestNoticeKeepsItsNameThroughRetries(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		register(w, nil)
		w.relay.answers = []error{errors.New("away " + secret), fmt.Errorf("slow %s", secret)}
		w.start(t)
		w.send(t, welcome)
		w.settle(t)
		if len(w.relay.got) != 3 {
			t.Fatalf("%d tries, want two that failed and one that did not", len(w.relay.got))
		}
		for _, m := range w.relay.got {
			if m.MessageID != w.relay.got[0].MessageID || !strings.HasSuffix(m.MessageID, "@portal.example") || !m.At.Equal(start) {
				t.Errorf("a try left as %q of %v", m.MessageID, m.At)
			}
		}
		if got := w.text(t, "SELECT state FROM notify_message"); got != "sent" {
			t.Errorf("state %q", got)
		}
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log tells what a notice holds:\n%s", w.log)
		}
	})
}

func TestNoticeFailsForGood(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		sent := 0
		register(w, func(context.Context, *db.Tx, notify.Params) error { sent++; return nil })
		w.relay.answers = []error{fmt.Errorf("no such person: %w", jobs.ErrDiscard)}
		w.start(t)
		w.send(t, welcome)
		w.settle(t)
		if len(w.relay.got) != 1 || sent != 0 || w.text(t, "SELECT state FROM notify_message") != "failed" {
			t.Errorf("%d tries, %d told as sent, state %s", len(w.relay.got), sent, w.text(t, "SELECT state FROM notify_message"))
		}
	})
}

func TestNoticeGivesUpInTheEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		tries := 0
		w.Register(notify.Template{Name: "welcome", Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) {
			tries++
			return notify.Content{}, errors.New("cannot be written")
		}})
		w.send(t, welcome)
		must(t, d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { // a day of tries has gone by
			_, err := tx.Exec(ctx, "UPDATE notify_message SET tries = 28")
			return err
		}))
		w.start(t)
		w.settle(t)
		if state := w.text(t, "SELECT state FROM notify_message"); state != "failed" || tries != 2 {
			t.Errorf("after %d more tries: %s, want failed with the 30th", tries, state)
		}
	})
}

func TestNoticeThatIsNotWantedIsDropped(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.Register(notify.Template{Name: "welcome", Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) {
			return notify.Content{}, fmt.Errorf("old: %w", notify.ErrDrop)
		}})
		w.start(t)
		w.send(t, welcome)
		w.settle(t)
		if len(w.relay.got) != 0 || w.text(t, "SELECT state FROM notify_message") != "dropped" {
			t.Errorf("%d sent, state %s", len(w.relay.got), w.text(t, "SELECT state FROM notify_message"))
		}
	})
}

func TestSentIsToldOnceWithTheResult(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		var told []string
		register(w, func(_ context.Context, _ *db.Tx, p notify.Params) error { told = append(told, p["name"]); return nil })
		w.start(t)
		w.send(t, welcome)
		w.settle(t)
		if len(told) != 1 || told[0] != secret {
			t.Errorf("told %q", told)
		}
	})
}

func TestNothingIsSentForAnActThatWasUndone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		register(w, nil)
		w.start(t)
		undone := errors.New("undone")
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			return errors.Join(w.Send(ctx, tx, welcome), undone)
		})
		w.settle(t)
		if !errors.Is(err, undone) || len(w.relay.got) != 0 {
			t.Errorf("%v, %d sent", err, len(w.relay.got))
		}
	})
}

func TestRowKeepsNothingInClearAndIsWiped(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		register(w, nil)
		w.start(t)
		w.send(t, welcome)
		w.settle(t)
		type sealed struct{ to, params []byte }
		read := func() sealed {
			s, _, err := db.One(t.Context(), d, func(row db.Row) (s sealed, err error) { return s, row(&s.to, &s.params) }, "SELECT to_sealed, params_sealed FROM notify_message")
			must(t, err)
			return s
		}
		s := read()
		if len(s.to) == 0 || len(s.params) == 0 || strings.Contains(string(s.to)+string(s.params), secret) {
			t.Error("address or parameters are not sealed")
		}
		w.clock.Advance(30*24*time.Hour - time.Minute)
		must(t, w.Wipe(t.Context()))
		if s := read(); s.to == nil || s.params == nil || len(w.outbox(t)) != 1 {
			t.Error("wiped too early")
		}
		w.clock.Advance(2 * time.Minute)
		must(t, w.Wipe(t.Context()))
		if s := read(); s.to != nil || s.params != nil {
			t.Error("not wiped after 30 days")
		}
		if kept := w.outbox(t); len(kept) != 0 {
			t.Errorf("the outbox still holds %d notices", len(kept))
		}
		if w.text(t, "SELECT state FROM notify_message") != "sent" {
			t.Error("the result is gone too")
		}
	})
}

func TestNoticeWithoutAJobIsGivenUp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		register(w, nil)
		w.send(t, welcome) // no job runs
		must(t, w.Wipe(t.Context()))
		if got := w.text(t, "SELECT state FROM notify_message"); got != "queued" {
			t.Errorf("a fresh notice is %s", got)
		}
		w.clock.Advance(31 * 24 * time.Hour)
		must(t, w.Wipe(t.Context()))
		if got := w.text(t, "SELECT state FROM notify_message"); got != "failed" {
			t.Errorf("after a month it is %s", got)
		}
	})
}

func TestOutboxShowsWhatWouldHaveLeft(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		register(w, nil)
		w.Register(notify.Template{Name: "code", Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) {
			return notify.Content{Body: "204816 is your code", Code: "204816"}, nil
		}})
		w.start(t)
		w.send(t, welcome)
		w.settle(t)
		w.clock.Advance(time.Minute)
		w.send(t, notify.Message{Kind: notify.Text, To: "+12065550142", Template: "code"})
		w.settle(t)
		w.clock.Advance(time.Minute)
		w.send(t, notify.Message{Kind: notify.Call, To: "+12065550110", Template: "code"})
		w.settle(t)
		items := w.outbox(t)
		if len(items) != 3 || items[0].Kind != notify.Call || items[1].Kind != notify.Text || items[2].Kind != notify.Email {
			t.Fatalf("newest first: %+v", items)
		}
		mail := items[2]
		for _, want := range []string{"Hello " + secret, "typing its address: https://portal.example/", "Support: (800) 555-0100", "carries no patient information", "SecurePractice"} {
			if !strings.Contains(mail.Text, want) {
				t.Errorf("the e-mail lacks %q:\n%s", want, mail.Text)
			}
		}
		if strings.Contains(items[1].Text, "Support") {
			t.Error("a text carries the footer of an e-mail")
		}
		b, err := json.Marshal(items[1])
		must(t, err)
		var got map[string]any
		must(t, json.Unmarshal(b, &got))
		if got["kind"] != "text" || got["to"] != "+12065550142" || got["code"] != "204816" || got["links"] == nil {
			t.Errorf("outbox JSON %s", b)
		}
		if links := mail.Links; len(links) != 1 || links[0] != "https://portal.example/i/abc" {
			t.Errorf("links %q", links)
		}
	})
}

func TestSendRefusesAnUnknownTemplate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.Send(ctx, tx, welcome) })
		if err == nil {
			t.Fatal("a notice nobody can write was taken")
		}
	})
}
