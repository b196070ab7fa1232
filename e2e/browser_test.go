package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe.min.js
var axe string

// browser is one tab of a fresh Chromium profile. Everything its console reports as an error, policy violations
// among them, fails the test at the end.
type browser struct {
	t     *testing.T
	ctx   context.Context
	base  string
	shots string // folder of this test's screenshots; "" = none

	refusals string // statuses besides 422 that pages of this test answer on purpose

	mu  sync.Mutex
	bad []string
	n   int
}

func newBrowser(t *testing.T, base, shots string) *browser {
	t.Helper()
	path := "/usr/bin/chromium"
	if _, err := os.Stat(path); err != nil {
		t.Fatal("Chromium is not installed: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()))
	alloc, end1 := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, end2 := chromedp.NewContext(alloc)
	ctx, end3 := context.WithTimeout(ctx, 8*time.Minute)
	b := &browser{t: t, ctx: ctx, base: base}
	if shots != "" {
		b.shots = filepath.Join("shots", shots)
		if err := os.MkdirAll(b.shots, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.watch()
	t.Cleanup(func() {
		end3()
		end2()
		end1()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, m := range b.bad {
			t.Error("console: " + m)
		}
	})
	b.do(chromedp.EmulateViewport(1280, 900))
	b.scheme("light")
	return b
}

// watch collects console errors. A form refused with 422 is an answer, not an error, though the browser logs it.
func (b *browser) watch() {
	messages := chromedp.Console(b.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			text := m.String()
			if (m.Type == "error" || m.IsException()) && !b.meant(text) {
				b.mu.Lock()
				b.bad = append(b.bad, text)
				b.mu.Unlock()
			}
		}
	}()
}

// meant says whether the browser only tells of a page that was refused on purpose, or that was left while it still faded in.
func (b *browser) meant(text string) bool {
	if strings.Contains(text, "ViewTransition") || strings.Contains(text, "Transition was") {
		return true
	}
	for _, status := range strings.Fields("422 " + b.refusals) {
		if strings.Contains(text, "responded with a status of "+status) {
			return true
		}
	}
	return false
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\nat %s:\n%s", err, b.js("location.pathname"), b.text())
	}
}

// js evaluates an expression and gives its value as a string.
func (b *browser) js(expr string) string {
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expr+")"))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return v
}

// await evaluates an expression that is a promise of a string.
func (b *browser) await(expr string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[string](expr, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *browser) text() string { return b.js("document.body ? document.body.innerText : ''") }

// open goes to a path of the portal, or to a whole address.
func (b *browser) open(path string) {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.base + path
	}
	b.do(chromedp.Navigate(path))
}

// fill types into the field with this name, in place of what is there.
func (b *browser) fill(name, value string) {
	b.t.Helper()
	sel := fmt.Sprintf(`main [name=%q]`, name)
	b.do(chromedp.WaitVisible(chromedp.CSS(sel)))
	b.js(fmt.Sprintf(`document.querySelector(%q).value = ''`, sel))
	b.do(chromedp.SendKeys(chromedp.CSS(sel), value))
}

// choose selects an option by its value.
func (b *browser) choose(name, value string) {
	b.t.Helper()
	pick := fmt.Sprintf(`(() => { const s = document.querySelector('main [name=%q]'); if (!s) return 'no field'; if (s.tagName === 'SELECT') { s.value = %q; s.dispatchEvent(new Event('change', {bubbles: true})); return s.value; }
		const r = document.querySelector('main [name=%q][value=%q]'); if (!r) return 'no choice'; r.click(); return r.value; })()`, name, value, name, value)
	until(b.t, "a choice "+name+" = "+value, func() bool { return b.js(pick) == value })
}

// tick sets a checkbox.
func (b *browser) tick(name string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`main input[type=checkbox][name=%q]`, name))))
}

// press clicks the visible button or link with this text or accessible name and waits for what it leads to.
func (b *browser) press(label string) {
	b.t.Helper()
	mark := fmt.Sprintf(`(() => { const all = [...document.querySelectorAll('button, a, summary, label.btn')].filter(e => e.checkVisibility() && ((e.getAttribute('aria-label') || e.innerText || '').trim() === %q || (e.innerText || '').trim() === %q));
		if (!all.length) return 'none'; document.querySelectorAll('[data-e2e]').forEach(e => e.removeAttribute('data-e2e')); all[0].setAttribute('data-e2e', '1'); return 'ok'; })()`, label, label)
	until(b.t, "button "+label+" on "+b.js("location.pathname")+":\n"+b.text(), func() bool { return b.js(mark) == "ok" })
	b.do(chromedp.Click(chromedp.CSS(`[data-e2e]`)))
}

// see waits until the page shows all the words.
func (b *browser) see(words ...string) {
	b.t.Helper()
	for _, w := range words {
		ok := false
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && !ok; time.Sleep(50 * time.Millisecond) {
			ok = strings.Contains(b.text(), w)
		}
		if !ok {
			b.t.Fatalf("the page does not show %q at %s:\n%s", w, b.js("location.pathname"), b.text())
		}
	}
}

// never fails when the page shows one of the words.
func (b *browser) never(words ...string) {
	b.t.Helper()
	text := b.text()
	for _, w := range words {
		if strings.Contains(text, w) {
			b.t.Errorf("the page shows %q at %s", w, b.js("location.pathname"))
		}
	}
}

// check looks at the page as it stands: axe without a finding, no sideways scroll at 320 pixels, and screenshots at
// 1280 and 390 pixels, light and dark.
func (b *browser) check(name string) {
	b.t.Helper()
	b.n++
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, width := range []int64{1280, 390} {
			b.do(chromedp.EmulateViewport(width, 900))
			b.axe(fmt.Sprintf("%s, %s, %d px", name, scheme, width))
			b.shot(fmt.Sprintf("%02d-%s-%s-%d.png", b.n, name, scheme, width))
		}
	}
	b.do(chromedp.EmulateViewport(320, 700))
	if w := b.js("document.documentElement.scrollWidth"); w != "320" {
		b.t.Errorf("%s scrolls sideways at 320 px: %s px wide", name, w)
	}
	b.scheme("light")
	b.do(chromedp.EmulateViewport(1280, 900))
}

// scheme sets light or dark, always with motion reduced: a page that is still fading in takes no clicks.
func (b *browser) scheme(scheme string) {
	b.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) axe(where string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	raw, err := chromedp.Run(ctx, chromedp.Evaluate[string](axe+`;axe.run().then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html.slice(0, 200))}))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe on %s: %v", where, err)
	}
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range found {
		b.t.Errorf("axe on %s: %s (%s) at %s", where, v.ID, v.Help, strings.Join(v.Nodes, " | "))
	}
}

func (b *browser) shot(file string) {
	b.t.Helper()
	if b.shots == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.shots, file), png, 0o644)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		b.t.Fatal(err)
	}
}
