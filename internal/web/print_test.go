package web_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// The Print button appears with scripts, prints once a press, and what is printed is the whole text without the form.
func TestPrintTerms(t *testing.T) {
	s := galleryServer(t)
	ctx, bad := newTab(t)
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.printed = 0; window.print = () => { window.printed++; };`})
		return chromedp.Void{}, err
	})
	open(t, ctx, s.URL+"/terms")
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("[data-print]")), chromedp.Click(chromedp.CSS("[data-print]")))
	until(t, ctx, `window.printed === 1`)
	if !eval[bool](t, ctx, `[...document.styleSheets].some(s => s.href) && getComputedStyle(document.querySelector('.terms')).overflowY === 'auto'`) {
		t.Error("the terms do not scroll in their box")
	}
	send(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if !eval[bool](t, ctx, `(b => b.scrollHeight <= b.clientHeight + 1 && getComputedStyle(b).overflowY === 'visible' && b.querySelector('form').offsetHeight === 0)(document.querySelector('.terms'))`) {
		t.Error("not the whole text is printed, or more than it")
	}
	if lines := bad(); len(lines) > 0 {
		t.Error(lines)
	}
}
