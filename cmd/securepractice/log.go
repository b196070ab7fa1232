package main

import (
	"io"
	"log/slog"
)

// allowed are the only fields a log line may carry. Content, names, addresses of people, codes, links and cookies are in
// none of them: "user" is an id, "address" is where the program listens, and errors come here with such things cut out.
func allowed(key string) bool {
	switch key {
	case slog.TimeKey, slog.LevelKey, slog.MessageKey, "error", "err", "cause", "stack", // of everything
		"method", "route", "status", "duration", "reference", "user", // of requests
		"kind", "job", "try", "last", "job_id", "job_kind", "queue", "attempt", // of jobs
		"address", "version": // of the start
		return true
	}
	return false
}

// logger writes JSON lines for machines or plain ones for a person.
func logger(w io.Writer, json bool) *slog.Logger {
	o := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if !allowed(a.Key) {
			return slog.Attr{}
		}
		return a
	}}
	if json {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
