// "Did you mean …?" beside To: a choice, never an obstacle.
export function doubts(form, on, swap) {
  const box = form.querySelector('[data-doubts]');
  if (!box) return { show() {}, drop() {}, clear() {} };
  const button = (text, act) => {
    const b = document.createElement('button');
    b.type = 'button'; b.className = 'btn'; b.textContent = text;
    on(b, 'click', act);
    return b;
  };
  const drop = typed => [...box.children].forEach(p => { if (p.dataset.typed === typed.toLowerCase()) p.remove(); });
  const kept = new Set(); // what the writer has decided to keep

  function show(typed, meant) {
    drop(typed);
    if (kept.has(typed.toLowerCase())) return;
    const p = document.createElement('p'), text = document.createElement('span');
    p.dataset.typed = typed.toLowerCase();
    text.textContent = `Did you mean ${meant}?`;
    p.append(text, button('Use ' + meant, () => { drop(typed); swap(typed, meant); }), button('Keep ' + typed, () => { kept.add(typed.toLowerCase()); drop(typed); form.querySelector('#to').focus(); }));
    box.append(p);
  }
  // What the server asked in a form without scripts is asked the same way here.
  const asked = [...box.querySelectorAll('[data-swap]')].map(b => [b.value, b.dataset.swap]);
  box.replaceChildren();
  asked.forEach(([typed, meant]) => show(typed, meant));
  return { show, drop, clear: () => box.replaceChildren() };
}
