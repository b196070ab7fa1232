package account_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
)

// asked is a new password for Annabel Lee of Harbor Dental, typed twice alike.
func asked(password string) account.PasswordCheck {
	return account.PasswordCheck{Password: password, Confirm: password, Field: "new_password", ConfirmField: "confirm_password",
		Email: "Ann.Lee@harbor.example", First: "Annabel", Last: "Lee", Practice: "Harbor Dental"}
}

// said are the sentences beside the two fields.
func said(t *testing.T, w *world, c account.PasswordCheck) (password, confirm string) {
	t.Helper()
	err := w.CheckNewPassword(t.Context(), c)
	if f := fault.From(err); err != nil && f.Kind != fault.Invalid {
		t.Fatal(err)
	}
	return fault.From(err).For("new_password"), fault.From(err).For("confirm_password")
}

func TestNewPassword(t *testing.T) {
	const (
		short  = "Password must be at least 8 characters"
		lower  = "Password must contain a lower case letter"
		upper  = "Password must contain an upper case letter"
		number = "Password must contain a number"
		other  = "Password must contain a special character"
		listed = "This password is on a list of common passwords. Choose another."
		own    = "Choose a password without your name, your email address or your practice's name"
	)
	w := newWorld(t, dbtest.SQLite(t))
	for _, c := range []struct{ password, want string }{
		{"", "Enter a password"},
		{"Ab1!", short},
		{"Ab1!xyz", short},
		{"Ab1!xyzw", ""},
		{"a", short + "\n" + upper + "\n" + number + "\n" + other},
		{"UNDER-9-GLASS", lower},
		{"under-9-glass", upper},
		{"Under-nine-glass", number},
		{"Under9glass", other},
		{"Under9 glass", other}, // a space is none
		{"Ünder-9-gläß", ""},
		{"Ｕnder-９-glass", ""}, // other width, same characters
		{"Password1!", listed},
		{"P@ssw0rd", listed},
		{"!Dragon77", listed},
		{"1qaz!QAZ", listed},
		{"Annabel-9041", own},
		{"x9!ANN.LEE", own},
		{"Ann.Lee@harbor.example-7", own},
		{"Dental-Floss-22", own},
		{"Lee-side-9041", ""}, // three letters are in too many words
		{"Sea7-horse!kelp", ""},
		{strings.Repeat("Ab1!xyzé", 32), ""}, // 256
		{strings.Repeat("Ab1!xyzé", 32) + "x", "Password must be 256 characters or fewer"},
	} {
		if got, confirm := said(t, w, asked(c.password)); got != c.want || confirm != "" {
			t.Errorf("%.40q: %q, %q; want %q", c.password, got, confirm, c.want)
		}
	}
}

func TestConfirmField(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for _, c := range []struct{ password, confirm, want, wantConfirm string }{
		{better, "", "", "Re-enter the same password"},
		{better, better + " ", "", "Re-enter the same password"},
		{better, strings.ToLower(better), "", "Re-enter the same password"},
		{"", better, "Enter a password", "Re-enter the same password"},
		{"", "", "Enter a password", ""},
	} {
		a := asked(c.password)
		a.Confirm = c.confirm
		if got, confirm := said(t, w, a); got != c.want || confirm != c.wantConfirm {
			t.Errorf("%q, %q: %q, %q", c.password, c.confirm, got, confirm)
		}
	}
}

// The embedded list is long, sorted as the search needs it, and known by some of its words.
func TestCommonPasswords(t *testing.T) {
	list, err := os.ReadFile("common/passwords.bin")
	must(t, err)
	const kept = 5
	if n := len(list) / kept; n < 100_000 || len(list)%kept != 0 {
		t.Errorf("%d passwords", n)
	}
	for i := kept; i < len(list); i += kept {
		if bytes.Compare(list[i-kept:i], list[i:i+kept]) >= 0 {
			t.Fatalf("not in order at %d", i/kept)
		}
	}
	w := newWorld(t, dbtest.SQLite(t), func(s *account.Settings) { s.NoClasses = true })
	for _, p := range []string{"password", "PASSWORD1", "qwertyuiop", "iloveyou", "sunshine1", "football!", "p@ssw0rd", "trustno1"} {
		if got, _ := said(t, w, asked(p)); got != "This password is on a list of common passwords. Choose another." && len(p) >= 8 {
			t.Errorf("%q: %q", p, got)
		}
	}
}

// Names are looked for word by word and however they are written.
func TestOwnWords(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	c := account.PasswordCheck{Field: "new_password", Email: "zoe.delacroix_77+portal@harbor.example", First: "Zo\u00eb-Marie", Last: "De La Cruz", Practice: "Lake & Pine, Dental (Seattle)"}
	for password, own := range map[string]bool{
		"Xx-delacroix-1!": true, "1!MARIE-xx-Q": true, "Cruz-1234-xx!": true, "Pine-1234-xx!": true, "Seattle-12-x!": true, "Lake+9041-Xx!": true, "Portal-9041-x!": true,
		"Zoe\u0308-Marie-9041": true, "La-9041-xX!q": false, "Zo\u00eb-9041-Xq!": false, "Sea7-horse!kelp": false,
	} {
		c.Password, c.Confirm = password, password
		if got, _ := said(t, w, c); strings.Contains(got, "without your name") != own {
			t.Errorf("%q: %q", password, got)
		}
	}
}

