package mail_test

import (
	"net/url"
	"strings"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/mail"
)

// TestFreeTier: whoever may only reply is refused the rest by every route, whatever the request says. A patient reads
// nothing of paying, on any page; staff of a practice read what paid SecureMail has more.
func TestFreeTier(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, who := range []string{"gus", "ruth"} {
			sent := w.send("dana", who+"@example.org", "Subject", "one")
			path := "/mail/t/" + sent.ThreadID
			before := w.count("SELECT COUNT(*) FROM mail_message")
			for _, get := range []string{"/mail/new", "/mail/new?draft=" + db.NewID(), "/mail/contacts"} {
				if p := w.get(who, get); p.code != 403 {
					t.Errorf("%s opens %s: %d", who, get, p.code)
				}
			}
			form := [][2]string{{"id", db.NewID()}, {"version", "0"}, {"to", "santos@example.org"}, {"subject", "s"}, {"body", "b"}}
			for _, do := range []string{"", "save", "contacts"} {
				if p := w.postFiles(who, "/mail/new", append(form, [2]string{"do", do}), upload{"a.pdf", pdf("a")}); p.code != 403 {
					t.Errorf("%s writes (%s): %d", who, do, p.code)
				}
			}
			if p := w.post(who, "/mail/drafts/save", url.Values{"id": {db.NewID()}, "version": {"0"}, "to": {"santos@example.org"}, "subject": {"s"}, "body": {"b"}}); p.code != 403 {
				t.Errorf("%s saves a new draft: %d", who, p.code)
			}
			if p := w.postFiles(who, "/mail/drafts/file", [][2]string{{"id", db.NewID()}}, upload{"a.pdf", pdf("a")}); p.code != 403 {
				t.Errorf("%s uploads to a new draft: %d", who, p.code)
			}
			if p := w.postJSON(who, "/mail/recipient", `{"to":"santos@example.org"}`); p.code != 403 {
				t.Errorf("%s asks who somebody is: %d", who, p.code)
			}
			if _, err := w.Send(t.Context(), w.people[who], mail.Compose{DraftID: db.NewID(), To: "santos@example.org", Subject: "s", Body: "b"}); err == nil {
				t.Errorf("%s sends", who)
			}
			if now := w.count("SELECT COUNT(*) FROM mail_message"); now != before {
				t.Errorf("%s wrote %d messages", who, now-before)
			}
			if p := w.postFiles(who, path+"/reply", [][2]string{{"id", db.NewID()}, {"version", "0"}, {"body", "a reply"}}, upload{"a.pdf", pdf("a")}); p.code != 303 {
				t.Errorf("%s replies with a file: %d", who, p.code)
			}
			own := w.label(who, "Own", "1")
			for _, get := range []string{"/mail/inbox", "/mail/inbox?show=unread", "/mail/archive", "/mail/trash", "/mail/sent", "/mail/drafts", "/mail/labels", "/mail/l/" + own, path, "/mail/new", "/mail/contacts"} {
				p := w.get(who, get)
				words := strings.ToLower(p.text("body"))
				if p.Find(`.rail a[href="/mail/new"], .fab`).Length() != 0 {
					t.Errorf("%s is offered Compose on %s", who, get)
				}
				if paying := strings.Contains(words, "upgrade") || strings.Contains(words, "paid"); paying != (who == "gus") {
					t.Errorf("%s on %s: %q", who, get, p.text("main"))
				}
			}
			for _, do := range []string{"trash", "restore", "archive", "inbox", "unread"} {
				if p := w.post(who, path+"/"+do, nil); p.code != 303 {
					t.Errorf("%s may not %s: %d", who, do, p.code)
				}
			}
		}
	})
}
