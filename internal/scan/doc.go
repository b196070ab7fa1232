// Package scan asks whether bytes are malware.
//
// Promise: clean is said only after the whole stream was read to its end without an error. A reader that fails, a
// caller that leaves and a scanner that does not answer are errors, and an error is no verdict.
package scan
