// Package preview turns files that strangers made into pictures, tables and text that a browser may be given.
//
// Whoever reads such a file can be attacked by it. So nothing is read in the portal's own process: Runner starts this
// program again as a worker, which gives up what it can (Confine), reads one file from memory, and answers in pages.
//
//   - The worker has no environment, no files but the system's own to read, none to write, no network, no new rights; its
//     memory, processor time and open files are limited, and it is killed when its time is over.
//   - The file comes in a sealed piece of memory (Linux) or a pipe, never by a path; no plain byte is written to a disk.
//   - What the worker answers is not believed: Runner counts pages, bytes and pixels, takes three types only, and looks
//     at the first bytes of each.
//   - Pictures are drawn anew. Nothing of the file's own bytes, and so no place, name or date in it, gets out.
//
// A file that is broken, hostile, too large or of no known kind ends in one of the errors of this package, which say why
// it cannot be shown. They never hold anything of its content.
package preview
