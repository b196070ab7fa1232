package mail_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/mail"
	"securepractice/internal/web"
)

// takes says, for each route that takes ids of people's things outside its path, how: fields with a thing in braces. What is
// asked so with another's thing is answered as with a thing that does not exist; behind "new: " stand those whose ids their
// makers choose, where another's is refused.
var takes = map[string][]string{
	"GET /mail/new":                      {"draft={draft}", "contact={contact}"},
	"GET /mail/contacts":                 {"draft={draft}"},
	"GET /mail/search":                   {"q={search}"},
	"GET /mail/poll":                     {"thread={thread}&last=0"},
	"POST /mail/new":                     {"id={fresh}&version=0&do=insert&template={template}", "id={fresh}&version=0&remove={link}", "new: id={draft}&version=1&do=save&body=intrusion", "new: id={draft}&to=santos@example.org&subject=s&body=intrusion&do=send", "new: id={message}&to=santos@example.org&subject=s&body=intrusion&do=send"},
	"POST /mail/drafts/save":             {"id={fresh}&version=0&body=intrusion&thread={thread}", "new: id={draft}&version=1&body=intrusion"},
	"POST /mail/drafts/file":             {"new: id={draft}", "id={fresh}&?thread={thread}"},
	"POST /mail/drafts/file/remove":      {"id={draft}&remove={link}", "id={own draft}&remove={link}"},
	"POST /mail/uploads/":                {"new: &?draft={draft}", "&?draft={fresh}&thread={thread}"},
	"POST /mail/threads":                 {"thread={thread}&do=archive&in=inbox", "thread={thread}&do=trash&in=inbox", "thread={thread}&do=read&in=inbox", "thread={own thread}&thread={thread}&do=unread&in=inbox", "thread={own thread}&do=label&label={label}&in=inbox", "thread={thread}&do=restore&in=trash"},
	"POST /mail/templates/fill":          {"thread={thread}"},
	"POST /mail/contacts/import/confirm": {"id={import}"},
	"POST /mail/t/{id}/label":            {"put={label}", "take={label}"},
	"POST /mail/t/{id}/reply":            {"id={fresh}&version=0&do=insert&template={template}", "id={fresh}&version=0&remove={link}", "new: id={draft}&version=1&do=save&body=intrusion"},
}

// takesNone are the routes that take no thing of anybody's, or only the one in their path.
var takesNone = []string{"GET /mail", "GET /mail/archive", "GET /mail/contacts/choose", "GET /mail/contacts/import", "GET /mail/drafts", "GET /mail/events", "GET /mail/inbox",
	"GET /mail/labels", "GET /mail/sent", "GET /mail/templates", "GET /mail/templates/new", "GET /mail/trash", "POST /mail/contacts/export", "POST /mail/contacts/import", "POST /mail/labels",
	"POST /mail/recipient", "POST /mail/search", "POST /mail/templates/new", "GET /profile/messaging", "POST /profile/messaging"}

// things are one's own, by the names above.
func (w *world) things() map[string]string {
	w.t.Helper()
	sent := func() (mail.Sent, string) {
		id := w.draftWith("dana", "", "ray.pdf", pdf(db.NewID()))
		m, err := w.Send(w.t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "theo@example.org", Subject: "Veiledsubject", Body: "Veiledbody"})
		must(w.t, err)
		w.work()
		link, _ := w.get("dana", "/mail/t/"+m.ThreadID).Find("a[href^='/mail/attachments/']").Attr("href")
		return m, strings.TrimPrefix(link, "/mail/attachments/")
	}
	m, link := sent()
	preview := w.importFile("dana", "name,email\nNew,new@example.org\n")
	_, hidden, _ := strings.Cut(w.seek("dana", "Veiledbody"), "q=")
	return map[string]string{
		"thread": m.ThreadID, "message": m.MessageID, "link": link, "draft": w.draftWith("dana", m.ThreadID, "own.pdf", pdf("draft")), "label": w.label("dana", "Veiledlabel", "1"),
		"contact": w.contactOf("dana", "theo@example.org"), "template": w.template("dana", "Veiledtitle", "Veiledtemplate"),
		"import": preview.Find("[name=id]").AttrOr("value", ""), "search": hidden, "upload": w.uploading("dana", w.draftWith("dana", "", "first.pdf", pdf("first"))),
	}
}

// inPath says which thing the part of a path behind /mail/ names.
var inPath = map[string]string{"t": "thread", "d": "draft", "drafts": "draft", "m": "message", "attachments": "link", "uploads": "upload", "l": "label", "contacts": "contact", "templates": "template"}

