// Package web is the plumbing between a browser and a room's handler: router, headers, session, who may,
// body limits, cookies, errors, static files, live events. It decides nothing about mail or people.
//
// A request's way:
//
//	recover → headers → cross-origin check → session → who may → body limit → handler → Fail
//
// Promises that hold here:
//
//   - There is no route without a role and a body kind; Routes lists them all.
//   - Nothing reads a body before the handler asks for it.
//   - What a role may not see looks like what does not exist (404), except a signed-in person's own page (403).
//   - An unexpected error's text never reaches a page. It is logged once, under a reference number the page shows.
//   - Logs hold method, route pattern, status, duration, reference and user id; never a path's values, a query, a
//     form or a cookie.
//   - State changes only by POST, after the browser's own word on where the request comes from.
package web
