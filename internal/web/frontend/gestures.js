// Pointers on a stage: one that drags, two that pinch and move.

// gestures calls drag(dx, dy, event) for one pointer and pinch(scale, dx, dy, x, y) for two; x and y are within the stage.
export function gestures(stage, { drag, pinch }) {
  const down = new Map();
  const middle = () => {
    const [a, b] = [...down.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, d: Math.hypot(a.x - b.x, a.y - b.y) };
  };
  stage.addEventListener('pointerdown', e => {
    if (e.pointerType === 'mouse' && e.button > 1) return;
    down.set(e.pointerId, { x: e.clientX, y: e.clientY });
    stage.setPointerCapture(e.pointerId);
  });
  stage.addEventListener('pointermove', e => {
    const last = down.get(e.pointerId);
    if (!last) return;
    const now = { x: e.clientX, y: e.clientY };
    if (down.size === 1) {
      down.set(e.pointerId, now);
      drag(now.x - last.x, now.y - last.y, e);
      return;
    }
    const before = middle();
    down.set(e.pointerId, now);
    const after = middle();
    const box = stage.getBoundingClientRect();
    if (before.d > 0) pinch(after.d / before.d, after.x - before.x, after.y - before.y, after.x - box.left, after.y - box.top);
  });
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) stage.addEventListener(end, e => down.delete(e.pointerId));
}
