package mail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
	"securepractice/internal/web"
)

// TestPagesInBrowser opens the room's pages at three widths: nothing for axe to find, no console error, no sideways
// scroll. SHOTS=folder keeps the pictures.
func TestPagesInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	paths := w.story()
	rt := w.newRouter(slog.New(slog.DiscardHandler), true)
	rt.Get(web.Public, "/as/{name}", func(rw http.ResponseWriter, r *http.Request) error {
		web.SetSession(rw, r, r.PathValue("name"))
		return web.Redirect(rw, r, "/mail/inbox")
	})
	site := httptest.NewServer(rt.Handler())
	t.Cleanup(site.Close)
	ctx, bad := newTab(t)
	axe, err := os.ReadFile("../../e2e/testdata/axe.min.js")
	must(t, err)
	step(t, ctx, chromedp.Navigate(site.URL+"/as/dana"))
	for _, p := range paths {
		for _, width := range []int64{1280, 390, 320} {
			name := fmt.Sprintf("%s-%d", p[0], width)
			step(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(site.URL+p[1]), chromedp.WaitReady(chromedp.CSS("main")))
			if over := look[int64](t, ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				t.Errorf("%s scrolls sideways by %d px", name, over)
			}
			if width != 320 {
				raw := look[string](t, ctx, string(axe)+`;axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | '))))`)
				var found []string
				must(t, json.Unmarshal([]byte(raw), &found))
				for _, f := range found {
					t.Errorf("%s: axe %s", name, f)
				}
			}
			shot(t, ctx, name)
		}
	}
	if lines := bad(); len(lines) > 0 {
		t.Errorf("console: %s", strings.Join(lines, "\n"))
	}
}

// story fills dana's mailbox and lists the pages to look at, with names.
func (w *world) story() [][2]string {
	t := w.t
	first := w.send("dana", "santos@example.org", "Referral: J. Alvarez, implant consult #30", "Good morning Dr. Santos,\n\nDr. Raman would like to refer J. Alvarez for #30.")
	w.clock.Advance(26 * time.Hour)
	w.reply("santos", first.ThreadID, "Happy to see her. Do you have a recent CBCT?")
	id := w.draftWith("dana", first.ThreadID, "Referral form, Alvarez.pdf", pdf("form"))
	_, err := w.Reply(t.Context(), w.people["dana"], mail.Reply{DraftID: id, ThreadID: first.ThreadID, Body: "The form is attached. See https://harbor.example/map for parking."})
	must(t, err)
	w.work()
	w.clock.Advance(time.Hour)
	w.get("santos", "/mail/t/"+first.ThreadID)
	w.reply("santos", first.ThreadID, "The form opens fine on our side. I would like the study model too before we set the date.")
	other := w.send("dana", "ruth@example.org", "Question about your new crown", "How does it feel?")
	back := w.reply("ruth", other.ThreadID, "It feels a little high when I bite on the left. Should I come in before Thanksgiving?")
	_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "gloria@example.org", Subject: "Pre-med before cleaning", Body: "b", New: newPatient()})
	must(t, err)
	waiting := w.draftWith("dana", first.ThreadID, "Alvarez upper arch.txt", virus())
	w.work()
	draft, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: db.NewID(), To: "new@example.org", Subject: "Half written", Body: "Dear", New: mail.Newcomer{Role: "patient", First: "Theo"}})
	must(t, err)
	own := w.labelled(first.ThreadID)
	return append(w.textPages(back.MessageID, first.ThreadID), [][2]string{{"inbox", "/mail/inbox"}, {"thread", "/mail/t/" + first.ThreadID}, {"thread-draft", "/mail/t/" + first.ThreadID + "?draft=" + waiting}, {"sent", "/mail/sent"}, {"drafts", "/mail/drafts"},
		{"archive", "/mail/archive"}, {"trash", "/mail/trash"}, {"unread", "/mail/inbox?show=unread"}, {"all", "/mail/t/" + first.ThreadID + "?in=inbox&all=1"},
		{"labels", "/mail/labels"}, {"label", "/mail/l/" + own}, {"label-edit", "/mail/l/" + own + "/edit"}, {"label-delete", "/mail/l/" + own + "/delete"}, {"new", "/mail/new"}, {"new-draft", "/mail/new?draft=" + draft.ID}, {"contacts", "/mail/contacts"}, {"draft", "/mail/d/" + draft.ID},
		{"delete", "/mail/d/" + draft.ID + "/delete"}, {"print", "/mail/t/" + first.ThreadID + "/print"},
		{"search", "/mail/search"}, {"search-found", w.seek("dana", "form the")}, {"search-none", w.seek("dana", "zebra")}}...)
}

// labelled gives dana labels, one of them on a conversation, and a conversation in Trash.
func (w *world) labelled(threadID string) string {
	own := w.label("dana", "Waiting for the laboratory", "2")
	w.label("dana", strings.Repeat("W", 40), "7")
	w.post("dana", "/mail/t/"+threadID+"/label", url.Values{"put": {own}})
	gone := w.send("santos", "dana@example.org", strings.Repeat("Longsubject", 15), "b")
	w.post("dana", "/mail/t/"+gone.ThreadID+"/trash", nil)
	return own
}

// newTab starts a browser with one tab; the second result gives the console's errors so far.
func newTab(t *testing.T) (context.Context, func() []string) {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.UserDataDir(t.TempDir()))
	actx, endBrowser := chromedp.NewExecAllocator(t.Context(), opts...)
	ctx, endTab := chromedp.NewContext(actx)
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(func() { cancel(); endTab(); endBrowser() })
	var mu sync.Mutex
	var lines []string
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if (m.Type == "error" || m.IsException()) && !fades(m.String()) {
				mu.Lock()
				lines = append(lines, m.String())
				mu.Unlock()
			}
		}
	}()
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), lines...)
	}
}

// fades tells the browser's own complaint of a page that was left while it still faded in.
func fades(line string) bool {
	return strings.Contains(line, "ViewTransition") || strings.Contains(line, "Transition was")
}

func step(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	must(t, chromedp.Do(ctx, steps...))
}

func look[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	must(t, err)
	return v
}

func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(90))
	must(t, err)
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}
