// Package home shows what belongs to several rooms: the dashboard, the frame of every page, the operator's texts, and
// in the demo the outbox. It asks the other rooms' Services and keeps nothing of its own.
package home
