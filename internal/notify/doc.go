// Package notify sends e-mails, texts and calls.
//
// What is to be sent is a row and a job in the transaction of the act that wants it. The row keeps the address and the
// parameters sealed; the words are made by a template when the job runs, so that links and codes are stored nowhere.
// A notice has one Message-ID through all its tries: a server that took it and lost the connection can recognise it.
//
// A notice carries no health information: templates are given ids and names, and what they write is theirs to keep
// clean. Nothing of a notice is logged but its id, template and result.
package notify
