// Package jobs runs what must follow an act: notices, checks, sweeps.
//
// A job is enqueued inside an act's transaction, so it exists exactly when the act does. It is stored in the database,
// taken by one node at a time, tried again with growing waits when it fails or its process dies, and stays visible for a
// month when it finally fails. What is promised is "at least once": its work must be harmless when repeated.
//
//	jobs.Handle(c, jobs.Work{}, s.notify)       // at build time: what runs jobs with these arguments
//	c.Every("mail_sweep", time.Second, s.sweep) // at build time: what runs on a clock, on every node
//	err := c.Enqueue(ctx, tx, NotifyArgs{MessageID: id})
//
// A job carries ids and numbers, never what people wrote. It holds no transaction over an outside call: claim (one
// act), call, record (another).
//
// # What the log shows
//
// A failed try is logged once, with the job's kind, its number, the try and a short cause such as "timeout", "sqlstate
// 23505" or the error's type. Neither arguments nor the error's text are logged, because other people's servers put
// addresses into theirs. The text is in the column errors of river_job.
//
// # How it works
//
// River keeps the jobs, in its own tables, on both databases. On PostgreSQL a committed job wakes all nodes by NOTIFY.
// On SQLite River shares the one writing connection with the acts: it gets the connection between batches, never inside
// one, and holds it for one short statement or transaction, in which it waits for nobody. The act that enqueued a job
// wakes River in this process after its commit.
//
// A process that is killed leaves jobs marked as running. On SQLite there is one process, so the next one makes them due
// at its start. On PostgreSQL the other nodes do so when a job has been running far longer than any may.
package jobs
