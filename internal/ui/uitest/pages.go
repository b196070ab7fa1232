package uitest

import (
	"time"

	"github.com/a-h/templ"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
)

// Page is one page of the gallery.
type Page struct {
	Name  string
	Body  templ.Component
	Shell ui.Shell
}

// Now is the moment of the gallery: Monday, November 23, 2026, 2:40 PM in Seattle.
func Now() time.Time { return time.Date(2026, 11, 23, 22, 40, 0, 0, time.UTC) }

// Desk is the shell of a signed-in User Manager.
func Desk() ui.Shell {
	s := Door()
	s.SignedIn, s.Name, s.Practice, s.PracticePhone = true, "Dana Whitfield", "Harbor Point Dental", "(206) 555-0142"
	s.Idle, s.Warn = 30*time.Minute, 25*time.Minute
	s.Tabs = []ui.Tab{{Key: "mail", Label: "SecureMail", Icon: "mail", Href: "/mail", Count: 3}, {Key: "users", Label: "Manage Users", Icon: "users", Href: "/users"}}
	s.Menu = []ui.Tab{
		{Label: "Dashboard", Icon: "layout-grid", Href: "/"}, {Label: "Profile", Icon: "user-round", Href: "/profile"},
		{Label: "Change Password", Icon: "key-round", Href: "/password"},
	}
	return s
}

// Door is the shell of somebody who is not signed in.
func Door() ui.Shell {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		zone = time.FixedZone("PST", -8*3600)
	}
	return ui.Shell{Product: "SecurePractice", SupportPhone: "(800) 555-0100", Notify: "notify@portal.example", Zone: zone, Now: Now()}
}

// Console is the shell of a member of Support.
func Console() ui.Shell {
	s := Desk()
	s.Staff, s.Practice, s.PracticePhone, s.Name = true, "", "", "Noor Haddad"
	s.Tabs = []ui.Tab{{Key: "support", Label: "Accounts", Icon: "users", Href: "/support"}}
	s.Menu = []ui.Tab{{Label: "Change Password", Icon: "key-round", Href: "/password"}}
	return s
}

func flashed(s ui.Shell) ui.Shell {
	s.Flash = "Message sent."
	return s
}

// compact is the shell of somebody who wants dark pages, compact lists and no shortcuts.
func compact(s ui.Shell) ui.Shell {
	s.Theme, s.Compact, s.NoShortcuts = "dark", true, true
	return s
}

// Pages are all pages of the gallery.
func Pages() []Page {
	wrong := &fault.Fault{Kind: fault.Invalid, Fields: []fault.FieldError{
		{Field: "password", Text: "Password must be at least 8 characters"},
		{Field: "password", Text: "Password must contain a number"},
		{Field: "again", Text: "Re-enter the same password"},
	}}
	return []Page{
		{"signin", signinPage(nil), Door()},
		{"signin-error", signinPage(fault.New(fault.Invalid, "Your email address or password is not right. After 5 wrong tries in a row an account is locked.")), Door()},
		{"verify", verifyPage(), Door()},
		{"password", passwordPage(nil), Door()},
		{"password-error", passwordPage(wrong), Door()},
		{"register", registerPage(), Door()},
		{"terms", termsPage(), Door()},
		{"dashboard", dashboardPage(), flashed(Desk())},
		{"inbox", mailPage("list", flashed(Desk())), Desk()},
		{"inbox-empty", mailPage("empty", Desk()), Desk()},
		{"thread", mailPage("thread", Desk()), flashed(Desk())},
		{"compose", mailPage("compose", Desk()), Desk()},
		{"profile", profilePage(), flashed(Desk())},
		{"inbox-compact", mailPage("list", compact(Desk())), compact(Desk())},
		{"console", consolePage(), Console()},
	}
}

// files are attachments in every state, for the gallery.
func files(remove bool) []ui.FileRow {
	rows := []ui.FileRow{
		{Name: "Alvarez CBCT 2026-11-12.dcm", Kind: "DICOM", Size: "148 MB", Icon: "box", State: "Scanned, no threats found", Good: true},
		{Name: "IMG_0412.jpg", Kind: "Photo", Size: "3.1 MB", Icon: "image", State: "Scanning"},
		{Name: "Invoice_Nov.zip", Kind: "Archive", Size: "212 KB", State: "Blocked: a virus was found. This file was not attached.", Bad: true},
	}
	for i := range rows {
		if remove {
			rows[i].RemoveName, rows[i].RemoveValue = "remove", rows[i].Name
		} else if rows[i].Good {
			rows[i].Href = "/mail/attachments/1"
		}
	}
	return rows
}
