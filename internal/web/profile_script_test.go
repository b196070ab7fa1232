package web_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

func TestZoneScript(t *testing.T) {
	s := galleryServer(t)
	ctx, bad := newTab(t)
	open(t, ctx, s.URL+"/profile")
	choose := func(zone string) {
		eval[bool](t, ctx, `(z => { z.value = "`+zone+`"; z.dispatchEvent(new Event('change', { bubbles: true })); return true })(document.getElementById('time_zone'))`)
	}
	const hint = `document.getElementById('time_zone-h').textContent`
	if said := eval[string](t, ctx, hint); said != "It is 2:40 PM there now" {
		t.Errorf("at first %q", said) // the server's own words
	}
	choose("UTC")
	until(t, ctx, hint+`.match(/^It is \d\d?:\d\d [AP]M there now$/) !== null`)
	if !eval[bool](t, ctx, `[0, 1].some(ago => `+hint+` === 'It is ' + new Date(Date.now() - ago * 60000).toLocaleTimeString('en-US', { timeZone: 'UTC', hour: 'numeric', minute: '2-digit' }).replace(/\s/g, ' ') + ' there now')`) {
		t.Errorf("UTC: %q", eval[string](t, ctx, hint))
	}
	choose("Not/AZone")
	until(t, ctx, hint+` === ''`)
	if lines := bad(); len(lines) > 0 {
		t.Error(lines)
	}
}

// TestLook: what a person chose holds before any script runs, and single letters do nothing for those who switched them
// off.
func TestLook(t *testing.T) {
	s := galleryServer(t)
	ctx, bad := newTab(t)
	open(t, ctx, s.URL+"/inbox")
	roomy := eval[float64](t, ctx, `document.querySelector('.conv').getBoundingClientRect().height`)
	if !eval[bool](t, ctx, `document.body.hasAttribute('data-keys') && !document.documentElement.hasAttribute('data-theme')`) {
		t.Error("the default has no shortcuts, or a theme")
	}
	open(t, ctx, s.URL+"/inbox-compact")
	if tight := eval[float64](t, ctx, `document.querySelector('.conv').getBoundingClientRect().height`); tight > 80 || tight > roomy-25 {
		t.Errorf("a row is %.0f px high, %.0f in a roomy list", tight, roomy)
	}
	if !eval[bool](t, ctx, `getComputedStyle(document.documentElement).colorScheme === 'dark' && getComputedStyle(document.querySelector('.conv .snip, .conv .org')).display === 'none'`) {
		t.Error("not dark or not compact")
	}
	do(t, ctx, chromedp.KeyEvent("c"))
	if at := eval[string](t, ctx, `location.pathname`); at != "/inbox-compact" {
		t.Errorf("c led to %s", at)
	}
	if lines := bad(); len(lines) > 0 {
		t.Error(lines)
	}
}
