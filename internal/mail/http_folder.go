package mail

import (
	"fmt"
	"net/http"
	"slices"

	"securepractice/internal/fault"
	"securepractice/internal/web"
)

// The acts of a list that are about a label.
const (
	doLabel   = "label"
	doUnlabel = "unlabel"
)

// said are the words after an act on several conversations.
var said = map[string]string{doArchive: "moved to Archive", doInbox: "moved to Inbox", doTrash: "moved to Trash", doRestore: "restored from Trash",
	doRead: "marked as read", doUnread: "marked as unread", doLabel: "labeled", doUnlabel: "without the label"}

// postThreads does one thing to the conversations that were chosen in a list.
func (s *Service) postThreads(w http.ResponseWriter, r *http.Request) error {
	f, err := web.ReadForm(w, r)
	if err != nil {
		return err
	}
	ctx, by, do := r.Context(), web.Actor(r), f.Get("do")
	from := sectionFor(f.Get("in"), Inbox)
	if !from.threads() || said[do] == "" {
		return fault.ErrNotFound()
	}
	chosen := chosenIDs(f["thread"])
	n, err := 0, checkChosen(chosen, do, f.Get("label"))
	switch {
	case err != nil:
	case do == doLabel || do == doUnlabel:
		n, err = s.wear(ctx, by, f.Get("label"), chosen, do == doLabel)
	default:
		var done []string
		done, err = s.act(ctx, by, do, chosen)
		n = len(done)
	}
	if fault.Is(err, fault.Invalid) {
		return s.renderSection(w, r, http.StatusUnprocessableEntity, from, fault.From(err))
	}
	if err != nil {
		return err
	}
	web.Flash(w, count(int64(n), "conversation ", "conversations ")+said[do]+".")
	return web.Redirect(w, r, from.href())
}

// chosenIDs are the ids of a form, each once. What cannot be an id is not there.
func chosenIDs(ids []string) (list []string) {
	for _, id := range ids {
		if validID(id) && !slices.Contains(list, id) && len(list) <= maxChosen {
			list = append(list, id)
		}
	}
	return list
}

func checkChosen(ids []string, do, label string) error {
	switch {
	case len(ids) == 0:
		return fault.New(fault.Invalid, "Choose one or more conversations first.")
	case len(ids) > maxChosen:
		return fault.New(fault.Invalid, fmt.Sprintf("Choose at most %d conversations at once.", maxChosen))
	case (do == doLabel || do == doUnlabel) && label == "":
		return fault.New(fault.Invalid, "Choose a label first.")
	}
	return nil
}
