// Package invite turns an address into a person: invitations and registration.
//
// An invitation belongs to the practice that made it, also when Support made it for that practice. It is not an
// account. Two practices may invite one address; neither learns of the other, and nothing one does touches the
// other's invitation.
//
// Promises:
//
//   - An account is made by whoever holds the link sent to the invitation's address and, with two-step on, confirms a
//     code to a number that the invitation's inviter gave. It is made when the password is set, in one transaction
//     with the practice, the accepted terms, the messages that waited, and the end of the link.
//   - Role and numbers are the inviter's word. Only the holder of a Support invitation without any number types one.
//   - Another practice's invitation for the same address is claimed only with a code to a number that practice gave.
//   - Opening a link changes nothing, and nothing is sent before something was chosen that no scanner chooses.
package invite