// keep stores passwords as a person's earlier ones, the last one as the present one, an hour apart.
func keep(t *testing.T, w *world, u account.User, passwords ...string) {
	t.Helper()
	for i, p := range passwords {
		hash, err := w.Hash(t.Context(), p)
		must(t, err)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO account_password (user_id, at, hash) VALUES ($1, $2, $3)", u.ID, start.UnixMicro()+int64(i+1)*3_600_000_000, hash)
			return err
		})
	}
}

func TestLastSixPasswords(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old := []string{"One-1-one!", "Two-2-two!", "Three-3-three!", "Four-4-four!", "Five-5-five!", "Six-6-six!"}
		keep(t, w, w.ann, old...)
		check := func(u account.User, p string) string {
			a := asked(p)
			a.UserID = u.ID
			got, _ := said(t, w, a)
			return got
		}
		for _, p := range old {
			if got := check(w.ann, p); got != "Choose a password that is not one of your last 6 passwords" {
				t.Errorf("%q: %q", p, got)
			}
			if got := check(w.pat, p); got != "" {
				t.Errorf("somebody else's %q: %q", p, got)
			}
		}
		if got := check(w.ann, password); got != "" { // the seventh last
			t.Errorf("the seventh: %q", got)
		}
		a := asked("Six-6-six!")
		a.UserID, a.Confirm = w.ann.ID, "x"
		if got, confirm := said(t, w, a); !strings.Contains(got, "last 6") || confirm == "" {
			t.Errorf("both at once: %q, %q", got, confirm)
		}
	})
}

func TestPasswordsAnyCharsWill(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), func(s *account.Settings) { s.NoClasses, s.MinPassword, s.History, s.MaxAge = true, 15, -1, -1 })
	if got, _ := said(t, w, asked("correct horse b")); got != "" {
		t.Errorf("15 small letters: %q", got)
	}
	if got, _ := said(t, w, asked("correct horse")); got != "Password must be at least 15 characters" {
		t.Errorf("13: %q", got)
	}
	if r := w.Rules(); r.Classes || r.MinLength != 15 || r.MaxAgeDays != 0 {
		t.Errorf("rules %+v", r)
	}
}

func TestRulesAreTheSettings(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	if r := w.Rules(); r.MinLength != 8 || !r.Classes || r.History != 6 || r.MaxAgeDays != 90 {
		t.Errorf("rules %+v", r)
	}
}

// The same keys on another keyboard make the same password.
func TestPasswordsAreComparedFolded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		keep(t, w, w.ann, "Zo\u00eb-9041-x!")
		a := asked("Zoe\u0308-9041-x!")
		a.UserID = w.ann.ID
		if got, _ := said(t, w, a); !strings.Contains(got, "last 6") {
			t.Errorf("said %q", got)
		}
	})
}

func TestStoredFormNamesItsParameters(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	a, err := w.Hash(t.Context(), password)
	must(t, err)
	b, err := w.Hash(t.Context(), password)
	must(t, err)
	if !strings.HasPrefix(a, "$argon2id$v=19$m=64,t=1,p=1$") || a == b || strings.Contains(a, password) {
		t.Errorf("stored %q and %q", a, b)
	}
}

func TestZones(t *testing.T) {
	var names []string
	for _, z := range account.Zones() {
		if !account.KnownZone(z.Value) || z.Label == "" || slices.Contains(names, z.Value) {
			t.Errorf("%q %q", z.Value, z.Label)
		}
		names = append(names, z.Value)
	}
	if len(names) < 400 || names[0] != account.DefaultZone || !slices.Contains(names, "Europe/Oslo") {
		t.Errorf("%d zones from %s", len(names), names[0])
	}
	for _, bad := range []string{"", "Local", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "America", "zone.tab", strings.Repeat("A", 100_000)} {
		if account.KnownZone(bad) {
			t.Errorf("%.40q is no zone", bad)
		}
	}
}

