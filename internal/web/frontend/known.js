// What is known of an address, and the line that says so.

// words say what is known of an address.
export function words(who) {
  if (who.known) return who.practice ? `${who.name}, ${who.practice}` : who.name;
  if (who.invited) return 'Invited, not registered yet. Your message waits for them.';
  if (who.new) return 'New here. Fill in "New recipient" below; they get an invitation by email.';
  return '';
}

// note is the line below To that is read out when it changes.
export function note(after) {
  const line = document.createElement('span');
  line.className = 'hint';
  line.id = 'to-known';
  line.setAttribute('role', 'status');
  after.after(line);
  return line;
}
