package e2e

import (
	"testing"
)

// TestIdle: after 25 minutes without an act the page asks; after 30 it has signed the person out, and what they were writing is a
// draft. Only the page's clock is moved: the numbers are the program's own. That the server ends such a session by itself, even
// when no page is open, is tested in account.
func TestIdle(t *testing.T) {
	p := start(t, t.TempDir())
	dana := newBrowser(t, p.url, "idle")
	enter(dana, "/signin", p.demo("Dana"))
	dana.open("/mail/new")
	dana.see("Subject")
	later := func(minutes string) {
		dana.js(`(() => { const now = Date.now; Date.now = () => now() + ` + minutes + ` * 60000; return 'ok'; })()`)
	}
	later("24")
	dana.never("Stay signed in")
	later("1.02")
	dana.see("Stay signed in", "Sign out now")
	dana.check("idle-dialog")
	dana.press("Stay signed in")
	until(t, "the dialog to close", func() bool { return dana.js(`document.getElementById('session').open`) == "false" })
	dana.fill("to", p.demo("Miguel").Email)
	dana.fill("subject", "Half a letter")
	dana.fill("body", "Dear Miguel, I was just about to")
	later("30.1")
	dana.see("You were signed out after 30 minutes without activity. Your draft is saved.", "Sign In")
	dana.open("/mail/drafts")
	dana.see("Sign in to continue.")
	enter(dana, "/signin", p.demo("Dana"))
	dana.see("Update Profile")
	dana.open("/mail/drafts")
	dana.see("Half a letter", "I was just about to")
}
