// Asks before a button does what cannot be undone. Esc and "Keep it" do nothing; the focus comes back.
export function confirms(button) {
  button.addEventListener('click', e => {
    if (button.dataset.confirmed) { delete button.dataset.confirmed; return; }
    e.preventDefault();
    const d = document.createElement('dialog');
    const text = document.createElement('p'), row = document.createElement('div');
    const yes = document.createElement('button'), no = document.createElement('button');
    text.textContent = button.dataset.confirm;
    text.id = 'confirm-t';
    d.setAttribute('aria-labelledby', text.id);
    yes.className = 'btn danger big';
    yes.textContent = button.textContent.trim() || button.getAttribute('aria-label');
    no.className = 'btn big';
    no.textContent = 'Keep it';
    row.className = 'row';
    row.append(no, yes);
    d.append(text, row);
    document.body.append(d);
    d.addEventListener('close', () => { d.remove(); button.focus(); });
    no.addEventListener('click', () => d.close());
    yes.addEventListener('click', () => { d.close(); button.dataset.confirmed = '1'; button.click(); });
    d.showModal();
    no.focus();
  });
}
