package mail_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/network"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"securepractice/internal/db/dbtest"
)

// TestUploadInBrowser: a file over a slow line that is cut, paused and left by a reload arrives whole, and the page says at
// each moment how far it is.
func TestUploadInBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	d := w.saved("Start.")
	p := w.browse()
	p.as("dana")
	p.open("/mail/new?draft=" + d.ID)
	data := make([]byte, 24<<20)
	r := rand.NewChaCha8([32]byte{7})
	_, _ = r.Read(data)
	file := filepath.Join(t.TempDir(), "CBCT volume.ds2")
	must(t, os.WriteFile(file, data, 0o600))
	_, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{})
	must(t, err)
	line := func(offline bool, up float64) {
		t.Helper()
		_, err := chromedp.Call(p.ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: offline, DownloadThroughput: -1, UploadThroughput: up}}})
		must(t, err)
	}
	const says = `document.querySelector('[data-list] .fd').textContent`
	line(false, 400<<10)
	step(t, p.ctx, chromedp.SetUploadFiles(chromedp.CSS("#attachments"), []string{file}))
	p.until(says + `.includes('left')`)
	p.regard("upload")
	step(t, p.ctx, chromedp.Click(chromedp.CSS("[data-hold]")))
	p.until(says + ` === 'Paused' && document.querySelector('[data-hold]').textContent === 'Go on'`)
	step(t, p.ctx, chromedp.Click(chromedp.CSS("[data-hold]")))
	line(true, 0)
	p.until(says + `.startsWith('No connection.')`)
	line(false, 400<<10)
	p.until(says + `.includes('left')`)
	asked := make(chan struct{}, 1)
	must(t, chromedp.Listen(p.ctx, func(ev any) {
		if _, ok := ev.(*cdp.EventJavascriptDialogOpening); ok { // it asks before it leaves
			asked <- struct{}{}
			go func() {
				_, _ = chromedp.Call(p.ctx, cdp.HandleJavaScriptDialog, cdp.HandleJavaScriptDialogParams{Accept: true})
			}()
		}
	}))
	step(t, p.ctx, chromedp.Reload(), chromedp.WaitReady(chromedp.CSS("#body")))
	if len(asked) == 0 {
		t.Error("the page was left without a word while a file is on its way")
	}
	p.until(says + `.includes('are there. Attach the file again to go on.')`)
	p.regard("upload-begun")
	line(false, -1)
	step(t, p.ctx, chromedp.SetUploadFiles(chromedp.CSS("#attachments"), []string{file}))
	p.until(`!!document.querySelector('[data-list] [data-remove]') && document.querySelectorAll('[data-list] li').length === 1`)
	w.want(1, "SELECT COUNT(*) FROM attach_link WHERE size = $1", len(data))
	w.want(0, "SELECT COUNT(*) FROM attach_upload")
	if kept := look[int64](t, p.ctx, `localStorage.length`); kept != 0 {
		t.Errorf("the browser keeps %d things", kept)
	}
	p.quietBut("ERR_INTERNET_DISCONNECTED", "Failed to load resource", "ERR_")
}
