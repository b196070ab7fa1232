package web_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

// newTab starts a browser with one tab. The second result gives the console's errors so far; violations of the security
// policy are among them.
func newTab(t *testing.T) (context.Context, func() []string) {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true), chromedp.UserDataDir(t.TempDir()))
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
			if m.Type == "error" || m.IsException() {
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

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.80s: %v", js, err)
	}
	return v
}

// send gives the browser one command of its protocol.
func send[P, R any](t *testing.T, ctx context.Context, command cdp.Command[P, R], params P) {
	t.Helper()
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, command, params)
		return chromedp.Void{}, err
	})
}

// until waits for a condition in the page, which may load another page meanwhile.
func until(t *testing.T, ctx context.Context, js string) {
	t.Helper()
	end := time.After(15 * time.Second)
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
		if ok {
			return
		}
		select {
		case <-end:
			t.Fatalf("never true: %s (%v)", js, err)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	keep(t, name+".png", png)
}

// withShell renders a page in a made-up shell, keeping the real addresses of the static files.
type withShell struct {
	body  templ.Component
	shell ui.Shell
}

func (p withShell) Render(ctx context.Context, w io.Writer) error {
	s := p.shell
	s.Assets = ui.ShellFrom(ctx).Assets
	return p.body.Render(ui.WithShell(ctx, s), w)
}

// mountDraft answers what the compose form's scripts ask.
func mountDraft(rt *web.Router) {
	rt.Form(web.Public, "/autosave", func(w http.ResponseWriter, r *http.Request) error {
		form, err := web.ReadForm(w, r)
		if err != nil {
			return err
		}
		if strings.Contains(form.Get("body"), "conflict") && form.Get("version") != "7" {
			return web.SendJSON(w, http.StatusConflict, map[string]any{"error": "This draft was changed in another tab.", "version": 7})
		}
		return web.SendJSON(w, http.StatusOK, map[string]any{"version": 1, "saved": "2:41 PM"})
	})
	takesUploads(rt)
	rt.Quiet(web.Public, "/uploads", func(w http.ResponseWriter, _ *http.Request) error { return web.SendJSON(w, http.StatusOK, []string{}) })
	rt.JSON(web.Public, "/recipient", func(w http.ResponseWriter, r *http.Request) error {
		var ask struct{ To string }
		if err := web.ReadJSON(r, &ask); err != nil {
			return err
		}
		if strings.HasPrefix(ask.To, "new") {
			return web.SendJSON(w, http.StatusOK, map[string]any{"new": true})
		}
		return web.SendJSON(w, http.StatusOK, map[string]any{"known": true, "name": "Ruth Okafor", "practice": ""})
	})
	rt.Quiet(web.Public, "/files", func(w http.ResponseWriter, _ *http.Request) error {
		return web.SendJSON(w, http.StatusOK, []map[string]any{
			{"id": "f1", "text": "Scanned, no threats found", "good": true},
			{"id": "IMG_0412.jpg", "text": "Scanned, no threats found", "good": true},
		})
	})
}

// takesUploads speaks the little of tus that a page needs, about one file at a time, and attaches what has arrived whole.
func takesUploads(rt *web.Router) {
	var mu sync.Mutex
	var name string
	var size, got int64
	rt.Resume(web.Public, http.MethodPost, "/upload", func(w http.ResponseWriter, r *http.Request) error {
		mu.Lock()
		defer mu.Unlock()
		_, coded, _ := strings.Cut(r.Header.Get("Upload-Metadata"), " ")
		b, err := base64.StdEncoding.DecodeString(coded)
		if err != nil {
			return err
		}
		name, got = string(b), 0
		if size, err = strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64); err != nil {
			return err
		}
		w.Header().Set("Location", "/upload/1")
		w.WriteHeader(http.StatusCreated)
		return nil
	})
	rt.Resume(web.Public, http.MethodPatch, "/upload/1", func(w http.ResponseWriter, r *http.Request) error {
		n, err := io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		got += n
		w.Header().Set("Upload-Offset", strconv.FormatInt(got, 10))
		w.WriteHeader(http.StatusNoContent)
		return err
	})
	rt.JSON(web.Public, "/upload/1/done", func(w http.ResponseWriter, r *http.Request) error {
		var in struct {
			SHA256 string `json:"sha256"`
		}
		if err := web.ReadJSON(r, &in); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if got != size || len(in.SHA256) != 64 {
			return fault.Field("attachments", "not whole")
		}
		return web.SendJSON(w, http.StatusOK, map[string]any{"id": "f1", "name": name, "size": got, "kind": "Text", "state": "checking", "text": "Scanning"})
	})
}
