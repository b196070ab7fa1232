package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	newcomer     = "nora.lindqvist@northgate.example"
	newcomerPass = "River-Cedar-9041"
	secretWord   = "Zirkonquader"
)

// TestJourney is the main job in a browser on SQLite: Dana writes to somebody nobody knows, with files; that person
// registers, reads and answers with a file; Dana sees it arrive.
func TestJourney(t *testing.T) {
	p := start(t, t.TempDir())
	files := sampleFiles(t)
	dana := newBrowser(t, p.url, "dana")
	signInBrowser(dana, p.demo("Dana"), "dashboard")
	compose(dana, files)

	nora := newBrowser(t, p.url, "nora")
	register(p, nora)
	dana.open("/mail/inbox") // waits here for the answer
	dana.see("Inbox")
	readAndReply(nora, files)

	dana.see("new message")
	dana.check("inbox-news")
	dana.press("1 new message. Show")
	dana.see(secretWord)
	dana.open("/mail/sent")
	dana.see("Read ")
	dana.check("sent-read")
}

func signInBrowser(b *browser, who person, shot string) {
	b.t.Helper()
	b.open("/mail/inbox")
	b.see("Sign in to continue.")
	b.open("/signin")
	b.check("signin")
	b.fill("email", who.Email)
	b.fill("password", who.Password)
	b.press("Sign In")
	b.see("SecureMail", "Update Profile")
	b.check(shot)
}

// compose sends a message to an address the system has never seen.
func compose(b *browser, files []string) {
	b.t.Helper()
	b.open("/mail/inbox")
	b.see("Inbox", "Dr")
	b.check("inbox")
	b.press("Compose")
	b.see("Subject")
	b.check("compose-empty")
	b.press("Send")
	b.see("Enter a recipient", "Enter a subject", "Enter a message")
	b.check("compose-errors")
	b.fill("to", newcomer)
	b.fill("subject", secretWord+": second opinion on #14")
	b.see("New recipient")
	b.fill("body", "Dear Dr. Lindqvist,\n\nWould you look at these films? The patient has pain on biting.\n\nDana")
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#attachments"), files))
	for _, f := range files {
		b.see(f[strings.LastIndex(f, "/")+1:])
	}
	b.see("Scanned, no threats found")
	b.check("compose-files")
	b.press("Send")
	b.see("Choose the person's role")
	b.choose("role", "doctor_out")
	b.fill("first_name", "Nora")
	b.fill("last_name", "Lindqvist")
	b.fill("cell_phone", "(206) 555-0131")
	b.check("compose-newcomer")
	b.press("Send")
	b.see("Message sent.")
	b.open("/mail/sent")
	b.see("Recipient not registered yet")
	b.check("sent")
}

// register goes from the invitation's link to the first sign-in.
func register(p *program, b *browser) {
	b.t.Helper()
	invitation := p.mail(0, "email", newcomer)
	for _, private := range []string{secretWord, "second opinion", "films", ".dcm"} {
		if strings.Contains(invitation.Subject+invitation.Text, private) {
			b.t.Errorf("the invitation says %q", private)
		}
	}
	if !strings.Contains(invitation.Text, "Harbor Point Dental") || !strings.Contains(invitation.Text, "Dana Whitfield") {
		b.t.Error("the invitation does not name sender and practice")
	}
	before := len(p.outbox())
	b.open(invitation.Links[0])
	b.see("Harbor Point Dental sent you a secure message")
	b.check("register-ada")
	b.press("Skip")
	b.see("Get Started")
	b.check("register-start")
	b.press("Get Started")
	b.see("Your name")
	b.check("register-name")
	b.press("Continue")
	b.see("Practice Information", "Contact Support to be added to it.")
	b.press("Continue")
	b.see("Enter the name of your practice")
	b.fill("practice_name", "Northgate Endodontics")
	b.fill("street", "401 NE Northgate Way")
	b.fill("city", "Seattle")
	b.fill("state", "WA")
	b.fill("zip", "98125")
	b.fill("practice_phone", "(206) 555-0130")
	b.check("register-practice")
	b.press("Continue")
	b.see("Phone numbers", "Ending in 31")
	b.press("Continue")
	b.see("There is a problem")
	b.choose("time_zone", "America/New_York")
	b.check("register-phones")
	b.press("Continue")
	b.see("Security settings")
	b.check("register-security")
	b.press("Finish")
	b.see("n***@northgate.example")
	b.check("register-sent")
	setPassword(p, b, before)
}