// TestStrangers walks the list of routes: whoever takes no part gets what they would get for what does not exist, in the
// same words, and nothing changes. A route that is added is walked too, and has to say which things it takes.
func TestStrangers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ours := w.things()
		for name, id := range ours {
			if id == "" {
				t.Fatalf("no %s to try", name)
			}
		}
		before := w.state()
		walked := 0
		for _, name := range []string{"santos", "mel", "gus", "fred", "ruth", "sup"} {
			own := ""
			if name == "santos" {
				own = w.send("santos", "fred@example.org", "own", "b").ThreadID
				w.reply("fred", own, "b")
			}
			for _, route := range w.router.Routes() {
				key := route.Method + " " + route.Path
				tries := takes[key]
				if len(tries) == 0 && !strings.Contains(route.Path, "{") && !slices.Contains(takesNone, key) {
					t.Errorf("%s: does it take ids of people's things?", key)
				}
				if strings.Contains(route.Path, "{") {
					tries = append(slices.Clone(tries), "")
				}
				for _, fields := range tries {
					if w.stranger(name, own, key, fields, ours) {
						walked++
					}
				}
			}
		}
		if walked < 200 {
			t.Errorf("%d tries", walked)
		}
		if after := w.state(); after != before {
			t.Errorf("strangers changed something:\n%s\nwas\n%s", after, before)
		}
		if w.count("SELECT COUNT(*) FROM audit_event WHERE action = 'access.refused' AND subject_id = $1 AND actor_id = 'u-mel'", ours["thread"]) == 0 {
			t.Error("the refusal is not in the trail")
		}
		for _, route := range w.router.Routes() {
			path := strings.NewReplacer("{id}", ours["thread"], "{template}", ours["template"]).Replace(route.Path)
			if route.Method == http.MethodGet {
				if p := w.get("", path); p.code != 303 && p.code != 401 {
					t.Errorf("%s without a session: %d", route.Path, p.code)
				}
			} else if p := w.asked("", route.Method, path, "id="+ours["draft"]); route.Kind == web.Resume {
				if p.code != 401 {
					t.Errorf("%s without a session: %d", route.Path, p.code)
				}
			} else if p := w.post("", path, url.Values{"id": {ours["draft"]}}); p.code != 303 && p.code != 401 {
				t.Errorf("%s without a session: %d", route.Path, p.code)
			}
		}
	})
}

// stranger asks a route with somebody else's thing and with one that does not exist, and compares the answers. It is false
// when there was nothing to try.
func (w *world) stranger(name, own, key, fields string, ours map[string]string) bool {
	w.t.Helper()
	colleague := name == "mel" || name == "gus"
	if colleague && (strings.Contains(key, "/templates/{") || strings.Contains(fields, "{template}")) || strings.Contains(fields, "{own") && own == "" {
		return false // templates belong to the practice
	}
	chosen, fresh := strings.HasPrefix(fields, "new: "), db.NewID()
	ask := func(things map[string]string) (page, string) {
		fill := func(s string) string {
			for thing, id := range things {
				s = strings.ReplaceAll(s, "{"+thing+"}", id)
			}
			return strings.NewReplacer("{own thread}", own, "{own draft}", fresh, "{fresh}", fresh).Replace(s)
		}
		method, path, _ := strings.Cut(key, " ")
		if part := strings.Split(path, "/"); len(part) > 3 && strings.Contains(path, "{") {
			if inPath[part[2]] == "" {
				w.t.Fatalf("%s: which thing does its path name?", key)
			}
			path = strings.NewReplacer("{id}", things[inPath[part[2]]], "{template}", things[inPath[part[2]]]).Replace(path)
		}
		p := w.asked(name, method, path, fill(strings.TrimPrefix(fields, "new: ")))
		seen := p.raw + p.head.Get("Location")
		for _, id := range things {
			seen = strings.ReplaceAll(seen, id, "*")
		}
		return p, seen
	}
	nothing := map[string]string{}
	for thing := range ours {
		nothing[thing] = db.NewID()
	}
	got, text := ask(ours)
	if strings.Contains(got.raw, "Veiled") {
		w.t.Errorf("%s %q as %s shows something", key, fields, name)
	}
	if chosen {
		if got.code < 400 {
			w.t.Errorf("%s %q as %s: %d", key, fields, name, got.code)
		}
		return true
	}
	none, same := ask(nothing)
	if got.code != none.code || text != same {
		w.t.Errorf("%s %q as %s: %d, what does not exist: %d\n%.600s\n---\n%.600s", key, fields, name, got.code, none.code, got.text("main"), none.text("main"))
	}
	if strings.Contains(key, "{") && fields == "" && got.code < 400 {
		w.t.Errorf("%s as %s: %d", key, name, got.code)
	}
	return true
}

