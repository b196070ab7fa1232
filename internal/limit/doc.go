// Package limit counts acts in fixed windows, in the database, so that all nodes share the counters.
//
// What is counted (a number, an address, a person) is kept as a keyed hash.
package limit
