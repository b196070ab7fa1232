// Package db is the one door to the database: SQLite on a single machine, PostgreSQL for many. Rooms write plain SQL
// that both run, with $1 placeholders, and never see which engine is behind the door.
//
// # Writing
//
// [DB.InTx] is the only way to write. What it promises to the author of an act:
//
//   - All or nothing. The first statement that fails, for whatever reason, closes the [Tx]: every later call returns
//     that first error and InTx rolls back, even if the error was ignored. (SQLite ends a transaction by itself when it
//     is interrupted or the disk is full; without this rule the next statement would be stored alone.)
//   - When InTx returns nil the act is on disk.
//   - A caller who goes away before the act begins or before it commits leaves nothing behind. In between, statements do
//     not carry the caller's cancellation: they run under the act's own limit of five seconds.
//   - Inside an act nothing but its tx is read. A second InTx, or a read through *DB, returns [ErrNested] at once.
//   - The function may run again after a conflict, so it must only overwrite what it captured.
//   - Functions given to [Tx.AfterCommit] run once, after the act is on disk, and not at all otherwise.
//
// On PostgreSQL an act is one READ COMMITTED transaction, repeated up to three times on a serialization failure or a
// deadlock. On SQLite there is one writing connection and each commit costs an fsync, so acts share commits:
//
//	act 1 ──┐ BEGIN IMMEDIATE … statements
//	act 2 ──┤ SAVEPOINT … statements … RELEASE
//	act 3 ──┤ SAVEPOINT … fails … ROLLBACK TO     (act 3 alone gets its error)
//	        └ COMMIT                              (acts 1 and 2 return)
//
// Acts queue for the open transaction and each runs in its author's goroutine. COMMIT comes when the queue is empty, or
// after 64 acts, or after five milliseconds. An act alone in its batch needs no savepoint. If the shared transaction is
// lost (a neighbour filled the disk, a savepoint could not be released), all of its acts are undone, and those that were
// not to blame run again.
//
// # Reading
//
// [All] and [One] take a *Tx or a *DB. On SQLite the latter uses a pool of connections that cannot write.
//
// # Schema
//
// migrations/ holds one numbered list for the house, in PostgreSQL's words; for SQLite the types are rewritten as the
// files are read and every table becomes STRICT. [Migrate] applies them, and the job tables, under a lock. On PostgreSQL
// it is the owner who migrates; [Grant] then gives the program's lesser role what it needs and no more.
//
// # Files
//
// On SQLite Open takes a lock on the data folder, so that a second process is told at once instead of sharing the file.
package db
