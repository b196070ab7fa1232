package support

import (
	"net/http"
	"strconv"

	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/web"
)

// correction reads the form of a correction.
func correction(w http.ResponseWriter, r *http.Request) (Correction, error) {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return Correction{}, err
	}
	version, err := strconv.ParseInt(form.Get("version"), 10, 64)
	if err != nil {
		return Correction{}, fault.ErrNotFound()
	}
	return Correction{Form: form.Get("id"), Reason: form.Get("reason_correct"), Edit: invite.Edit{ID: r.PathValue("id"), Version: version, Email: form.Get("email"),
		Phone: form.Get("phone"), Cell: form.Get("cell_phone")}}, nil
}

// postCorrect corrects an invitation and leads to where the person is found now.
func (s *Service) postCorrect(w http.ResponseWriter, r *http.Request) error {
	in, err := correction(w, r)
	if err != nil {
		return err
	}
	id, err := s.Correct(r.Context(), web.Actor(r), in)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		p, look := s.Look(r.Context(), looker(r), in.ID)
		if look != nil {
			return look
		}
		f, status := besideReason(fault.From(err)), http.StatusUnprocessableEntity
		if f.Kind == fault.Conflict {
			status = http.StatusConflict
		}
		return web.Render(w, r, status, personPage(personProps{person: p, form: in.Form, typed: &in, fault: f}))
	}
	if err != nil {
		return err
	}
	web.Flash(w, "Saved. Links and codes sent before no longer work. Send the invitation again.")
	return web.Redirect(w, r, "/support/u/"+id)
}

// besideReason moves what is said of the reason to this form's own field: the page has another one.
func besideReason(f *fault.Fault) *fault.Fault {
	moved := *f
	moved.Fields = append([]fault.FieldError(nil), f.Fields...)
	for i, e := range moved.Fields {
		if e.Field == "reason" {
			moved.Fields[i].Field = "reason_correct"
		}
	}
	return &moved
}
