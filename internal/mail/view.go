package mail

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	files "securepractice/internal/preview"
)

// reached is a file that the actor may open.
type reached struct {
	key      crypt.Sealer // of its link
	holderID string       // the message or draft that has it
	threadID string       // "" for a draft of a new message
}

// reach decides whether the actor may open a file: the one check of download, view and every picture of a preview. It leaves
// no line in the trail but that of a refusal.
func (s *Service) reach(ctx context.Context, by actor.Actor, linkID string) (reached, error) {
	of, found, err := s.o.Attach.Holder(ctx, s.o.DB, linkID)
	if err != nil {
		return reached{}, fmt.Errorf("find a file's holder: %w", err)
	}
	id, ours := strings.CutPrefix(of, holderPrefix)
	if !found || !ours || id == "" {
		return reached{}, s.refuse(ctx, by, "file", linkID)
	}
	k, threadID, err := s.opener(ctx, by, id)
	if err == nil && k == nil {
		err = s.refuse(ctx, by, "file", linkID)
	}
	return reached{key: k, holderID: id, threadID: threadID}, err
}

// viewed is one file in the viewer.
type viewed struct {
	file  attach.File
	info  described
	dicom *files.DicomInfo // of a DICOM file
	page  int              // the picture that is shown, from 0
	proof string           // in the addresses of its pictures
	pair  string           // the other file's link, when two are compared
}

// described is what a preview says of a picture, a document, a text or a table.
type described struct {
	Kind          string // "picture", "document", "text", "table"
	Width, Height int
	Pages, Shown  int
	Text          []string
	Lines         []string
	Rows          [][]string
	Cut           bool
}

// viewing is the page of the viewer.
type viewing struct {
	one        viewed
	two        *viewed // beside it, to compare
	list       []attach.File
	back       string // where it was opened from
	above      string // links of the files before and behind it; "" at an end
	below      string
	comparable []attach.File // that can stand beside it
}

// asked is what a request wants to see.
type asked struct {
	linkID, with   string
	page, withPage int
}

// view shows a file to somebody who may open it, and records that before anything of it is handed out.
func (s *Service) view(ctx context.Context, by actor.Actor, a asked) (viewing, error) {
	r, err := s.reach(ctx, by, a.linkID)
	if err != nil {
		return viewing{}, err
	}
	v := viewing{back: "/mail/d/" + r.holderID}
	holders := []string{holder(r.holderID)}
	if _, sent := r.key.(*crypt.Thread); sent {
		v.back = "/mail/t/" + r.threadID + "#m-" + r.holderID
		if holders, err = s.holdersBeside(ctx, by, r.threadID); err != nil {
			return v, err
		}
	}
	if v.list, err = s.openFiles(ctx, holders, r.key); err != nil {
		return v, err
	}
	at := indexFile(v.list, a.linkID)
	if at < 0 {
		return v, fault.ErrNotFound() // it is not clean: it does not exist
	}
	with := -1
	if a.with != "" {
		if with = indexFile(v.list, a.with); with < 0 || with == at {
			return v, s.refuse(ctx, by, "file", a.with)
		}
	}
	if err := s.recordPreview(ctx, by, r.threadID, a.linkID, a.with); err != nil {
		return v, err
	}
	v.place(at)
	if v.one, err = s.viewFile(ctx, by, v.list[at], a.page, r.key); err != nil || with < 0 {
		return v, err
	}
	two, err := s.viewFile(ctx, by, v.list[with], a.withPage, r.key)
	v.one.pair, two.pair, v.two = two.file.LinkID, v.one.file.LinkID, &two
	return v, err
}

// holdersBeside are the messages of the thread with files that the actor may open.
func (s *Service) holdersBeside(ctx context.Context, by actor.Actor, threadID string) ([]string, error) {
	ids, err := listOpenable(ctx, s.o.DB, by.ID, threadID, s.now())
	if err != nil {
		return nil, fmt.Errorf("list messages with files: %w", err)
	}
	for i, id := range ids {
		ids[i] = holder(id)
	}
	return ids, nil
}

