// Times, sizes and numbers as people read them, in one language. Pure: the current time is always an argument.

const SECOND_MS = 1000;
const STEPS = [
  ['second', 1, 60],
  ['minute', 60, 60],
  ['hour', 3600, 24],
  ['day', 86400, 7],
  ['week', 604800, Infinity],
];
const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

/** Milliseconds of an ISO time, or null for anything else. */
export function instant(text) {
  const ms = typeof text === 'string' ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

const PHONES = [/^(\+1)(\d{3})(\d{3})(\d{4})$/, /^(\+972)(\d{1,2})(\d{3})(\d{4})$/];

/** `+15550100123` → `+1 555 010 0123`; numbers of countries that we do not know stay as they are. */
export function phone(text) {
  const parts = PHONES.map((shape) => shape.exec(text ?? '')).find(Boolean);
  return parts ? parts.slice(1).join(' ') : text;
}

/** `CA0123…cdef`: enough to recognise, short enough to scan. */
export function shortSid(sid) {
  return typeof sid === 'string' && sid.length > 14 ? `${sid.slice(0, 6)}…${sid.slice(-4)}` : sid;
}

/** 3725 → `1:02:05`, 42.4 → `0:42`. */
export function playingTime(seconds) {
  if (!Number.isFinite(seconds)) return null;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (value) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/** `the source answered 503` → `The source answered 503.` */
export function sentence(text) {
  if (!text) return null;
  return text[0].toUpperCase() + ended(text).slice(1);
}

/** With a full stop, unless it ends some other way. */
export function ended(text) {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** Whole percent received, or null while the length is unknown. Never 100 before all is here. */
export function percentOf(received, total) {
  if (!Number.isFinite(received) || !(total > 0)) return null;
  return Math.max(0, Math.min(100, Math.floor((received / total) * 100)));
}

function scale(seconds) {
  const [unit, length] = STEPS.find(([, size, count]) => seconds < size * count);
  return [Math.floor(seconds / length), unit];
}

/** The formats of one language. `zone` is for tests; browsers know theirs. */
export function formatsFor(locale, zone) {
  const relativeTime = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const exactTime = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium', timeZone: zone });
  const clockTime = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit', timeZone: zone });
  const secondsTime = new Intl.DateTimeFormat(locale, { timeStyle: 'medium', timeZone: zone });
  const dayTime = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: zone });
  const dayOf = new Intl.DateTimeFormat('en-CA', { dateStyle: 'short', timeZone: zone });
  const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const share = new Intl.NumberFormat(locale, { style: 'percent' });
  const unit = (name, value, display = 'narrow') =>
    new Intl.NumberFormat(locale, {
      style: 'unit',
      unit: name,
      unitDisplay: display,
      maximumFractionDigits: value < 10 && name !== 'byte' ? 1 : 0,
    }).format(value);

  return {
    number: (value) => plain.format(value),
    percent: (whole) => share.format(whole / 100),

    bytes(value) {
      if (!Number.isFinite(value)) return null;
      const power = Math.min(SIZES.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
      return unit(SIZES[power], value / 1000 ** power, 'short');
    },

    /** How long something has lasted: `12s`, `3m`, `2h`. */
    elapsed(since, nowMs) {
      const ms = instant(since);
      return ms === null ? null : this.span(Math.max(0, nowMs - ms) / SECOND_MS);
    },

    span(seconds) {
      const [value, name] = scale(seconds);
      return unit(name, value);
    },

    /** `3 minutes ago`; the last seconds are `now`, so that the list stays calm. */
    relative(text, nowMs) {
      const ms = instant(text);
      if (ms === null) return null;
      const seconds = (ms - nowMs) / SECOND_MS;
      if (Math.abs(seconds) < 45) return relativeTime.format(0, 'second');
      const [value, name] = scale(Math.max(60, Math.abs(seconds)));
      return relativeTime.format(seconds < 0 ? -value : value, name);
    },

    /** `10:42` today, `20 Nov, 10:42` on another day. */
    moment(text, nowMs) {
      const ms = instant(text);
      if (ms === null) return null;
      const time = clockTime.format(ms);
      return dayOf.format(ms) === dayOf.format(nowMs) ? time : `${dayTime.format(ms)}, ${time}`;
    },

    /** With seconds, for what happens next. */
    clock: (text) => (instant(text) === null ? null : secondsTime.format(instant(text))),
    exact: (text) => (instant(text) === null ? null : exactTime.format(instant(text))),
  };
}
