// Package blob stores whole, immutable objects: the sealed parts of files.
//
// An object is written once under a new key and never changed. Put returns only when the object survives a power loss;
// a reader sees all of it or nothing. Keys are data made by the program, never by a person, and are still checked so
// that none leaves the store's folder. Whatever a crash leaves half written appears in List under a name that no object
// can have, and is removed like an object.
//
// What is stored here is sealed by its caller. The store neither knows nor needs a key.
package blob
