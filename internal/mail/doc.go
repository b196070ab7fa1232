// Package mail is SecureMail: threads, messages, drafts, folders, contacts and live arrival.
//
//	Compose ─ Send ──┬─ every file clean ──→ given: member rows, notice or invitation   (one transaction)
//	Reply ───────────┘        │
//	                          └─ waiting ──→ Verdict: given, or stopped and back in Drafts
//	to somebody not registered: given to the invitation (mail_pending) ──→ Claim: given to the person
//
// mail_message and its siblings hold a thread's content, sealed by the thread's own key; mail_member is one person's
// view of a thread, sealed by that person's owner, so that the Inbox is one range of one index. mail_delivery says who
// may see which message and when it was opened: a person without a row of their own for a message cannot see it.
//
// Search reads a person's own sealed index (search_segment.go), written by a job from the first search on, and the newest
// messages themselves; whatever it finds is read again through the permission of that message.
//
// Promises:
//
//   - "Sent" is answered only after message, recipient's copy or pending row, files, audit line and jobs are stored
//     together. The same form sent again is the same message; the same form with other content is told so.
//   - Nothing of a message is visible to its recipient before every file is clean. A file refused after sending
//     brings the message back to Drafts, and nothing was delivered.
//   - Only a thread's participants see it. What one may not see looks like what does not exist, for everybody.
//   - A thread's content leaves the server only after the view is recorded.
//   - Every act on a thread begins with the UPDATE of its row, so that acts on one thread follow each other.
//   - Subject, text, names of files and what is typed into drafts are sealed from the first row; notices, logs, jobs
//     and audit lines hold ids.
package mail
