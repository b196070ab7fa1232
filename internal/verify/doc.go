// Package verify proves that somebody is who a link was sent to: links, secret codes, and the record of each step of
// a flow. It knows a subject and its phones, no user.
//
// Promises:
//
//   - Opening a link changes nothing. A flow begins with the first valid POST and belongs to that browser.
//   - Every step asks again for all earlier ones, from the rows here, in the statement that finishes the flow.
//   - A link is used up by UseLink alone. A newer link, or EndLinks, ends the older link and its flows at once.
//   - A try of a code is counted and stored before the code is looked at; five wrong ones end the flow. Sending again
//     kills the old code and gives no new tries.
//   - Neither a link nor a code is stored: a link is made again from its generation, a code is a keyed hash, with a
//     sealed copy only until the notice with it has left.
package verify
