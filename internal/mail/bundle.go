package mail

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// allFiles is the kind of a bundle among the ways in which a conversation leaves the portal.
const allFiles = "files"

// bundle is the clean files of a conversation, or of one message of it, as one participant takes them.
type bundle struct {
	of   recordOf
	by   actor.Actor
	at   time.Time
	zone *time.Location
	key  *crypt.Thread
	list []bundled // in the order of the messages
}

type bundled struct {
	messageID string
	file      attach.File
}

// takeBundle decides about a bundle and notes every file of it before one byte is handed out. A file is in it when its
// message could be taken out of the portal and the file alone could be downloaded.
func (s *Service) takeBundle(ctx context.Context, by actor.Actor, of recordOf) (*bundle, error) {
	m, found, err := findMember(ctx, s.o.DB, by.ID, of.threadID)
	if err != nil {
		return nil, fmt.Errorf("look up a participant: %w", err)
	}
	if !found || of.messageID != "" && !validID(of.messageID) {
		return nil, s.refuse(ctx, by, "thread", of.threadID)
	}
	b := &bundle{of: of, by: by, at: s.o.Clock.Now()}
	if b.zone, err = time.LoadLocation(by.Zone); err != nil {
		b.zone = time.UTC
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.noteFiles(ctx, tx, m, b) })
	if fault.Is(err, fault.NotFound) {
		return nil, s.refuse(ctx, by, "thread", of.threadID)
	}
	return b, err
}

// noteFiles finds what a bundle holds, behind the row that a recall or an end would have to change, and writes it down.
func (s *Service) noteFiles(ctx context.Context, tx *db.Tx, m member, b *bundle) error {
	still, err := setViewed(ctx, tx, m, false, s.now())
	if err != nil {
		return fmt.Errorf("hold a participant: %w", err)
	}
	if !still {
		return fault.ErrNotFound()
	}
	rows, err := listRecord(ctx, tx, b.by.ID, b.of.threadID, b.of.messageID, maxRecord+1, s.now())
	if err != nil {
		return fmt.Errorf("list what a bundle holds: %w", err)
	}
	if err := s.mayTake(ctx, tx, &record{of: b.of, by: b.by, m: m, rows: rows}); err != nil {
		return err
	}
	if b.key, err = s.unwrap(ctx, tx, m.threadID, m.ownerID, m.wrapped); err != nil {
		return err
	}
	if b.list, err = s.cleanFiles(ctx, tx, rows, b.key); err != nil {
		return err
	}
	if len(b.list) == 0 {
		return fault.New(fault.Conflict, "There is no file to download yet. Try again when the files have been scanned.")
	}
	return s.o.Audit.RecordAll(ctx, tx, b.by, b.events())
}

// cleanFiles are the files of messages that may be handed out.
func (s *Service) cleanFiles(ctx context.Context, r db.Reader, rows []recordRow, key *crypt.Thread) ([]bundled, error) {
	var list []bundled
	for chunk := range slices.Chunk(rows, partSize) {
		holders := make([]string, 0, len(chunk))
		for _, row := range chunk {
			if row.files > 0 {
				holders = append(holders, holder(row.id))
			}
		}
		files, err := s.o.Attach.ListMany(ctx, r, holders, key)
		if err != nil {
			return nil, err
		}
		for _, row := range chunk {
			for _, f := range files[holder(row.id)] {
				if f.State == attach.Clean {
					list = append(list, bundled{row.id, f})
				}
			}
		}
	}
	return list, nil
}

// events are the trail's lines: one for each file, as if it had been downloaded alone.
func (b *bundle) events() []audit.Event {
	events := make([]audit.Event, len(b.list))
	for i, f := range b.list {
		events[i] = audit.Event{Action: audit.FileDownloaded, SubjectKind: "file", SubjectID: f.file.LinkID, ThreadID: b.of.threadID,
			Detail: map[string]string{"kind": "zip", "files": strconv.Itoa(len(b.list))}}
	}
	return events
}

// writeFiles writes a bundle as a ZIP, a piece of one file at a time. Each file is proved to be what was received; an
// error leaves an archive that no program takes for whole.
func (s *Service) writeFiles(ctx context.Context, b *bundle, w io.Writer) error {
	z := zip.NewWriter(w)
	names := uniqueNames{}
	last := ""
	for _, f := range b.list {
		if f.messageID != last {
			if err := s.stillThere(ctx, b, f.messageID); err != nil {
				return err
			}
			last = f.messageID
		}
		entry, err := z.CreateHeader(&zip.FileHeader{Name: names.of(f.file.Name), Method: zipMethod(f.file.Ext), Modified: b.at.UTC()})
		if err != nil {
			return fmt.Errorf("begin a file of a bundle: %w", err)
		}
		if err := s.o.Attach.Extract(ctx, entry, f.file.LinkID, b.key); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("end a bundle: %w", err)
	}
	return nil
}

// stillThere asks again before the files of a message go out: a long download must not outlive a recall.
func (s *Service) stillThere(ctx context.Context, b *bundle, messageID string) error {
	rows, err := listRecord(ctx, s.o.DB, b.by.ID, b.of.threadID, messageID, 1, s.now())
	if err != nil {
		return fmt.Errorf("look at a message again: %w", err)
	}
	if len(rows) == 0 {
		return fault.New(fault.Conflict, "This conversation has just changed. Try again.")
	}
	return nil
}

// loose are the extensions whose files are worth packing. All others are packed already, or may be.
var loose = strings.Fields("ai aif aifc aiff bmp csv dcm doc eml eps hqx log mif obj oda ply ppt ps rtf rtx smi smil stl text tif tiff txt vcard vcf wav word xl xls xml xsl")

func zipMethod(ext string) uint16 {
	if slices.Contains(loose, ext) {
		return zip.Deflate
	}
	return zip.Store
}

// uniqueNames gives every file of an archive a name of its own on systems that know no capitals, and counts how often a
// name came.
type uniqueNames map[string]int

// of makes a name that every system can save, without a folder.
func (u uniqueNames) of(name string) string {
	name = safeName(name)
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	if reserved(stem) {
		stem = "_" + stem
		name = stem + ext
	}
	for {
		key := strings.ToLower(name)
		n := u[key]
		u[key]++
		if n == 0 {
			return name
		}
		name = fmt.Sprintf("%s (%d)%s", stem, n+1, ext)
	}
}

// reserved are the names that Windows keeps for devices, whatever stands behind a dot.
func reserved(stem string) bool {
	first, _, _ := strings.Cut(strings.ToUpper(stem), ".")
	switch first = strings.TrimRight(first, " "); first {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(first) == 4 && (strings.HasPrefix(first, "COM") || strings.HasPrefix(first, "LPT")) && first[3] >= '0' && first[3] <= '9'
}
