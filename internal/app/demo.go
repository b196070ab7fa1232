package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"text/tabwriter"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/config"
	"securepractice/internal/db"
	"securepractice/internal/home"
	"securepractice/internal/mail"
	"securepractice/internal/practice"
)

// DemoConfig are the demo's settings: everything below one folder, stand-ins allowed, the limits of production.
func DemoConfig(folder, database string) config.Config {
	day := 24 * time.Hour
	return config.Config{
		Data: filepath.Join(folder, "data"), RootKey: filepath.Join(folder, "root.key"), Database: database, Dev: true,
		Product: "SecurePractice", SupportPhone: "(206) 555-0100", SupportEmail: "support@portal.example", BillingPhone: "(206) 555-0101", NotifyAddress: "notify@portal.example",
		Limits: config.Limits{InviteLink: 30 * day, PasswordLink: 7 * day, ResetLink: day, CodeLife: 10 * time.Minute, CodeTries: 5, CodesPerFlow: 3, CodesPerNumber: 10, CodesPerDay: 5000,
			FlowsPerLink: 3, MaxSubject: 200, MaxBody: 100_000, MaxFiles: 100, MaxTotal: 300_000_000, Quarantine: 30 * day, NewAddresses: 50, MinPassword: 8, PasswordHistory: 6, PasswordAge: 90 * day,
			WrongPasswords: 5, Idle: 30 * time.Minute, IdleWarning: 25 * time.Minute, Session: 12 * time.Hour},
	}
}

// demoPerson is somebody of the demo.
type demoPerson struct {
	first, last, email, password, practice string
	role                                   actor.Role
	manager, paid                          bool
	phone, cell, zone                      string
}

const (
	harbor   = "Harbor Point Dental"
	eastlake = "Eastlake Oral Surgery"
)

func demoPeople() []demoPerson {
	return []demoPerson{
		{"Dana", "Whitfield", "dana@harborpoint.example", "Tide-Chart-4471", harbor, actor.Helper, true, true, "+12065550142", "+12065550143", "America/Los_Angeles"},
		{"Priya", "Raman", "priya@harborpoint.example", "Quiet-Molar-2093", harbor, actor.Doctor, false, true, "+12065550142", "+12065550144", "America/Los_Angeles"},
		{"Miguel", "Santos", "miguel@eastlakeoral.example", "Amber-Suture-7718", eastlake, actor.Doctor, true, true, "+12065550177", "+12065550178", "America/Los_Angeles"},
		{"Linh", "Kowalski", "linh@eastlakeoral.example", "Copper-Stone-5526", eastlake, actor.Helper, false, false, "+12065550177", "+12065550179", "America/Chicago"},
		{"Ruth", "Okafor", "ruth.okafor@mail.example", "Garden-Path-8304", "", actor.Patient, false, false, "+12065550160", "+12065550161", "America/Los_Angeles"},
		{"Sam", "Ibarra", "sam@portal.example", "Ladder-Lamp-6650", "", actor.Support, false, false, "", "+12065550190", "America/Los_Angeles"},
	}
}

// DemoAccounts lists the demo's people.
func DemoAccounts() []home.DevAccount {
	var all []home.DevAccount
	for _, p := range demoPeople() {
		tier := "free"
		switch {
		case p.role == actor.Support:
			tier = "none"
		case p.paid:
			tier = "paid"
		}
		all = append(all, home.DevAccount{Email: p.email, Password: p.password, Name: p.first + " " + p.last, Role: string(p.role), Manager: p.manager, Practice: p.practice, Tier: tier})
	}
	return all
}

