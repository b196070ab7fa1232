package mail_test

import (
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/mail"
)

// TestRecallOfTheLater: a message that was held arrives after one that was written after it. When it is withdrawn, the
// list keeps nothing of it.
func TestRecallOfTheLater(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		one := w.send("dana", "santos@example.org, mel@example.org", "The subject", "first body")
		w.clock.Advance(time.Second)
		held, err := w.Reply(t.Context(), w.people["dana"], mail.Reply{DraftID: db.NewID(), ThreadID: one.ThreadID, Body: "secret body", Hold: hold})
		must(t, err)
		w.clock.Advance(time.Second)
		w.reply("mel", one.ThreadID, "quick body")
		w.clock.Advance(hold)
		must(t, w.Leave(t.Context()))
		if got := w.get("santos", "/mail/inbox").text(".conv .snip"); got != "secret body" {
			t.Fatalf("the list begins with %q", got)
		}
		w.recall("dana", held.MessageID)
		if got := w.get("santos", "/mail/inbox").text(".conv .snip"); got != "Message withdrawn" {
			t.Errorf("after the recall the list shows %q", got)
		}
	})
}

// TestRecallOfTheEarlier: what came later stays in the list.
func TestRecallOfTheEarlier(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := w.send("dana", "santos@example.org", "The subject", "first body")
		w.clock.Advance(time.Second)
		two := w.reply("dana", one.ThreadID, "second body")
		w.recall("dana", one.MessageID)
		if got := w.get("santos", "/mail/inbox").text(".conv .snip"); got != "second body" {
			t.Errorf("the list shows %q", got)
		}
		w.recall("dana", two.MessageID)
		if got := w.get("santos", "/mail/inbox").raw; strings.Contains(got, "second body") || strings.Contains(got, "The subject") {
			t.Error("the list shows what was withdrawn")
		}
	})
}

// TestUndoAfterRecall: a reply that waits keeps a conversation in sight of which all else was withdrawn. When it is taken
// back, the subject goes too.
func TestUndoAfterRecall(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := w.send("dana", "santos@example.org", "Secret subject", "secret body")
		w.clock.Advance(time.Second)
		held, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: db.NewID(), ThreadID: one.ThreadID, Body: "an answer", Hold: hold})
		must(t, err)
		w.recall("dana", one.MessageID)
		_, err = w.Undo(t.Context(), w.people["santos"], held.MessageID)
		must(t, err)
		for _, path := range []string{"/mail/inbox", "/mail/drafts", "/mail/t/" + one.ThreadID} {
			if p := w.get("santos", path); strings.Contains(strings.ToLower(p.raw), "secret") {
				t.Errorf("%s shows what was withdrawn", path)
			}
		}
		if p := w.get("santos", "/mail/t/"+one.ThreadID); p.Find("form#reply").Length() != 0 {
			t.Error("there is something to reply to")
		}
		w.clock.Advance(time.Second)
		w.reply("dana", one.ThreadID, "once more")
		if got := w.get("santos", "/mail/inbox").text(".conv .subj"); got != "Secret subject" {
			t.Errorf("with the next message it is called %q", got)
		}
	})
}

// TestUndoOfAWholeConversation: two messages that wait are taken back, the first first. Both are drafts that can be sent.
func TestUndoOfAWholeConversation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := w.held("dana", "santos@example.org", "The subject", "first body")
		w.clock.Advance(time.Second)
		two, err := w.Reply(t.Context(), w.people["dana"], mail.Reply{DraftID: db.NewID(), ThreadID: one.ThreadID, Body: "second body", Hold: hold})
		must(t, err)
		for _, id := range []string{one.MessageID, two.MessageID} {
			_, err := w.Undo(t.Context(), w.people["dana"], id)
			must(t, err)
		}
		list := w.get("dana", "/mail/drafts")
		if got := list.text(".conv .nm"); strings.Count(got, "santos@example.org") != 2 {
			t.Errorf("Drafts are to %q", got)
		}
		list.Find(".pane.list .conv a").Each(func(_ int, a *selection) {
			p := w.get("dana", a.AttrOr("href", ""))
			if got := p.Find("a[href^='/mail/new?draft=']").Length(); p.code != 200 || got == 0 {
				t.Errorf("a draft does not lead to a new message: %d", p.code)
			}
		})
	})
}

// TestUndoForgetsNobody: a form of several messages that is taken back stays for all of its people, even where one of its
// conversations holds more.
func TestUndoForgetsNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		one := w.held("dana", "ruth@example.org, santos@example.org", "The subject", "first body")
		w.clock.Advance(time.Second)
		_, err := w.Reply(t.Context(), w.people["dana"], mail.Reply{DraftID: db.NewID(), ThreadID: one.ThreadID, Body: "second body", Hold: hold})
		must(t, err)
		_, err = w.Undo(t.Context(), w.people["dana"], one.MessageID)
		must(t, err)
		if got := w.get("dana", "/mail/drafts").text(".conv .nm"); !strings.Contains(got, "ruth@example.org") || !strings.Contains(got, "santos@example.org") {
			t.Errorf("the draft is to %q", got)
		}
	})
}
