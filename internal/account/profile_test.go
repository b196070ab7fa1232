package account_test

import (
	"net/http"
	"testing"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/fault"
)

// saveProfile sends the Account form with the version its page carries.
func (b *browser) saveProfile(form ...string) page {
	b.w.t.Helper()
	version, _ := b.get("/profile/account").Find("[name=version]").Attr("value")
	return b.post("/profile/account", append([]string{"version", version}, form...)...)
}

// profileOf is a whole form with a first name and what else is said.
func profileOf(first string, more ...string) []string {
	return append([]string{"first_name", first, "last_name", "Lee", "time_zone", "America/Los_Angeles", "theme", "", "shortcuts", "yes"}, more...)
}

func TestTwoWindowsSaveOneProfile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		version, _ := b.get("/profile/account").Find("[name=version]").Attr("value")
		form := func(first string, more ...string) []string {
			return append([]string{"version", version}, profileOf(first, more...)...)
		}
		b.post("/profile/account", form("Ann", "specialties", "Endodontics")...).goesTo("/profile/account")
		p := b.post("/profile/account", append([]string{"theme", "dark"}, form("Anne", "ada_number", "123456789", "compact_lists", "yes")...)...)
		p.says(http.StatusConflict, "Your profile was changed in another window. Nothing you typed is lost: check it and select Save again.",
			"Saved in the other window: Ann", "Saved in the other window: Endodontics", "Saved in the other window: nothing",
			"Saved in the other window: Same as my device", "Saved in the other window: off")
		if v, _ := p.Find("[name=first_name]").Attr("value"); v != "Anne" {
			t.Errorf("typed name is %q", v)
		}
		if p.Find("[name=compact_lists][checked]").Length() != 1 || p.Find("[name=specialties][checked]").Length() != 0 {
			t.Error("what was ticked is lost")
		}
		if u, _ := w.Find(t.Context(), w.d, w.ann.ID); u.First != "Ann" || len(u.Specialties) != 1 {
			t.Errorf("stored %q %v", u.First, u.Specialties)
		}
		version, _ = p.Find("[name=version]").Attr("value")
		b.post("/profile/account", form("Anne")...).goesTo("/profile/account")
		b.get("/profile/account").says(http.StatusOK, "Your profile is saved.")
		b.post("/profile/account", profileOf("Ann")...).says(http.StatusConflict, "changed in another window") // no version at all
	})
}

func TestLookIsKeptOnTheAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.enterWith(w.ann, password)
		html := func() (theme string, compact bool) {
			h := b.get("/password").Find("html")
			theme, _ = h.Attr("data-theme")
			_, compact = h.Attr("data-compact")
			return theme, compact
		}
		if theme, compact := html(); theme != "" || compact {
			t.Errorf("at first %q %v", theme, compact)
		}
		b.saveProfile("first_name", "A", "last_name", "L", "time_zone", "UTC", "theme", "blue").says(http.StatusUnprocessableEntity, "Select a theme")
		b.saveProfile("first_name", "Ann", "last_name", "Lee", "time_zone", "UTC", "theme", "dark", "compact_lists", "yes").goesTo("/profile/account")
		if theme, compact := html(); theme != "dark" || !compact {
			t.Errorf("saved %q %v", theme, compact)
		}
		again := w.enterWith(w.ann, password) // another device
		p := again.get("/profile/account")
		if v, _ := p.Find("[name=theme][checked]").Attr("value"); v != "dark" || p.Find("[name=compact_lists][checked]").Length() != 1 || p.Find("[name=shortcuts][checked]").Length() != 0 {
			t.Errorf("elsewhere %q", v)
		}
		a, _, err := w.Session(t.Context(), again.session())
		if err != nil || a.Look != (actor.Look{Theme: "dark", Compact: true, NoShortcuts: true}) {
			t.Errorf("%+v, %v", a.Look, err)
		}
		if a, _, _ := w.Session(t.Context(), w.enterWith(w.pat, password).session()); a.Look != (actor.Look{}) {
			t.Errorf("another person's %+v", a.Look)
		}
		if h := w.browser().get("/signin").Find("html[data-theme]").Length(); h != 0 {
			t.Error("a signed-out page has somebody's theme")
		}
	})
}

func TestProfileOfAStranger(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		err := w.SaveProfile(t.Context(), actor.Actor{Kind: actor.User, ID: "no-such-person"}, account.Profile{First: "A", Last: "B", Zone: "UTC", Version: 1})
		if !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		w.browser().post("/profile/account", profileOf("Eve")...).goesTo("/signin")
	})
}
