// What the console remembers of who is signed in. The token itself goes into the server's HttpOnly cookie and nowhere else.

const BUSINESS = 'hearback.business';
const ROLE = 'hearback.role';
const LANGUAGE = 'hearback.language';

/** Takes the token out of the address, so that it is neither bookmarked nor shared. */
export function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) history.replaceState(history.state, '', location.pathname + location.search);
  return token;
}

/** What a token says of itself, unverified: good for a label and a helpful message, nothing else. */
export function readClaims(token) {
  const parts = token.split('.');
  if (parts.length !== 3) return null;
  try {
    const bytes = Uint8Array.from(atob(parts[1].replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

export const remembered = () => ({ business: read(BUSINESS), role: read(ROLE) });

/** `who` is `{business, role}`: for labels, and to ask only for what this role is given. */
export function remember(who) {
  write(BUSINESS, who?.business ?? null);
  write(ROLE, who?.role ?? null);
}

export const chosenLanguage = () => read(LANGUAGE);
export const rememberLanguage = (code) => write(LANGUAGE, code);

// Storage may be forbidden; the console works without it.
function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Forgotten at the next load, which is all that is lost.
  }
}
