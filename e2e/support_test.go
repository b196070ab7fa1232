package e2e

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	agent     = "ada@support.example"
	agentPass = "Ferry-Lantern-3382"
	manager   = "olga@firbrook.example"
)

// TestSupportJourney: a member of Support is added by the command line beside the running portal, sets a password,
// signs in with a code, makes a practice and its first account, and that person signs up.
func TestSupportJourney(t *testing.T) {
	p := start(t, t.TempDir())
	cmd := exec.Command(built, "staff", "add", "--data", filepath.Join(p.dir, "data"), "--root-key-file", filepath.Join(p.dir, "root.key"), "--base-url", p.url,
		"--notify-address", "notify@portal.example", "--email", agent, "--first", "Ada", "--last", "Byron", "--cell", "(206) 555-0191")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("staff add: %v\n%s", err, b)
	}
	c := newClient(t, p.url)
	c.open(p.mail(0, "email", agent).Links[0])
	c.press("Continue", "method", "text_cell")
	c.press("Continue", "code", p.mail(0, "text", "+12065550191").Code)
	c.press("Continue", "new_password", agentPass, "confirm_password", agentPass)

	c.open("/signin") // Support's accounts are not known here
	c.press("Sign In", "email", agent, "password", agentPass)
	c.see("Your email address or password is not right.")
	before := len(p.outbox())
	c.open("/support/signin")
	c.press("Sign In", "email", agent, "password", agentPass)
	c.see("Verify your identity")
	if c.open("/support"); c.at.Path == "/support" {
		t.Fatal("Support has a session before the code")
	}
	c.open("/support/method")
	c.press("Continue", "method", "text_cell")
	c.press("Continue", "code", p.mail(before, "text", "+12065550191").Code)
	if c.open("/support"); c.at.Path != "/support" || c.code != http.StatusOK {
		t.Fatalf("no console after the code: %s %d\n%s", c.at, c.code, c.text())
	}
	c.open("/support/p/new")
	c.press("Make practice", "practice_name", "Firbrook Dental", "practice_phone", "(206) 555-0170", "city", "Tacoma")
	c.see("Firbrook Dental")
	practice := strings.TrimSuffix(c.at.Path, "/invite")
	before = len(p.outbox())
	c.open(practice + "/invite")
	c.press("Send invitation", "email", manager, "first_name", "Olga", "last_name", "Berg", "role", "staff_in", "tier", "paid")
	c.see("Olga Berg", "User Manager")
	firstAccount(t, p, before)

	for _, path := range []string{"/mail/inbox", "/", "/profile/account"} {
		if c.open(path); c.code != http.StatusNotFound {
			t.Errorf("Support sees %s: %d", path, c.code)
		}
	}
	dana := newClient(t, p.url)
	dana.signIn(p.demo("Dana").Email, p.demo("Dana").Password)
	for _, path := range []string{"/support", practice, "/support/p/new"} {
		if dana.open(path); dana.code != http.StatusNotFound {
			t.Errorf("Dana sees %s: %d", path, dana.code)
		}
	}
	audit := exec.Command(built, "audit", "verify", "--data", filepath.Join(p.dir, "data"), "--root-key-file", filepath.Join(p.dir, "root.key"), "--base-url", p.url)
	if b, err := audit.CombinedOutput(); err != nil {
		t.Errorf("audit verify: %v\n%s", err, b)
	}
}

// firstAccount signs up the practice's first account: no phone on file, so one is asked for.
func firstAccount(t *testing.T, p *program, before int) {
	t.Helper()
	c := newClient(t, p.url)
	link := p.mail(before, "email", manager).Links[0]
	before = len(p.outbox())
	c.open(link)
	c.see("Add a phone number", "Firbrook Dental")
	c.press("Continue")
	c.see("Enter a phone number or a cell phone number")
	c.press("Continue", "phone", "(206) 555-0171")
	c.press("Continue", "method", "call_phone")
	c.press("Continue", "code", p.mail(before, "call", "+12065550171").Code)
	c.press("Continue", "agree", c.doc.Find("input[name=agree]").AttrOr("value", ""))
	c.press("Continue", "new_password", newcomerPass, "confirm_password", newcomerPass)
	c.press("Sign In", "email", manager, "password", newcomerPass)
	c.see("SecureMail", "Firbrook Dental")
	if c.open("/mail/new"); c.code != http.StatusOK {
		t.Errorf("a paid user cannot compose: %d", c.code)
	}
}

// TestPasswords: wrong, locked, reset by link and code, changed, signed out.
func TestPasswords(t *testing.T) {
	p := start(t, t.TempDir())
	linh := p.demo("Linh")
	c := newClient(t, p.url)
	for range 5 {
		c.open("/signin")
		c.press("Sign In", "email", linh.Email, "password", "wrong")
		c.see("Your email address or password is not right.")
	}
	c.open("/signin")
	c.press("Sign In", "email", linh.Email, "password", linh.Password)
	c.see("Your email address or password is not right.") // locked, and not told so
	c.open(p.mail(0, "email", linh.Email).Links[0])
	c.press("Continue", "method", "text_cell")
	c.press("Continue", "code", p.mail(0, "text", "+12065550179").Code)
	c.press("Change Password", "new_password", linh.Password, "confirm_password", linh.Password)
	c.see("Choose a password that is not one of your last 6 passwords")
	c.press("Change Password", "new_password", newcomerPass, "confirm_password", newcomerPass)
	c.see("Your password is changed.")
	c.signIn(linh.Email, newcomerPass)
	other := newClient(t, p.url)
	other.signIn(linh.Email, newcomerPass)
	c.open("/password")
	c.press("Save", "current_password", newcomerPass, "new_password", agentPass, "confirm_password", agentPass)
	c.see("Your password is changed.")
	if other.open("/"); other.at.Path != "/signin" {
		t.Error("another device is still signed in after a change of password")
	}
	if c.open("/"); c.at.Path != "/" {
		t.Error("the device that changed the password was signed out")
	}
	c.press("Sign Out")
	c.see("You are signed out.")
	before := len(p.outbox())
	c.open("/forgot")
	c.press("Continue", "email", linh.Email)
	c.see("If " + linh.Email + " has an account, we sent instructions.")
	first := p.mail(before, "email", linh.Email).Links[0]
	before = len(p.outbox())
	c.open("/forgot")
	c.press("Continue", "email", linh.Email)
	p.mail(before, "email", linh.Email)
	if c.open(first); c.code != http.StatusGone {
		t.Errorf("an older link still works: %d", c.code)
	}
}
