// When the To field is left, asks whether the address is known; an unknown one opens "New recipient".
export function recipient(form, on) {
  const to = form.elements.namedItem('to'), newcomer = form.querySelector('[data-newcomer]');
  if (!form.dataset.recipient || !to || !newcomer) return;
  const note = document.createElement('span');
  note.className = 'hint';
  note.id = 'to-known';
  note.setAttribute('role', 'status');
  to.after(note);
  let asked;

  const ask = async () => {
    const value = to.value.trim();
    if (value === asked) return;
    asked = value;
    note.textContent = '';
    if (!value) { newcomer.hidden = true; return; }
    const r = await fetch(form.dataset.recipient, {
      method: 'POST', body: JSON.stringify({ to: value }),
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    }).catch(() => null);
    if (!r?.ok || asked !== value) { asked = undefined; return; } // the server tells when the message is sent
    const who = await r.json();
    newcomer.hidden = !who.new;
    if (who.known) note.textContent = who.practice ? `${who.name}, ${who.practice}` : who.name;
    else if (who.invited) note.textContent = 'Invited, not registered yet. Your message waits for them.';
    else if (who.new) note.textContent = 'New here. Fill in "New recipient" below; they get an invitation by email.';
  };
  on(to, 'change', ask);
  on(to, 'blur', ask);
  if (to.value && newcomer.hidden) ask();
}
