package mail

import (
	"fmt"
	"slices"
	"strconv"

	"securepractice/internal/attach"
)

// The kinds of viewer.
const (
	kindPicture = "picture" // pictures and the pages of documents
	kindText    = "text"
	kindTable   = "table"
	kindDICOM   = "dicom"
	kindModel   = "model"
	kindMedia   = "media"
	kindNothing = ""
)

// models are the extensions that the browser draws itself.
var models = []string{"stl", "ply", "obj"}

// kind is the viewer that a file gets.
func (v viewed) kind() string {
	switch {
	case slices.Contains(models, v.file.Ext):
		return kindModel
	case attach.Playable(v.file.Name) != "":
		return kindMedia
	case !v.file.Seen.Ready():
		return kindNothing
	case v.dicom != nil:
		return kindDICOM
	case v.info.Kind == "text":
		return kindText
	case v.info.Kind == "table":
		return kindTable
	case v.file.Seen.Pages > 0:
		return kindPicture
	}
	return kindNothing
}

// viewable says whether a file has a page that shows it, or says why it does not.
func viewable(f attach.File) bool {
	return f.Seen.State != attach.PreviewNone || viewed{file: f}.kind() != kindNothing
}

// judged says that somebody could take the picture for one to judge teeth by: everything but documents.
func (v viewed) judged() bool { return v.info.Kind != "document" }

func (v viewed) waits() bool {
	return v.file.Seen.State == attach.PreviewWanted || v.file.Seen.State == attach.PreviewMaking
}

// why says why a file cannot be shown.
func (v viewed) why() string {
	why := map[string]string{
		"broken":    "This file cannot be shown. It may be damaged, or not be what its name says.",
		"large":     "This file is too large to be shown here.",
		"encrypted": "This file is protected by a password and cannot be shown here.",
		"empty":     "There is nothing in this file that can be shown.",
		"stopped":   "This file cannot be shown. Drawing it took too long.",
		"missing":   "This portal cannot show files of this kind.",
	}[v.file.Seen.Reason]
	if why == "" || v.file.Seen.State != attach.PreviewFailed {
		why = "Files of this kind cannot be shown here."
	}
	return why + " Download it to open it with your own programs."
}

func (v viewing) title() string {
	if v.two != nil {
		return "Compare " + v.one.file.Name + " and " + v.two.file.Name
	}
	return v.one.file.Name
}

// counted is where the file stands among those of the conversation.
func (v viewing) counted() string {
	at := indexFile(v.list, v.one.file.LinkID)
	r := fileRow(v.one.file)
	return fmt.Sprintf("File %d of %d. %s, %s. %s.", at+1, len(v.list), r.Kind, r.Size, r.State)
}

// pageWord is what the pages of a file are called.
func (v viewed) pageWord() string {
	if v.dicom != nil {
		return "frame"
	}
	return "page"
}

func (v viewed) pageLine() string {
	word := map[string]string{"page": "Page ", "frame": "Frame "}[v.pageWord()]
	return word + strconv.Itoa(v.page+1) + " of " + strconv.Itoa(v.file.Seen.Pages)
}

// alt describes the picture for those who do not see it.
func (v viewed) alt() string {
	switch {
	case v.file.Seen.Pages > 1:
		return v.file.Name + ", " + v.pageWord() + " " + strconv.Itoa(v.page+1) + " of " + strconv.Itoa(v.file.Seen.Pages)
	case v.info.Width > 0:
		return fmt.Sprintf("%s, a picture of %d by %d pixels", v.file.Name, v.info.Width, v.info.Height)
	}
	return v.file.Name
}

// notes are what a person must know of what is shown.
func (v viewed) notes() (list []string) {
	if v.info.Pages > v.info.Shown {
		list = append(list, fmt.Sprintf("Only the first %d of %d pages are shown. Download the file to see all of it.", v.info.Shown, v.info.Pages))
	}
	if v.dicom != nil {
		list = append(list, v.dicom.Notes...)
	}
	return list
}
