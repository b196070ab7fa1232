// Package s3 is a blob.Store in a bucket of a service that speaks Amazon's S3 protocol.
//
// Each object is one request from the caller's own buffer, so memory is what the callers hold. A put that got no answer is
// tried again; it carries a word of its own, by which it knows an object that its lost try has made. A read that breaks
// off goes on from the same place of the same object. Nothing waits for ever: every dial, answer and pause has a limit.
//
// The package stands apart from blob because its client is large, and few programs and tests need it.
package s3
