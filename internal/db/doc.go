// Package db is the one door to the database, SQLite or PostgreSQL.
//
// One SQL text serves both: $1 placeholders, text ids made by NewID, times as microseconds (BIGINT), booleans, bytes.
// Reading goes through All and One, writing through InTx alone.
//
// Promises:
//
//   - An act inside InTx is stored whole or not at all, and InTx returns nil only when it is on disk.
//   - The first statement that fails, for whatever reason, closes the act: every later call returns that error and
//     InTx rolls back. (SQLite ends a transaction by itself on a full disk or an interrupt; the next statement would
//     otherwise be stored alone.)
//   - A second InTx under the first, or a read past the transaction, returns ErrNested at once instead of hanging.
//   - A caller who has gone is noticed before an act begins and before it is committed, not in the middle: statements
//     run under the act's own limit of five seconds.
//
// SQLite has one writing connection. Acts that wait for it are committed together: each runs under a savepoint of its
// own, one COMMIT serves up to 64 of them, and none is answered before it. PostgreSQL runs READ COMMITTED and repeats
// an act that lost a race (40001, 40P01).
package db
