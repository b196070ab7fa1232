// Package manage is Manage Users: what the User Managers of a practice see and do.
//
// It lists the practice's members, and everybody the practice invited with what the practice itself gave of them: once
// an outsider has set a password, nothing of their account is shown here. What may be corrected is decided by the rooms
// that own it; this room asks them. A manager's role is looked at again in the act that uses it, whatever the page said.
package manage
