package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"securepractice/internal/web"
)

// before makes a new browser of the state of Safari 15.0: no accent-color (nor what came with it), no modal dialogs, no
// channels between tabs.
const before = `
	const real = CSS.supports.bind(CSS);
	CSS.supports = (...a) => !String(a[0]).includes('accent-color') && real(...a);
	delete window.BroadcastChannel;
	delete HTMLDialogElement.prototype.showModal;
	delete HTMLDialogElement.prototype.show;`

// asOld gives the page the style sheets as such a browser reads them: none of app.css, which stands in layers, and all
// of legacy.css.
const asOld = `(async () => {
	const [legacy, app] = ['legacy', 'app'].map(n => [...document.styleSheets].find(s => s.href && s.href.includes('/' + n)));
	const text = await (await fetch(legacy.href)).text();
	app.disabled = true;
	const sheet = new CSSStyleSheet();
	sheet.replaceSync(text.replace(/@supports not \(accent-color: *red\)/, '@supports (accent-color: red)'));
	document.adoptedStyleSheets = [sheet];
	return sheet.cssRules.length === 1 && sheet.cssRules[0].cssRules.length > 5;
})()`

// TestOldBrowsers: below Safari 15.4 every page is plain HTML that works, under a banner; today's browsers see no banner.
func TestOldBrowsers(t *testing.T) {
	s := galleryServer(t)
	ctx, bad := newTab(t)
	open(t, ctx, s.URL+"/signin")
	if eval[string](t, ctx, `getComputedStyle(document.querySelector('.outdated')).display`) != "none" {
		t.Error("a browser of today is told that it is out of date")
	}
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: before})
		return chromedp.Void{}, err
	})
	for _, name := range []string{"signin", "password-error", "terms", "compose", "dashboard"} {
		do(t, ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.URL+"/"+name), chromedp.WaitReady(chromedp.CSS("main")))
		if !eval[bool](t, ctx, asOld) {
			t.Fatal("legacy.css has no rules of its own")
		}
		for what, js := range map[string]string{
			"no banner":            `document.querySelector('.outdated').offsetHeight > 20`,
			"a button is no use":   `[...document.querySelectorAll('form button')].every(b => !b.disabled)`,
			"a script is at work":  `[...document.querySelectorAll('[data-reveal]')].every(b => b.hidden)`,
			"a dialog is open":     `[...document.querySelectorAll('dialog')].every(d => d.offsetHeight === 0)`,
			"fields without width": `[...document.querySelectorAll('main input[type=email], main input[type=password], main select, main textarea')].every(i => !i.offsetParent || i.offsetWidth > 150)`,
			"icons of no size":     `[...document.querySelectorAll('svg.icon')].every(i => i.getBoundingClientRect().width < 60)`,
		} {
			if !eval[bool](t, ctx, js) {
				t.Errorf("%s: %s", name, what)
			}
		}
		if over := eval[int64](t, ctx, sideways); over > 0 {
			t.Errorf("%s scrolls sideways by %d px", name, over)
		}
		shoot(t, ctx, "old-"+name)
	}
	if lines := bad(); len(lines) > 0 {
		t.Error(lines)
	}
}

// Internet Explorer gets the page that asks to update, whatever it asks for, and its forms reach nothing.
func TestInternetExplorer(t *testing.T) {
	s := newSite(t)
	reached := false
	s.Form(web.Public, "/signin", func(http.ResponseWriter, *http.Request) error { reached = true; return nil })
	for _, agent := range []string{"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)"} {
		for _, a := range []ask{{path: "/"}, {path: "/mail"}, {path: "/nowhere"}, {method: http.MethodPost, path: "/signin", body: "email=a"}} {
			a.header = map[string]string{"User-Agent": agent}
			r := s.do(a)
			if got := body(t, r); !strings.Contains(got, "Your browser is out of date") || !strings.Contains(got, "Internet Explorer") || strings.Contains(got, "<script") || r.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s %s: %d %s", a.method, a.path, r.StatusCode, got)
			}
		}
	}
	if reached {
		t.Error("a form of Internet Explorer was taken")
	}
}
