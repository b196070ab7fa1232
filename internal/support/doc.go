// Package support is the console of the operator's staff: practices, their people, and what became of an invitation, a
// code or an e-mail.
//
// What holds here:
//
//   - Staff sign in at their own address with password and a code to their cell phone, always.
//   - No statement of this room reads a message, its subject or its files, a password, a link or a code. It reads other
//     rooms' tables, never a column that is sealed or hashed, and writes through their Services alone.
//   - Every look at a person or a practice is recorded before it is shown, every act with its reason, together with it.
//   - What staff search for (names, addresses, numbers) never stands in a URL in clear.
//   - Support never sets a password and never sees another person's link or code. Members of Support are not people of
//     the console.
package support
