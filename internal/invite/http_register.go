package invite

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"securepractice/internal/account"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// step is one page of registration. Its address is /register/{token}/{name}; the first has no name of its own.
type step struct {
	name string
	done func(Registration) bool
	read func(s *Service, v visit, form url.Values, reg *Registration) error
	page func(p registerProps) templ.Component
}

// steps are all pages in order; stepsFor leaves out what a role does not have.
func steps() []step {
	return []step{
		{"", func(r Registration) bool { return r.ADADone }, readADA, adaPage},
		{"start", func(r Registration) bool { return r.Begun }, readStart, startPage},
		{"name", func(r Registration) bool { return r.NameDone }, readName, namePage},
		{"practice", func(r Registration) bool { return r.Practice != "" }, readPractice, practicePage},
		{"phones", func(r Registration) bool { return r.Zone != "" }, readPhones, phonesPage},
		{"security", func(Registration) bool { return false }, readSecurity, securityPage},
	}
}

func stepsFor(role Role) []step {
	return slices.DeleteFunc(steps(), func(st step) bool {
		switch st.name {
		case "":
			return role == Patient
		case "practice":
			return role == Patient || role.Joins()
		}
		return false
	})
}

func (s *Service) mountRegister(rt *web.Router) {
	for _, st := range steps() {
		path := strings.TrimSuffix("/register/{token}/"+st.name, "/")
		rt.Get(web.Flow, path, func(w http.ResponseWriter, r *http.Request) error { return s.showStep(w, r, st) })
		rt.Form(web.Flow, path, func(w http.ResponseWriter, r *http.Request) error { return s.postStep(w, r, st) })
	}
	rt.Get(web.Flow, "/register/{token}/sent", s.showSent)
	rt.Form(web.Flow, "/register/{token}/again", s.postAgain)
	rt.Form(web.Flow, "/register/{token}/ask", func(w http.ResponseWriter, r *http.Request) error { return s.postAsk(w, r, registerKind) })
}

func (v visit) registerPath(name string) string {
	return strings.TrimSuffix("/register/"+v.token+"/"+name, "/")
}

// enter reads what this browser has typed so far, and sends it to the first page that is still to be done when the
// one asked for comes too early or does not belong to the role. ok is false after an answer.
func (s *Service) enter(w http.ResponseWriter, r *http.Request, st step) (v visit, reg Registration, ok bool, err error) {
	v, ok, err = s.arrive(w, r, registerKind)
	if err != nil || !ok {
		return v, reg, false, err
	}
	if v.inv.State == "started" {
		return v, reg, false, web.Redirect(w, r, v.registerPath("sent"))
	}
	reg = Registration{First: v.inv.First, Last: v.inv.Last, TwoStep: true}
	if v.flow.Data != nil {
		if err := json.Unmarshal(v.flow.Data, &reg); err != nil {
			return v, reg, false, fmt.Errorf("read the registration: %w", err)
		}
	}
	for _, earlier := range stepsFor(v.inv.Role) {
		if earlier.name == st.name {
			return v, reg, true, nil
		}
		if !earlier.done(reg) {
			return v, reg, false, web.Redirect(w, r, v.registerPath(earlier.name))
		}
	}
	return v, reg, false, web.Redirect(w, r, v.registerPath("security"))
}

func (s *Service) props(ctx context.Context, v visit, st step, reg Registration, f *fault.Fault) (registerProps, error) {
	contact, err := s.contact(ctx, v.inv)
	if err != nil {
		return registerProps{}, err
	}
	all := stepsFor(v.inv.Role)
	n := slices.IndexFunc(all, func(o step) bool { return o.name == st.name })
	p := registerProps{visit: v, reg: reg, fault: f, sender: contact, action: v.registerPath(st.name), fixed: s.fixed(v)}
	if n > 0 {
		p.back = v.registerPath(all[n-1].name)
	}
	return p, nil
}

// fixed says that the inviting practice's switch rules the two-step choice of this person.
func (s *Service) fixed(v visit) bool {
	if v.inv.Role == Patient {
		return v.practice.TwoStepPatients
	}
	return v.practice.TwoStepDoctors
}

func (s *Service) showStep(w http.ResponseWriter, r *http.Request, st step) error {
	v, reg, ok, err := s.enter(w, r, st)
	if err != nil || !ok {
		return err
	}
	p, err := s.props(r.Context(), v, st, reg, nil)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, st.page(p))
}

func (s *Service) postStep(w http.ResponseWriter, r *http.Request, st step) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	v, reg, ok, err := s.enter(w, r, st)
	if err != nil || !ok {
		return err
	}
	if err := st.read(s, v, form, &reg); fault.Is(err, fault.Invalid) {
		p, perr := s.props(r.Context(), v, st, reg, fault.From(err))
		if perr != nil {
			return perr
		}
		return web.Render(w, r, http.StatusUnprocessableEntity, st.page(p))
	} else if err != nil {
		return err
	}
	f, err := s.keep(r.Context(), v, web.EnsureBrowser(w, r), reg)
	if err != nil {
		return err
	}
	if st.name == "security" {
		if err := s.finish(r.Context(), web.Actor(r), v.link, v.inv, f, reg); err != nil {
			return err
		}
		return web.Redirect(w, r, v.registerPath("sent"))
	}
	all := stepsFor(v.inv.Role)
	n := slices.IndexFunc(all, func(o step) bool { return o.name == st.name })
	return web.Redirect(w, r, v.registerPath(all[n+1].name))
}

