package app

import (
	"context"
	"time"

	"securepractice/internal/attach"
	"securepractice/internal/preview"
)

// renderer draws previews; nil in a program that cannot be started as its own worker.
func (a *App) renderer() attach.Renderer {
	if !preview.Able() {
		return nil
	}
	return preview.NewRunner(preview.Limits{}, a.Log)
}

// checkPreviews says in the log what cannot be shown on this machine, and wants again what only lacked a tool. The portal
// serves without it.
func (a *App) checkPreviews(ctx context.Context) error {
	r, ok := a.renderer().(*preview.Runner)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if !r.LogCheck(ctx) {
		a.Attach.Renderer = nil // what is wanted waits until it can be drawn
		return nil
	}
	return a.Attach.RevivePreviews(ctx)
}
