// Package practice holds the practices, their address and the products they have.
//
// A practice is made by Support or by the registration of its first account, always new: practices are never matched
// by name. Only Support edits it. Its main phone is printed and never used for codes. A practice owns a keyset under
// which its people's content is sealed; making the practice makes the keyset in the same transaction.
package practice
