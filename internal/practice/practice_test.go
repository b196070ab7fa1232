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
	support = actor.Actor{Kind: actor.Staff, ID: "s1", Role: actor.Support}
	dana    = actor.Actor{Kind: actor.User, ID: "u1", Role: actor.Doctor, Manager: true}
)

type world struct {
	*practice.Service
	d    *db.DB
	keys *crypt.Keys
}

func newWorld(t *testing.T, d *db.DB) *world {
	keys, clk := crypttest.Keys(t, d), clock.Fixed(time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC))
	trail := audit.New(audit.Options{DB: d, Keys: keys, Clock: clk})
	return &world{practice.New(practice.Options{DB: d, Keys: keys, Clock: clk, Audit: trail}), d, keys}
}

func (w *world) create(t *testing.T, p practice.Practice) (id string, err error) {
	err = w.d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		id, err = w.Create(ctx, tx, support, p)
		return err
	})
	return id, err
}

func (w *world) made(t *testing.T, name string) practice.Practice {
	t.Helper()
	id, err := w.create(t, practice.Practice{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return w.find(t, id)
}

func (w *world) find(t *testing.T, id string) practice.Practice {
	t.Helper()
	p, err := w.Find(t.Context(), w.d, id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) count(t *testing.T, query string, args ...any) int64 {
	t.Helper()
	n, _, err := db.One(t.Context(), w.d, db.Scan1[int64], query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCreateMakesKeysAndSecureMail(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		id, err := w.create(t, practice.Practice{Name: "Harbor Point Dental", Phone: "(206) 555-0142", Street: "12 Pier Rd", City: "Seattle", Region: "WA", Zip: "98101",
			Specialties: []string{"Endodontics", "Periodontics"}})
		if err != nil {
			t.Fatal(err)
		}
		p := w.find(t, id)
		if p.Name != "Harbor Point Dental" || p.Zip != "98101" || len(p.Specialties) != 2 || !p.TwoStepDoctors || !p.TwoStepPatients || p.MaxRecipients != 1 || p.Version != 1 {
			t.Errorf("stored %+v", p)
		}
		if _, err := w.keys.Owner(t.Context(), d, id); err != nil {
			t.Errorf("keys of the practice: %v", err)
		}
		products, err := w.Products(t.Context(), d, id)
		if err != nil || len(products) != 1 || products[0].Name != practice.SecureMail || !products[0].On {
			t.Errorf("products = %+v, %v", products, err)
		}
		if n := w.count(t, "SELECT count(*) FROM audit_event WHERE action = 'practice.made' AND subject_id = $1", id); n != 1 {
			t.Errorf("%d lines on the audit trail", n)
		}
	})
}

// Two practices of one name stay two: they are never matched by name.
func TestCreateNeverMatchesByName(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		if a, b := w.made(t, "Smile Dental"), w.made(t, "smile  dental"); a.ID == b.ID {
			t.Error("one practice for two")
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	long := func(n int) string { return strings.Repeat("é", n) }
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for _, c := range []struct {
			p           practice.Practice
			field, text string
		}{
			{practice.Practice{}, "practice_name", "Enter the name of your practice"},
			{practice.Practice{Name: " \u200b\n "}, "practice_name", "Enter the name of your practice"},
			{practice.Practice{Name: long(121)}, "practice_name", "Practice name must be 120 characters or fewer"},
			{practice.Practice{Name: "A", Street: long(201)}, "street", "Street must be 200 characters or fewer"},
			{practice.Practice{Name: "A", City: long(101)}, "city", "City must be 100 characters or fewer"},
			{practice.Practice{Name: "A", Region: long(51)}, "state", "State must be 50 characters or fewer"},
			{practice.Practice{Name: "A", Zip: long(21)}, "zip", "ZIP must be 20 characters or fewer"},
			{practice.Practice{Name: "A", Phone: long(41)}, "practice_phone", "Practice phone must be 40 characters or fewer"},
			{practice.Practice{Name: "A", Specialties: []string{long(101)}}, "specialties", "Choose specialties from the list"},
			{practice.Practice{Name: "A", Specialties: strings.Fields(strings.Repeat("x ", 31))}, "specialties", "Choose specialties from the list"},
		} {
			if _, err := w.create(t, c.p); fault.From(err).For(c.field) != c.text {
				t.Errorf("%.30v…: %v, want %q", c.p, fault.From(err).Fields, c.text)
			}
		}
		if _, err := w.create(t, practice.Practice{Name: long(120)}); err != nil {
			t.Errorf("120 characters: %v", err)
		}
		if n := w.count(t, "SELECT count(*) FROM practice_practice"); n != 1 {
			t.Errorf("%d practices stored", n)
		}
	})
}

// A name stands in texts to phones, where a second line would claim a code for another host.
func TestNamesAreOneVisibleLine(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		p := w.made(t, "Bay\r\n@evil.example #1\u202e\u0007 \u2028Dental\x00")
		if p.Name != "Bay @evil.example #1 Dental" {
			t.Errorf("stored %q", p.Name)
		}
	})
}

