// Times, sizes and numbers as people read them, in one language. Pure: the current time is always an argument.

const SECOND_MS = 1000;
const STEPS: readonly (readonly [unit: string, seconds: number, count: number])[] = [
  ['second', 1, 60],
  ['minute', 60, 60],
  ['hour', 3600, 24],
  ['day', 86400, 7],
  ['week', 604800, Infinity],
];
const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** Milliseconds of an ISO time, or null for anything else. */
export function instant(text: string | null | undefined): number | null {
  const ms = typeof text === 'string' ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

const PHONES = [/^(\+1)(\d{3})(\d{3})(\d{4})$/, /^(\+972)(\d{1,2})(\d{3})(\d{4})$/];

/** `+15550100123` → `+1 555 010 0123`; numbers of countries that we do not know stay as they are. */
export function phone(text: string): string {
  const parts = PHONES.map((shape) => shape.exec(text)).find(Boolean);
  return parts ? parts.slice(1).join(' ') : text;
}

/** `CA0123…cdef`: enough to recognise, short enough to scan. */
export function shortSid(sid: string): string {
  return sid.length > 14 ? `${sid.slice(0, 6)}…${sid.slice(-4)}` : sid;
}

/** 3725 → `1:02:05`, 42.6 → `0:42`. */
export function playingTime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/** `the source answered 503` → `The source answered 503.` */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + ended(text).slice(1);
}

/** With a full stop, unless it ends some other way. */
export function ended(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** Whole percent received, or null while the length is unknown. Never 100 before all is here. */
export function percentOf(received: number, total: number | null): number | null {
  if (total === null || total <= 0) return null;
  return Math.max(0, Math.min(100, Math.floor((received / total) * 100)));
}

/** Tells whether a time is in another year than now, for whoever reads it there: then its year has to be said. */
export function yearsOf(zone?: string): (ms: number, nowMs: number) => boolean {
  const year = new Intl.DateTimeFormat('en', { year: 'numeric', ...(zone === undefined ? {} : { timeZone: zone }) });
  return (ms, nowMs) => year.format(ms) !== year.format(nowMs);
}

function scale(seconds: number): [value: number, unit: string] {
  const [unit, length] = STEPS.find(([, size, count]) => seconds < size * count) ?? ['week', 604800];
  return [Math.floor(seconds / length), unit];
}

/** The formats of one language. `zone` is for tests; browsers know theirs. */
export function formatsOf(locale: string, zone?: string) {
  const inZone = zone === undefined ? {} : { timeZone: zone };
  const relativeTime = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const exactTime = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium', ...inZone });
  const clockTime = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit', ...inZone });
  const secondsTime = new Intl.DateTimeFormat(locale, { timeStyle: 'medium', ...inZone });
  const dayTime = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', ...inZone });
  const dayOfYearTime = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric', ...inZone });
  const isOtherYear = yearsOf(zone);
  const dayOf = new Intl.DateTimeFormat('en-CA', { dateStyle: 'short', ...inZone });
  const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const share = new Intl.NumberFormat(locale, { style: 'percent' });
  // Kept: making one takes longer than all else that is done to show a number.
  const units = new Map<string, Intl.NumberFormat>();
  const unit = (name: string, value: number, unitDisplay: 'narrow' | 'short' = 'narrow') => {
    const maximumFractionDigits = value < 10 && name !== 'byte' ? 1 : 0;
    const key = `${name} ${unitDisplay} ${maximumFractionDigits}`;
    const kept = units.get(key);
    const format =
      kept ?? new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay, maximumFractionDigits });
    if (kept === undefined) units.set(key, format);
    return format.format(value);
  };

  return {
    number: (value: number): string => plain.format(value),
    /** Of a whole number of percent. */
    percent: (whole: number): string => share.format(whole / 100),

    bytes(value: number): string {
      const power = Math.min(SIZES.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
      return unit(SIZES[power] ?? 'byte', value / 1000 ** power, 'short');
    },

    /** How long something has lasted: `12s`, `3m`, `2h`. */
    elapsed(since: string | null, nowMs: number): string | null {
      const ms = instant(since);
      return ms === null ? null : this.span(Math.max(0, nowMs - ms) / SECOND_MS);
    },

    span(seconds: number): string {
      const [value, name] = scale(seconds);
      return unit(name, value);
    },

    /** `3 minutes ago`; the last seconds are `now`, so that the list stays calm. */
    relative(text: string | null, nowMs: number): string | null {
      const ms = instant(text);
      if (ms === null) return null;
      const seconds = (ms - nowMs) / SECOND_MS;
      if (Math.abs(seconds) < 45) return relativeTime.format(0, 'second');
      const [value, name] = scale(Math.max(60, Math.abs(seconds)));
      return relativeTime.format(seconds < 0 ? -value : value, name as Intl.RelativeTimeFormatUnit);
    },

    /** `10:42` today, `20 Nov, 10:42` on another day, `20 Nov 2027, 10:42` in another year. */
    moment(text: string | null, nowMs: number): string | null {
      const ms = instant(text);
      if (ms === null) return null;
      const time = clockTime.format(ms);
      if (dayOf.format(ms) === dayOf.format(nowMs)) return time;
      return `${(isOtherYear(ms, nowMs) ? dayOfYearTime : dayTime).format(ms)}, ${time}`;
    },

    /** With seconds, for what happens next. */
    clock: (ms: number): string => secondsTime.format(ms),
    exact: (ms: number): string => exactTime.format(ms),
  };
}

export type Formats = ReturnType<typeof formatsOf>;
