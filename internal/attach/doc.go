// Package attach receives files, keeps them sealed, checks them, and hands them out to the room that holds them.
//
// A file is a row (attach_file) and its parts: 4 MiB of plain text each but the last, sealed as one complete stream of
// AES-256-GCM segments under the file's own random key, stored as immutable objects (attach_part, package blob). A
// link (attach_link) ties a file to its holder, "mail:<message or draft id>", with its name and a wrap of the file's
// key that only the holder's owner or thread opens. The row keeps another wrap, so that checking needs no person.
//
//	uploading → uploaded → checking → scanning → clean
//	    │                      └──────────┴────→ rejected | infected
//	    └→ aborted                 any of them → gone (no holder left; key wiped)
//
// Promises:
//
//   - Nothing is attached until every byte is durable; link, audit line and the job that checks it are one commit.
//
//   - Only a clean file is ever handed out. An error, a crash or a stopped scanner leaves a file unchecked, never clean.
//
//   - The limits of a holder hold for uploads that run at once: they decide one after the other on the holder's row.
//
//   - A part is bound to owner, file, place and part size, a key to file and size: parts moved, dropped, appended or
//     cut, and rows that say another size, are refused, and only that file is concerned.
//
//   - Memory is one part for each upload, from a bounded number of places, however large the files are.
//
//   - What can be seen of a clean file without fetching it (attach_preview) is drawn once by a confined process, package
//     preview, and sealed under the file's own key: it is opened by the same link, and gone with the same act.
//
//   - An object is never deleted at once: its key waits a day in attach_trash, so that a backup finds what it lists.
//
//   - An upload in pieces (attach_upload) is gone on with by whoever began it, on any node: a piece that ends early is sealed
//     as it is, opened by the next, and stored anew under another name and salt.
//
// The room has no route: who holds a file routes its download and calls Serve after its own permission and audit.
package attach
