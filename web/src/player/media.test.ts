// The audio element as a port: what a browser does not say is found out.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAudio, type Media, type MediaEvent } from './media.ts';

/** An audio element that does what a browser's was seen to do, as the test says. */
class Element extends EventTarget {
  paused = true;
  ended = false;
  seeking = false;
  muted = false;
  readyState = 0;
  currentTime = 0;
  duration = Number.NaN;
  error: { readonly code: number } | null = null;
  readonly buffered = { length: 0 };

  play(): Promise<void> {
    this.paused = false;
    return Promise.resolve();
  }

  says(...names: readonly string[]): void {
    for (const name of names) this.dispatchEvent(new Event(name));
  }

  /** Time passes, and it sounds. */
  sounds(seconds: number): void {
    for (let tenth = 0; tenth < seconds * 10; tenth++) {
      this.currentTime += 0.1;
      vi.advanceTimersByTime(100);
    }
  }
}

let element: Element;
let media: Media;
let told: MediaEvent[];

/** What was told of the state or the duration since this was asked last. */
const news = () => {
  const types = told.filter(({ type }) => type !== 'time').map((event) => event.type);
  told = [];
  return types;
};

const endsAt = (second: number) => {
  element.currentTime = second;
  element.ended = true;
  element.paused = true;
  element.says('pause', 'ended');
};

beforeEach(() => {
  vi.useFakeTimers();
  element = new Element();
  vi.stubGlobal('Audio', function audio() {
    return element;
  });
  told = [];
  media = createAudio((event) => told.push(event));
  media.load('/audio', 0, null);
  media.play();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the audio element of WebKitGTK', () => {
  it('is asked for its duration until it knows it', () => {
    element.readyState = 4;
    element.duration = 0;
    element.says('durationchange', 'canplay', 'playing');
    expect(news()).toEqual(['playing']);
    element.duration = 26;
    element.sounds(1);
    expect(told.filter(({ type }) => type === 'duration')).toEqual([{ type: 'duration', seconds: 26 }]);
  });

  it('is heard again after a seek although it said only that it waits', () => {
    element.says('canplay', 'playing');
    element.sounds(1);
    media.seek(20);
    element.seeking = true;
    element.says('seeking', 'waiting');
    vi.advanceTimersByTime(500);
    element.seeking = false;
    element.says('seeked');
    vi.advanceTimersByTime(500);
    expect(news()).toEqual(['playing', 'waiting']);
    element.sounds(1);
    expect(news()).toEqual(['playing']);
  });

  it('is not heard where it was only sent to', () => {
    element.says('canplay', 'playing', 'waiting');
    media.seek(20);
    vi.advanceTimersByTime(1_000);
    expect(news()).toEqual(['playing', 'waiting']);
  });

  it('came from where it waited to its end, though it never said so', () => {
    element.readyState = 4;
    element.says('canplay', 'playing');
    media.seek(23);
    element.says('seeking', 'waiting', 'seeked');
    told = [];
    endsAt(26);
    expect(told.map((event) => (event.type === 'time' ? event.second : event.type))).toEqual(['playing', 26, 'ended']);
  });

  it('did not sound where it ends before the place that it was sent to', () => {
    element.says('canplay', 'playing');
    media.seek(23);
    element.says('seeking', 'waiting', 'seeked');
    expect(news()).toEqual(['playing', 'waiting']);
    endsAt(10);
    expect(news()).toEqual(['ended']);
  });

  it('waits once it stands still without a word', () => {
    element.says('canplay', 'playing');
    element.sounds(1);
    expect(news()).toEqual(['playing']);
    vi.advanceTimersByTime(3_500);
    expect(news()).toEqual(['waiting']);
    element.sounds(1);
    expect(news()).toEqual(['playing']);
  });
});