// setPassword follows the second e-mail: code, terms, password, sign-in.
func setPassword(p *program, b *browser, before int) {
	b.t.Helper()
	second := p.mail(before, "email", newcomer)
	b.open(second.Links[0])
	b.see("Verify your identity")
	b.press("Continue")
	b.see("Choose how to get your code")
	b.check("verify-method")
	b.choose("method", "call_cell")
	b.press("Continue")
	b.see("Enter your secret code")
	before = len(p.outbox())
	b.press("Change Delivery Method")
	b.see("Choose how.")
	b.choose("method", "text_cell")
	b.press("Continue")
	b.see("We sent a text")
	first := p.mail(before, "text", "+12065550131")
	before = len(p.outbox())
	b.press("Re-Send Code")
	b.see("We sent a new code. The old one no longer works.")
	code := p.mail(before, "text", "+12065550131")
	b.fill("code", first.Code)
	b.press("Continue")
	b.see("That code is not right. You have 4 tries left.")
	b.check("verify-code")
	b.fill("code", code.Code)
	b.press("Continue")
	b.see("I have read and agree to the Terms of Use")
	b.check("terms")
	b.press("Continue")
	b.see("Select the box if you agree to the Terms of Use")
	b.tick("agree")
	b.press("Continue")
	b.see("Password Instructions")
	b.fill("new_password", "short")
	b.press("Continue")
	b.see("Password must be at least 8 characters", "Re-enter the same password")
	b.check("password-errors")
	b.fill("new_password", newcomerPass)
	b.fill("confirm_password", newcomerPass)
	b.press("Continue")
	b.see("Your password is set. Sign in with your email address.")
	b.check("signin-new")
	b.fill("email", newcomer)
	b.fill("password", newcomerPass)
	b.press("Sign In")
	b.see(secretWord)
}

// readAndReply opens the message, downloads its files byte for byte and answers with one.
func readAndReply(b *browser, files []string) {
	b.t.Helper()
	b.check("newcomer-inbox")
	b.do(chromedp.Click(chromedp.CSS(".conv a")))
	b.see("The patient has pain on biting.", "Scanned, no threats found")
	b.check("thread")
	want := map[string]bool{}
	for _, f := range files {
		want[sum(b.t, f)] = true
	}
	got := b.sums()
	if len(got) != len(files) {
		b.t.Errorf("%d files to download, want %d", len(got), len(files))
	}
	for _, s := range got {
		if !want[s] {
			b.t.Errorf("a downloaded file is not what was sent: %s", s)
		}
	}
	b.fill("body", "Thank you. "+secretWord+" noted; my findings are attached.")
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#attachments"), files[:1]))
	b.see("Scanned, no threats found")
	b.check("reply")
	b.press("Send")
	b.see("Message sent.")
}

// sums downloads every attachment of the page with the browser's own session and gives their SHA-256.
func (b *browser) sums() []string {
	b.t.Helper()
	out := b.await(`(async () => {
		const sums = [];
		for (const a of document.querySelectorAll('a[href^="/mail/attachments/"]:not([href*="/view"])')) {
			const r = await fetch(a.href); if (!r.ok) return 'status ' + r.status;
			const d = await crypto.subtle.digest('SHA-256', await r.arrayBuffer());
			sums.push([...new Uint8Array(d)].map(v => v.toString(16).padStart(2, '0')).join(''));
		}
		return sums.join(' ');
	})()`)
	return strings.Fields(out)
}
