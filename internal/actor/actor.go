// Package actor says who acts. Every rule takes the actor as its second parameter; no rule digs a user out of a
// context. It is the one platform room that carries words of the domain.
package actor

// Kind separates people, the operator's staff, the program itself and those who have not signed in.
type Kind string

// The kinds of actor.
const (
	Visitor Kind = "visitor" // nobody signed in; perhaps the holder of a link
	User    Kind = "user"    // a signed-in practice user or patient
	Staff   Kind = "staff"   // a signed-in member of the operator's Support
	System  Kind = "system"  // the program: a job or a command, by its name
)

// Role is the part a person plays, as registered.
type Role string

// The roles of accounts.
const (
	Doctor  Role = "doctor"
	Helper  Role = "staff" // staff of a practice, as the seeds call them
	Patient Role = "patient"
	Support Role = "support"
)

// Actor is who acts, with what permissions are decided by. The zero value is a visitor without an address.
type Actor struct {
	Kind       Kind
	ID         string // user id; for System the job's or command's name
	PracticeID string // empty for patients, Support and visitors
	OwnerID    string // key owner: the practice's id, or the patient's own
	Role       Role
	Manager    bool   // User Manager of PracticeID
	Paid       bool   // may compose; true only for a practice user with the paid tier
	SessionID  string // the session's public id, never its token
	Email      string
	First      string
	Last       string
	Zone       string // IANA time zone for everything shown to this person
	Look       Look
	IP         string
	Agent      string // the browser's User-Agent, cut to 200 bytes
}

// Look is how a person wants their pages. The zero value follows the system, with roomy lists and shortcuts.
type Look struct {
	Theme       string // "light" or "dark"; "" follows the system
	Compact     bool   // lists of one line less
	NoShortcuts bool   // single letters do nothing
}

// ByProgram is the program itself, acting under a job's or a command's name.
func ByProgram(name string) Actor { return Actor{Kind: System, ID: name} }

// Name is the person's full name as others see it. Doctors carry no title: the registered name is shown.
func (a Actor) Name() string {
	switch {
	case a.First == "":
		return a.Last
	case a.Last == "":
		return a.First
	}
	return a.First + " " + a.Last
}

// SignedIn says whether the actor is a person with a session.
func (a Actor) SignedIn() bool { return a.Kind == User || a.Kind == Staff }
