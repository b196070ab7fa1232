package mail

import "testing"

// TestLookalike: what looks like a known domain is asked about, what is one is not.
func TestLookalike(t *testing.T) {
	known := append([]string{"harborpointdental.com", "eastlake-oral.org", "münchen-zahn.de"}, commonDomains...)
	for domain, want := range map[string]string{
		"gmail.com": "", "GMAIL.com": "", "email.com": "", "ymail.com": "", "harborpointdental.com": "", "example.org": "", "": "", "gmx.de": "",
		"gmial.com": "gmail.com", "gmal.com": "gmail.com", "gmail.co": "gmail.com", "gmail.con": "gmail.com", "gmaill.com": "gmail.com", "gnail.com": "gmail.com",
		"gmai1.com": "gmail.com", "yaho.com": "yahoo.com", "hotmial.com": "hotmail.com", "outlok.com": "outlook.com", "icloud.cm": "icloud.com",
		"harborpiontdental.com": "harborpointdental.com", "harborpointdenta1.com": "harborpointdental.com", "harborpointdental.co": "harborpointdental.com",
		"eastlakeoral.org": "eastlake-oral.org", "easttlake-oral.org": "eastlake-oral.org",
		"gmаil.com": "gmail.com", "xn--gmil-63d.com": "gmail.com", "ɡmail.com": "gmail.com", "yаhоо.com": "yahoo.com", "οutlook.com": "outlook.com",
		"gmáil.com": "gmail.com", "munchen-zahn.de": "münchen-zahn.de", "hotrnail.com": "hotmail.com", "xn--mnchen-zahn-thb.de": "",
		"ge.com": "", "aon.com": "", "cmx.com": "", "smile-dental.com": "", "gmail.example.com": "", "gmailgmail.com": "",
		"harborpointdentalgroup.com": "", "yahoo.ca": "", "hotmail.fr": "",
	} {
		if domain == "xn--mnchen-zahn-thb.de" || domain == "xn--gmil-63d.com" {
			if readable(domain) == domain { // not a valid spelling on this version of the tables
				t.Errorf("%s is not readable", domain)
			}
		}
		if got, found := lookalike(domain, known); got != want || found != (want != "") {
			t.Errorf("%q (%s): %q, want %q", domain, readable(domain), got, want)
		}
	}
}

// TestSplitTo takes apart what people type and paste.
func TestSplitTo(t *testing.T) {
	for typed, want := range map[string][]string{
		"":                                {},
		" , ;\n":                          {},
		"a@b.c":                           {"a@b.c"},
		"a@b.c, d@e.f;g@h.i\nj@k.l":       {"a@b.c", "d@e.f", "g@h.i", "j@k.l"},
		"a@b.c d@e.f":                     {"a@b.c", "d@e.f"},
		"Ann Ortiz":                       {"Ann Ortiz"},
		"Ann Ortiz <ann@b.c>, Ben":        {"ann@b.c", "Ben"},
		`"Ortiz, Ann" <ann@b.c>; ben@b.c`: {"ann@b.c", "ben@b.c"},
		`odd " quote, x@y.z`:              {`odd " quote`, "x@y.z"},
		"Bcc: eve@b.c":                    {"Bcc: eve@b.c"},
	} {
		got := splitTo(typed)
		if len(got) != len(want) {
			t.Errorf("%q: %q", typed, got)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q: %q", typed, got)
			}
		}
	}
}

// TestParties: who is named where, and that what is sealed opens as it was.
func TestParties(t *testing.T) {
	a, b, c := party{ID: "1", Name: "Ann", Org: "X"}, party{ID: "2", Name: "Ben", Org: "X"}, party{ID: "3", Name: "Cy", Org: "Y"}
	for _, tc := range []struct {
		got  party
		want party
	}{
		{without([]party{b, a}, "2", ""), a},
		{without([]party{b, a, c}, "3", "2"), party{ID: "2", Name: "Ben and Ann", Org: "X", All: "Ben and Ann"}},
		{without([]party{c, b, a, {ID: "4"}}, "4", ""), party{ID: "1", Name: "Ann and 2 others", All: "Ann, Ben and Cy"}},
		{groupOf(nil), party{}},
	} {
		if tc.got != tc.want {
			t.Errorf("%+v, want %+v", tc.got, tc.want)
		}
		back := party{ID: tc.got.ID, All: "stale"}
		if err := unpackParty(packParty(tc.got), &back); tc.got.Name != "" && (err != nil || back != tc.got) {
			t.Errorf("opened %+v, %v; want %+v", back, err, tc.got)
		}
	}
	for _, broken := range [][]byte{{}, {0, 9}, {0, 1, 'A', 9, 'x'}, {200}} {
		if err := unpackParty(broken, &party{}); err == nil {
			t.Errorf("%v was read", broken)
		}
	}
}
