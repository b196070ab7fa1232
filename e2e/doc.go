// Package e2e drives the real program as people do: a browser, a plain HTTP client, and a hand that pulls the plug.
//
// Each test starts the program it built, on a free port, with a data folder of its own, and reads the demo's outbox as
// a mail reader and a phone would. Screenshots go to e2e/shots, which is not kept.
package e2e