func TestProfile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn("ann.lee@harbor.example", password).goesTo("/")
		p := b.get("/profile/account").says(200, "Account Profile", "Ann.Lee@harbor.example", "(206) 555-0110", "(206) 555-0142", "Harbor Dental", "(206) 555-0100",
			"Contact Support to change these.", "It is 9:00 AM there now")
		if v, _ := p.Find("select[name=time_zone] option[selected]").Attr("value"); v != "America/Los_Angeles" {
			t.Errorf("zone %q", v)
		}
		if n := p.Find("input[name=email], input[name=phone], input[name=cell_phone]").Length(); n != 0 {
			t.Errorf("%d fields that cannot be changed yet", n)
		}
		b.get("/profile").goesTo("/profile/account")
		b.saveProfile("first_name", "  Anna ", "last_name", "Lee-\nFox", "time_zone", "Europe/Oslo", "ada_number", "123 456-789", "specialties", "Endodontics", "specialties", "Alchemy",
			"email", "eve@evil.example", "phone", "+12065550199", "is_manager", "true", "role", "support").goesTo("/profile/account")
		b.get("/profile/account").says(200, "Your profile is saved.", "It is 6:00 PM there now")
		u, err := w.Find(t.Context(), w.d, w.ann.ID)
		must(t, err)
		if u.First != "Anna" || u.Last != "Lee- Fox" || u.Zone != "Europe/Oslo" || u.ADA != "123456789" || !slices.Equal(u.Specialties, []string{"Endodontics"}) {
			t.Errorf("stored %+v", u)
		}
		if u.Email != w.ann.Email || u.Phone != w.ann.Phone || u.Manager || u.Role != actor.Doctor {
			t.Errorf("what cannot be changed here was: %+v", u)
		}
		if n := w.number("SELECT COUNT(*) FROM audit_event WHERE action = 'profile.changed' AND actor_id = $1", w.ann.ID); n != 1 {
			t.Errorf("%d lines in the trail", n)
		}
		if other, err := w.Find(t.Context(), w.d, w.pat.ID); err != nil || other.First != "Pat" {
			t.Errorf("somebody else became %+v, %v", other, err)
		}
		if b.get("/profile/account").says(200).Find(".flash").Length() != 0 {
			t.Error("said twice")
		}
	})
}

func TestProfileRefuses(t *testing.T) {
	long := strings.Repeat("é", 101)
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn("ann.lee@harbor.example", password).goesTo("/")
		save := func(first, last, zone, ada string) page {
			return b.saveProfile("first_name", first, "last_name", last, "time_zone", zone, "ada_number", ada)
		}
		p := save(" ", "\u200b", "Mars/Olympus", "12345678").beside("first_name", "Enter your first name").beside("last_name", "Enter your last name")
		p.beside("time_zone", "Select your time zone").beside("ada_number", "ADA number must be 9 numbers").says(422, "There is a problem")
		if title := p.Find("title").Text(); !strings.HasPrefix(title, "Error: ") {
			t.Errorf("title %q", title)
		}
		p = save(long, "Lee", "UTC", "1234567890").beside("first_name", "First name must be 100 characters or fewer").beside("ada_number", "ADA number must be 9 numbers")
		if v, _ := p.Find("[name=ada_number]").Attr("value"); v != "1234567890" {
			t.Errorf("what was typed became %q", v)
		}
		p = save("<script>alert(1)</script>", long, "UTC", "+12345678").beside("last_name", "Last name must be 100 characters or fewer").beside("ada_number", "ADA number must be 9 numbers")
		if p.Find("main script").Length() != 0 {
			t.Error("typed markup came alive")
		}
		if u, err := w.Find(t.Context(), w.d, w.ann.ID); err != nil || u.First != "Annabel" || u.Version != 1 {
			t.Errorf("stored %+v, %v", u, err)
		}
		w.browser().get("/profile/account").goesTo("/signin?next=%2Fprofile%2Faccount")
		w.browser().post("/profile/account", "first_name", "Eve", "last_name", "Eve", "time_zone", "UTC").goesTo("/signin")
	})
}

// A patient has no dental number and no practice.
func TestPatientsProfile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn("pat@people.example", password).goesTo("/")
		p := b.get("/profile/account").says(200, "None", "(206) 555-0177")
		if p.Find("[name=ada_number], [name=specialties]").Length() != 0 || p.Find("dt").Length() != 3 {
			t.Errorf("a patient's page says %q", p.Find("dl").Text())
		}
		b.saveProfile("first_name", "Pat", "last_name", "Quinn", "time_zone", "UTC", "ada_number", "not even one", "specialties", "Endodontics").goesTo("/profile/account")
		if u, err := w.Find(t.Context(), w.d, w.pat.ID); err != nil || u.ADA != "" || len(u.Specialties) != 0 || u.Zone != "UTC" {
			t.Errorf("stored %+v, %v", u, err)
		}
	})
}

// Each thing a password lacks stands on its own line beside the field and in the summary, and is announced as an error
// of its own.
func TestOneLineForEachMissingClass(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn(w.pat.Email, password).goesTo("/")
		p := b.post("/password", "current_password", password, "new_password", "abc", "confirm_password", "abc")
		want := []string{"Password must be at least 8 characters", "Password must contain an upper case letter", "Password must contain a number", "Password must contain a special character"}
		lines := p.Find("#new_password-e > span > span")
		links := p.Find(".summary li")
		if lines.Length() != len(want) || links.Length() != len(want) || p.Find("#new_password-e br").Length() != len(want)-1 {
			t.Fatalf("%d lines beside the field, %d in the summary", lines.Length(), links.Length())
		}
		for i, sentence := range want {
			if got := lines.Eq(i).Text(); got != "Error: "+sentence {
				t.Errorf("line %d: %q", i, got)
			}
			if got := links.Eq(i).Text(); got != sentence {
				t.Errorf("summary %d: %q", i, got)
			}
		}
		if by, _ := p.Find("#new_password").Attr("aria-describedby"); !strings.Contains(by, "new_password-e") {
			t.Errorf("described by %q", by)
		}
	})
}
