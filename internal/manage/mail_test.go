package manage_test

import (
	"net/http"
	"testing"
)

// TestMailRules: a User Manager sets them, within bounds, once; a colleague's change is not overwritten unseen.
func TestMailRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.as("fay")
		link, _ := b.get("/users").Find(`a[href="/users/mail"]`).Attr("href")
		version, _ := b.get(link).says(http.StatusOK, "Message settings").Find("[name=version]").Attr("value")
		for _, typed := range []string{"", "0", "21", "-3", "many", "1.5"} {
			p := b.post(link, "version", version, "max_recipients", typed).says(http.StatusUnprocessableEntity, "Enter a number from 1 to 20")
			if got, _ := p.Find("[name=max_recipients]").Attr("value"); got != typed {
				t.Errorf("typed %q, the form says %q", typed, got)
			}
		}
		b.post(link, "version", version, "max_recipients", " 20 ").goes("/users/mail")
		b.get(link).says(http.StatusOK, "Saved. Messages of your practice may have up to 20 recipients.")
		if w.rows("SELECT max_recipients FROM practice_practice WHERE id = $1", w.harbor) != 20 || w.rows("SELECT max_recipients FROM practice_practice WHERE id = $1", w.lakeside) != 1 {
			t.Error("not saved for this practice alone")
		}
		w.as("ann").post(link, "version", version, "max_recipients", "5").says(http.StatusConflict, "Someone else has changed", "up to 20 recipients")
		version, _ = b.get(link).Find("[name=version]").Attr("value")
		b.post(link, "version", version, "max_recipients", "20").goes("/users/mail")
		if w.rows("SELECT max_recipients FROM practice_practice WHERE id = $1", w.harbor) != 20 || w.trail("practice.edited", w.harbor) != 1 {
			t.Error("a stale form was saved, or the trail does not say it once")
		}
		w.as("ed").get(link).says(http.StatusNotFound)
		w.as("ed").post(link, "version", version, "max_recipients", "3").says(http.StatusNotFound)
	})
}
