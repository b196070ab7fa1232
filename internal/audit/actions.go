package audit

// The words of the trail. Later readers search by them, so they are never renamed.
const (
	SigninOK       = "signin.ok"
	SigninRefused  = "signin.refused"
	SigninLocked   = "signin.locked"
	SigninUnlocked = "signin.unlocked"
	Signout        = "signout"
	SessionEnded   = "session.ended"

	PasswordChanged = "password.changed"
	PasswordReset   = "password.reset"
	CodeSent        = "code.sent"
	CodeRefused     = "code.refused"
	LinkSent        = "link.sent"
	LinkRefused     = "link.refused"
	TermsAccepted   = "terms.accepted"
	TermsDeclined   = "terms.declined"
	ProfileChanged  = "profile.changed"

	InviteMade     = "invite.made"
	InviteSent     = "invite.sent"
	InviteAccepted = "invite.accepted"
	InviteClaimed  = "invite.claimed"

	MailView      = "mail.view"
	MailSent      = "mail.sent"
	MailDelivered = "mail.delivered"
	MailStopped   = "mail.stopped"
	MailPrinted   = "mail.printed"
	AccessRefused = "access.refused"

	FileUploaded   = "file.uploaded"
	FileDownloaded = "file.downloaded"
	FileBlocked    = "file.blocked"
	FileShredded   = "file.shredded"

	ManagerGranted = "manager.granted"
	ManagerRevoked = "manager.revoked"
	PracticeMade   = "practice.made"
	PracticeEdited = "practice.edited"
	SupportLooked  = "support.looked"
	SupportChanged = "support.changed"
	StaffAdded     = "staff.added"
)
