package attach

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"securepractice/internal/audit"
	"securepractice/internal/blob"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/jobs"
	"securepractice/internal/scan"
)

// The limits of one holder (SPEC.md).
const (
	MaxTotal = 300_000_000 // bytes of all files together
	MaxFiles = 100
	MaxName  = 255 // bytes of a file name
)

// The states of a file, as File.State tells them.
const (
	Uploading = "uploading"
	Uploaded  = "uploaded"
	Checking  = "checking"
	Scanning  = "scanning"
	Clean     = "clean"
	Rejected  = "rejected"
	Infected  = "infected"
	Aborted   = "aborted"
	Gone      = "gone"
)

// ErrDamaged says that stored bytes are not what was received: changed, cut, moved or from another file.
var ErrDamaged = errors.New("attach: a stored file is damaged")

// field is the form field that every refusal of a file stands beside.
const field = "attachments"

// Settings are the limits an operator may change. Zero values are the defaults.
type Settings struct {
	MaxTotal   int64         // bytes for one holder; 300 MB
	MaxFiles   int64         // files for one holder; 100
	Uploads    int           // uploads received at once by this process, 4 MiB of memory each; 24
	More       []string      // types accepted beyond the list, out of Beyond; nil: all of them
	Previews   int           // previews drawn at once by this process; 2
	Quarantine time.Duration // how long an infected file is kept, sealed and unreadable for everybody; 30 days
	Wait       time.Duration // how long an upload waits for its turn before it is told to come back; 20 s
}

// Options of New. OnVerdict and Renderer may be set later, before jobs start.
type Options struct {
	DB       *db.DB
	Keys     *crypt.Keys
	Clock    *clock.Clock
	Jobs     *jobs.Client
	Audit    *audit.Service
	Blobs    blob.Store
	Scanner  scan.Scanner
	Renderer Renderer // draws previews; nil: there are none
	Settings Settings
}

// Service is the room.
type Service struct {
	// OnVerdict is called in the transaction of a verdict, for each holder of the judged file.
	OnVerdict func(ctx context.Context, tx *db.Tx, holder string, m Moved) error

	// Renderer draws previews; it may be set before jobs start. Without one there are none.
	Renderer Renderer

	d       *db.DB
	keys    *crypt.Keys
	clock   *clock.Clock
	jobs    *jobs.Client
	audit   *audit.Service
	blobs   blob.Store
	scanner scan.Scanner
	set     Settings
	slots   chan struct{} // one for each upload being received
	buffers sync.Pool     // of *bytes.Buffer, one sealed part each
}

// New makes the room and registers its job and its periodic work.
func New(o Options) *Service {
	set := o.Settings
	if set.MaxTotal == 0 {
		set.MaxTotal = MaxTotal
	}
	if set.MaxFiles == 0 {
		set.MaxFiles = MaxFiles
	}
	if set.Uploads == 0 {
		set.Uploads = 24
	}
	if set.Previews == 0 {
		set.Previews = 2
	}
	if set.More == nil {
		set.More = Beyond()
	}
	if set.Quarantine == 0 {
		set.Quarantine = 30 * 24 * time.Hour
	}
	if set.Wait == 0 {
		set.Wait = 20 * time.Second
	}
	mimetype.SetLimit(headLen) // the library's own, shared by the process: it must see all that checking looks at
	s := &Service{
		d: o.DB, keys: o.Keys, clock: o.Clock, jobs: o.Jobs, audit: o.Audit, blobs: o.Blobs, scanner: o.Scanner, Renderer: o.Renderer,
		set: set, slots: make(chan struct{}, set.Uploads),
		buffers: sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, sealedPart)) }},
	}
	s.register()
	return s
}

// In is a file being received.
type In struct {
	Holder string // "mail:<draft id>"; the caller has checked that the actor may add to it
	Name   string // as the browser said it
	Left   int64  // bytes the caller still allows for this holder
	Body   io.Reader
}

// File is what people see of a file.
type File struct {
	LinkID, Holder, FileID string
	Name, Ext              string
	Kind                   string // "PDF", "Photo", "DICOM"
	Icon                   string // its name in the icon sheet
	State                  string
	Reason                 string // a sentence that says why a blocked file is blocked; else empty
	Size                   int64
	Seen                   Seen   // what can be seen of it without fetching it
	Macros                 bool   // an Office program may run what is in it
	by                     string // whose verdict it is: scan.Unscanned, scan.ByDemo, or a scanner with its signatures
}

// Blocked says that the file failed its checks and will never be handed out.
func (f File) Blocked() bool { return f.State == Rejected || f.State == Infected }

// Scanned says that a scanner has looked at the file and found nothing.
func (f File) Scanned() bool { return f.State == Clean && f.by != scan.Unscanned }

// Standing is the file's state in the words of the pages.
func (f File) Standing() string {
	switch {
	case f.State == Clean && f.by == scan.Unscanned:
		return "Not scanned: this portal runs without a malware scanner"
	case f.State == Clean && f.by == scan.ByDemo:
		return "Scanned, no threats found (demo scanner)"
	case f.State == Clean:
		return "Scanned, no threats found"
	case f.Blocked():
		return "Blocked"
	}
	return "Scanning"
}

// Moved says how the files of one holder stand.
type Moved struct {
	Files    int
	Clean    bool // every file is clean; true without files
	Blocked  bool // at least one was rejected or is infected
	Infected bool // at least one is infected
}
