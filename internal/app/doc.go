// Package app builds every room, connects them, starts and stops the program. It is the only room that knows all
// others, and it decides nothing.
//
// Rooms talk upward through fields of function type that are set here, and nowhere else:
//
//	account.Service.OnUnknown   → invite.Service.Remind
//	account.Service.OnAddress   → invite.Service.AddressChanged
//	invite.Service.OnAccepted   → mail.Service.Claim
//	attach.Service.OnVerdict    → mail.Service.Verdict
package app