// keep stores what was typed in this browser's flow, which begins with the first page that was sent.
func (s *Service) keep(ctx context.Context, v visit, browser string, reg Registration) (f verify.Flow, err error) {
	data, err := json.Marshal(reg)
	if err != nil {
		return f, fmt.Errorf("keep the registration: %w", err)
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		f, err = s.o.Verify.Begin(ctx, tx, verify.Start{Kind: registerKind, Subject: v.inv.ID, Generation: v.link.Generation, Browser: browser, TTL: s.set.InviteLink})
		if err != nil {
			return err
		}
		return s.o.Verify.SaveData(ctx, tx, f, data)
	})
	return f, err
}

func readADA(_ *Service, _ visit, form url.Values, reg *Registration) error {
	if form.Get("do") == "skip" {
		reg.ADA, reg.ADADone = "", true
		return nil
	}
	ada, ok := account.TidyADA(form.Get("ada_number"))
	if !ok || ada == "" {
		reg.ADA = form.Get("ada_number")
		return fault.Field("ada_number", "ADA number must be 9 numbers, or choose Skip")
	}
	reg.ADA, reg.ADADone = ada, true
	return nil
}

func readStart(_ *Service, _ visit, _ url.Values, reg *Registration) error {
	reg.Begun = true
	return nil
}

func readName(s *Service, _ visit, form url.Values, reg *Registration) error {
	reg.First, reg.Last = strings.TrimSpace(form.Get("first_name")), strings.TrimSpace(form.Get("last_name"))
	var f fault.Fields
	s.o.Account.CheckName(&f, reg.First, reg.Last)
	reg.NameDone = len(f) == 0
	return f.Err()
}

func readPractice(s *Service, _ visit, form url.Values, reg *Registration) error {
	get := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	reg.Practice, reg.Street, reg.City, reg.Region, reg.Zip, reg.Phone = get("practice_name"), get("street"), get("city"), get("state"), get("zip"), get("practice_phone")
	reg.Specialties = account.KnownSpecialties(form["specialties"])
	var f fault.Fields
	for _, l := range []struct {
		field, label, value, missing string
		most                         int
	}{
		{"practice_name", "Practice name", reg.Practice, "Enter the name of your practice", 120}, {"street", "Street", reg.Street, "Enter the street", 200},
		{"city", "City", reg.City, "Enter the city", 100}, {"state", "State", reg.Region, "Enter the state", 50}, {"zip", "ZIP", reg.Zip, "Enter the ZIP", 20},
	} {
		switch {
		case l.value == "":
			f.Add(l.field, l.missing)
		case utf8.RuneCountInString(l.value) > l.most:
			f.Add(l.field, l.label+" must be "+strconv.Itoa(l.most)+" characters or fewer")
		}
	}
	e164, ok := s.o.Verify.ParsePhone(reg.Phone)
	if !ok {
		f.Add("practice_phone", verify.PhoneFormat)
	} else {
		reg.Phone = verify.ShowPhone(e164)
	}
	return f.Err()
}

func readPhones(_ *Service, _ visit, form url.Values, reg *Registration) error {
	reg.Zone = form.Get("time_zone")
	if !account.KnownZone(reg.Zone) {
		reg.Zone = ""
		return fault.Field("time_zone", account.ZoneMissing)
	}
	return nil
}

func readSecurity(s *Service, v visit, form url.Values, reg *Registration) error {
	reg.TwoStep = s.fixed(v) || form.Get("two_step") != "off"
	return nil
}

// finishedHere says whether it was this browser that finished the registration. Others, mail scanners among them, get no
// button that sends an e-mail.
func (s *Service) finishedHere(r *http.Request, v visit) (bool, error) {
	return s.o.Verify.Finished(r.Context(), s.o.DB, registerKind, v.inv.ID, web.Browser(r))
}

// sent is the visit of somebody who has finished; ok is false after an answer.
func (s *Service) sent(w http.ResponseWriter, r *http.Request) (visit, bool, error) {
	v, ok, err := s.arrive(w, r, registerKind)
	if err != nil || !ok {
		return v, false, err
	}
	if v.inv.State != "started" {
		return v, false, web.Redirect(w, r, v.registerPath(stepsFor(v.inv.Role)[0].name))
	}
	return v, true, nil
}

func (s *Service) showSent(w http.ResponseWriter, r *http.Request) error {
	v, ok, err := s.sent(w, r)
	if err != nil || !ok {
		return err
	}
	here, err := s.finishedHere(r, v)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, sentPage(v, here))
}

func (s *Service) postAgain(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.ReadForm(w, r); err != nil {
		return err
	}
	v, ok, err := s.sent(w, r)
	if err != nil || !ok {
		return err
	}
	here, err := s.finishedHere(r, v)
	if err != nil {
		return err
	}
	if !here {
		return web.Redirect(w, r, v.registerPath("sent"))
	}
	if err := s.sendAgain(r.Context(), v.inv); err != nil {
		return err
	}
	web.Flash(w, "We sent the email again.")
	return web.Redirect(w, r, v.registerPath("sent"))
}
