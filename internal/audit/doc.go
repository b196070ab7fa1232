// Package audit keeps who did what to whom.
//
// An event is written in the transaction of the act it tells of, with a keyed hash over its own fields; it touches no
// row that another act touches. A sealer then orders what is new into a chain: each seal holds the hash of its events
// and of the seal before it, and is signed. Verify walks the chain and names what was changed, removed or reordered.
//
// Rows are inserted and read, never changed; on PostgreSQL the program's role could not. Details are ids and numbers,
// never a name, an address or a word of a message.
package audit
