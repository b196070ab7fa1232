// Package account holds people: who they are, how they sign in, and for how long.
//
// Promises:
//
//   - An address is compared in one canonical form and mail goes to the stored one.
//   - Wrong, unknown, locked and not registered addresses get the same words after the same work.
//   - A wrong password is counted and stored before it is looked at; the fifth locks. A finished reset unlocks.
//   - Nobody sets or sees another's password. Only its argon2id hash is kept, and a bounded number is computed at once.
//   - A session is a row; its cookie is kept as a hash. It ends after 30 minutes without an act, after 12 hours, at
//     sign-out, and everywhere when the password changes. Support has none without a code.
//   - Where a second step is asked for there is no session before it. Its tries are counted before they are judged, with
//     those of sent codes; a code of an authenticator app, a recovery code and a passkey's challenge work once.
//   - Factors change only after the password was entered again, and their owner is told. Their secrets are sealed to
//     person and row by the owner's keys; recovery codes are kept as keyed hashes.
//   - Before an expired password is changed, or new terms are accepted, there is no session.
package account
