package verify_test

import (
	"log/slog"
	"strings"
	"testing"

	"securepractice/internal/jobs"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

// phones is the room with chosen countries, for what needs no database.
func phones(countries ...string) *verify.Service {
	return verify.New(verify.Options{Notify: notify.New(notify.Options{Jobs: jobs.New(nil, slog.New(slog.DiscardHandler))}), Settings: verify.Settings{Countries: countries}})
}

func TestParsePhone(t *testing.T) {
	s := phones()
	for _, c := range []struct{ typed, want string }{
		{"(206) 555-0142", "+12065550142"}, {"206-555-0142", "+12065550142"}, {"206.555.0142", "+12065550142"}, {"2065550142", "+12065550142"},
		{"+1 206 555 0142", "+12065550142"}, {"1 (206) 555 0142", "+12065550142"}, {"  206 555 0142\n", "+12065550142"}, {"tel:+1-206-555-0142", "+12065550142"},
		{"(604) 276-1234", "+16042761234"}, {"416-967-1111", "+14169671111"}, {"(800) 555-0100", "+18005550100"}, {"212 736 5000", "+12127365000"},
		// extensions cannot be dialled by a call that speaks a code
		{"206 555 0142 x12", ""}, {"206 555 0142 ext. 5", ""}, {"206-555-0142 #9", ""}, {"tel:+12065550142;ext=5", ""},
		// what costs the caller, or is somewhere else
		{"1-900-437-6789", ""}, {"+44 20 7946 0958", ""}, {"+49 30 901820", ""}, {"+52 55 5350 6000", ""}, {"+1 876 926 1234", ""}, {"011 44 20 7946 0958", ""},
		// what is no number
		{"", ""}, {" ", ""}, {"911", ""}, {"555-0142", ""}, {"123", ""}, {"(056) 555-0142", ""}, {"000 555 0142", ""}, {"206 055 0142", ""}, {"not a number", ""},
		{"206 555 01422", ""}, {"2065550142,2065550143", ""}, {"206555014\x00", ""}, {"<script>2065550142", ""}, {strings.Repeat("2065550142", 1000), ""}, {"\xff\xfe", ""},
	} {
		got, ok := s.ParsePhone(c.typed)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q %v, want %q", c.typed, got, ok, c.want)
		}
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{"(206) 555-0142", "+1 604 276 1234", "206 555 0142 x12", "tel:+12065550142;ext=5", "\xff"} {
		f.Add(s)
	}
	s := phones()
	f.Fuzz(func(t *testing.T, typed string) {
		got, ok := s.ParsePhone(typed)
		if !ok {
			return
		}
		if len(got) != 12 || !strings.HasPrefix(got, "+1") || strings.Trim(got[1:], "0123456789") != "" {
			t.Fatalf("%q became %q", typed, got)
		}
		if again, ok := s.ParsePhone(verify.ShowPhone(got)); !ok || again != got {
			t.Fatalf("%q, as it is shown, becomes %q", got, again)
		}
	})
}

func TestShowPhone(t *testing.T) {
	for in, want := range map[string]string{"+12065550142": "(206) 555-0142", "": "", "+442079460958": "+44 20 7946 0958", "x": "x"} {
		if got := verify.ShowPhone(in); got != want {
			t.Errorf("%q shows as %q", in, got)
		}
	}
	if verify.Ending("+12065550142") != "42" || verify.Ending("") != "" {
		t.Error("ending")
	}
}

func TestMethods(t *testing.T) {
	list := func(p verify.Phones) string {
		var all []string
		for _, m := range verify.Methods(p) {
			all = append(all, m.Value+": "+m.Label)
		}
		return strings.Join(all, "\n")
	}
	const cell = "call_cell: Make a call to your mobile phone ending 42\ntext_cell: Send a text to your mobile phone ending 42"
	for _, c := range []struct {
		p    verify.Phones
		want string
	}{
		{ann, "call_phone: Make a call to your practice phone ending 10\n" + cell},
		{verify.Phones{Phone: ann.Phone, Patient: true}, "call_phone: Make a call to your phone ending 10"}, // texts go to cell phones only
		{verify.Phones{Cell: ann.Cell}, cell},
		{verify.Phones{}, ""},
	} {
		if got := list(c.p); got != c.want {
			t.Errorf("%+v:\n%s", c.p, got)
		}
	}
}

// TestChosenCountries: numbers elsewhere count when their country was chosen, and only then.
func TestChosenCountries(t *testing.T) {
	for _, c := range []struct {
		countries   []string
		typed, want string
	}{
		{[]string{"US"}, "(604) 276-1234", ""}, {[]string{"US"}, "+1 787 721 2000", "+17877212000"}, {[]string{"CA"}, "604 276 1234", "+16042761234"}, {[]string{"CA"}, "212 736 5000", ""},
		{[]string{"US", "MX"}, "+52 55 5350 6000", "+525553506000"}, {[]string{"GB"}, "020 7946 0958", "+442079460958"}, {[]string{"GB"}, "+1 212 736 5000", ""}, {[]string{"GB"}, "0909 8790000", ""},
	} {
		if got, _ := phones(c.countries...).ParsePhone(c.typed); got != c.want {
			t.Errorf("%v: %q becomes %q, want %q", c.countries, c.typed, got, c.want)
		}
	}
}
