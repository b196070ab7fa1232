package mail_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
)

// hostile are texts that do harm where they are taken for anything but text. Each that runs leaves its mark; each that
// fetches asks another host.
var hostile = []string{
	`"><script>window.marked=1</script>`,
	`<img src=x onerror="window.marked=2"><img src="https://evil.example/p.gif">`,
	`</textarea></title></style><svg onload="window.marked=3">`,
	`' autofocus onfocus='window.marked=4`,
	"a\r\nBcc: evil@example.org\r\n\r\n<b>b</b>",
	"\u202egnp.exe \u200b\u2066 " + strings.Repeat("W", 400),
	`https://evil.example/"onmouseover="window.marked=5 javascript:window.marked=6 data:text/html,<script>window.marked=7</script> //evil.example`,
	`{{.}} ${7*7} {first name} <!-- --> <style>*{display:none}</style> <base href="https://evil.example/"> <meta http-equiv=refresh content="0;url=https://evil.example/">`,
	"=HYPERLINK(\"https://evil.example/\") ../../../etc/passwd C:\\CON",
}

// hostileStory writes hostile text wherever people write, and lists the pages that show it.
func (w *world) hostileStory() (paths []string) {
	t := w.t
	at := func(n int, most int) string {
		r := []rune(hostile[n%len(hostile)])
		return string(r[:min(len(r), most)])
	}
	for n := range hostile {
		name := at(n, 60)
		w.exec("UPDATE account_user SET first_name = $1, last_name = $1 WHERE id = 'u-santos'", name)
		me := w.people["santos"]
		me.First, me.Last = name, name
		w.people["santos"] = me
		w.exec("UPDATE practice_practice SET name = $1 WHERE id = 'p-eastlake'", name)
		id := w.draftWith("dana", "", strings.NewReplacer("\r", "", "\n", "", "/", "", "\\", "").Replace(at(n, 60))+".pdf", pdf(fmt.Sprint(n)))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: at(n, 150), Body: strings.Join(hostile, "\n") + at(n, 400)})
		must(t, err)
		w.work()
		w.reply("santos", sent.ThreadID, hostile[n])
		paths = append(paths, "/mail/t/"+sent.ThreadID)
		if n > 0 {
			continue
		}
		paths = append(paths, "/mail/t/"+sent.ThreadID+"/print", "/mail/t/"+sent.ThreadID+"?templates=1")
	}
	w.prefer("dana", mail.Preferences{Signature: at(0, 200), New: "email", Pace: "once", Read: "none"})
	own := w.label("dana", at(1, 40), "1")
	first := strings.TrimPrefix(paths[0], "/mail/t/")
	w.post("dana", "/mail/t/"+first+"/label", url.Values{"put": {own}})
	template := w.template("dana", at(2, 80), strings.Join(hostile[:7], "\n")) // braces in a template are places
	csv := "name,email\n"
	for n := range hostile {
		csv += fmt.Sprintf("\"%s\",n%d@example.org\n", strings.ReplaceAll(at(n, 80), `"`, `""`), n)
	}
	preview := w.importFile("dana", csv)
	w.confirm("dana", preview)
	draft, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: db.NewID(), To: at(3, 100), Subject: at(3, 100), Body: hostile[2], New: mail.Newcomer{Role: hostile[0], First: hostile[3]}})
	must(t, err)
	reply, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: db.NewID(), ThreadID: first, Body: hostile[2]})
	must(t, err)
	w.work()
	return append(paths, "/mail/inbox", "/mail/sent", "/mail/drafts", "/mail/labels", "/mail/l/"+own, "/mail/l/"+own+"/edit", "/mail/templates", "/mail/templates/"+template, "/mail/contacts", "/mail/contacts?q="+url.QueryEscape(hostile[0]),
		"/mail/new", "/mail/new?draft="+draft.ID, "/mail/d/"+draft.ID, "/mail/t/"+first+"?draft="+reply.ID, "/profile/messaging", w.seek("dana", "script window marked"), w.seek("dana", hostile[0]))
}

// TestHostileInBrowser opens every page that shows what people wrote, when they wrote to do harm: nothing of it runs, nothing
// is fetched from elsewhere, nothing widens the page, and the policy has nothing to stop.
func TestHostileInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	paths := w.hostileStory()
	p := w.browse()
	step(t, p.ctx, chromedp.EmulateViewport(390, 800), chromedp.Navigate(p.site+"/as/dana"))
	for _, path := range paths {
		step(t, p.ctx, chromedp.Navigate(p.site+path), chromedp.WaitReady(chromedp.CSS("main")))
		found := look[string](t, p.ctx, `(() => {
			const own = location.origin, out = [];
			if (window.marked) out.push('marked ' + window.marked);
			for (const e of performance.getEntriesByType('resource')) if (!e.name.startsWith(own)) out.push('fetched ' + e.name);
			for (const e of document.querySelectorAll('main *')) for (const a of e.attributes) if (a.name.startsWith('on') || a.name === 'style') out.push(e.tagName + ' ' + a.name);
			if (document.querySelector('main script, main style, base, meta[http-equiv], main iframe, main object, main svg[onload]')) out.push('an element');
			for (const a of document.querySelectorAll('a[href]')) if (!/^https?:$/.test(a.protocol)) out.push('link ' + a.href);
			for (const a of document.querySelectorAll('a[href*="evil.example"]')) if (!a.rel.includes('noreferrer')) out.push('link tells ' + a.outerHTML);
			return out.join('; ')
		})()`)
		if found != "" {
			t.Errorf("%s: %s", path, found)
		}
		if over := look[int64](t, p.ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%s scrolls sideways by %d px", path, over)
			shot(t, p.ctx, "wide")
		}
	}
	p.noise()
	for _, to := range []string{"santos@example.org", "dana@example.org"} {
		for _, m := range w.outbox(to) {
			if strings.ContainsAny(m.Subject, "\r\n") {
				t.Errorf("a notice to %s: %q", to, m.Subject)
			}
		}
	}
}