// asked makes a request of the sort that a route takes; fields behind "?" belong to its address.
func (w *world) asked(name, method, path, fields string) page {
	w.t.Helper()
	body, query, more := strings.Cut(fields, "&?")
	if method == http.MethodGet {
		body, query = "", fields
	}
	if more || query != "" {
		path += "?" + query
	}
	if method == http.MethodGet {
		return w.get(name, path)
	}
	values, err := url.ParseQuery(body)
	must(w.t, err)
	switch {
	case strings.HasPrefix(path, "/mail/uploads/") && !strings.HasSuffix(path, "/done"):
		return w.tus(name, method, path, "Upload-Offset", "0", "Upload-Length", "100", "Upload-Metadata", "filename Ymlncy50eHQ=")
	case strings.HasSuffix(path, "/fill"):
		in := map[string]string{}
		for k := range values {
			in[k] = values.Get(k)
		}
		b, err := json.Marshal(in)
		must(w.t, err)
		return w.postJSON(name, path, string(b))
	case strings.HasPrefix(path, "/mail/drafts/file?") || path == "/mail/drafts/file":
		return w.postFiles(name, path, [][2]string{{"id", values.Get("id")}}, upload{"in.pdf", pdf("intrusion")})
	}
	return w.post(name, path, values)
}

// state is everything of dana's and theo's that others must not change.
func (w *world) state() string {
	w.t.Helper()
	var all []string
	for _, query := range []string{
		"SELECT id || ' ' || CAST(messages AS TEXT) FROM mail_thread WHERE id IN (SELECT thread_id FROM mail_member WHERE user_id = 'u-dana') ORDER BY id",
		"SELECT id || ' ' || state FROM mail_message WHERE author_id = 'u-dana' ORDER BY id",
		"SELECT user_id || thread_id || folder || CASE WHEN unread THEN 'unread' ELSE '' END || CAST(last_at AS TEXT) FROM mail_member WHERE user_id IN ('u-dana', 'u-theo') ORDER BY user_id, thread_id",
		"SELECT user_id || message_id || CAST(COALESCE(opened_at, 0) AS TEXT) FROM mail_delivery WHERE user_id IN ('u-dana', 'u-theo') ORDER BY user_id, message_id",
		"SELECT id || CAST(version AS TEXT) FROM mail_draft WHERE author_id = 'u-dana' ORDER BY id",
		"SELECT id || CAST(version AS TEXT) FROM mail_template WHERE practice_id = 'p-harbor' ORDER BY id",
		"SELECT holder || id FROM attach_link WHERE holder IN (SELECT 'mail:' || id FROM mail_message WHERE author_id = 'u-dana' UNION SELECT 'mail:' || id FROM mail_draft WHERE author_id = 'u-dana') ORDER BY id",
		"SELECT id FROM mail_contact WHERE user_id = 'u-dana' ORDER BY id",
		"SELECT id FROM mail_contact_import WHERE user_id = 'u-dana'",
		"SELECT u.file_id || CAST(f.received AS TEXT) || f.state FROM attach_upload u JOIN attach_file f ON f.id = u.file_id WHERE u.user_id = 'u-dana' ORDER BY u.file_id",
		"SELECT user_id || label || thread_id FROM mail_label ORDER BY user_id, label, thread_id",
	} {
		all = append(all, w.ids(query)...)
	}
	return strings.Join(all, "\n")
}

// TestRemovedRecipient: nothing of a recalled message is anywhere for whom it was written to, on any route.
func TestRemovedRecipient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ours := w.things()
		w.recall("dana", ours["message"])
		for _, route := range w.router.Routes() {
			key := route.Method + " " + route.Path
			tries := slices.Clone(takes[key])
			if strings.Contains(route.Path, "{") {
				tries = append(tries, "")
			}
			for _, fields := range tries {
				part := strings.Split(route.Path, "/")
				if len(part) > 2 && part[2] == "t" || strings.Contains(fields, "{thread}") {
					path := strings.NewReplacer("{id}", ours["thread"]).Replace(route.Path)
					if p := w.asked("theo", route.Method, path, strings.ReplaceAll(fields, "{thread}", ours["thread"])); strings.Contains(p.raw, "Veiled") {
						t.Errorf("%s %q shows something", key, fields)
					}
					continue // the conversation is in their list, withdrawn
				}
				w.stranger("theo", "", key, fields, ours)
			}
		}
	})
}
