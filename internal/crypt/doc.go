// Package crypt holds every key of the program and is the only room that touches one.
//
//	root (file outside the data folder)
//	  └ key-encryption keyset (crypt_root; opened once at start)
//	      ├ owner keyset (crypt_owner; a practice, a patient, or the program itself)
//	      │    ├ what belongs to that owner
//	      │    └ thread key (wrapped once for each owner with a person in the thread)
//	      │         └ the thread's content, file names, wraps of file keys
//	      └ file key (attach_file; kept beside the owner's or thread's wrap so that checking needs no person)
//	  └ seed (crypt_root): keys for MACs, link tokens and signatures, derived for each purpose
//
// Promises:
//   - Every sealed value is bound to its place. Associated data names table, column and row; a value moved to another
//     place does not open.
//   - With a missing or wrong root key nothing starts and nothing is written; a new root is never made beside data.
//   - A keyset made in a transaction that is rolled back is never used: the cache only learns what was committed.
//   - A key added by another node is found: an unknown key id makes the keyset be read again.
//   - No key, seed or token is ever part of an error or a log line.
package crypt
