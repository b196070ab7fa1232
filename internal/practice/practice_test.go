package practice_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
)

var (
	staff   = actor.Actor{Kind: actor.Staff, ID: "u-staff", Role: actor.Support}
	manager = actor.Actor{Kind: actor.User, ID: "u-dana", Role: actor.Doctor, Manager: true}
	harbor  = practice.Practice{Name: "Harbor  Dental", Phone: "(206) 555-0110", Street: "1 Pier", City: "Seattle", Region: "WA", Zip: "98101", Specialties: []string{"Endodontics", "Orthodontics"}}
)

type world struct {
	*practice.Service
	t    *testing.T
	d    *db.DB
	keys *crypt.Keys
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := clock.Fixed(time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC))
		w := &world{t: t, d: d, keys: crypttest.Keys(t, d)}
		w.Service = practice.New(practice.Options{DB: d, Keys: w.keys, Clock: now, Audit: audit.New(audit.Options{DB: d, Keys: w.keys, Clock: now})})
		fn(t, w)
	})
}

func (w *world) create(p practice.Practice) (id string, err error) {
	err = w.d.InTx(w.t.Context(), func(ctx context.Context, tx *db.Tx) error {
		id, err = w.Create(ctx, tx, staff, p)
		return err
	})
	return id, err
}

func (w *world) made() practice.Practice {
	w.t.Helper()
	id, err := w.create(harbor)
	must(w.t, err)
	p, err := w.Find(w.t.Context(), w.d, id)
	must(w.t, err)
	return p
}

func (w *world) count(query string) int64 {
	w.t.Helper()
	n, _, err := db.One(w.t.Context(), w.d, db.Scan1[int64], query)
	must(w.t, err)
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCreateMakesAllThatAPracticeNeeds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.made()
		if p.Name != "Harbor  Dental" || p.Phone != harbor.Phone || p.City != "Seattle" || strings.Join(p.Specialties, ",") != "Endodontics,Orthodontics" ||
			!p.TwoStepDoctors || !p.TwoStepPatients || p.MaxRecipients != 1 || p.Version != 1 {
			t.Errorf("made %+v", p)
		}
		if _, err := w.keys.Owner(t.Context(), w.d, p.ID); err != nil {
			t.Errorf("no keys: %v", err)
		}
		products, err := w.Products(t.Context(), w.d, p.ID)
		if err != nil || len(products) != 1 || products[0] != (practice.Product{Name: practice.SecureMail, On: true}) {
			t.Errorf("products %+v, %v", products, err)
		}
		if n := w.count("SELECT COUNT(*) FROM audit_event WHERE action = 'practice.made'"); n != 1 {
			t.Errorf("%d lines in the trail", n)
		}
		if again := w.made(); again.ID == p.ID {
			t.Error("a practice was matched by its name")
		}
	})
}

func TestCheckRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		long := func(n int) string { return strings.Repeat("é", n) }
		for _, c := range []struct {
			field, text string
			p           practice.Practice
		}{
			{"practice_name", "Enter the name of your practice", practice.Practice{Name: " \t "}},
			{"practice_name", "Practice name must be 120 characters or fewer", practice.Practice{Name: long(121)}},
			{"street", "Street must be 200 characters or fewer", practice.Practice{Name: "x", Street: long(201)}},
			{"city", "City must be 100 characters or fewer", practice.Practice{Name: "x", City: long(101)}},
			{"state", "State must be 50 characters or fewer", practice.Practice{Name: "x", Region: long(51)}},
			{"zip", "ZIP must be 20 characters or fewer", practice.Practice{Name: "x", Zip: long(21)}},
			{"practice_phone", "Practice phone must be 40 characters or fewer", practice.Practice{Name: "x", Phone: long(41)}},
		} {
			_, err := w.create(c.p)
			if got := fault.From(err).For(c.field); got != c.text {
				t.Errorf("%s: %q (%v), want %q", c.field, got, err, c.text)
			}
		}
		if n := w.count("SELECT COUNT(*) FROM practice_practice"); n != 0 {
			t.Errorf("%d practices although all were refused", n)
		}
		if _, err := w.create(practice.Practice{Name: long(120)}); err != nil {
			t.Errorf("the longest name: %v", err)
		}
	})
}

func TestEditIsForSupportAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.made()
		p.Name = "Taken over"
		for _, by := range []actor.Actor{manager, {Kind: actor.Visitor}, actor.ByProgram("job"), {}} {
			if err := w.Edit(t.Context(), by, p); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", by.Kind, err)
			}
		}
		if got, _ := w.Find(t.Context(), w.d, p.ID); got.Name != harbor.Name {
			t.Errorf("name %q", got.Name)
		}
	})
}

func TestEdit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.made()
		other := w.made()
		p.Name, p.Zip, p.Specialties = " Harbor Dental Group ", "98102", nil
		must(t, w.Edit(t.Context(), staff, p))
		got, err := w.Find(t.Context(), w.d, p.ID)
		if err != nil || got.Name != "Harbor Dental Group" || got.Zip != "98102" || len(got.Specialties) != 0 || got.Version != p.Version+1 {
			t.Errorf("%+v, %v", got, err)
		}
		if err := w.Edit(t.Context(), staff, p); !fault.Is(err, fault.Conflict) { // from the same, older page
			t.Errorf("err %v, want Conflict", err)
		}
		if still, _ := w.Find(t.Context(), w.d, other.ID); still.Name != harbor.Name {
			t.Error("another practice was changed")
		}
		if n := w.count("SELECT COUNT(*) FROM audit_event WHERE action = 'practice.edited'"); n != 1 {
			t.Errorf("%d edits in the trail", n)
		}
		p.ID = "nobody"
		if err := w.Edit(t.Context(), staff, p); !fault.Is(err, fault.NotFound) {
			t.Errorf("err %v, want NotFound", err)
		}
	})
}

func TestProducts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.made()
		set := func(by actor.Actor, id string, product practice.Product) error {
			return w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.SetProduct(ctx, tx, by, id, product) })
		}
		must(t, set(staff, p.ID, practice.Product{Name: "truform", On: true, URL: "https://forms.example/harbor"}))
		must(t, set(staff, p.ID, practice.Product{Name: practice.SecureMail}))
		if err := set(manager, p.ID, practice.Product{Name: "collaborator", On: true}); !fault.Is(err, fault.NotFound) {
			t.Errorf("by a manager: %v", err)
		}
		if err := set(staff, "nobody", practice.Product{Name: "truform"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("for no practice: %v", err)
		}
		for _, bad := range []string{"javascript:alert(1)", "http://forms.example", "//forms.example", "https://", "https://us@forms.example", "/mail"} {
			if err := set(staff, p.ID, practice.Product{Name: "truform", On: true, URL: bad}); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", bad, err)
			}
		}
		got, err := w.Products(t.Context(), w.d, p.ID)
		if err != nil || len(got) != 2 || got[0] != (practice.Product{Name: practice.SecureMail}) || got[1] != (practice.Product{Name: "truform", On: true, URL: "https://forms.example/harbor"}) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestFindAndMany(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, b := w.made(), w.made()
		if _, err := w.Find(t.Context(), w.d, "nobody"); !fault.Is(err, fault.NotFound) {
			t.Errorf("err %v, want NotFound", err)
		}
		all, err := w.Many(t.Context(), w.d, []string{a.ID, "nobody", b.ID, a.ID})
		if err != nil || len(all) != 2 || all[a.ID].Name == "" || all[b.ID].Name == "" {
			t.Errorf("%+v, %v", all, err)
		}
		if none, err := w.Many(t.Context(), w.d, nil); err != nil || len(none) != 0 {
			t.Errorf("%+v, %v", none, err)
		}
	})
}

func TestCanon(t *testing.T) {
	for in, want := range map[string]string{" Harbor   DENTAL ": "harbor dental", "ＨＡＲＢＯＲ": "harbor", "Ärzte\tam Hafen": "ärzte am hafen", "": ""} {
		if got := practice.Canon(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