// PrintDemo says where the demo is and who can sign in.
func PrintDemo(w io.Writer, url string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nSecurePractice demo: %s\nMail, texts and calls: %s/dev/outbox\nSupport signs in at: %s/support/signin\n\n", url, url, url)
	fmt.Fprintln(t, "E-MAIL\tPASSWORD\tNAME\tROLE\tPRACTICE\tTIER")
	for _, a := range DemoAccounts() {
		role := a.Role
		if a.Manager {
			role += ", User Manager"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", a.Email, a.Password, a.Name, role, a.Practice, a.Tier)
	}
	fmt.Fprintln(t, "\nPress Ctrl+C to stop.")
	_ = t.Flush() // a terminal that has gone cannot be told
}

// NewDemo is New for the demo: an empty database is first filled with the demo's people and their messages, through the
// rooms' own rules. A database that has them is left as it is.
func NewDemo(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	a, err := New(ctx, cfg, log, nil)
	if err != nil {
		return nil, err
	}
	_, found, err := a.Account.ByEmail(ctx, a.DB, demoPeople()[0].email)
	if err == nil && found {
		return a, nil
	}
	if err := errors.Join(err, a.Close()); err != nil {
		return nil, err
	}
	past, err := New(ctx, cfg, log, clock.Fixed(clock.System().Now().AddDate(0, 0, -demoDays)))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(past.SeedDemo(ctx), past.Close()); err != nil {
		return nil, fmt.Errorf("make the demo's data: %w", err)
	}
	return New(ctx, cfg, log, nil)
}

// SeedDemo makes the demo's people and their messages. On a fixed clock each letter is written at its own time in the
// past; on the system's clock all of it happens now.
func (a *App) SeedDemo(ctx context.Context) error {
	people, err := a.seedPeople(ctx)
	if err != nil {
		return err
	}
	return a.seedMail(ctx, people, clock.System().Now())
}

// demoDays is how long the demo's people have had their accounts.
const demoDays = 12

func (a *App) seedPeople(ctx context.Context) (map[string]actor.Actor, error) {
	hashes := make([]string, len(demoPeople()))
	for i, p := range demoPeople() {
		h, err := a.Account.Hash(ctx, p.password)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	people := map[string]actor.Actor{}
	err := a.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		by := actor.ByProgram("demo")
		practices := map[string]string{"": ""}
		for _, p := range []practice.Practice{
			{Name: harbor, Phone: "(206) 555-0142", Street: "1200 Alaskan Way", City: "Seattle", Region: "WA", Zip: "98101", Specialties: []string{"General dentistry"}},
			{Name: eastlake, Phone: "(206) 555-0177", Street: "2200 Eastlake Ave E", City: "Seattle", Region: "WA", Zip: "98102", Specialties: []string{"Oral and maxillofacial surgery"}},
		} {
			id, err := a.Practice.Create(ctx, tx, by, p)
			if err != nil {
				return err
			}
			practices[p.Name] = id
		}
		for i, p := range demoPeople() {
			u, err := a.Account.Create(ctx, tx, by, account.NewUser{Email: p.email, PracticeID: practices[p.practice], First: p.first, Last: p.last, Phone: p.phone, Cell: p.cell,
				Zone: p.zone, PasswordHash: hashes[i], TermsVersion: a.texts.TermsVersion, Role: p.role, Manager: p.manager, Paid: p.paid, TwoStep: true})
			if err != nil {
				return err
			}
			people[p.first] = actor.Actor{Kind: actor.User, ID: u.ID, PracticeID: u.PracticeID, OwnerID: u.OwnerID, Role: u.Role, Manager: u.Manager, Paid: u.Paid,
				Email: u.Email, First: u.First, Last: u.Last, Zone: u.Zone}
		}
		return nil
	})
	return people, err
}

// demoLetter is one message of the demo: when, who writes, to whom or in answer to which thread. ago is days before
// today, at an hour of Pacific time, or, with days 0, the time before now.
type demoLetter struct {
	ago                             demoAgo
	thread, from, to, subject, body string
	files                           []demoFile
}

