package mail

import (
	"io"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/attach"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/invite"
	"securepractice/internal/jobs"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/web"
)

// Settings are the limits an operator may change. Zero values are the defaults.
type Settings struct {
	MaxSubject   int           // characters; 200
	MaxBody      int           // characters; 100,000
	MaxTotal     int64         // bytes of all attachments of a message; attach.MaxTotal
	PageSize     int           // rows of a list; 50
	ThreadSize   int           // messages of a thread shown at once; 200
	ViewAgain    time.Duration // how long one session's view of an unchanged thread counts as one; 15 minutes
	ResendPerDay int64         // invitations sent again for one invitation; 3
	AskPerHour   int64         // addresses a person looks up while composing; 200
	MaxSignature int           // characters; 500
	MaxTemplates int           // ready texts of a practice; 500
	TakePerHour  int64         // conversations a person takes out as PDF, and as many as exports; 60
	RemindAfter  time.Duration // an author may be told of a message that is unopened so long; 48 h
	TextsPerDay  int64         // texts about new messages to a person; an email goes instead of more; 20

	SearchesPerMinute int64         // searches a person begins; 60
	DraftFiles        time.Duration // after what time without an edit a draft loses its files; 30 days; negative: never
	UndoSend          time.Duration // how long what is sent from a page may be taken back; 0 = not at all
}

func (s Settings) withDefaults() Settings {
	put(&s.MaxSubject, 200)
	put(&s.MaxBody, 100_000)
	put(&s.MaxTotal, attach.MaxTotal)
	put(&s.PageSize, 50)
	put(&s.ThreadSize, 200)
	put(&s.ViewAgain, 15*time.Minute)
	put(&s.ResendPerDay, 3)
	put(&s.AskPerHour, 200)
	put(&s.MaxSignature, 500)
	put(&s.RemindAfter, 48*time.Hour)
	put(&s.TextsPerDay, 20)
	put(&s.MaxTemplates, 500)
	put(&s.SearchesPerMinute, 60)
	put(&s.TakePerHour, 60)
	put(&s.DraftFiles, 30*24*time.Hour)
	return s
}

func put[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// maxTyped bounds each short field of a draft in characters; what is longer was not typed by a person.
const maxTyped = 1000

// Options of New.
type Options struct {
	DB       *db.DB
	Keys     *crypt.Keys
	Clock    *clock.Clock
	Notify   *notify.Service
	Limit    *limit.Limiter
	Audit    *audit.Service
	Practice *practice.Service
	Account  *account.Service
	Invite   *invite.Service
	Attach   *attach.Service
	Hub      *web.Hub
	Jobs     *jobs.Client
	Product  string // the portal's name, as records say it
	Settings Settings
}

// Service is the room.
type Service struct {
	o   Options
	set Settings

	plays plays // films that are being watched
	tus   *attach.Tus
}

// New makes the room and registers its notices and jobs.
func New(o Options) *Service {
	s := &Service{o: o, set: o.Settings.withDefaults()}
	s.tus = o.Attach.NewTus(uploadsPath)
	s.registerNotices()
	s.registerWarning()
	s.registerArrivals()
	s.registerApart()
	s.registerSearch()
	s.registerReminder()
	s.registerAccess()
	s.registerRetention()
	s.registerIdle()
	return s
}

// Compose is a new message. To names one recipient or, as far as the practice allows, several, separated by commas,
// semicolons or line ends: addresses, or names of contacts. Colleagues share one message and see each other; each patient
// gets one of their own. DraftID is the form's hidden id: it becomes the first message's id and the others' follow from
// it, so that the same form sent again is the same messages. New describes a recipient whose address nobody here knows;
// with several such, each Email says whom a description is of, and those after the first are in More.
type Compose struct {
	DraftID, To, Subject, Body string
	New                        *invite.NewInvitation
	More                       []invite.NewInvitation
	Hold                       time.Duration // how long it may be taken back before it leaves; 0 = it leaves at once
	Outside                    string        // To again, where the sender confirmed that a patient's message may go there
}

// Reply is a message in a thread the actor takes part in. DraftID and Hold are as in Compose.
type Reply struct {
	DraftID, ThreadID, Body string
	Hold                    time.Duration
}

// Sent is what became of a form: its first message, and how many messages it is. State is Waiting while files are
// checked, else Delivered.
type Sent struct {
	MessageID, ThreadID, State string
	Messages                   int
}

// The states of a message.
const (
	Waiting   = "waiting"   // stored; its recipient sees nothing of it yet
	Delivered = "delivered" // given to its recipient, or to the invitation of one who is not registered
	Stopped   = "stopped"   // a file was refused: it went back to Drafts
	Recalled  = "recalled"  // withdrawn by its author before anybody opened it
)

// Newcomer is what was typed of a recipient who is not known here, as typed. Email is the address it was typed for.
type Newcomer struct {
	Email string `json:"email,omitempty"`
	Role  string `json:"role,omitempty"`
	First string `json:"first,omitempty"`
	Last  string `json:"last,omitempty"`
	Phone string `json:"phone,omitempty"`
	Cell  string `json:"cell,omitempty"`
}

// Draft is a message being written. ThreadID is empty for a new one. Version counts its saves: 0 is one that was never
// saved, and a save names the version it was made from.
type Draft struct {
	ID, ThreadID      string
	To, Subject, Body string
	New               Newcomer
	More              []Newcomer // of further new recipients
	Version           int64
	SavedAt           time.Time
}

// AttachIn is a file for a draft that is saved.
type AttachIn struct {
	DraftID, Name string
	Body          io.Reader
}

// The folders of a member row, and the lists that are none.
const (
	Inbox   = "inbox"
	Archive = "archive"
	none    = "none" // only one's own messages so far: listed in Sent alone
)

// holder is the name under which attach keeps a draft's or message's files.
func holder(id string) string { return holderPrefix + id }

const holderPrefix = "mail:"

// program names who acts when no person does.
func program(name string) actor.Actor { return actor.ByProgram(name) }

func (s *Service) now() int64 { return clock.Micros(s.o.Clock.Now()) }
