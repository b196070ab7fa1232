// Package ui is the page shell and the components that two or more pages share, as templ components on small
// structs of its own. It knows no domain room.
//
// Promises that hold here:
//
//   - Every text that comes from a person is escaped; raw HTML is made in one function only (Text).
//   - No component writes an inline style, an inline script or an on… attribute: the content security policy
//     forbids them and a test looks for them.
//   - An error stands beside its field, in the summary at the top that takes focus, and in the title; what was
//     typed stays, except passwords.
//   - State is never told by colour alone.
//   - Every component works without JavaScript. Scripts find their work by data attributes and only add to it.
//   - Times are written in the zone of the shell, never of the server or the browser.
package ui
