package verify

import (
	"net/http"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

// WrongNumber takes word that a number is not the person's, and tells who can correct it. It changes no number.
type WrongNumber func(r *http.Request, sub Subject) error

// mountWrong registers "That is not my number". Nothing is chosen beforehand, so that a mail scanner that presses every
// button tells nobody anything.
func (st steps) mountWrong(rt *web.Router) {
	if st.h.Wrong == nil {
		return
	}
	rt.Get(st.h.Role, st.h.Prefix+"/wrong", st.showWrong)
	rt.Form(st.h.Role, st.h.Prefix+"/wrong", st.postWrong)
}

// wrongOptions are the numbers on file, as far as they are shown.
func wrongOptions(p Phones) []ui.Option {
	var o []ui.Option
	if p.Phone != "" {
		whose := "Practice phone"
		if p.Patient {
			whose = "Phone"
		}
		o = append(o, ui.Option{Value: "phone", Label: whose + " ending " + Ending(p.Phone)})
	}
	if p.Cell != "" {
		o = append(o, ui.Option{Value: "cell", Label: "Mobile phone ending " + Ending(p.Cell)})
	}
	if len(o) > 1 {
		o = append(o, ui.Option{Value: "both", Label: "Both"})
	}
	return o
}

func (st steps) showWrong(w http.ResponseWriter, r *http.Request) error {
	sub, err := st.h.Open(r)
	if err != nil {
		return st.refused(w, r, err)
	}
	return web.Render(w, r, http.StatusOK, wrongPage(st.wrongProps(r, sub, nil)))
}

func (st steps) postWrong(w http.ResponseWriter, r *http.Request) error {
	form, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	sub, err := st.h.Open(r)
	if err != nil {
		return st.refused(w, r, err)
	}
	known := false
	for _, o := range wrongOptions(sub.Phones) {
		known = known || o.Value == form.Get("number")
	}
	if !known {
		return web.Render(w, r, http.StatusUnprocessableEntity, wrongPage(st.wrongProps(r, sub, fault.Field("number", "Choose the number that is not yours"))))
	}
	if err := st.h.Wrong(r, sub); err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, wrongToldPage(st.wrongProps(r, sub, nil)))
}

func (st steps) wrongProps(r *http.Request, sub Subject, f *fault.Fault) stepProps {
	p := st.props(r, sub, f)
	p.head.Title = "That is not my number"
	return p
}
