// Package jobs runs what must follow an act: notices, checks, sweeps.
//
// A job is enqueued inside the act's transaction and so exists exactly when the act does. It is stored in the
// database, taken by one node at a time, tried again with growing waits when it fails or its process dies, and stays
// visible when it finally fails. It therefore runs at least once: its work must be harmless when repeated.
//
// A job carries ids and numbers, never what people wrote. It holds no transaction over an outside call: claim (one
// act), call, record (another).
//
// River does the work on both databases. On SQLite it shares the one writing connection with the acts, which take
// turns on it.
package jobs