func TestEdit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		p, other := w.made(t, "Harbor"), w.made(t, "Lakeside")
		p.Name, p.City = "Harbor Point", "Seattle"
		if err := w.Edit(t.Context(), support, p); err != nil {
			t.Fatal(err)
		}
		if got := w.find(t, p.ID); got.Name != "Harbor Point" || got.City != "Seattle" || got.Version != p.Version+1 || !got.TwoStepPatients {
			t.Errorf("stored %+v", got)
		}
		if err := w.Edit(t.Context(), support, p); !fault.Is(err, fault.Conflict) {
			t.Errorf("an edit of an old version: %v", err)
		}
		if got := w.find(t, other.ID); got.Name != "Lakeside" {
			t.Errorf("another practice became %q", got.Name)
		}
		if n := w.count(t, "SELECT count(*) FROM audit_event WHERE action = 'practice.edited' AND actor_id = 's1'"); n != 1 {
			t.Errorf("%d lines on the audit trail, want 1", n)
		}
	})
}

func TestEditIsForSupportAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		p := w.made(t, "Harbor")
		p.Name = "Mine now"
		for _, by := range []actor.Actor{{}, dana, actor.ByProgram("job")} {
			if err := w.Edit(t.Context(), by, p); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", by.Kind, err)
			}
			err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				return w.SetProduct(ctx, tx, by, p.ID, practice.Product{Name: "seo", On: true})
			})
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: product: %v", by.Kind, err)
			}
		}
		if err := w.Edit(t.Context(), support, practice.Practice{ID: "none", Name: "A", Version: 1}); !fault.Is(err, fault.NotFound) {
			t.Errorf("unknown practice: %v", err)
		}
		if got := w.find(t, p.ID); got.Name != "Harbor" {
			t.Errorf("became %q", got.Name)
		}
	})
}

func TestSetProduct(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		p := w.made(t, "Harbor")
		set := func(id string, pr practice.Product) error {
			return d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return w.SetProduct(ctx, tx, support, id, pr) })
		}
		if err := set(p.ID, practice.Product{Name: "seo", On: true, URL: "https://seo.example/"}); err != nil {
			t.Fatal(err)
		}
		if err := set(p.ID, practice.Product{Name: practice.SecureMail}); err != nil {
			t.Fatal(err)
		}
		for _, u := range []string{"javascript:alert(1)", "http://seo.example", "//seo.example", "https:", "%"} {
			if err := set(p.ID, practice.Product{Name: "seo", On: true, URL: u}); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", u, err)
			}
		}
		if err := set("none", practice.Product{Name: "seo", On: true}); !fault.Is(err, fault.NotFound) {
			t.Errorf("unknown practice: %v", err)
		}
		got, err := w.Products(t.Context(), d, p.ID)
		if err != nil || len(got) != 2 || got[0].On || got[1] != (practice.Product{Name: "seo", On: true, URL: "https://seo.example/"}) {
			t.Errorf("products = %+v, %v", got, err)
		}
	})
}

func TestFindAndMany(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		a, b := w.made(t, "Harbor"), w.made(t, "Lakeside")
		if _, err := w.Find(t.Context(), d, "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("unknown: %v", err)
		}
		all, err := w.Many(t.Context(), d, []string{a.ID, b.ID, "none", a.ID})
		if err != nil || len(all) != 2 || all[b.ID].Name != "Lakeside" {
			t.Errorf("many = %v, %v", all, err)
		}
		if all, err := w.Many(t.Context(), d, nil); err != nil || len(all) != 0 {
			t.Errorf("none = %v, %v", all, err)
		}
	})
}