func (s *Service) openFiles(ctx context.Context, holders []string, k crypt.Sealer) (list []attach.File, err error) {
	all, err := s.o.Attach.ListMany(ctx, s.o.DB, holders, k)
	if err != nil {
		return nil, err
	}
	for _, h := range holders {
		list = append(list, all[h]...)
	}
	return slices.DeleteFunc(list, func(f attach.File) bool { return f.State != attach.Clean }), nil
}

func indexFile(list []attach.File, linkID string) int {
	return slices.IndexFunc(list, func(f attach.File) bool { return f.LinkID == linkID })
}

// place finds what is before and behind a file, and what it can be compared with.
func (v *viewing) place(at int) {
	if at > 0 {
		v.above = v.list[at-1].LinkID
	}
	if at+1 < len(v.list) {
		v.below = v.list[at+1].LinkID
	}
	if !pictured(v.list[at]) {
		return
	}
	for i, f := range v.list {
		if i != at && pictured(f) {
			v.comparable = append(v.comparable, f)
		}
	}
}

// pictured says that a file can stand beside another.
func pictured(f attach.File) bool { return f.Seen.Ready() && f.Seen.Pages > 0 }

// recordPreview writes that somebody looks at files. Their pictures carry a proof of it and need no line of their own.
func (s *Service) recordPreview(ctx context.Context, by actor.Actor, threadID string, linkIDs ...string) error {
	var events []audit.Event
	for _, id := range linkIDs {
		if id != "" {
			events = append(events, audit.Event{Action: audit.FilePreviewed, SubjectKind: "file", SubjectID: id, ThreadID: threadID})
		}
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.o.Audit.RecordAll(ctx, tx, by, events) })
}

// proof shows that a page that holds this file's pictures was given to this session, and recorded.
func (s *Service) proof(by actor.Actor, linkID string) string {
	return hex.EncodeToString(s.o.Keys.MAC("mail preview", by.ID, by.SessionID, linkID)[:12])
}

// prove lets a page that was recorded show the small pictures of files.
func (s *Service) prove(by actor.Actor, list []attach.File) {
	for i, f := range list {
		if f.Seen.Ready() {
			list[i].Seen.Proof = s.proof(by, f.LinkID)
		}
	}
}

// viewFile reads what is shown of a file.
func (s *Service) viewFile(ctx context.Context, by actor.Actor, f attach.File, page int, k crypt.Sealer) (viewed, error) {
	v := viewed{file: f, proof: s.proof(by, f.LinkID), page: max(0, min(page, f.Seen.Pages-1))}
	if !f.Seen.Ready() || !f.Seen.Info {
		return v, nil
	}
	b, err := s.o.Attach.Info(ctx, f.LinkID, k)
	if err != nil {
		return v, err
	}
	if f.Ext == "dcm" {
		v.dicom = new(files.DicomInfo)
		err = json.Unmarshal(b, v.dicom)
	} else {
		err = json.Unmarshal(b, &v.info)
	}
	if err != nil {
		return v, fmt.Errorf("read the description of file %s: %w", f.FileID, err)
	}
	return v, nil
}

// base is the beginning of a file's addresses.
func (v viewed) base() string { return "/mail/attachments/" + v.file.LinkID }

// pages is the address of the file's pictures of a kind, without the number at its end.
func (v viewed) pages(kind string) string { return v.base() + "/" + kind + "/" + v.proof + "-" }

// at is the address of the viewer at another page of the file, beside the one it is compared with.
func (v viewed) at(page int) string {
	to := v.base() + "/view?page=" + strconv.Itoa(page+1)
	if v.pair != "" {
		to += "&with=" + v.pair
	}
	return to
}

// wherePicture takes apart the end of a picture's address: a number, after the proof if there is one.
func wherePicture(s string) (proof string, n int, err error) {
	proof, number, found := strings.Cut(s, "-")
	if !found {
		proof, number = "", s
	}
	n, err = strconv.Atoi(number)
	if err == nil && n < 0 {
		err = errors.New("no number of a page")
	}
	return proof, n, err
}
