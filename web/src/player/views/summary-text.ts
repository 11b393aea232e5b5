// Confidences and times of appointments as people read them: pure.

import { yearsOf } from '../../words/formats.ts';
import type { PlayerKey } from '../words/en.ts';

const HIGH = 0.9;
const MIDDLE = 0.7;

export function confidenceKey(confidence: number): PlayerKey {
  if (confidence >= HIGH) return 'confidence_high';
  return confidence >= MIDDLE ? 'confidence_middle' : 'confidence_low';
}

/**
 * `Thursday, 3 December, 10:00`, with the year unless it is this one, in the reader's zone unless told otherwise; what is
 * no time stays as it is.
 */
export function momentOf(text: string, locale: string, nowMs: number, zone?: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  const inZone = zone === undefined ? {} : { timeZone: zone };
  const inYear = yearsOf(zone)(ms, nowMs) ? ({ year: 'numeric' } as const) : {};
  const day = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long', ...inYear, ...inZone });
  const time = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit', ...inZone });
  return `${day.format(ms)}, ${time.format(ms)}`;
}

/** What `<input type="datetime-local">` takes: the reader's own time without a zone. */
export function localInput(ms: number): string {
  const at = new Date(ms);
  const pad = (value: number) => String(value).padStart(2, '0');
  const day = [at.getFullYear(), pad(at.getMonth() + 1), pad(at.getDate())].join('-');
  return `${day}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
}
