package audit

// The words of the trail, all of them: searches, reports and alarms go by these, so a word is never renamed or given a
// second meaning. Some belong to parts of the product that are still to come.
const (
	SigninOK       = "signin.ok"
	SigninRefused  = "signin.refused"
	SigninLocked   = "signin.locked"
	SigninUnlocked = "signin.unlocked"
	Signout        = "signout"
	SessionEnded   = "session.ended"

	PasswordChanged = "password.changed"
	PasswordReset   = "password.reset"
	SecondOn        = "second.on"
	SecondOff       = "second.off"
	FactorAdded     = "factor.added"
	FactorRemoved   = "factor.removed"
	CodeSent        = "code.sent"
	CodeRefused     = "code.refused"
	LinkSent        = "link.sent"
	LinkRefused     = "link.refused"
	TermsAccepted   = "terms.accepted"
	TermsDeclined   = "terms.declined"
	ProfileChanged  = "profile.changed"
	EmailChanged    = "email.changed"
	PhoneChanged    = "phone.changed"

	InviteMade     = "invite.made"
	InviteEdited   = "invite.edited"
	InviteSent     = "invite.sent"
	InviteAccepted = "invite.accepted"
	InviteClaimed  = "invite.claimed"
	InviteReplaced = "invite.replaced"
	InviteDisputed = "invite.disputed" // the invited person says that a number is not theirs

	MailList      = "mail.list"
	MailView      = "mail.view"
	MailSent      = "mail.sent"
	MailDelivered = "mail.delivered"
	MailRecalled  = "mail.recalled"
	MailStopped   = "mail.stopped"
	MailNoticed   = "mail.noticed" // those who had not opened it were told once more
	MailForwarded = "mail.forwarded"
	MailPrinted   = "mail.printed"
	MailExported  = "mail.exported"
	MailSearched  = "mail.searched"
	MailTrashed   = "mail.trashed"
	MailRestored  = "mail.restored"
	AccessRefused = "access.refused"

	TemplateSaved    = "template.saved"
	TemplateDeleted  = "template.deleted"
	ContactsImported = "contacts.imported"
	ContactsExported = "contacts.exported"

	FileUploaded   = "file.uploaded"
	FileDownloaded = "file.downloaded"
	FilePreviewed  = "file.previewed"
	FileBlocked    = "file.blocked"
	FileShredded   = "file.shredded"

	ManagerGranted  = "manager.granted"
	ManagerRevoked  = "manager.revoked"
	UserDeactivated = "user.deactivated"
	UserReactivated = "user.reactivated"
	PracticeMade    = "practice.made"
	PracticeEdited  = "practice.edited"
	PracticeClosed  = "practice.closed"

	BillingBought  = "billing.bought"
	BillingFailed  = "billing.failed"
	BillingStopped = "billing.stopped"
	BillingResumed = "billing.resumed"
	BillingHanded  = "billing.handed"

	SupportLooked  = "support.looked"
	SupportChanged = "support.changed"
	SupportSecond  = "support.second"
	StaffAdded     = "staff.added"
	StaffRemoved   = "staff.removed"

	KeyRotated     = "key.rotated"
	BackupMade     = "backup.made"
	BackupRestored = "backup.restored"
	AuditSealed    = "audit.sealed"
	AuditVerified  = "audit.verified"
	RetentionEnded = "retention.ended"
)
