// The time in the chosen zone, beside the list it is chosen from. The server's own sentence stands there without this.
export function zone(select) {
  const hint = document.getElementById(select.id + '-h');
  const show = () => {
    try {
      const time = new Intl.DateTimeFormat('en-US', { timeZone: select.value, hour: 'numeric', minute: '2-digit' }).format(new Date());
      hint.textContent = 'It is ' + time.replace(/\s/g, ' ') + ' there now';
    } catch { hint.textContent = ''; } // a zone this browser does not know
  };
  if (hint) { select.addEventListener('change', show); setInterval(show, 20000); }
}