// demoLetters are in the order in which they were written.
func demoLetters() []demoLetter {
	hm := func(h, m int) time.Duration { return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute }
	return []demoLetter{
		{demoAgo{6, hm(9, 12)}, "referral", "Dana", "Miguel", "Referral: J. Alvarez, implant consult #30", "Good morning Dr. Santos,\n\nDr. Raman would like to refer J. Alvarez for #30. The signed referral form is attached.", []demoFile{{"Referral form, Alvarez.pdf", demoPDF}}},
		{demoAgo{5, hm(16, 40)}, "cover", "Priya", "Miguel", "Cover during the holidays", "Could you see our emergencies between December 24 and January 1? I am glad to return the favour in spring.", nil},
		{demoAgo{4, hm(11, 5)}, "referral", "Miguel", "", "", "Happy to see her. Do you have a recent CBCT?", nil},
		{demoAgo{3, hm(10, 20)}, "crown", "Dana", "Ruth", "Your new crown", "Dear Ms. Okafor,\n\nYour crown has arrived. You can come in on Monday at 9:30 or at 2:00. Which suits you?", nil},
		{demoAgo{1, hm(8, 31)}, "referral", "Dana", "", "", "Yes, taken last week. The volume and a photo are below. Dr. Raman marked the nerve on slice 118.\n\nShe has Tuesday and Thursday mornings free if you would rather talk it through.",
			[]demoFile{{"Alvarez CBCT.dcm", demoDICOM}, {"IMG_0412.jpg", demoPhoto}}},
		{demoAgo{1, hm(15, 48)}, "crown", "Ruth", "", "", "Monday at 2:00 is good. One question: the temporary feels a little high when I bite on the left. Should I come in before?", nil},
		{demoAgo{0, hm(3, 10)}, "scan", "Miguel", "Dana", "Upper arch scan for the guide", "Here is the scan for the surgical guide. Please check the margin at #3 before we print.", []demoFile{{"Upper arch.stl", demoSTL}}},
		{demoAgo{0, hm(0, 26)}, "referral", "Miguel", "", "", "The CBCT opens fine on our side. I would like the study model too before we set the date, ideally as STL.\n\nThursday at 8:15 works for a call. My direct line is (206) 555-0177.", nil},
	}
}

// demoAgo is a moment of the demo's past.
type demoAgo struct {
	days int
	time time.Duration
}

// at is that moment, seen from now.
func (d demoAgo) at(now time.Time) time.Time {
	if d.days == 0 {
		return now.Add(-d.time)
	}
	loc, err := time.LoadLocation(account.DefaultZone)
	if err != nil {
		loc = time.UTC
	}
	y, m, day := now.In(loc).Date()
	return time.Date(y, m, day-d.days, 0, 0, 0, 0, loc).Add(d.time)
}

func (a *App) seedMail(ctx context.Context, people map[string]actor.Actor, now time.Time) error {
	if err := a.Jobs.Start(ctx); err != nil {
		return err
	}
	threads := map[string]string{}
	for _, l := range demoLetters() {
		a.Clock.Set(l.ago.at(now))
		sent, err := a.seedLetter(ctx, people, threads[l.thread], l)
		if err != nil {
			return fmt.Errorf("letter %q: %w", l.thread, err)
		}
		threads[l.thread] = sent.ThreadID
	}
	if err := a.Jobs.Wait(ctx); err != nil {
		return err
	}
	return a.Jobs.Stop(ctx)
}

func (a *App) seedLetter(ctx context.Context, people map[string]actor.Actor, thread string, l demoLetter) (mail.Sent, error) {
	by, draft := people[l.from], db.NewID()
	if len(l.files) > 0 {
		d := mail.Draft{ID: draft, ThreadID: thread, Subject: l.subject, Body: l.body}
		if thread == "" {
			d.To = people[l.to].Email
		}
		if _, err := a.Mail.SaveDraft(ctx, by, d); err != nil {
			return mail.Sent{}, err
		}
		for _, f := range l.files {
			if _, err := a.Mail.Attach(ctx, by, mail.AttachIn{DraftID: draft, Name: f.name, Body: f.open()}); err != nil {
				return mail.Sent{}, err
			}
		}
		if err := a.Jobs.Wait(ctx); err != nil { // the files are checked, so that the letter is delivered at once
			return mail.Sent{}, err
		}
	}
	if thread == "" {
		return a.Mail.Send(ctx, by, mail.Compose{DraftID: draft, To: people[l.to].Email, Subject: l.subject, Body: l.body})
	}
	return a.Mail.Reply(ctx, by, mail.Reply{DraftID: draft, ThreadID: thread, Body: l.body})
}
